# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users: their passwords go in and never come out again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, true

from holdfast.api import activity
from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.api.registry import Field, Hooks, Registry, Resource, SubList, plain
from holdfast.api.render import ENCRYPTED
from holdfast.api.resources import grants
from holdfast.api.resources.access import access_list
from holdfast.api.resources.common import below
from holdfast.api.resources.membership import objects_of, shared_id
from holdfast.api.resources.tokens import token_lists
from holdfast.auth import passwords, policies, roles, sessions
from holdfast.auth.browser import cookies
from holdfast.auth.policies.base import setting
from holdfast.db.models import (
    ActivityStream,
    Application,
    Credential,
    Organization,
    Project,
    Role,
    RoleUser,
    Team,
    User,
)

_NAME = re.compile(r"[\w.@+-]+\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_LONGEST_PASSWORD = 128
_RULES = (
    ("LENGTH", lambda _one: True, "Password must be at least {} characters long."),
    ("DIGITS", str.isdigit, "Password must contain at least {} digits."),
    ("UPPER", str.isupper, "Password must contain at least {} uppercase characters."),
    ("SPECIAL", lambda one: not one.isalnum(), "Password must contain at least {} special characters."),
)


def _username(_call: Call, value: str) -> str:
    if not _NAME.match(value):
        raise ValueError(
            "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
        )
    return value


def _email(_call: Call, value: str) -> str:
    if value and not _EMAIL.match(value):
        raise ValueError("Enter a valid email address.")
    return value


def _password(call: Call, value: str) -> str:
    """A password that may be one. Raises ValueError.

    None at all is taken too: ``awx import`` sends it in place of the one that an export hides. It leaves the password
    as it is; whoever is new with it cannot sign in until somebody gives them one.
    """
    if value in ("", ENCRYPTED):
        return value
    if len(value) > _LONGEST_PASSWORD:
        raise ValueError(f"Password max length is {_LONGEST_PASSWORD}")
    for name, counts, problem in _RULES:
        least = setting(call, f"LOCAL_PASSWORD_MIN_{name}")
        if sum(1 for one in value if counts(one)) < least:
            raise ValueError(problem.format(least))
    return value


def _validate(call: Call, data: dict[str, Any], row: User | None) -> None:
    errors: dict[str, list[str]] = {}
    password = data.pop("password", "")
    if row is None and not password and "password" not in call.data:
        errors["password"] = ["Password required for new User."]
    name = data.get("username")
    renamed = name is not None and (row is None or row.username != name)
    if renamed and call.session.scalar(select(func.count()).where(User.username == name)):
        errors["username"] = ["A user with that username already exists."]
    if errors:
        raise Invalid(errors)
    if password and password != ENCRYPTED:
        data["password"] = passwords.hashed(call, password)
        call.cache["password_changed"] = True


def _updated(call: Call, row: User, _before: Mapping[str, Any]) -> None:
    """Whoever signed in with an old password has to do so again, but for the browser that changed it."""
    if not call.cache.pop("password_changed", False):
        return
    own = call.user is not None and row.id == call.user.id
    sessions.end_all(call.session, row.id, cookies(call).get(sessions.COOKIE, "") if own else "")
    activity.record(call, "update", "user", row, {"password": ["hidden", "hidden"]})


def _roles(call: Call, row: User) -> Select[Any]:
    call.cache["holder"] = row
    held = select(RoleUser.role_id).where(RoleUser.user_id == row.id)
    flags = [name for name, flag in roles.FLAGS.items() if getattr(row, flag)]
    return select(Role).where(or_(Role.id.in_(held), Role.singleton_name.in_(flags)))


def _check(call: Call, row: User, data: dict[str, Any]) -> dict[str, Any]:
    grants.check_user(call, grants.named(call, Role, data), row, not grants.taken(data))
    return data


def _give(call: Call, row: User, role: Role, _data: Mapping[str, Any]) -> bool:
    grants.give_or_take(call, role, row, True)
    return True


def _take(call: Call, row: User, role: Role, _data: Mapping[str, Any]) -> bool:
    grants.give_or_take(call, role, row, False)
    return True


def _readable(content_type: str, model: type[Any]) -> Any:
    """What another user can see of a type; what the requesting user cannot see is left out of every list."""

    def query(call: Call, row: User) -> Select[Any]:
        everything = roles.has_all(call, "read_role", row)
        seen = true() if everything else roles.holdings(call, row).where(content_type, "read_role")
        return select(model).where(seen)

    return query


def _activity(_call: Call, row: User) -> Select[Any]:
    stream = ActivityStream
    return select(stream).where(
        or_(
            stream.actor_id == row.id,
            and_(stream.object1 == "user", stream.object1_id == row.id),
            and_(stream.object2 == "user", stream.object2_id == row.id),
        )
    )


def _own_credential(_call: Call, row: User, data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "user": row.id}


def _sublists() -> dict[str, SubList]:
    def held(model: type[Any], kind: str, *fields: str) -> Any:
        return lambda _call, row: select(model).where(model.id.in_(objects_of(kind, row.id, *fields)))

    return {
        "teams": SubList("teams", query=held(Team, "team", "member_role", "admin_role")),
        "organizations": SubList("organizations", query=held(Organization, "organization", "member_role")),
        "admin_of_organizations": SubList("organizations", query=held(Organization, "organization", "admin_role")),
        "projects": SubList("projects", query=_readable("project", Project)),
        "credentials": SubList(
            "credentials", query=_readable("credential", Credential), create=True, posted=_own_credential
        ),
        "roles": SubList("roles", query=_roles, attach=True, posted=_check, on_attach=_give, on_detach=_take),
        "activity_stream": SubList("activity_stream", query=_activity),
        "applications": SubList("applications", query=lambda _call, _row: select(Application)),
        **token_lists(),
    }


def _finish(_call: Call, _rows: Sequence[User], shown: Sequence[dict[str, Any]]) -> None:
    for one in shown:
        one["auth"] = []


def _only_oneself(call: Call) -> Select[Any]:
    return select(User).where(User.id == (call.user.id if call.user is not None else 0))


def declare(registry: Registry) -> None:
    """Add the resource, and ``me``, the same with one row."""
    users = _users()
    me = replace(
        users,
        name="me",
        title="Me",
        list_title="Me",
        types={"user": "User"},
        sublists={},
        actions={},
        base_query=_only_oneself,
        list_methods=("GET",),
        detail_methods=(),
    )
    registry.add(users, me)


def _users() -> Resource:
    return Resource(
        name="users",
        type="user",
        model=User,
        title="User",
        fields=(
            Field("created", "datetime", read_only=True, filterable=False),
            Field("modified", "datetime", read_only=True, filterable=False),
            Field("username", required=True, max_length=150, clean=_username),
            Field("first_name", max_length=150),
            Field("last_name", max_length=150),
            Field("email", label="Email address", max_length=254, clean=_email),
            Field("is_superuser", "boolean", label="Superuser status", default=False),
            Field("is_system_auditor", "boolean", label="Is system auditor", default=False, filterable=False),
            Field("password", default="", clean=_password, value=lambda _call, _row: ENCRYPTED),
            Field("ldap_dn", read_only=True, filterable=False, value=lambda _call, _row: ""),
            Field("last_login", "datetime", read_only=True),
            Field("external_account", "field", read_only=True, filterable=False, value=lambda _call, _row: None),
        ),
        related=below(
            *("teams", "organizations", "admin_of_organizations", "projects", "credentials", "roles"),
            *("activity_stream", "access_list", "tokens", "authorized_tokens", "personal_tokens"),
        ),
        summary=(shared_id("user"),),
        sublists=_sublists(),
        actions={"access_list": access_list("user")},
        access=policies.Users(),
        hooks=Hooks(validate=_validate, updated=_updated),
        summarize=plain("id", "username", "first_name", "last_name"),
        finish=_finish,
        named_url=("username",),
        order_by=("username",),
        search_fields=("username", "first_name", "last_name", "email"),
    )
