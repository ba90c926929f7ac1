# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see and change credentials, projects, environments, labels and notification templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from holdfast.api.call import Call
from holdfast.api.errors import Forbidden
from holdfast.api.registry import is_superuser
from holdfast.auth import roles
from holdfast.auth.policies.base import Policy, ReadOnly, anywhere, environment, environments, reads, related, sees_all
from holdfast.auth.policies.readable import readable_templates
from holdfast.db.models import (
    CredentialInputSource,
    Label,
    Notification,
    NotificationTemplate,
    ProjectUpdate,
    Team,
    User,
)
from holdfast.db.models.links import template_labels


class CredentialTypes(Policy):
    """Of credential types: everybody sees them, superusers make them."""

    shows = ("edit", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """All of them."""
        return None


class Credentials(Policy):
    """Of credentials."""

    content_type = "credential"
    shows = ("edit", "delete", "copy", "use")

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """For oneself, or for a user, team or organization that one administers; for nobody only superusers."""
        if is_superuser(call) or not data:
            return True
        owners = [name for name in ("user", "team", "organization") if data.get(f"{name}_id") or data.get(name)]
        if data.get("owner_team_id"):  # the organization is only where the team is
            owners.remove("organization")
        return bool(owners) and all(self._may_own(call, name, data) for name in owners)

    def _may_own(self, call: Call, owner: str, data: Mapping[str, Any]) -> bool:
        from holdfast.auth.policies import granting, people

        key = data.get(f"{owner}_id") or data.get(owner)
        if owner == "organization":
            return roles.user_has(call, "organization", key, "credential_admin_role")
        if owner == "team":
            team = call.session.get(Team, key)
            return team is not None and people.Teams().may_change(call, team, {})
        user = call.session.get(User, key)
        if user is None or call.user is None:
            return False
        return user.id == call.user.id or granting.administers(call, user)

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers it may, and moves it only between organizations whose credentials they administer."""
        return is_superuser(call) or (
            super().may_change(call, row, data) and related(call, data, "organization", "credential_admin_role", row)
        )

    def may_copy(self, call: Call, row: Any) -> bool:
        """Who could make one for the same organization."""
        return is_superuser(call) or (
            row.organization_id is not None and self.may_add(call, {"organization_id": row.organization_id})
        )

    def can(self, call: Call, row: Any, what: str) -> bool:
        """Those that came with the controller stay as they are."""
        if what == "use":
            return roles.has(call, "credential", row, "use_role")
        return not (row.managed and what in ("edit", "delete")) and super().can(call, row, what)


class CredentialInputSources(Policy):
    """Of where inputs of a credential come from: administrators of the credential see and change them."""

    shows = ("delete",)

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of credentials that one sees."""
        return roles.visible(call, "credential", "read_role", CredentialInputSource.target_credential_id)

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Who administers the one credential and may use the other."""
        return not data or self._may(call, data)

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers the one credential and may use the other, before and after."""
        return self._may(call, data, row)

    def _may(self, call: Call, data: Mapping[str, Any], row: Any = None) -> bool:
        return is_superuser(call) or all(
            related(call, data, field, role, row, mandatory=True, content_type="credential")
            for field, role in (("target_credential", "admin_role"), ("source_credential", "use_role"))
        )

    def may_delete(self, call: Call, row: Any) -> bool:
        """Who administers the credential."""
        return roles.user_has(call, "credential", row.target_credential_id, "admin_role")


class Projects(Policy):
    """Of projects."""

    content_type = "project"
    shows = ("edit", "delete", "start", "schedule", "copy")

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Project administrators of the organization may, with credentials and environments that they may use."""
        if not data:
            return anywhere(call, "organization", "project_admin_role")
        return is_superuser(call) or (
            environment(call, data, field="default_environment")
            and related(call, data, "organization", "project_admin_role", mandatory=True)
            and _credentials(call, data)
        )

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers it may; what it is made to point to, they must be allowed to use."""
        return is_superuser(call) or (
            super().may_change(call, row, data)
            and environment(call, data, row, "default_environment")
            and related(call, data, "organization", "project_admin_role", row)
            and _credentials(call, data, row)
        )

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Notifications need rights on both."""
        if isinstance(child, NotificationTemplate):
            return is_superuser(call) or attaches_notification(call, child, "project", row, ("admin_role",))
        return super().may_attach(call, row, relation, child, data)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """As for attaching."""
        return self.may_attach(call, row, relation, child, data)

    def may_start(self, call: Call, row: Any) -> bool:
        """Who holds the update role may update it."""
        return roles.has(call, "project", row, "update_role")

    def may_copy(self, call: Call, row: Any) -> bool:
        """Who could make one like it."""
        return self.may_add(call, vars_of(row, "organization_id", "default_environment_id", "credential_id"))

    def can(self, call: Call, row: Any, what: str) -> bool:
        """A folder on this machine is neither updated nor copied."""
        return not (not row.scm_type and what in ("start", "schedule", "copy")) and super().can(call, row, what)


def _credentials(call: Call, data: Mapping[str, Any], row: Any = None) -> bool:
    return all(
        related(call, data, field, "use_role", row, content_type="credential")
        for field in ("credential", "signature_validation_credential")
    )


class ProjectUpdates(ReadOnly):
    """Of project updates."""

    shows = ("start", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of projects that one sees."""
        return roles.visible(call, "project", "read_role", ProjectUpdate.project_id)

    def may_start(self, call: Call, row: Any) -> bool:
        """Who may update the project."""
        return roles.user_has(call, "project", row.project_id, "update_role") or is_superuser(call)

    def may_cancel(self, call: Call, row: Any) -> bool:
        """Who started it, and who administers the project."""
        return made_by_user(call, row) or roles.user_has(call, "project", row.project_id, "admin_role")

    def may_delete(self, call: Call, row: Any) -> bool:
        """Who administers the project."""
        return is_superuser(call) or roles.user_has(call, "project", row.project_id, "admin_role")


class ExecutionEnvironments(Policy):
    """Of execution environments."""

    shows = ("edit", "delete", "copy")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of everybody, and those of organizations that one may look at."""
        return environments(call)

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Environment administrators of the organization may, with credentials that they may use."""
        if not data:
            return anywhere(call, "organization", "execution_environment_admin_role")
        return is_superuser(call) or (
            related(call, data, "organization", "execution_environment_admin_role", mandatory=True)
            and related(call, data, "credential", "use_role")
        )

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Environment administrators of the organization may, of the one it is moved to too."""
        if is_superuser(call):
            return True
        role = "execution_environment_admin_role"
        return (
            roles.user_has(call, "organization", row.organization_id, role)
            and roles.user_has(call, "organization", data.get("organization_id", row.organization_id), role)
            and related(call, data, "credential", "use_role", row)
        )

    def may_delete(self, call: Call, row: Any) -> bool:
        """Nobody deletes what came with the controller."""
        if row.managed:
            raise Forbidden()
        return self.may_change(call, row, {})

    def may_copy(self, call: Call, row: Any) -> bool:
        """Who could make one like it."""
        return self.may_add(call, vars_of(row, "organization_id", "credential_id"))


class Labels(Policy):
    """Of labels: members of the organization make them."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of organizations that one may look at, and those on templates that one sees."""
        seen = roles.visible(call, "organization", "read_role", Label.organization_id)
        templates = readable_templates(call, template_labels.c.left_id)
        if seen is None or templates is None:
            return None
        return or_(seen, Label.id.in_(select(template_labels.c.right_id).where(templates)))

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Members of the organization may."""
        return not data or is_superuser(call) or related(call, data, "organization", "member_role", mandatory=True)

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Administrators of the organization may, when they are members of the one it is moved to."""
        return is_superuser(call) or (
            related(call, data, "organization", "member_role", row)
            and roles.user_has(call, "organization", row.organization_id, "admin_role")
        )


class NotificationTemplates(Policy):
    """Of notification templates: notification administrators of the organization make and change them."""

    shows = ("edit", "delete", "copy")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of organizations whose notifications one administers or audits."""
        if sees_all(call):
            return None
        seen = roles.organizations(call, "notification_admin_role", "auditor_role")
        return NotificationTemplate.organization_id.in_(seen)

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Notification administrators of the organization may."""
        if not data:
            return anywhere(call, "organization", "notification_admin_role")
        return is_superuser(call) or related(call, data, "organization", "notification_admin_role", mandatory=True)

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Notification administrators of the organization may, and of the one it is moved to."""
        role = "notification_admin_role"
        return is_superuser(call) or (
            roles.user_has(call, "organization", row.organization_id, role)
            and related(call, data, "organization", role, row)
        )

    def may_start(self, call: Call, row: Any) -> bool:
        """Who may change it may have it tested."""
        return self.may_change(call, row, {})

    def may_copy(self, call: Call, row: Any) -> bool:
        """Who could make one like it."""
        return self.may_add(call, vars_of(row, "organization_id"))


class Notifications(ReadOnly):
    """Of notices that were sent: who sees the template."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of templates that one sees."""
        seen = NotificationTemplates().visible(call)
        if seen is None:
            return None
        return Notification.notification_template_id.in_(select(NotificationTemplate.id).where(seen))


def attaches_notification(
    call: Call, notification: Any, content_type: str, row: Any, fields: Iterable[str] = ()
) -> bool:
    """Whether the user may have notices sent about an object: they administer the one, and see (or hold) the other."""
    if not NotificationTemplates().may_change(call, notification, {}):
        return False
    held = tuple(fields)
    if not held:
        return reads(call, row)
    return any(roles.has(call, content_type, row, field) for field in held)


def made_by_user(call: Call, row: Any) -> bool:
    """Whether the user started this."""
    return call.user is not None and row.created_by_id == call.user.id


def vars_of(row: Any, *attributes: str) -> dict[str, Any]:
    """These attributes of a row as the data of another one like it."""
    return {name: getattr(row, name) for name in attributes}
