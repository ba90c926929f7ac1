# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a controller of Holdfast, with a token and nothing but the standard library.

Every failure is told with the address, what is wrong, and what to do about it, and never with the token. No redirection
is followed, for the token would go along to wherever it leads.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.telling import folded
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

TIMEOUT = 10.0
"""Seconds to wait for a connection, and for each part of an answer."""
PAUSE = 1.0
"""Seconds until a connection that was refused is tried once more: a controller that has just restarted answers then."""
_LARGEST = 64 * 1024 * 1024

NOT_HOLDFAST = "see that a controller of Holdfast is at this address, and that it is not older than this Holdfast"
_REMEDIES: Mapping[int, str] = {
    401: "make a token for it, with the scope write",
    403: "use the token of somebody who may, with the scope write",
    404: NOT_HOLDFAST,
    405: NOT_HOLDFAST,
}


class NoAnswer(HoldfastError):
    """There was no answer, or only that it cannot be given now: asked again later, there may be one."""


class Server(NamedTuple):
    """A controller: its address without a slash at the end, a token for it, and whether its certificate is checked."""

    url: str
    token: str
    verify: bool = True

    def __repr__(self) -> str:
        """Without the token, for this may be shown anywhere."""
        return f"Server({self.url!r})"


class Answer(NamedTuple):
    """An answer: its status and its JSON, which is None where it has none."""

    status: int
    data: Any


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        """Follow none: it becomes an answer like others."""


class ControllerApi:
    """Requests to one controller. Several threads may share one; nothing stays open between two requests."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self._token = server.token
        handlers: list[urllib.request.BaseHandler] = [_NoRedirection()]
        if server.url.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=_context(server.verify)))
        self._opener = urllib.request.build_opener(*handlers)

    def good(self, method: str, path: str, body: Optional[Mapping[str, Any]] = None) -> Any:
        """The data of a good answer; raises HoldfastError for every other one."""
        return self.data_of(path, self.ask(method, path, body))

    def data_of(self, path: str, answer: Answer) -> Any:
        """The data of an answer; raises HoldfastError, with what the controller says, where it is not a good one."""
        if answer.status == 200:
            return answer.data
        said = _said(answer.data)
        remedy = _REMEDIES.get(answer.status, "")
        if 300 <= answer.status < 400:
            remedy = "name the address that it leads to, if that is the controller"
        kind = NoAnswer if answer.status >= 500 else HoldfastError
        raise kind(self._told(path, f"answers {answer.status}{f': {said}' if said else ''}", remedy))

    def problem(self, path: str, what: str, remedy: str = "") -> HoldfastError:
        """An error about a request: the address, what is wrong, and what to do."""
        return HoldfastError(self._told(path, what, remedy))

    def _told(self, path: str, what: str, remedy: str) -> str:
        return f"{self.url}{path} {what}{f'; {remedy}' if remedy else ''}"

    def ask(self, method: str, path: str, body: Optional[Mapping[str, Any]] = None) -> Answer:
        """The answer to a request, whatever its status; raises NoAnswer where there is none.

        Raises HoldfastError where it comes from nobody who can be trusted with the question, or is not JSON.
        """
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Accept", "application/json")
        if body is not None:
            request.data = json.dumps(body, allow_nan=False).encode()
            request.add_header("Content-Type", "application/json")
        try:
            try:
                return self._sent(request)
            except ConnectionRefusedError:  # so nothing of it has been heard yet
                time.sleep(PAUSE)
                return self._sent(request)
        except (OSError, http.client.HTTPException, ValueError) as error:
            kind = HoldfastError if isinstance(error, (ssl.SSLCertVerificationError, ValueError)) else NoAnswer
            raise kind(self._told(path, *_failure(error))) from error

    def _sent(self, request: urllib.request.Request) -> Answer:
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return Answer(answer.status, json.loads(answer.read(_LARGEST)))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _parsed(error.read(_LARGEST)))
        except urllib.error.URLError as error:
            if isinstance(error.reason, OSError):
                raise error.reason from error
            raise


def _context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _parsed(raw: bytes) -> Any:
    """The JSON of an answer that is an error anyway; None where it is a page for people."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _failure(error: Exception) -> tuple[str, str]:
    """Why there was no answer, and what to do about it."""
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections", "see that the controller runs, and that this is its address"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"shows a certificate that is not trusted ({error.verify_message})"
        return why, "name the file of its certificate authority in SSL_CERT_FILE"
    if isinstance(error, socket.gaierror):
        return f"cannot be found: {error.strerror}", "see that the name of the host is right"
    if isinstance(error, (TimeoutError, socket.timeout)):
        return f"gave no answer within {TIMEOUT:g} seconds", "see that the controller runs and can be reached from here"
    if isinstance(error, ValueError):
        return "sent what is no JSON", NOT_HOLDFAST
    why = folded(str(error)) or type(error).__name__
    return f"cannot be asked: {why}", "see that the controller runs and can be reached from here"


def _said(data: Any) -> str:
    """What an answer says is wrong: its ``detail``, or what it says of each field."""
    if isinstance(data, Mapping):
        told = data.get("detail") or "; ".join(f"{name}: {_text(value)}" for name, value in data.items())
        return folded(_text(told))
    return ""


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
