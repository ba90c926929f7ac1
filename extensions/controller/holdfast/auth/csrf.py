# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests by session cookie that change something must prove that they come from our own pages.

A page of somebody else can send our cookies along, but cannot read them: what changes something repeats the cookie
``csrftoken`` in a header (or in a form), and over TLS says where it comes from. The texts are those of Django.
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from holdfast.api.call import Call
from holdfast.api.errors import Forbidden
from holdfast.auth.browser import cookies

COOKIE = "csrftoken"
HEADER = "x-csrftoken"
FIELD = "csrfmiddlewaretoken"
_BY_THEMSELVES = ("/api/login/", "/api/o/")
"""Pages that look for the token in their forms, or need none."""
_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


def check(call: Call) -> None:
    """Raise Forbidden for a change by session cookie without the token."""
    if call.method in _SAFE or call.scheme != "session" or call.path.startswith(_BY_THEMSELVES):
        return
    reason = wrong(call, call.headers.get(HEADER), "the 'X-Csrftoken' HTTP header")
    if reason:
        raise Forbidden(f"CSRF Failed: {reason}")


def wrong(call: Call, token: str | None, source: str) -> str:
    """What is wrong with where a request comes from or with the token it brings; "" for nothing."""
    return _origin(call) or _token(call, token, source)


def issue(call: Call) -> str:
    """What sets the cookie with a new token."""
    return f"{COOKIE}={secrets.token_hex(16)}; Path=/; SameSite=Lax{'; Secure' if call.secure else ''}"


def ensure(call: Call) -> list[str]:
    """What sets the cookie for a browser that has none yet; such an answer is never kept for another."""
    if cookies(call).get(COOKIE):
        return []
    call.keep = False
    return [issue(call)]


def _token(call: Call, token: str | None, source: str) -> str:
    cookie = cookies(call).get(COOKIE)
    if not cookie:
        return "CSRF cookie not set."
    if not token:
        return "CSRF token missing."
    if not hmac.compare_digest(cookie.encode(), token.encode()):
        return f"CSRF token from {source} incorrect."
    return ""


def _origin(call: Call) -> str:
    origin = call.headers.get("origin")
    if origin is not None:
        known = (f"{'https' if call.secure else 'http'}://{call.headers.get('host', '')}", _own_origin(call))
        return "" if origin in known else f"Origin checking failed - {origin} does not match any trusted origins."
    return _referer(call) if call.secure else ""


def _referer(call: Call) -> str:
    referer = call.headers.get("referer")
    if not referer:
        return "Referer checking failed - no Referer."
    try:
        parts = urlsplit(referer)
    except ValueError:
        parts = urlsplit("")
    if not parts.scheme or not parts.netloc:
        return "Referer checking failed - Referer is malformed."
    if parts.scheme != "https":
        return "Referer checking failed - Referer is insecure while host is secure."
    if parts.netloc in (call.headers.get("host"), urlsplit(_own_origin(call)).netloc):
        return ""
    return f"Referer checking failed - {referer} does not match any trusted origins."


def _own_origin(call: Call) -> str:
    parts = urlsplit(call.controller.settings.base_url)
    return f"{parts.scheme}://{parts.netloc}"
