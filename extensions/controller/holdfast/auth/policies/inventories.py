# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see and change inventories and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement

from holdfast.api.call import Call
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import is_superuser
from holdfast.auth import roles
from holdfast.auth.policies.base import Policy, ReadOnly, anywhere, related
from holdfast.auth.policies.things import attaches_notification, made_by_user, vars_of
from holdfast.db.models import AdHocCommand, Group, Host, InventorySource, InventoryUpdate, NotificationTemplate

CANCELABLE = frozenset({"new", "pending", "waiting", "running"})
"""The statuses in which a job can be canceled."""


class Inventories(Policy):
    """Of inventories."""

    content_type = "inventory"
    shows = ("edit", "delete", "copy", "adhoc")

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Inventory administrators of the organization may."""
        if not data:
            return anywhere(call, "organization", "inventory_admin_role")
        return is_superuser(call) or related(call, data, "organization", "inventory_admin_role", mandatory=True)

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers it may; which hosts a smart one has is for inventory administrators of its organization."""
        if is_superuser(call):
            return True
        filtered = bool(data.get("host_filter")) and data["host_filter"] != row.host_filter
        return super().may_change(call, row, data) and related(
            call, data, "organization", "inventory_admin_role", row, mandatory=filtered
        )

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Instance groups must be the user's to use."""
        if relation == "instance_groups":
            return self.may_change(call, row, {}) and roles.has(call, "instance_group", child, "use_role")
        if relation == "input_inventories":
            return self.may_change(call, row, {}) and roles.has(call, "inventory", child, "use_role")
        return super().may_attach(call, row, relation, child, data)

    def may_start(self, call: Call, row: Any) -> bool:
        """Who holds the update role may update its sources."""
        return roles.has(call, "inventory", row, "update_role")

    def may_copy(self, call: Call, row: Any) -> bool:
        """Who could make one in the same organization."""
        return self.may_add(call, vars_of(row, "organization_id"))

    def can(self, call: Call, row: Any, what: str) -> bool:
        """Ad hoc commands are for who holds that role."""
        if what == "adhoc":
            return roles.has(call, "inventory", row, "adhoc_role")
        return super().can(call, row, what)


class _Inside(Policy):
    """What is in an inventory goes by that."""

    word = ""

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Who administers the inventory."""
        if not data:
            return anywhere(call, "inventory", "admin_role")
        return is_superuser(call) or related(call, data, "inventory", "admin_role", mandatory=True)

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers the inventory, but nobody moves it into another."""
        if data.get("inventory_id", row.inventory_id) != row.inventory_id:
            raise Forbidden(f"Unable to change inventory on a {self.word}.")
        return roles.user_has(call, "inventory", row.inventory_id, "admin_role")

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Only what is in the same inventory."""
        if not super().may_attach(call, row, relation, child, data):
            return False
        if child.inventory_id != row.inventory_id:
            raise Invalid("Cannot associate two items from different inventories.")
        return True

    def may_copy(self, call: Call, row: Any) -> bool:
        """Who may change it."""
        return self.may_change(call, row, {})


class Hosts(_Inside):
    """Of hosts."""

    word = "host"
    shows = ("edit", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of inventories that one sees."""
        return roles.visible(call, "inventory", "read_role", Host.inventory_id)


class Groups(_Inside):
    """Of groups."""

    word = "group"
    shows = ("edit", "delete", "copy")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of inventories that one sees."""
        return roles.visible(call, "inventory", "read_role", Group.inventory_id)


class InventorySources(Policy):
    """Of inventory sources: administrators of the inventory make them, who may update it updates them."""

    shows = ("edit", "delete", "start", "schedule")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of inventories that one sees."""
        return roles.visible(call, "inventory", "read_role", InventorySource.inventory_id)

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Who administers the inventory, with projects and credentials that they may use."""
        if not data:
            return anywhere(call, "inventory", "admin_role")
        return is_superuser(call) or (
            related(call, data, "inventory", "admin_role", mandatory=True)
            and related(call, data, "source_project", "use_role", content_type="project")
            and related(call, data, "credential", "use_role")
        )

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers the inventory, with projects and credentials that they may use."""
        return is_superuser(call) or (
            roles.user_has(call, "inventory", row.inventory_id, "admin_role")
            and self.may_add(call, {"inventory_id": row.inventory_id, **data})
        )

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Credentials must be the user's to use."""
        if isinstance(child, NotificationTemplate):
            return is_superuser(call) or attaches_notification(call, child, "inventory_source", row)
        if relation == "credentials":
            return self.may_change(call, row, {}) and roles.has(call, "credential", child, "use_role")
        return super().may_attach(call, row, relation, child, data)

    def may_start(self, call: Call, row: Any) -> bool:
        """Who may update the inventory."""
        return is_superuser(call) or roles.user_has(call, "inventory", row.inventory_id, "update_role")


class InventoryUpdates(ReadOnly):
    """Of inventory updates."""

    shows = ("start", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of inventories that one sees."""
        return roles.visible(call, "inventory", "read_role", InventoryUpdate.inventory_id)

    def may_start(self, call: Call, row: Any) -> bool:
        """Who may update the inventory."""
        return is_superuser(call) or roles.user_has(call, "inventory", row.inventory_id, "update_role")

    def may_cancel(self, call: Call, row: Any) -> bool:
        """Who started it, and who administers the inventory."""
        return made_by_user(call, row) or self.may_delete(call, row)

    def may_delete(self, call: Call, row: Any) -> bool:
        """Who administers the inventory."""
        return is_superuser(call) or roles.user_has(call, "inventory", row.inventory_id, "admin_role")


class AdHocCommands(Policy):
    """Of ad hoc commands."""

    shows = ("start", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of inventories that one sees."""
        return roles.visible(call, "inventory", "read_role", AdHocCommand.inventory_id)

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Who holds the ad hoc role on the inventory and may use the credential."""
        return (
            not data
            or is_superuser(call)
            or (
                related(call, data, "credential", "use_role")
                and related(call, data, "inventory", "adhoc_role", mandatory=True)
            )
        )

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Nobody may."""
        return False

    def may_delete(self, call: Call, row: Any) -> bool:
        """Administrators of the inventory's organization."""
        if is_superuser(call):
            return True
        organization = row.inventory.organization_id if row.inventory is not None else None
        return roles.user_has(call, "organization", organization, "admin_role")

    def may_start(self, call: Call, row: Any) -> bool:
        """Who could run it for the first time."""
        return self.may_add(call, vars_of(row, "inventory_id", "credential_id"))

    def may_cancel(self, call: Call, row: Any) -> bool:
        """Who started it, and who administers the inventory."""
        return may_end(call, row) and (
            made_by_user(call, row) or roles.user_has(call, "inventory", row.inventory_id, "admin_role")
        )


def may_end(call: Call, row: Any) -> bool:
    """Superusers are told that a job is over by the job itself; others may not cancel it any more."""
    return is_superuser(call) or row.status in CANCELABLE
