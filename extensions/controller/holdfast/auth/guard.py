# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one controller remembers about people signing in: good passwords, failures, and what was used when."""

from __future__ import annotations

import datetime as dt
import threading
import time

from sqlalchemy import update

from holdfast.auth.codes import Codes
from holdfast.auth.lifetimes import session_seconds
from holdfast.auth.passwords import Known
from holdfast.auth.throttle import Throttle
from holdfast.context import Controller
from holdfast.db.base import Database, now
from holdfast.db.models import LoginSession, Token
from holdfast.settings import Settings

EVERY = 60.0
"""Seconds between two notes of the same token or session."""
_DELAY = 0.5
_MOST = 10000


class Guard:
    """One for each controller."""

    def __init__(self, controller: Controller) -> None:
        self.known = Known()
        self.throttle = Throttle()
        self.uses = Uses(controller.database, controller.settings)
        self.codes = Codes(controller.secrets)

    @staticmethod
    def of(controller: Controller) -> Guard:
        """That of this controller, made on first need."""
        found = controller.services.get("guard")
        if found is None:
            found = controller.services.setdefault("guard", Guard(controller))
            controller.on_end.append(found.uses.flush)
        guard: Guard = found
        return guard


class Uses:
    """Notes when tokens and sessions were used last, at most once a minute each and beside the requests.

    These notes change no answer, so no answer that is kept is dropped for them.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._noted: dict[tuple[str, int], float] = {}
        self._waiting: dict[str, set[int]] = {"token": set(), "session": set()}
        self._guard = threading.Lock()
        self._timer: threading.Timer | None = None

    def note(self, kind: str, key: int) -> None:
        """A ``token`` or ``session`` is used."""
        moment = time.monotonic()
        if moment - self._noted.get((kind, key), -EVERY) < EVERY:
            return
        with self._guard:
            if len(self._noted) > _MOST:
                self._noted.clear()
            self._noted[(kind, key)] = moment
            self._waiting[kind].add(key)
            if self._timer is None:
                self._timer = threading.Timer(_DELAY, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write the notes down; the end of a session moves on."""
        with self._guard:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            waiting, self._waiting = self._waiting, {"token": set(), "session": set()}
        if not any(waiting.values()):
            return
        moment = now()
        with self._database.writing(unseen=True) as session:
            expires = moment + dt.timedelta(seconds=session_seconds(session, self._settings))
            session.execute(update(Token).where(Token.id.in_(waiting["token"])).values(last_used=moment))
            ids = LoginSession.id.in_(waiting["session"])
            session.execute(update(LoginSession).where(ids).values(expires=expires))
