# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows drawn for tests: templates, nodes and edges in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.db import models as m

from .theater import Theater


class Drawing:
    """What tests draw with: an inventory, a project and a user, and what was drawn so far."""

    def __init__(self, theater: Theater) -> None:
        self.theater = theater
        self.user = m.User(username="ann", is_superuser=True)
        self.organization = m.Organization(name="Org")
        theater.add(self.user, self.organization)
        self.inventory = m.Inventory(name="Inv", organization_id=self.organization.id)
        self.project = m.Project(name="Proj", local_path="proj", status="ok", organization_id=self.organization.id)
        theater.add(self.inventory, self.project)

    def job_template(self, name: str, **values: Any) -> m.JobTemplate:
        own = {"inventory_id": self.inventory.id, "project_id": self.project.id, "playbook": "play.yml"}
        template = m.JobTemplate(name=name, **{**own, "allow_simultaneous": True, **values})
        self.theater.add(template)
        return template

    def approval(self, name: str = "Go on?", timeout: int = 0) -> m.WorkflowApprovalTemplate:
        template = m.WorkflowApprovalTemplate(name=name, timeout=timeout)
        self.theater.add(template)
        return template

    def workflow(
        self,
        name: str,
        nodes: Mapping[str, Any],
        edges: Sequence[tuple[str, str, str]] = (),
        joins: Sequence[str] = (),
        prompts: Mapping[str, Mapping[str, Any]] | None = None,
        **values: Any,
    ) -> m.WorkflowJobTemplate:
        """A workflow of ``nodes`` (identifier: template or None) and ``edges`` (parent, word, child)."""
        empty = dict.fromkeys(("limit", "scm_branch", "job_tags", "skip_tags"))
        own = {"organization_id": self.organization.id, "allow_simultaneous": True}
        workflow = m.WorkflowJobTemplate(name=name, **{**empty, **own, **values})
        self.theater.add(workflow)
        rows = {
            identifier: m.WorkflowJobTemplateNode(
                workflow_job_template_id=workflow.id,
                unified_job_template_id=template.id if template is not None else None,
                identifier=identifier,
                all_parents_must_converge=identifier in joins,
                **(prompts or {}).get(identifier, {}),
            )
            for identifier, template in nodes.items()
        }
        for parent, word, child in edges:
            getattr(rows[parent], f"{word}_nodes").append(rows[child])
        self.theater.add(*rows.values())
        return workflow
