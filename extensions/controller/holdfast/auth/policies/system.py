# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see and change what belongs to the whole system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select

from holdfast.api.call import Call
from holdfast.api.registry import is_superuser
from holdfast.auth.policies.base import Policy, ReadOnly
from holdfast.db.models import Instance, InstanceGroup
from holdfast.db.models.links import instance_group_instances
from holdfast.seeds.objects import CONTROL_PLANE_GROUP, DEFAULT_GROUP


class InstanceGroups(Policy):
    """Of instance groups: superusers make them."""

    content_type = "instance_group"
    shows = ("edit", "delete")

    def may_delete(self, call: Call, row: Any) -> bool:
        """Who administers it, but nobody deletes the two that the controller needs."""
        return row.name not in (CONTROL_PLANE_GROUP, DEFAULT_GROUP) and self.may_change(call, row, {})

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Superusers say which instances are in it."""
        return is_superuser(call) if relation == "instances" else super().may_attach(call, row, relation, child, data)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """As for attaching."""
        return self.may_attach(call, row, relation, child, data)


class Instances(Policy):
    """Of instances: one sees those of the instance groups that one sees."""

    shows = ("edit",)

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of the instance groups that one sees."""
        seen = InstanceGroups().visible(call)
        if seen is None:
            return None
        link = instance_group_instances
        inside = select(link.c.right_id).join(InstanceGroup, InstanceGroup.id == link.c.left_id).where(seen)
        return Instance.id.in_(inside)

    def can(self, call: Call, row: Any, what: str) -> bool:
        """AWX offers no change of an instance to anybody."""
        return False


class ReceptorAddresses(Policy):
    """Of receptor addresses: there are none to others than superusers and auditors."""


class Settings(Policy):
    """Of settings: auditors see them, superusers change them."""


class HostMetrics(Policy):
    """Of what is counted of hosts: superusers and auditors see it."""

    shows = ("delete",)


class SystemJobTemplates(Policy):
    """Of system job templates: superusers and auditors see them."""


class SystemJobs(ReadOnly):
    """Of system jobs: superusers and auditors see them."""

    shows = ("start", "delete")

    def may_delete(self, call: Call, row: Any) -> bool:
        """Superusers may."""
        return is_superuser(call)
