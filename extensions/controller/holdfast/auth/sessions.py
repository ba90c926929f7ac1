# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Browsers' sessions: a random key in a cookie, its hash in the database, an end that moves on while it is used."""

from __future__ import annotations

import datetime as dt
import secrets

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from holdfast.auth.tokens import digest
from holdfast.db.base import now
from holdfast.db.models import LoginSession, User

COOKIE = "awx_sessionid"
LOGGED_IN = "userLoggedIn"
"""A cookie that scripts read: whether there is a session."""


def begin(session: Session, user: User, seconds: int, most: int = -1) -> str:
    """Begin a session, and forget those that are over; the key for the cookie.

    Of more than ``most`` sessions of one user (-1: any number) the oldest end.
    """
    moment = now()
    session.execute(delete(LoginSession).where(LoginSession.expires <= moment))
    if most >= 0:
        newest = select(LoginSession.id).where(LoginSession.user_id == user.id).order_by(LoginSession.id.desc())
        too_many = session.scalars(newest.offset(max(most - 1, 0))).all()
        session.execute(delete(LoginSession).where(LoginSession.id.in_(too_many)))
    key = secrets.token_urlsafe(32)
    expires = moment + dt.timedelta(seconds=seconds)
    session.add(LoginSession(key_hash=digest(key), user_id=user.id, created=moment, expires=expires))
    session.flush()
    return key


def find(session: Session, key: str) -> LoginSession | None:
    """The session of a key, with its user, unless it is over or the user may not sign in any more."""
    query = select(LoginSession).where(LoginSession.key_hash == digest(key)).options(joinedload(LoginSession.user))
    found = session.scalars(query).one_or_none()
    return found if found is not None and found.expires > now() and found.user.is_active else None


def end(session: Session, key: str) -> None:
    """End the session of a key."""
    session.execute(delete(LoginSession).where(LoginSession.key_hash == digest(key)))


def end_all(session: Session, user_id: int, but: str = "") -> None:
    """End every session of a user, but for that of one key: their password is another one now."""
    query = delete(LoginSession).where(LoginSession.user_id == user_id)
    session.execute(query.where(LoginSession.key_hash != digest(but)) if but else query)


def cookies(key: str, secure: bool) -> list[str]:
    """What sets the cookies of a session that has begun. The browser forgets them when it is closed."""
    mark = "; Secure" if secure else ""
    return [
        f"{COOKIE}={key}; HttpOnly; Path=/; SameSite=Lax{mark}",
        f"{LOGGED_IN}=true; Path=/; SameSite=Lax{mark}",
    ]


def no_cookies(secure: bool) -> list[str]:
    """What removes the cookies of a session that has ended."""
    mark = "; Secure" if secure else ""
    return [
        f'{COOKIE}=""; Max-Age=0; HttpOnly; Path=/; SameSite=Lax{mark}',
        f"{LOGGED_IN}=false; Path=/; SameSite=Lax{mark}",
    ]
