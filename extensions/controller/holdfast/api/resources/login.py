# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in and out with a browser's session."""

from __future__ import annotations

import html
import logging
from urllib.parse import urlsplit

from holdfast import setting_values
from holdfast.api.call import Call, Reply
from holdfast.api.registry import Page, Registry
from holdfast.api.render import render
from holdfast.auth import csrf, lifetimes, passwords, sessions
from holdfast.auth.browser import cookies, form
from holdfast.auth.signin import check_password
from holdfast.auth.throttle import Throttled
from holdfast.db.base import now
from holdfast.db.models import User

log = logging.getLogger("holdfast.auth")
HTML = "text/html; charset=utf-8"
HOME = "/api/v2/"
WRONG = "Please enter a correct username and password. Note that both fields may be case-sensitive."
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="robots" content="NONE,NOARCHIVE"/>
<title>Log in &middot; Holdfast</title>
</head>
<body>
<main>
<h1>Holdfast</h1>
<form action="/api/login/" method="post">
{problem}<input type="hidden" name="csrfmiddlewaretoken" value="{token}"/>
<input type="hidden" name="next" value="{next}"/>
<p><label>Username <input type="text" name="username" maxlength="150" autocomplete="username" required autofocus
 autocapitalize="none" value="{username}"/></label></p>
<p><label>Password <input type="password" name="password" autocomplete="current-password" required/></label></p>
<p><button type="submit">Log in</button></p>
</form>
</main>
</body>
</html>
"""
_FORBIDDEN = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><title>403 Forbidden</title></head>
<body><h1>Forbidden</h1><p>CSRF verification failed. Request aborted. {reason}</p></body></html>
"""


def _page(call: Call, status: int = 200, problem: str = "", username: str = "") -> Reply:
    """The form, with what was wrong with the one before."""
    call.keep = False
    fresh = csrf.ensure(call)
    token = fresh[0].partition("=")[2].partition(";")[0] if fresh else cookies(call)[csrf.COOKIE]
    given = form(call) if call.method == "POST" else {}
    text = _PAGE.format(
        problem=f'<p role="alert">{html.escape(problem)}</p>\n' if problem else "",
        token=html.escape(token),
        next=html.escape(given.get("next", call.get("next", HOME))),
        username=html.escape(username),
    )
    return Reply(status, text.encode(), {"Cache-Control": "no-store"}, HTML, cookies=fresh)


def _get(call: Call) -> Reply:
    accept = call.headers.get("accept", "*/*")
    if not any(kind in accept for kind in ("text/html", "text/*", "*/*")):
        return Reply(406, b"", {}, "text/plain")
    return _page(call)


def _post(call: Call) -> Reply:
    given = form(call)
    reason = csrf.wrong(call, given.get(csrf.FIELD) or call.headers.get(csrf.HEADER), "POST")
    if reason:
        return Reply(403, _FORBIDDEN.format(reason=html.escape(reason)).encode(), {}, HTML)
    name, password = given.get("username", ""), given.get("password", "")
    try:
        user = check_password(call, call.session, name, password) if name and password else None
    except Throttled as error:
        reply = _page(call, 429, str(error), name)
        reply.headers.update(error.headers)
        return reply
    if user is None:
        return _page(call, 401, WRONG, name)
    return _begin(call, user, password, _safe(given.get("next", "")))


def _begin(call: Call, user: User, password: str, target: str) -> Reply:
    """Begin a session. The old one of the same browser ends, and so does its CSRF token."""
    renewed = passwords.make(password) if passwords.outdated(user.password) else ""
    with call.controller.database.writing() as session:
        sessions.end(session, cookies(call).get(sessions.COOKIE, ""))
        current = session.get_one(User, user.id)
        current.last_login = now()
        if renewed and current.password == user.password:
            current.password = renewed
        seconds = lifetimes.session_seconds(session, call.controller.settings)
        most = setting_values.value(session, "SESSIONS_PER_USER")
        key = sessions.begin(session, current, seconds, most)
    log.info("user %s logged in from %s", user.username, call.client)
    headers = {"Location": target, "X-API-Session-Cookie-Name": sessions.COOKIE}
    return Reply(302, b"", headers, HTML, cookies=[*sessions.cookies(key, call.secure), csrf.issue(call)])


def _safe(target: str) -> str:
    """Where to go after signing in: never to somebody else's site."""
    parts = urlsplit(target)
    local = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return target if local and target.isprintable() else HOME


def _logout(call: Call) -> Reply:
    call.keep = False
    key = cookies(call).get(sessions.COOKIE)
    if key:
        with call.controller.database.writing() as session:
            sessions.end(session, key)
        if call.user is not None:
            log.info("user %s logged out", call.user.username)
    target = _safe(call.get("next")) if call.get("next") else "/api/"
    return Reply(302, b"", {"Location": target}, HTML, cookies=sessions.no_cookies(call.secure))


def _gateway_me(call: Call) -> Reply:
    """Oneself, where clients of AAP's gateway ask for it."""
    rows = [call.user] if call.user is not None else []
    return Reply(body={"count": len(rows), "next": None, "previous": None, "results": render(call, rows)})


def declare(registry: Registry) -> None:
    """Add the pages."""
    registry.root("login", Page({"GET": _get, "POST": _post}, title="Login", public=True, transaction=False))
    registry.root("logout", Page({"GET": _logout, "POST": _logout}, title="Logout", public=True, transaction=False))
    registry.root("gateway/v1/me", Page({"GET": _gateway_me}, title="Me"))
