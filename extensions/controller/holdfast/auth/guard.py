# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one controller remembers about people signing in: good passwords, failures, and what was used when."""

from __future__ import annotations

import datetime as dt
import threading
import time

from sqlalchemy import update

from holdfast.auth.passwords import Known
from holdfast.auth.throttle import Throttle
from holdfast.context import Controller
from holdfast.db.base import Database, now
from holdfast.db.models import LoginSession, Token

EVERY = 60.0
"""Seconds between two notes of the same token or session."""
_DELAY = 0.5
_MOST = 10000


class Guard:
    """One for each controller."""

    def __init__(self, controller: Controller) -> None:
        self.known = Known()
        self.throttle = Throttle()
        self.uses = Uses(controller.database, controller.settings.session_seconds)

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

    def __init__(self, database: Database, session_seconds: int) -> None:
        self._database = database
        self._seconds = session_seconds
        self._noted: dict[int, float] = {}
        self._tokens: set[int] = set()
        self._sessions: set[int] = set()
        self._guard = threading.Lock()
        self._timer: threading.Timer | None = None

    def token(self, token_id: int) -> None:
        """A token is used."""
        moment = time.monotonic()
        if moment - self._noted.get(token_id, -EVERY) < EVERY:
            return
        with self._guard:
            if len(self._noted) > _MOST:
                self._noted.clear()
            self._noted[token_id] = moment
            self._tokens.add(token_id)
            self._soon()

    def session(self, session_id: int, expires: dt.datetime) -> None:
        """A session is used: its end moves on, once a minute has gone since it did."""
        if (expires - now()).total_seconds() > self._seconds - min(EVERY, self._seconds / 4):
            return
        with self._guard:
            self._sessions.add(session_id)
            self._soon()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(_DELAY, self.flush)
            self._timer.daemon = True
            self._timer.start()

    def flush(self) -> None:
        """Write the notes down."""
        with self._guard:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            tokens, sessions = self._tokens, self._sessions
            self._tokens, self._sessions = set(), set()
        if not tokens and not sessions:
            return
        moment = now()
        with self._database.writing(unseen=True) as session:
            if tokens:
                session.execute(update(Token).where(Token.id.in_(tokens)).values(last_used=moment))
            if sessions:
                expires = moment + dt.timedelta(seconds=self._seconds)
                session.execute(update(LoginSession).where(LoginSession.id.in_(sessions)).values(expires=expires))
