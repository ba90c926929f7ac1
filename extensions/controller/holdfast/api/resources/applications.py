# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are given tokens by OAuth 2. The secret of one is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select

from holdfast.api.activity import CENSORED
from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.api.registry import Field, Hooks, Registry, Resource, SubList, Summary, plain
from holdfast.api.resources.access import activity_stream
from holdfast.api.resources.common import CREATED, DESCRIPTION, ORGANIZATION_LINK, below
from holdfast.auth import policies, tokens
from holdfast.db.models import Application, Token

CLIENT_TYPES = (("confidential", "Confidential"), ("public", "Public"))
GRANT_TYPES = (("authorization-code", "Authorization code"), ("password", "Resource owner password-based"))
_FRESH = "fresh_secret"
_SHOWN_TOKENS = 10


def _validate(call: Call, data: dict[str, Any], row: Application | None) -> None:
    grant = data.get("authorization_grant_type", row.authorization_grant_type if row is not None else "")
    uris = data.get("redirect_uris", row.redirect_uris if row is not None else "").split()
    if grant == "authorization-code" and not uris:
        raise Invalid({"__all__": ["redirect_uris cannot be empty with grant_type authorization-code"]})
    for uri in uris:
        _check_uri(uri)
    if row is None:
        secret = tokens.generate(128)
        data["client_id"] = tokens.generate(40)
        data["client_secret"] = tokens.digest(secret)
        call.cache[_FRESH] = (data["client_id"], secret)


def _check_uri(uri: str) -> None:
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.fragment:
        raise Invalid(
            {"redirect_uris": [f"Enter a valid URL: {uri!r} is no http or https address without a fragment."]}
        )


def _secret(call: Call, row: Application) -> str:
    known, secret = call.cache.get(_FRESH, ("", ""))
    return str(secret) if known == row.client_id else CENSORED


def _tokens(call: Call, rows: Sequence[Application]) -> Mapping[int, Any]:
    ids = [row.id for row in rows]
    counts: dict[int, int] = {}
    query = select(Token.application_id, func.count()).where(Token.application_id.in_(ids))
    for application_id, count in call.session.execute(query.group_by(Token.application_id)):
        counts[application_id or 0] = count
    found: dict[int, Any] = {}
    for row in rows:
        some: Sequence[Token] = ()
        if counts.get(row.id):
            newest = select(Token).where(Token.application_id == row.id).order_by(Token.id).limit(_SHOWN_TOKENS)
            some = call.session.scalars(newest).all()
        results = [{"id": one.id, "token": CENSORED, "scope": one.scope} for one in some]
        found[row.id] = {"count": counts.get(row.id, 0), "results": results}
    return found


def _finish(_call: Call, rows: Sequence[Application], shown: Sequence[dict[str, Any]]) -> None:
    """A public program has no secret."""
    for row, one in zip(rows, shown, strict=True):
        if row.client_type == "public":
            one.pop("client_secret", None)


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="applications",
            type="o_auth2_application",
            model=Application,
            class_name="OAuth2Application",
            title="OAuth 2 Application",
            list_title="OAuth 2 Applications",
            types={"o_auth2_application": "Application"},
            id_label="Id",
            verbose_name="Application",
            fields=(
                CREATED,
                Field("modified", "datetime", read_only=True, filterable=False),
                Field("name", required=True, max_length=255),
                DESCRIPTION,
                Field("client_id", read_only=True),
                Field("client_secret", label="Client Secret", read_only=True, value=_secret),
                Field("client_type", "choice", label="Client Type", required=True, choices=CLIENT_TYPES),
                Field("redirect_uris", label="Redirect URIs"),
                Field(
                    "authorization_grant_type",
                    "choice",
                    label="Authorization Grant Type",
                    required=True,
                    create_only=True,
                    choices=GRANT_TYPES,
                ),
                Field("skip_authorization", "boolean", label="Skip Authorization", default=False),
                Field("organization", "id", to="organizations", required=True),
            ),
            related=(*below("tokens", "activity_stream"), ORGANIZATION_LINK),
            summary=(Summary("organization"), Summary("tokens", _tokens)),
            sublists={
                "tokens": SubList(
                    "tokens", parent_field="application", create=True, title="OAuth 2 Application Tokens"
                ),
                "activity_stream": activity_stream("o_auth2_application"),
            },
            access=policies.Applications(),
            hooks=Hooks(validate=_validate),
            summarize=plain("id", "name", "description"),
            finish=_finish,
            unique=(("name", "organization"),),
            named_url=("name", "organization"),
        )
    )
