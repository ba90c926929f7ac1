# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may speak: Basic, and NTLM with the encryption of messages that Windows asks for over plain HTTP."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import struct
from dataclasses import dataclass, field
from typing import Any

import spnego

OFFERED = ("Negotiate", "NTLM", 'Basic realm="WSMAN"')
ENCRYPTED = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'
_BOUNDARY = b"--Encrypted Boundary"
_OCTETS = b"\tContent-Type: application/octet-stream\r\n"


@dataclass
class Verdict:
    """What to do with a request: let it through, or answer 401 with these challenges; ``token`` goes with either."""

    passed: bool
    challenges: list[str] = field(default_factory=list)


class Session:
    """One connection. NTLM signs in a connection, and not a request."""

    def __init__(self, user: str, password: str) -> None:
        self._basic = f"{user}:{password}".encode()
        self._context: Any = None

    @property
    def signed_in(self) -> bool:
        """Whether NTLM has come to its end."""
        return self._context is not None and bool(self._context.complete)

    def judge(self, authorization: str) -> Verdict:
        """Look at an Authorization header."""
        kind, _space, value = authorization.partition(" ")
        try:
            token = base64.b64decode(value, validate=True)
        except binascii.Error:
            return Verdict(False, list(OFFERED))
        if kind == "Basic":
            good = hmac.compare_digest(token, self._basic)
            return Verdict(good, [] if good else list(OFFERED))
        if kind in ("NTLM", "Negotiate"):
            return self._step(kind, token)
        return Verdict(self.signed_in, [] if self.signed_in else list(OFFERED))

    def _step(self, kind: str, token: bytes) -> Verdict:
        if self._context is None or self._context.complete:
            protocol = "ntlm" if kind == "NTLM" else "negotiate"
            self._context = spnego.server(protocol=protocol, options=spnego.NegotiateOptions.use_ntlm)
        try:
            answer = self._context.step(token)
        except spnego.exceptions.SpnegoError:
            self._context = None
            return Verdict(False, list(OFFERED))
        challenges = [f"{kind} {base64.b64encode(answer).decode('ascii')}"] if answer else []
        return Verdict(bool(self._context.complete), challenges)

    def opened(self, body: bytes) -> bytes:
        """The message in an encrypted body. Raises ValueError."""
        _empty, header, part = body.split(_BOUNDARY + b"\r\n", 2)
        length = re.search(rb"Length=(\d+)", header)
        sealed = part.removesuffix(_BOUNDARY + b"--\r\n").removeprefix(_OCTETS)
        size = struct.unpack("<i", sealed[:4])[0]
        message = bytes(self._context.unwrap_winrm(sealed[4 : 4 + size], sealed[4 + size :]))
        if length is None or len(message) != int(length[1]):
            raise ValueError("the message is not as long as it says")
        return message

    def sealed(self, message: bytes) -> bytes:
        """A message, encrypted."""
        wrapped = self._context.wrap_winrm(message)
        signature, data = bytes(wrapped.header), bytes(wrapped.data)
        return (
            _BOUNDARY
            + b"\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
            + b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length="
            + str(len(message)).encode()
            + b"\r\n"
            + _BOUNDARY
            + b"\r\n"
            + _OCTETS
            + struct.pack("<i", len(signature))
            + signature
            + data
            + _BOUNDARY
            + b"--\r\n"
        )
