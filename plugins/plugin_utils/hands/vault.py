# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts encrypted as ``ansible-vault`` does it (AES256), for what people must be able to open and rekey with that tool.

The hands never import Ansible, so the format is written here over ``cryptography``, which does the same work within
Ansible. The tests hold both against each other.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from binascii import hexlify, unhexlify
from collections.abc import Iterable

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

try:
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None

HEADER = b"$ANSIBLE_VAULT;"
_ROUNDS = 10_000
_WIDTH = 80


def require_cryptography() -> None:
    """Raise HoldfastError when ``cryptography`` is missing: nothing can be encrypted or read then."""
    if MISSING is not None:
        raise HoldfastError(
            "cryptography is missing from this Python; install it there: pip install 'cryptography>=42'"
        ) from MISSING


def is_encrypted(data: bytes) -> bool:
    """Whether this is a text of ansible-vault."""
    return data.startswith(HEADER)


def encrypt(text: bytes, password: bytes, label: str = "") -> bytes:
    """A text as ``ansible-vault encrypt`` writes it, with the label of the password if it has one."""
    require_cryptography()
    salt = os.urandom(32)
    key, check, vector = _keys(password, salt)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CTR(vector)).encryptor()
    hidden = encryptor.update(padder.update(text) + padder.finalize()) + encryptor.finalize()
    proof = hmac.digest(check, hidden, "sha256")
    body = hexlify(b"\n".join(map(hexlify, (salt, proof, hidden))))
    first = HEADER + (f"1.2;AES256;{label}".encode() if label else b"1.1;AES256")
    lines = [body[at : at + _WIDTH] for at in range(0, len(body), _WIDTH)]
    return b"\n".join([first, *lines, b""])


def decrypt(data: bytes, passwords: Iterable[bytes], what: str) -> bytes:
    """The text again, by the first password that opens it. Raises HoldfastError that names ``what`` if none does."""
    require_cryptography()
    first, _newline, rest = data.partition(b"\n")
    parts = first.strip().split(b";")
    if len(parts) < 3 or parts[1] not in (b"1.1", b"1.2") or parts[2] != b"AES256":
        raise HoldfastError(f"{what} is not encrypted in a form that is known here (ansible-vault 1.1 or 1.2, AES256)")
    try:
        salt, proof, hidden = (unhexlify(part) for part in unhexlify(b"".join(rest.split())).split(b"\n"))
    except ValueError as error:
        raise HoldfastError(f"{what} is damaged: {error}") from error
    tried = 0
    for password in passwords:
        tried += 1
        key, check, vector = _keys(password, salt)
        if hmac.compare_digest(hmac.digest(check, hidden, "sha256"), proof):
            decryptor = Cipher(algorithms.AES(key), modes.CTR(vector)).decryptor()
            unpadder = padding.PKCS7(128).unpadder()
            return unpadder.update(decryptor.update(hidden) + decryptor.finalize()) + unpadder.finalize()
    label = f" (label {parts[3].decode('utf-8', 'replace')})" if len(parts) > 3 else ""
    why = "no vault password was given" if not tried else f"none of {tried} vault passwords opens it"
    raise HoldfastError(f"{what} is encrypted with ansible-vault{label}, and {why}")


def _keys(password: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    derived = hashlib.pbkdf2_hmac("sha256", password, salt, _ROUNDS, 80)
    return derived[:32], derived[32:64], derived[64:]
