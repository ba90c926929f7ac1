# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launch of a bundle: read from the catalog, answers checked, hosts resolved in the inventory of the job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import launch as hands_launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast import inventory_data
from holdfast.context import Controller
from holdfast.db.models import Inventory, UnifiedJobTemplate, User, WorkflowJob, WorkflowJobTemplate
from holdfast.jobs import surveys
from holdfast.runs.bundles import catalog_keys
from holdfast.runs.graphs import BUNDLE, opened
from holdfast.runs.hosts import resolve
from holdfast.runs.launching import variables_of
from holdfast.runs.service import run_of

PREFIX = "bundle/"
"""What the catalog keys of bundles begin with."""
GONE = "the workflow of this job was deleted"


def is_bundle(template: UnifiedJobTemplate | None) -> bool:
    """Whether a workflow is the catalog's, and run by the whole engine."""
    return template is not None and (template.catalog_key or "").startswith(PREFIX)


def prepare(controller: Controller, session: Session, job: WorkflowJob) -> Launch:
    """The launch of a workflow job, hosts included. Raises HoldfastError with everything that is wrong."""
    template = job.unified_job_template
    if not isinstance(template, WorkflowJobTemplate) or not is_bundle(template):
        raise HoldfastError(GONE)
    settings = controller.settings
    given = {**variables_of(job), **controller.secrets.open_all(job.secret_answers or {})}
    asked = {question["variable"] for question in surveys.questions(template)}
    found = hands_launch.prepare(
        str(template.catalog_key).removeprefix(PREFIX),
        {name: value for name, value in given.items() if name in asked},
        [part for part in settings.catalog.split(os.pathsep) if part] or None,
        requested_by(session, job),
        RunOptions(limit=job.limit or "", tags=_words(job.job_tags), skip_tags=_words(job.skip_tags)),
    )
    return _with_hosts(session, job, found, settings.folder)


def _with_hosts(session: Session, job: WorkflowJob, found: Launch, folder: Path) -> Launch:
    inventory = session.get(Inventory, job.inventory_id) if job.inventory_id is not None else None
    script = inventory_data.script(session, inventory, hostvars=True) if inventory is not None else {}
    resolved = resolve(found.patterns(), job.limit or "", script, folder)
    return replace(
        found,
        hosts=resolved.hosts,
        limit=None if resolved.limit is None else tuple(resolved.limit),
        explicit_localhost=resolved.explicit_localhost,
    )


def graph_of(controller: Controller, job: WorkflowJob, document: Mapping[str, Any]) -> Graph:
    """The graph of a bundle's run. Raises ProblemsFound with every host pattern, batch or budget that is wrong."""
    return opened(BUNDLE, document, run_of(job), controller.secrets.open_all(job.secret_answers or {})).graph


def requested_by(session: Session, job: WorkflowJob) -> str:
    """The name of whoever launched a workflow job."""
    user = session.get(User, job.created_by_id) if job.created_by_id is not None else None
    return user.username if user is not None else ""


def templates_of(session: Session, bundle: str) -> Any:
    """Finds the template that people see for a node: the one that the catalog sync made for it."""
    owned = session.scalars(select(UnifiedJobTemplate).where(UnifiedJobTemplate.catalog_key.is_not(None)))
    known = {str(one.catalog_key): one.id for one in owned}

    def template_of(node: Node) -> int | None:
        keys = (f"approval/{bundle}/{node.name}", *(catalog_keys(bundle, node, DO) if node.item is not None else ()))
        return next((known[key] for key in keys if key in known), None)

    return template_of


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
