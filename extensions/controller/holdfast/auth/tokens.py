# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: shown once when they are made, kept as hashes, limited by scope and time."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import string

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload

from holdfast.db.base import now
from holdfast.db.models import Token

SCOPES = ("read", "write")
REFRESH_SECONDS = 2628000
"""How long a refresh token can be used."""
_LETTERS = string.ascii_letters + string.digits
_LENGTH = 30
_FIND = select(Token).where(Token.token_hash == bindparam("digest")).options(joinedload(Token.user))
"""Put together once: it is asked at every request."""


def generate(length: int = _LENGTH) -> str:
    """A new secret of letters and digits; 30 of them are 178 random bits, so a quick hash keeps it safe."""
    return "".join(secrets.choice(_LETTERS) for _unused in range(length))


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def find(session: Session, secret: str) -> Token | None:
    """The token, with its user, when it is one, has not expired, and its user may sign in."""
    token = session.scalars(_FIND, {"digest": digest(secret)}).one_or_none()
    if token is None or token.expires <= now() or not token.user.is_active:
        return None
    return token


def can_write(scope: str) -> bool:
    """Whether a scope lets anything be changed."""
    return "write" in scope.split()


def expiry(seconds: float) -> dt.datetime:
    """The moment so many seconds from now, or the last that there is."""
    try:
        return now() + dt.timedelta(seconds=seconds)
    except OverflowError:
        return dt.datetime.max.replace(tzinfo=dt.timezone.utc)
