# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see and change organizations, users, teams, tokens and applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, false, func, or_, select

from holdfast.api.call import Call
from holdfast.api.errors import Forbidden
from holdfast.api.registry import is_superuser
from holdfast.auth import roles
from holdfast.auth.policies import granting
from holdfast.auth.policies.base import Policy, anywhere, environment, related, sees_all, setting
from holdfast.auth.policies.things import attaches_notification
from holdfast.db.models import Application, NotificationTemplate, Role, RoleUser, Team, Token, User


def everybody(call: Call) -> bool:
    """Whether the user sees all users and teams: administrators and auditors of any organization do, by a setting."""
    return bool(roles.organizations(call, "admin_role", "auditor_role")) and bool(
        setting(call, "ORG_ADMINS_CAN_SEE_ALL_USERS")
    )


def _at_the_top(call: Call) -> bool:
    """Whether a request goes to the list of all users, and not to one below an organization or team."""
    return [part for part in call.path.removeprefix(call.prefix).split("/") if part] == ["users"]


class Organizations(Policy):
    """Of organizations: only superusers make them."""

    content_type = "organization"
    shows = ("edit", "delete")

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Its administrators may, but only let jobs run in environments that they see."""
        return environment(call, data, row, "default_environment") and super().may_change(call, row, data)

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Members are a matter of roles; instance groups and notifications need rights on those too."""
        if isinstance(child, User):
            role = roles.find(call.session, "organization", row.id, granting.MEMBERSHIPS[relation])
            return granting.may_give(call, role, child, seen=not data.get("id"))
        if isinstance(child, NotificationTemplate):
            return is_superuser(call) or attaches_notification(call, child, "organization", row, _NOTIFIED)
        if relation == "instance_groups":
            return self.may_change(call, row, {}) and roles.has(call, "instance_group", child, "use_role")
        if relation == "galaxy_credentials":
            return self.may_change(call, row, {}) and roles.has(call, "credential", child, "use_role")
        return super().may_attach(call, row, relation, child, data)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """As for attaching, but that no right is needed to let go of a credential."""
        if relation == "galaxy_credentials":
            return self.may_change(call, row, {})
        return self.may_attach(call, row, relation, child, data)


_NOTIFIED = ("admin_role", "auditor_role")


