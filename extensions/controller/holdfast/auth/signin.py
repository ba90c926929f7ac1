# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sends a request: by bearer token, session cookie, or user name and password.

Everything that decides is read through ``call.session``, so that an answer that was kept is dropped when a user, token
or session changes. What ends by the clock alone is told by ``call.keep``: an answer is kept for ``LONGEST`` seconds.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast import setting_values
from holdfast.api.cache import LONGEST
from holdfast.api.call import Call
from holdfast.api.errors import Forbidden
from holdfast.auth import passwords, sessions, tokens
from holdfast.auth.browser import cookies
from holdfast.auth.guard import Guard
from holdfast.db.base import now
from holdfast.db.models import User

log = logging.getLogger("holdfast.auth")
_SAFE = ("GET", "HEAD", "OPTIONS")
_CLIENTS = "/api/o/"
"""Where Basic names an application and not a user."""


def sign_in(call: Call) -> None:
    """Set ``call.user``, ``call.token`` and ``call.scheme``; nobody stays None. Raises Forbidden or Throttled."""
    _identify(call)
    passwords.hash_ahead(call)


def _identify(call: Call) -> None:
    kind, _unused, value = call.headers.get("authorization", "").strip().partition(" ")
    kind = kind.lower()
    if kind == "bearer" and _by_token(call, value.strip()):
        return
    if _by_session(call):
        return
    if kind == "basic" and not call.path.startswith(_CLIENTS):
        _by_password(call, value.strip())


def check_password(call: Call, session: Session, name: str, password: str) -> User | None:
    """The user of this name whose password this is. Raises Throttled when there were too many wrong ones."""
    guard = Guard.of(call.controller)
    user = session.scalars(select(User).where(User.username == name)).one_or_none()
    kept = user.password if user is not None and user.is_active else ""
    if kept and guard.known.check(password, kept):
        return user
    guard.throttle.check(name, call.client)
    with guard.throttle.crowd():
        good = guard.known.verify(password, kept)
    if not good:
        guard.throttle.failed(name, call.client)
        log.warning("login failed for user %r from %s", name[:150], call.client)
        return None
    guard.throttle.succeeded(name, call.client)
    return user


def _by_token(call: Call, secret: str) -> bool:
    token = tokens.find(call.session, secret)
    if token is None:
        return False
    call.user, call.token, call.scheme = token.user, token, "bearer"
    _keep_until(call, token.expires)
    Guard.of(call.controller).uses.note("token", token.id)
    if call.method not in _SAFE and not tokens.can_write(token.scope):
        raise Forbidden()
    return True


def _by_session(call: Call) -> bool:
    key = cookies(call).get(sessions.COOKIE)
    found = sessions.find(call.session, key) if key else None
    if found is None:
        return False
    call.user, call.scheme = found.user, "session"
    _keep_until(call, found.expires)
    Guard.of(call.controller).uses.note("session", found.id)
    return True


def _by_password(call: Call, value: str) -> None:
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return
    if not colon or not setting_values.value(call.session, "AUTH_BASIC_ENABLED"):
        return
    user = check_password(call, call.session, name, password)
    if user is not None:
        call.user, call.scheme = user, "basic"


def _keep_until(call: Call, end: dt.datetime) -> None:
    if (end - now()).total_seconds() <= LONGEST:
        call.keep = False
