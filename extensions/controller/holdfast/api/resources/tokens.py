# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: shown in full once, when they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from holdfast.api.activity import CENSORED
from holdfast.api.call import Call
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Field, Hooks, Registry, Resource, SubList, Summary, is_superuser
from holdfast.api.resources.access import activity_stream
from holdfast.api.resources.common import DESCRIPTION, STAMPS, below, link_to
from holdfast.auth import lifetimes, policies, tokens
from holdfast.db.models import Token, User

_FRESH = "fresh_tokens"


def issue(call: Call, data: dict[str, Any]) -> dict[str, str]:
    """Put new secrets into the data of a token; what they are is only known here."""
    secret = tokens.generate()
    fresh = {"token": secret}
    data["token_hash"] = tokens.digest(secret)
    data["expires"] = tokens.expiry(lifetimes.token_seconds(call.session, call.controller.settings))
    if data.get("application_id") is not None:
        fresh["refresh_token"] = tokens.generate()
        data["refresh_hash"] = tokens.digest(fresh["refresh_token"])
    return fresh


def _scope(_call: Call, value: str) -> str:
    words = value.split()
    if not words or len(set(words)) < len(words) or not set(words) <= set(tokens.SCOPES):
        raise ValueError(f"Must be a simple space-separated string with allowed scopes {list(tokens.SCOPES)}.")
    return value


def _validate(call: Call, data: dict[str, Any], row: Token | None) -> None:
    if row is None and call.user is not None:
        data["user_id"] = call.user.id
        call.cache[_FRESH] = issue(call, data)


def _shown(name: str) -> Callable[[Call, Token], str | None]:
    """A secret of a token: in the answer that made it as it is, in all others only that it is there."""

    def value(call: Call, row: Token) -> str | None:
        if name == "refresh_token" and row.refresh_hash is None:
            return None
        fresh: Mapping[str, str] = call.cache.get(_FRESH, {}) if call.cache.get("made") == row.id else {}
        return fresh.get(name, CENSORED)

    return value


def _created(call: Call, row: Token, _data: dict[str, Any]) -> None:
    call.cache["made"] = row.id


def _summarize(_call: Call, rows: Sequence[Token]) -> Mapping[int, Any]:
    shown = {row.id: {"id": row.id, "user_id": row.user_id, "description": row.description} for row in rows}
    for row in rows:
        if row.application_id is not None:
            shown[row.id]["application_id"] = row.application_id
        shown[row.id]["scope"] = row.scope
    return shown


def _for_oneself(call: Call, row: User, data: dict[str, Any]) -> dict[str, Any]:
    """Nobody makes tokens in the name of somebody else."""
    if (call.user is None or row.id != call.user.id) and not is_superuser(call):
        raise Forbidden()
    return data


def _personal(call: Call, row: User, data: dict[str, Any]) -> dict[str, Any]:
    return {**_for_oneself(call, row, data), "application": None}


def _authorized(call: Call, row: User, data: dict[str, Any]) -> dict[str, Any]:
    if _for_oneself(call, row, data).get("application") is None:
        raise Invalid({"application": ["This field is required."]})
    return data


def token_lists() -> dict[str, SubList]:
    """The lists of tokens below a user."""

    def of(*more: Any) -> Callable[[Call, User], Select[Any]]:
        return lambda _call, row: select(Token).where(Token.user_id == row.id, *more)

    given, own = Token.application_id.is_not(None), Token.application_id.is_(None)
    return {
        "tokens": SubList("tokens", query=of(), create=True, posted=_for_oneself, title="OAuth2 User Tokens"),
        "authorized_tokens": SubList(
            "tokens", query=of(given), create=True, posted=_authorized, title="OAuth2 User Authorized Access Tokens"
        ),
        "personal_tokens": SubList(
            "tokens", query=of(own), create=True, posted=_personal, title="OAuth2 Personal Access Tokens"
        ),
    }


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="tokens",
            type="o_auth2_access_token",
            model=Token,
            class_name="OAuth2AccessToken",
            title="OAuth2 Token",
            list_title="OAuth2 Tokens",
            types={"o_auth2_access_token": "Access Token"},
            id_label="Id",
            verbose_name="Access token",
            fields=(
                *STAMPS,
                DESCRIPTION,
                Field("user", "id", to="users", read_only=True),
                Field("token", read_only=True, value=_shown("token")),
                Field("refresh_token", "field", read_only=True, filterable=False, value=_shown("refresh_token")),
                Field("application", "id", to="applications", null=True, create_only=True),
                Field("expires", "datetime", read_only=True),
                Field("scope", default="write", clean=_scope),
            ),
            related=(link_to("user", "users"), link_to("application", "applications"), *below("activity_stream")),
            summary=(Summary("user"), Summary("application")),
            sublists={"activity_stream": activity_stream("o_auth2_access_token")},
            access=policies.Tokens(),
            hooks=Hooks(validate=_validate, created=_created),
            summarize=_summarize,
            search_fields=("description",),
        )
    )
