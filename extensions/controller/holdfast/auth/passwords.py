# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords: kept as Argon2 hashes, and remembered as good for a short while.

A hash takes tens of milliseconds and 19 MiB, so few are computed at a time, and never while the database is held for
writing. What was good a moment ago is known by a keyed digest of password and hash, which says nothing about either.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from holdfast.api.call import Call
from holdfast.api.errors import ApiError
from holdfast.auth.secrets import ENCRYPTED

AT_A_TIME = 2
REMEMBERED = 60.0
"""Seconds for which a password that was good is not hashed again."""
MOST = 1000
LONGEST = 4096
"""Characters of a password that is looked at at all."""
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_TURNS = threading.BoundedSemaphore(AT_A_TIME)
NOBODY = _HASHER.hash(secrets.token_urlsafe(16))
"""The hash of a password that nobody has, so that asking for a name that there is not takes as long."""


def make(password: str) -> str:
    """The hash to keep of a password."""
    with _TURNS:
        return _HASHER.hash(_bytes(password))


def verify(password: str, kept: str) -> bool:
    """Whether a password is the one that this hash was made of; takes its time."""
    if len(password) > LONGEST:
        return False
    try:
        with _TURNS:
            return _HASHER.verify(kept or NOBODY, _bytes(password)) and bool(kept)
    except (Argon2Error, InvalidHashError):
        return False


def _bytes(password: str) -> bytes:
    return password.encode(errors="surrogatepass")


def outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than are used now."""
    return _HASHER.check_needs_rehash(kept)


class Known:
    """The passwords that were good a moment ago."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._guard = threading.Lock()

    def check(self, password: str, kept: str) -> bool:
        """Whether a password was found good for this very hash within the last minute; takes no time."""
        until = self._until.get(self._digest(password, kept))
        return until is not None and time.monotonic() < until

    def verify(self, password: str, kept: str) -> bool:
        """As ``passwords.verify``; remembered when good."""
        if not verify(password, kept):
            return False
        with self._guard:
            self._until[self._digest(password, kept)] = time.monotonic() + REMEMBERED
            while len(self._until) > MOST:
                self._until.popitem(last=False)
        return True

    def _digest(self, password: str, kept: str) -> bytes:
        return hmac.digest(self._key, kept.encode() + b"\n" + _bytes(password), hashlib.sha256)


def hash_ahead(call: Call) -> None:
    """Make the hash of a new password in a request, before the database is taken for writing."""
    if call.user is None or call.method not in ("POST", "PUT", "PATCH") or "/users/" not in call.path:
        return
    try:
        password = call.data.get("password")
    except ApiError:  # the view says what is wrong with the body
        return
    if isinstance(password, str) and password and password != ENCRYPTED and len(password) <= LONGEST:
        call.cache["hash_ahead"] = (password, make(password))


def hashed(call: Call, password: str) -> str:
    """The hash of a password in a request, made ahead or now."""
    known, kept = call.cache.pop("hash_ahead", ("", ""))
    return str(kept) if known == password else make(password)
