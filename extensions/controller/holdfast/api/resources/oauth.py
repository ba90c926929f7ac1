# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OAuth 2: programs are given tokens for users who trust them with their password, or who say yes in a browser."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.api import activity
from holdfast.api.call import Call, Reply
from holdfast.api.errors import ApiError
from holdfast.api.registry import Page, Registry
from holdfast.api.resources.tokens import issue
from holdfast.auth import lifetimes, tokens
from holdfast.auth.browser import form
from holdfast.auth.guard import Guard
from holdfast.auth.signin import check_password
from holdfast.db.base import now
from holdfast.db.models import Application, Token, User

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Refused(ApiError):
    """A refusal in OAuth's words."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        body = {"error": error}
        if description:
            body["error_description"] = description
        super().__init__(body, status, _NO_STORE)


def client(call: Call, session: Session, given: Mapping[str, str]) -> Application:
    """The program that sends a request; a confidential one proves it by its secret. Raises Refused."""
    name, secret = given.get("client_id", ""), given.get("client_secret", "")
    kind, _unused, value = call.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            pair = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise Refused("invalid_client", status=401) from None
        name, secret = unquote_plus(pair[0]), unquote_plus(pair[2])
    found = session.scalars(select(Application).where(Application.client_id == name)).one_or_none() if name else None
    proved = found is not None and (
        found.client_type == "public" or hmac.compare_digest(found.client_secret, tokens.digest(secret))
    )
    if found is None or not proved:
        raise Refused("invalid_client", status=401)
    return found


def _token(call: Call) -> Reply:
    given = form(call)
    grant = given.get("grant_type", "")
    application = client(call, call.session, given)
    if grant == "password":
        return _by_password(call, application, given)
    if grant == "refresh_token":
        return _by_refresh(call, application, given)
    if grant == "authorization_code":
        return _by_code(call, application, given)
    raise Refused("unsupported_grant_type")


def _by_password(call: Call, application: Application, given: Mapping[str, str]) -> Reply:
    if application.authorization_grant_type != "password":
        raise Refused("unauthorized_client")
    name, password = given.get("username", ""), given.get("password", "")
    if not name or not password:
        raise Refused("invalid_request", f"Request is missing {'password' if name else 'username'} parameter.")
    user = check_password(call, call.session, name, password)
    if user is None:
        raise Refused("invalid_grant", "Invalid credentials given.")
    scope = _scope(given.get("scope", "write"))
    with call.controller.database.writing() as session:
        return _give(call, session, session.get_one(User, user.id), application, scope)


def _by_code(call: Call, application: Application, given: Mapping[str, str]) -> Reply:
    """A token for what a user allowed in a browser."""
    allowed = Guard.of(call.controller).codes.take(given.get("code", ""))
    if (
        allowed is None
        or allowed.client_id != application.client_id
        or allowed.redirect_uri != given.get("redirect_uri")
        or not allowed.proved(given.get("code_verifier", ""))
    ):
        raise Refused("invalid_grant")
    with call.controller.database.writing() as session:
        user = session.get(User, allowed.user_id)
        if user is None or not user.is_active:
            raise Refused("invalid_grant")
        return _give(call, session, user, application, allowed.scope)


def _by_refresh(call: Call, application: Application, given: Mapping[str, str]) -> Reply:
    """A new token for an old one, which ends; the refresh token ends too."""
    kept = tokens.digest(given.get("refresh_token", ""))
    with call.controller.database.writing() as session:
        query = select(Token).where(Token.refresh_hash == kept, Token.application_id == application.id)
        old = session.scalars(query).one_or_none()
        if old is None or not old.user.is_active:
            raise Refused("invalid_grant")
        if old.created + dt.timedelta(seconds=tokens.REFRESH_SECONDS) < now():
            return Reply(403, b"The refresh token has expired.", dict(_NO_STORE), "text/plain")
        scope = _scope(given.get("scope") or old.scope)
        if not set(scope.split()) <= set(old.scope.split()):
            raise Refused("invalid_scope")
        user = old.user
        call.session, call.user = session, user
        activity.deleted(call, call.controller.registry.of_type("o_auth2_access_token"), old)
        session.delete(old)
        session.flush()
        return _give(call, session, user, application, scope)


def _scope(text: str) -> str:
    words = text.split()
    if not words or not set(words) <= set(tokens.SCOPES):
        raise Refused("invalid_scope")
    return " ".join(dict.fromkeys(words))


def _give(call: Call, session: Session, user: User, application: Application, scope: str) -> Reply:
    call.session, call.user = session, user
    data: dict[str, Any] = {"user_id": user.id, "application_id": application.id, "scope": scope}
    fresh = issue(call, data)
    row = Token(**data)
    session.add(row)
    session.flush()
    activity.created(call, call.controller.registry.of_type("o_auth2_access_token"), row)
    body = {
        "access_token": fresh["token"],
        "expires_in": lifetimes.token_seconds(session, call.controller.settings),
        "token_type": "Bearer",
        "scope": scope,
        "refresh_token": fresh["refresh_token"],
    }
    return Reply(200, body, dict(_NO_STORE))


def _revoke(call: Call) -> Reply:
    """End a token. That there was none is no error."""
    given = form(call)
    application = client(call, call.session, given)
    kept = tokens.digest(given.get("token", ""))
    with call.controller.database.writing() as session:
        query = select(Token).where(
            (Token.token_hash == kept) | (Token.refresh_hash == kept), Token.application_id == application.id
        )
        found = session.scalars(query).one_or_none()
        if found is not None:
            call.session, call.user = session, found.user
            activity.deleted(call, call.controller.registry.of_type("o_auth2_access_token"), found)
            session.delete(found)
    return Reply(200, b"", dict(_NO_STORE))


def declare(registry: Registry) -> None:
    """Add the pages."""
    for name, handler in (("o/token", _token), ("o/revoke_token", _revoke)):
        registry.root(name, Page({"POST": handler}, public=True, transaction=False))
