# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions on what the user may see of templates and jobs of all kinds, for the many things that belong to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from holdfast.api.call import Call
from holdfast.auth import roles
from holdfast.auth.policies.base import sees_all
from holdfast.db.models import InventorySource, UnifiedJob, UnifiedJobTemplate

TEMPLATES = ("project", "job_template", "workflow_job_template")
"""The kinds of templates that have roles."""


def readable_templates(call: Call, column: Any = None) -> ColumnElement[bool] | None:
    """The condition that the user sees the template of whatever kind whose id is in ``column``; None where all."""
    if sees_all(call):
        return None
    held = roles.holdings(call)
    if column is not None:
        seen: list[ColumnElement[bool]] = [held.where(kind, "read_role", column) for kind in TEMPLATES]
        sources = select(InventorySource.id).where(held.where("inventory", "read_role", InventorySource.inventory_id))
        return or_(*seen, column.in_(sources))
    key, organization = UnifiedJobTemplate.id, UnifiedJobTemplate.organization_id
    of_kind = [
        and_(UnifiedJobTemplate.type == kind, held.where(kind, "read_role", key, organization)) for kind in TEMPLATES
    ]
    source = UnifiedJobTemplate.type == "inventory_source"
    return or_(*of_kind, and_(source, held.where("inventory", "read_role", UnifiedJobTemplate.inventory_id)))


def readable_jobs(call: Call) -> ColumnElement[bool] | None:
    """The condition that the user sees a job of whatever kind: by its template, or as overseer of its organization."""
    templates = readable_templates(call, UnifiedJob.unified_job_template_id)
    if templates is None:
        return None
    held = roles.holdings(call)
    overseen = roles.organizations(call, "admin_role", "auditor_role")
    commands = held.where("inventory", "read_role", UnifiedJob.inventory_id)
    return or_(
        templates,
        UnifiedJob.organization_id.in_(overseen),
        and_(UnifiedJob.type == "ad_hoc_command", commands),
    )
