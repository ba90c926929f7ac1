# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a browser brings a user who is asked whether a program may act for them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from sqlalchemy import select

from holdfast.api.call import Call, Reply
from holdfast.api.registry import Page, Registry
from holdfast.auth import csrf, tokens
from holdfast.auth.browser import cookies, form
from holdfast.auth.codes import METHODS, Allowed
from holdfast.auth.guard import Guard
from holdfast.db.models import Application

HTML = "text/html; charset=utf-8"
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"/><meta name="robots" content="NONE,NOARCHIVE"/><title>{title}</title></head>
<body><main><h1>{title}</h1>{content}</main></body>
</html>
"""
_ASKED = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method")


def _page(status: int, title: str, content: str) -> Reply:
    return Reply(status, _PAGE.format(title=html.escape(title), content=content).encode(), dict(_HEADERS), HTML)


def _wrong(problem: str) -> Reply:
    """What is told to the user, for there is nobody else who could safely be told."""
    return _page(400, "Error", f"<p>{html.escape(problem)}</p>")


def _authorize(call: Call) -> Reply:
    """GET asks, POST answers."""
    call.keep = False
    posted = call.method == "POST"
    given = form(call) if posted else dict(call.query)
    if call.user is None or call.scheme != "session":
        query = urlencode({name: given[name] for name in _ASKED if name in given})
        target = quote(f"/api/o/authorize/?{query}", safe="")
        return Reply(302, b"", {"Location": f"/api/login/?next={target}"}, HTML)
    wanted = given.get("client_id", "")
    application = call.session.scalars(select(Application).where(Application.client_id == wanted)).one_or_none()
    if application is None:
        return _wrong("invalid_request: Invalid client_id parameter value.")
    known = application.redirect_uris.split()
    target = given.get("redirect_uri") or (known[0] if len(known) == 1 else "")
    if target not in known:
        return _wrong("invalid_request: Mismatching redirect URI.")
    refusal = _refusal(application, given)
    if refusal:
        return _back(target, given, {"error": refusal})
    if posted:
        reason = csrf.wrong(call, given.get(csrf.FIELD), "POST")
        if reason:
            return _page(403, "Forbidden", f"<p>CSRF verification failed. {html.escape(reason)}</p>")
        if "allow" not in given:
            return _back(target, given, {"error": "access_denied"})
    elif not application.skip_authorization:
        return _ask(call, application, given)
    return _allow(call, application, target, given)


def _refusal(application: Application, given: Mapping[str, str]) -> str:
    """What is wrong with a request, in OAuth's words; "" for nothing."""
    if given.get("response_type") != "code":
        return "unsupported_response_type"
    if application.authorization_grant_type != "authorization-code":
        return "unauthorized_client"
    if not set(given.get("scope", "write").split()) <= set(tokens.SCOPES):
        return "invalid_scope"
    challenge, method = given.get("code_challenge", ""), given.get("code_challenge_method", "plain")
    # A public program has no secret: without a challenge, whoever catches the code could use it.
    if (application.client_type == "public" and not challenge) or method not in METHODS:
        return "invalid_request"
    return ""


def _ask(call: Call, application: Application, given: Mapping[str, str]) -> Reply:
    fresh = csrf.ensure(call)
    token = fresh[0].partition("=")[2].partition(";")[0] if fresh else cookies(call)[csrf.COOKIE]
    fields = {csrf.FIELD: token, **{name: given[name] for name in _ASKED if name in given}}
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}"/>'
        for name, value in fields.items()
    )
    may = "read" if given.get("scope", "write") == "read" else "read and change"
    name = call.user.username if call.user is not None else ""
    reply = _page(
        200,
        f"Authorize {application.name}?",
        f"<p>{html.escape(application.name)} wants to {may} what {html.escape(name)} may {may}.</p>"
        f'<form method="post" action="/api/o/authorize/">{hidden}'
        '<button name="allow" value="Authorize">Authorize</button> <button>Cancel</button></form>',
    )
    reply.cookies.extend(fresh)
    return reply


def _allow(call: Call, application: Application, target: str, given: Mapping[str, str]) -> Reply:
    allowed = Allowed(
        user_id=call.user.id if call.user is not None else 0,
        client_id=application.client_id,
        redirect_uri=target,
        scope=" ".join(dict.fromkeys(given.get("scope", "write").split())) or "write",
        challenge=given.get("code_challenge", ""),
        method=given.get("code_challenge_method", "plain"),
    )
    return _back(target, given, {"code": Guard.of(call.controller).codes.give(allowed)})


def _back(target: str, given: Mapping[str, str], answer: Mapping[str, str]) -> Reply:
    """Send the browser back to the program."""
    pairs = {**answer, **({"state": given["state"]} if "state" in given else {})}
    location = f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(pairs)}"
    return Reply(302, b"", {"Location": location, "Cache-Control": "no-store"}, HTML)


def declare(registry: Registry) -> None:
    """Add the page."""
    handlers = {"GET": _authorize, "POST": _authorize}
    registry.root("o/authorize", Page(handlers, title="Authorize", public=True, transaction=False))