class Users(Policy):
    """Of users: of the same organizations one sees each other, and their administrators change them."""

    shows = ("edit", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Oneself, superusers, and the members of organizations that one may look at."""
        if sees_all(call) or everybody(call):
            return None
        readable = roles.organizations(call, "read_role")
        members = select(RoleUser.user_id).join(Role, Role.id == RoleUser.role_id)
        members = members.where(
            Role.content_type == "organization", Role.role_field == "member_role", Role.object_id.in_(readable)
        )
        own = call.user.id if call.user is not None else 0
        return or_(User.id == own, User.is_superuser.is_(True), User.id.in_(members))

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Superusers may; administrators of an organization within it, and no more powerful ones than they are."""
        if is_superuser(call):
            return True
        if not data:
            return granting.manages_people(call) and anywhere(call, "organization", "admin_role")
        if _at_the_top(call) or data.get("is_superuser") or data.get("is_system_auditor"):
            return False
        return granting.manages_people(call) and bool(roles.organizations(call, "admin_role"))

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Themselves, but for what only administrators change; administrators of all their organizations."""
        if is_superuser(call):
            return True
        if not granting.manages_people(call):
            return False
        administers = granting.administers(call, row)
        if not administers and (call.user is None or row.id != call.user.id):
            return False
        fixed = ("is_superuser", "is_system_auditor", *(() if administers else ("username",)))
        bad = [name for name in fixed if name in data and data[name] != getattr(row, name)]
        if bad:
            raise Forbidden(f"Cannot change {', '.join(bad)}.")
        return True

    def may_delete(self, call: Call, row: Any) -> bool:
        """Nobody deletes themselves or the last superuser, and only superusers whoever belongs to no organization."""
        if call.user is None:
            return False
        if row.id == call.user.id or (row.is_superuser and self._superusers(call) == 1):
            raise Forbidden("Cannot delete user.")
        return is_superuser(call) or (granting.manages_people(call) and granting.administers(call, row))

    def _superusers(self, call: Call) -> int:
        count = call.cache.get("superusers")
        if count is None:
            query = select(func.count()).select_from(User).where(User.is_superuser.is_(True))
            count = call.cache["superusers"] = call.session.scalar(query) or 0
        return int(count)

    def capabilities(self, call: Call, rows: Sequence[Any]) -> Mapping[int, Mapping[str, bool]]:
        """As for others, but what organizations they belong to is looked up for all at once."""
        granting.memberships(call, rows)
        return super().capabilities(call, rows)

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Nothing but roles belongs to a user."""
        return isinstance(child, Role) and granting.may_give(call, child, row)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """As for attaching."""
        return self.may_attach(call, row, relation, child, data)


class Teams(Policy):
    """Of teams: the administrators of their organization make them."""

    content_type = "team"
    shows = ("edit", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of organizations that one is a member of, and those that one has a role in."""
        if sees_all(call) or everybody(call):
            return None
        member_of = roles.organizations(call, "member_role")
        return or_(Team.organization_id.in_(member_of), roles.holdings(call).where("team", "read_role"))

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Administrators of the organization may."""
        if not data:
            return granting.manages_people(call) and anywhere(call, "organization", "admin_role")
        return is_superuser(call) or (
            granting.manages_people(call) and related(call, data, "organization", "admin_role", mandatory=True)
        )

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Its administrators may, but nobody moves it to another organization."""
        if data.get("organization_id", row.organization_id) != row.organization_id and not is_superuser(call):
            raise Forbidden("Unable to change organization on a team.")
        return super().may_change(call, row, data) and (is_superuser(call) or granting.manages_people(call))

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Members and roles are a matter of roles."""
        if isinstance(child, Role):
            return granting.may_give(call, child, row)
        if isinstance(child, User):
            role = roles.find(call.session, "team", row.id, "member_role")
            return granting.may_give(call, role, child, seen=not data.get("id"))
        return super().may_attach(call, row, relation, child, data)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """As for attaching."""
        return self.may_attach(call, row, relation, child, data)


class Applications(Policy):
    """Of OAuth applications: members of their organization see them, its administrators make and change them."""

    shows = ("edit", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of organizations that one is a member of."""
        if sees_all(call):
            return None
        return Application.organization_id.in_(roles.organizations(call, "member_role"))

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Administrators of the organization may."""
        if not data:
            return anywhere(call, "organization", "admin_role")
        return is_superuser(call) or related(call, data, "organization", "admin_role", mandatory=True)

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Administrators of the organization may, and of the one it is moved to."""
        owned = row.organization_id is not None
        return is_superuser(call) or related(call, data, "organization", "admin_role", row, mandatory=owned)

    def may_delete(self, call: Call, row: Any) -> bool:
        """Administrators of the organization may."""
        return roles.user_has(call, "organization", row.organization_id, "admin_role")


class Tokens(Policy):
    """Of tokens: everybody has their own; administrators see and end those of their organization's applications."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """One's own, and those of applications of organizations that one administers or audits."""
        if sees_all(call):
            return None
        overseen = roles.organizations(call, "admin_role", "auditor_role")
        applications = select(Application.id).where(Application.organization_id.in_(overseen))
        own = call.user.id if call.user is not None else 0
        return or_(Token.user_id == own, Token.application_id.in_(applications) if overseen else false())

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Everybody may, for themselves and the applications that they see."""
        application = data.get("application_id")
        visible = Applications().visible(call)
        if application is None or visible is None:
            return call.user is not None
        return call.session.scalar(select(Application.id).where(Application.id == application, visible)) is not None

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Its user may."""
        return is_superuser(call) or (call.user is not None and row.user_id == call.user.id)

    def may_delete(self, call: Call, row: Any) -> bool:
        """Its user may, and the administrators of its application's organization."""
        if self.may_change(call, row, {}):
            return True
        application = row.application
        return application is not None and roles.user_has(
            call, "organization", application.organization_id, "admin_role"
        )
