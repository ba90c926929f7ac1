# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the database in step with the catalog.

Everything that the catalog owns carries its key (``item/NAME``, ``bundle/NAME``, ...), and remembers what the catalog
last wrote. A value that people changed since stays theirs; the catalog's next change goes to all others. A template
that people made under the name of one of the catalog's is left alone. What has gone from the catalog is removed unless
it was ever launched.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import names
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.model import JOB, NodeSpec, WorkflowSpec
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.whole import (
    AwxMap,
    awx_map_of,
    template_object,
    workflow_object,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Catalog
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import awx_project, catalog_files, home
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast import __version__
from holdfast.api import activity
from holdfast.api.call import Call
from holdfast.auth import roles
from holdfast.context import Controller
from holdfast.db.base import now
from holdfast.db.models import (
    JobTemplate,
    Label,
    Organization,
    Project,
    UnifiedJob,
    UnifiedJobTemplate,
    WorkflowApprovalTemplate,
    WorkflowJobTemplate,
    WorkflowJobTemplateNode,
)

log = logging.getLogger("holdfast.catalog")
PROJECT = "Holdfast catalog"
FOLDER = "holdfast_catalog"
EDGES = ("success", "failure", "always")


class CatalogSync:
    """Syncs the catalog of one controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the catalog, those with precedence first."""
        environ = {**os.environ, catalog_files.VARIABLE: self._controller.settings.catalog}
        return catalog_files.search_path(environ)

    def sync(self) -> None:
        """Read the catalog and bring the database in step with all that is sound in it."""
        catalog, problems = catalog_files.load_catalog(self.folders)
        for problem in problems:
            log.error("catalog: %s", problem.render())
        mapped = awx_map_of(_sound(catalog))
        self._write_project(mapped)
        with self._controller.database.writing() as session:
            _Syncing(self._controller, session).sync(mapped)

    def _write_project(self, mapped: AwxMap) -> None:
        """Write the playbooks of the templates, the same that an export writes."""
        folder = home.private_folder(self._controller.settings.projects) / FOLDER
        settings = awx_project.Settings(project=PROJECT, local_path=FOLDER, version=__version__)
        awx_project.write(folder, awx_project.project_files(mapped, settings))


def _sound(catalog: Catalog) -> Catalog:
    """The bundles whose items are all there; ``load_catalog`` leaves out what is damaged itself."""
    bundles = {
        name: bundle for name, bundle in catalog.bundles.items() if catalog_files.items_of(bundle) <= set(catalog.items)
    }
    return Catalog(catalog.items, bundles)


class _Syncing:
    """One sync within its transaction."""

    def __init__(self, controller: Controller, session: Session) -> None:
        self._controller = controller
        self._session = session
        self._call = Call(controller, "SYNC", "", "/api/v2/", (), {}, b"", session)
        organization = session.scalar(select(Organization).where(Organization.name == "Default"))
        self._organization = organization or session.scalars(select(Organization).order_by(Organization.id)).first()
        query = select(UnifiedJobTemplate).where(UnifiedJobTemplate.catalog_key.is_not(None))
        self._owned: dict[str, UnifiedJobTemplate] = {str(row.catalog_key): row for row in session.scalars(query)}
        self._left = dict(self._owned)

    def sync(self, mapped: AwxMap) -> None:
        """Everything that the catalog has, then what it has no longer."""
        project = self._project(mapped)
        by_name: dict[str, UnifiedJobTemplate] = {}
        for spec in mapped.templates:
            if spec.kind == names.ENGINE:
                continue  # a bundle is launched as a workflow here, by the engine itself
            key = "/".join(part for part in (spec.kind, spec.source, spec.component) if part)
            values = {**_columns(template_object(spec)), "project_id": project.id}
            row = self._keep(key, JobTemplate, spec.name, values, spec.labels)
            if row is not None:
                by_name[spec.name] = row
        for workflow in mapped.workflows:
            self._workflow(workflow, by_name)
        self._left.pop("project/catalog", None)
        for key, row in self._left.items():
            self._remove(key, row)

    def _project(self, mapped: AwxMap) -> Project:
        values: dict[str, Any] = {"local_path": FOLDER, "scm_type": "", "description": "Playbooks of the catalog."}
        row = self._keep("project/catalog", Project, PROJECT, values, ())
        if not isinstance(row, Project):
            raise RuntimeError(f"the project '{PROJECT}' is not the catalog's")
        row.playbook_files = sorted(mapped.playbooks())
        row.status, row.last_job_run = "ok", row.last_job_run or now()
        return row

    # --- one template -------------------------------------------------------------------------------------------

    def _keep(
        self, key: str, model: type[Any], name: str, values: Mapping[str, Any], labels: Iterable[str]
    ) -> UnifiedJobTemplate | None:
        """Make or update what has this key; None where people have one of that name."""
        self._left.pop(key, None)
        row = self._owned.get(key)
        wanted = {"name": name, **values}
        if row is None:
            if self._taken(model, name):
                log.warning("catalog: people have a %s named '%s'; the catalog's was not made", model.__name__, name)
                return None
            return self._make(key, model, wanted, labels)
        before = dict((row.catalog or {}).get("values", {}))
        changes = {k: v for k, v in wanted.items() if before.get(k) != v and getattr(row, k) in (before.get(k), v)}
        if changes:
            old = {k: activity.shown(k, getattr(row, k)) for k in changes}
            for attribute, value in changes.items():
                setattr(row, attribute, value)
            row.modified = now()
            shown = {k: [old[k], activity.shown(k, v)] for k, v in changes.items()}
            activity.record(self._call, "update", row.type, row, shown)
        if before != wanted:
            row.catalog = {**(row.catalog or {}), "values": wanted}
        self._label(row, labels)
        return row

    def _make(self, key: str, model: type[Any], wanted: Mapping[str, Any], labels: Iterable[str]) -> UnifiedJobTemplate:
        row: UnifiedJobTemplate = model(
            **wanted, catalog_key=key, catalog={"values": dict(wanted)}, organization_id=self._organization_id
        )
        self._session.add(row)
        self._session.flush()
        roles.make(self._session, row.type, row.id)
        self._label(row, labels)
        activity.created(self._call, self._controller.registry.of_row(row), row)
        return row

    @property
    def _organization_id(self) -> int | None:
        return self._organization.id if self._organization is not None else None

    def _taken(self, model: type[Any], name: str) -> bool:
        query = select(model.id).where(model.name == name, model.organization_id == self._organization_id)
        return self._session.scalar(query) is not None

    def _label(self, row: UnifiedJobTemplate, labels: Iterable[str]) -> None:
        """Add the catalog's labels; others stay."""
        held = {label.name for label in row.labels}
        for name in labels:
            if name not in held and self._organization_id is not None:
                query = select(Label).where(Label.name == name, Label.organization_id == self._organization_id)
                label = self._session.scalar(query)
                row.labels.append(label or Label(name=name, organization_id=self._organization_id))

    def _remove(self, key: str, row: UnifiedJobTemplate) -> None:
        """What has gone from the catalog goes, unless it was launched: then its jobs still tell of it."""
        launched = select(UnifiedJob.id).where(UnifiedJob.unified_job_template_id == row.id).limit(1)
        if self._session.scalar(launched) is not None:
            if (row.catalog or {}).get("gone") is None:
                row.catalog = {**(row.catalog or {}), "gone": True}
                log.warning("catalog: %s has gone; its template '%s' stays, for it was launched", key, row.name)
            return
        activity.deleted(self._call, self._controller.registry.of_row(row), row)
        roles.remove(self._session, row.type, [row.id])
        self._session.delete(row)

    # --- workflows ----------------------------------------------------------------------------------------------

    def _workflow(self, spec: WorkflowSpec, templates: Mapping[str, UnifiedJobTemplate]) -> None:
        values = _columns(workflow_object(spec))
        values["description"] = str(values["description"]).partition("\n\nOtherwise than in Holdfast:")[0]
        values["ask_limit_on_launch"] = values["ask_inventory_on_launch"] = True
        row = self._keep(f"bundle/{spec.bundle}", WorkflowJobTemplate, spec.name, values, spec.labels)
        if not isinstance(row, WorkflowJobTemplate):
            return
        for node in spec.nodes:
            self._left.pop(_question_key(spec, node), None)
        document = [_node_document(node) for node in spec.nodes]
        if (row.catalog or {}).get("nodes") == document:
            return
        for node in list(row.nodes):
            self._session.delete(node)
        self._session.flush()
        self._session.expire(row, ["nodes"])
        self._draw(spec, row, templates)
        row.catalog = {**(row.catalog or {}), "nodes": document}

    def _draw(self, spec: WorkflowSpec, row: WorkflowJobTemplate, templates: Mapping[str, UnifiedJobTemplate]) -> None:
        nodes: dict[str, WorkflowJobTemplateNode] = {}
        for one in spec.nodes:
            template = templates.get(one.template) if one.kind == JOB else self._question(spec, one)
            node = WorkflowJobTemplateNode(
                workflow_job_template_id=row.id,
                unified_job_template_id=template.id if template is not None else None,
                identifier=one.identifier,
                all_parents_must_converge=one.all_parents_must_converge,
            )
            self._session.add(node)
            nodes[one.identifier] = node
        self._session.flush()
        for one in spec.nodes:
            for edge in EDGES:
                getattr(nodes[one.identifier], f"{edge}_nodes").extend(nodes[child] for child in getattr(one, edge))
        self._session.flush()

    def _question(self, spec: WorkflowSpec, node: NodeSpec) -> UnifiedJobTemplate:
        """The approval template of a node."""
        key = _question_key(spec, node)
        row = self._owned.get(key)
        if row is None:
            row = WorkflowApprovalTemplate(catalog_key=key, name=node.template)
            self._session.add(row)
        row.name, row.description, row.timeout = node.template, node.description, node.timeout
        self._session.flush()
        return row


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the API as columns."""
    return {name: value for name, value in values.items() if name not in ("labels", "organization")}


def _question_key(spec: WorkflowSpec, node: NodeSpec) -> str:
    return f"approval/{spec.bundle}/{node.identifier}"


def _node_document(node: NodeSpec) -> dict[str, Any]:
    return {
        "identifier": node.identifier, "kind": node.kind, "template": node.template, "timeout": node.timeout,
        "all": node.all_parents_must_converge, **{edge: list(getattr(node, edge)) for edge in EDGES},
    }  # fmt: skip
