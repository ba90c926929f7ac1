# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys as people paste them: one or more PEM objects, with or without certificates after them."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

_PRIVATE_KEY = "PRIVATE KEY"
_CERTIFICATE = "CERTIFICATE"
_ENCRYPTED_KEY = "ENCRYPTED PRIVATE KEY"
# The word before PRIVATE KEY -> the type of the key, in ssh-keygen's words.
_KEY_TYPES = {"RSA": "rsa", "DSA": "dsa", "EC": "ecdsa", "OPENSSH": "ed25519", "": "rsa1"}
_BEGIN = re.compile(r"(-{4,}) *BEGIN ([A-Z](?:[A-Z ]*[A-Z])?) *\1")
# An OpenSSH key starts with this word and then names its cipher, as a length and a text.
_OPENSSH_IN_CLEAR = b"openssh-key-v1\x00" + (4).to_bytes(4, "big") + b"none"


class PemError(ValueError):
    """A text is no key, or not what it says it is."""


@dataclass(frozen=True, slots=True)
class PemObject:
    """One object of a PEM text; ``key_type`` is empty for a certificate."""

    label: str
    key_type: str = ""
    is_encrypted: bool = False


def _body_and_rest(text: str, label: str, dashes: str) -> tuple[str, str] | None:
    end = re.compile(rf"{dashes} *END {label} *{dashes}").search(text)
    return (text[: end.start()], text[end.end() :]) if end else None


def _decode(body: str) -> bytes:
    """The bytes of an object; header lines (with what they continue on) are not part of them."""
    kept: list[str] = []
    continues = False
    for line in (one.strip() for one in body.splitlines()):
        is_header = continues or ":" in line[1:-1]
        if is_header and line:
            continues = line.endswith("\\")
        elif line:
            kept.append(line)
    try:
        decoded = base64.b64decode("".join(kept))
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded:
        raise PemError("Invalid base64-encoded data")
    return decoded


def _object(label: str, body: str) -> PemObject:
    if label == _CERTIFICATE:
        _decode(body)
        return PemObject(label)
    if not label.endswith(_PRIVATE_KEY):
        raise PemError(f'Unsupported PEM object type: "{label}"')
    word = label.removesuffix(_ENCRYPTED_KEY if label == _ENCRYPTED_KEY else _PRIVATE_KEY).strip()
    if word not in _KEY_TYPES:
        raise PemError(f'Invalid private key: unsupported type "{word}"')
    decoded = _decode(body)
    if word == "OPENSSH":
        is_encrypted = not decoded.startswith(_OPENSSH_IN_CLEAR)
    else:
        is_encrypted = label == _ENCRYPTED_KEY or "ENCRYPTED" in body
    return PemObject(label, _KEY_TYPES[word], is_encrypted)


def check_private_key(text: str) -> tuple[PemObject, ...]:
    """What a text holds, which has to be at least one private key; raises PemError with what AWX says otherwise."""
    found: list[PemObject] = []
    rest = text.lstrip()
    while rest:
        begin = _BEGIN.match(rest)
        parts = _body_and_rest(rest[begin.end() :], begin[2], begin[1]) if begin else None
        if begin is None or parts is None:
            raise PemError(f"Invalid certificate or key: {rest[:100]}...")
        found.append(_object(begin[2], parts[0]))
        rest = parts[1].lstrip()
    if not any(one.key_type for one in found):
        raise PemError("At least one private key is required.")
    return tuple(found)
