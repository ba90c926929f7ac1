# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launching workflows: the workflow job's row, its nodes and its run; nested, relaunched, resumed from failed nodes.

A drawn workflow begins within the transaction that launches it. A bundle is prepared on the engine first: the catalog
is read and its host patterns are resolved, which may take a play.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import resume as core_resume
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Change
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Node
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import launch as hands_launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast import inventory_data
from holdfast.context import Controller
from holdfast.db.base import after_commit, now
from holdfast.db.models import (
    Inventory,
    Run,
    UnifiedJobTemplate,
    User,
    WorkflowJob,
    WorkflowJobNode,
    WorkflowJobTemplate,
)
from holdfast.runs import rows
from holdfast.runs.graphs import BUNDLE, NATIVE, graph_and_context, native_document
from holdfast.runs.hosts import resolve
from holdfast.runs.native import extra_vars
from holdfast.runs.service import Runs

log = logging.getLogger("holdfast.runs")
TASK = "bundle"
BUNDLE_PREFIX = "bundle/"


class Workflows:
    """Launches, relaunches and cancels workflow jobs."""

    def __init__(self, controller: Controller, runs: Runs) -> None:
        self._controller = controller
        self._runs = runs

    # --- launching ----------------------------------------------------------------------------------------------

    def launch(
        self,
        session: Session,
        template: WorkflowJobTemplate,
        variables: Mapping[str, Any],
        *,
        secrets: Mapping[str, str] | None = None,
        prompts: Mapping[str, Any] | None = None,
        user_id: int | None = None,
        launch_type: str = "manual",
        idempotency_key: str | None = None,
    ) -> WorkflowJob:
        """Launch a workflow, all of it already judged.

        ``variables`` are the extra variables in their final form, where secret answers read ``$encrypted$``;
        ``secrets`` are those answers, sealed. ``prompts`` are the attributes that were prompted for (``inventory_id``,
        ``limit``, ``scm_branch``, ``job_tags``, ``skip_tags``, and ``labels`` as rows).
        """
        given = dict(prompts or {})
        labels = given.pop("labels", None)
        job = WorkflowJob(
            name=template.name,
            description=template.description,
            unified_job_template_id=template.id,
            organization_id=template.organization_id,
            inventory_id=given.pop("inventory_id", template.inventory_id),
            created_by_id=user_id,
            modified_by_id=user_id,
            launch_type=launch_type,
            status="pending",
            extra_vars=json.dumps(dict(variables)),
            secret_answers=dict(secrets or {}),
            survey_passwords=dict.fromkeys(secrets or {}, "$encrypted$"),
            allow_simultaneous=template.allow_simultaneous,
            webhook_service=template.webhook_service,
            webhook_credential_id=template.webhook_credential_id,
            labels=list(template.labels if labels is None else labels),
            idempotency_key=idempotency_key,
            prompts=dict(prompts or {}) if labels is None else {k: v for k, v in dict(prompts or {}).items() if k != "labels"},
            **{name: given.get(name, getattr(template, name)) for name in ("limit", "scm_branch", "job_tags", "skip_tags")},
        )  # fmt: skip
        session.add(job)
        session.flush()
        self._enter(session, job, template)
        return job

    def launch_node(
        self, session: Session, template: WorkflowJobTemplate, row: WorkflowJobNode, around: WorkflowJob
    ) -> WorkflowJob:
        """Launch a workflow as a node of another one."""
        own = {**row.extra_data}
        variables = extra_vars(row, around, {**json.loads(template.extra_vars or "{}"), **own})
        prompts: dict[str, Any] = {}
        inventory_id = around.inventory_id or row.inventory_id
        if inventory_id is not None and template.ask_inventory_on_launch:
            prompts["inventory_id"] = inventory_id
        secrets = {**row.secret_data, **around.secret_answers}
        return self.launch(
            session, template, variables, secrets=secrets, prompts=prompts,
            user_id=around.created_by_id, launch_type="workflow",
        )  # fmt: skip

    def _enter(self, session: Session, job: WorkflowJob, template: UnifiedJobTemplate | None) -> None:
        """Begin with a workflow job now, or when those of its template before it are over."""
        if not job.allow_simultaneous and self._busy(session, job):
            job.job_explanation = "waiting for an earlier job of the same workflow"
            return
        job.job_explanation = ""
        if template is not None and (template.catalog_key or "").startswith(BUNDLE_PREFIX):
            job_id, enqueue = job.id, self._controller.engine.enqueue
            after_commit(session, lambda: enqueue(TASK, str(job_id)))
        else:
            self._begin_native(session, job)

    @staticmethod
    def _busy(session: Session, job: WorkflowJob) -> bool:
        query = select(WorkflowJob.id).where(
            WorkflowJob.unified_job_template_id == job.unified_job_template_id,
            WorkflowJob.finished.is_(None),
            WorkflowJob.id < job.id,
        )
        return job.unified_job_template_id is not None and session.scalar(query.limit(1)) is not None

    def _begin_native(self, session: Session, job: WorkflowJob) -> None:
        template = session.get(WorkflowJobTemplate, job.unified_job_template_id)
        if not job.nodes:
            rows.copy_nodes(session, job, template.nodes if template is not None else ())
        document = native_document(job.name, job.nodes)
        self._runs.begin(session, job, NATIVE, document, {"requested_by": self._who(session, job)})

    @staticmethod
    def _who(session: Session, job: WorkflowJob) -> str:
        user = session.get(User, job.created_by_id) if job.created_by_id is not None else None
        return user.username if user is not None else ""

    def ended(self, job_id: int) -> None:
        """A workflow job is over: the next one of its template may begin."""
        with self._controller.database.writing() as session:
            job = session.get(WorkflowJob, job_id)
            if job is None or job.unified_job_template_id is None:
                return
            waiting = session.scalars(
                select(WorkflowJob)
                .where(
                    WorkflowJob.unified_job_template_id == job.unified_job_template_id,
                    WorkflowJob.status == "pending",
                    WorkflowJob.run_id.is_(None),
                )
                .order_by(WorkflowJob.id)
            ).first()
            if waiting is not None:
                self._enter(session, waiting, waiting.unified_job_template)

    # --- bundles ------------------------------------------------------------------------------------------------

    def prepare(self, key: str) -> None:
        """The engine's handler: read the catalog and resolve the hosts of a bundle, then begin with its run."""
        job_id = int(key)
        try:
            with self._controller.database.reading() as session:
                job = session.get(WorkflowJob, job_id)
                if job is None or job.run_id is not None or job.finished is not None:
                    return
                launch = self._bundle(session, job)
            with self._controller.database.writing() as session:
                job = session.get(WorkflowJob, job_id)
                if job is not None and job.finished is None and job.run_id is None:
                    self._begin_bundle(session, job, launch)
        except HoldfastError as error:
            self._refused(job_id, str(error))

    def _bundle(self, session: Session, job: WorkflowJob) -> Launch:
        """The launch of a bundle with its hosts."""
        template = session.get(WorkflowJobTemplate, job.unified_job_template_id)
        if template is None or not template.catalog_key:
            raise HoldfastError("the workflow of this job was deleted")
        answers = {**json.loads(job.extra_vars or "{}"), **self._controller.secrets.open_all(job.secret_answers)}
        name = template.catalog_key.removeprefix(BUNDLE_PREFIX)
        settings = self._controller.settings
        catalog = [part for part in settings.catalog.split(":") if part] or None
        options = RunOptions(limit=job.limit, tags=_words(job.job_tags), skip_tags=_words(job.skip_tags))
        found = hands_launch.prepare(name, {}, catalog, self._who(session, job), options)
        asked = {field.name for field in found.bundle.fields}
        mine = {key: value for key, value in answers.items() if key in asked}
        found = replace(found, fields=hands_launch.checked_answers(found.bundle, mine))
        inventory = session.get(Inventory, job.inventory_id) if job.inventory_id is not None else None
        script = inventory_data.script(session, inventory, hostvars=True) if inventory is not None else {}
        resolved = resolve(found.patterns(), job.limit, script, settings.folder)
        return replace(
            found,
            hosts=resolved.hosts,
            limit=None if resolved.limit is None else tuple(resolved.limit),
            explicit_localhost=resolved.explicit_localhost,
        )

    def _begin_bundle(self, session: Session, job: WorkflowJob, launch: Launch, resumed: list[Change] | None = None) -> None:  # fmt: skip
        graph, _context = self._graph(session, job, launch)
        if not job.nodes:
            rows.bundle_nodes(session, job, graph, self._template_of(session))
        facts = {"requested_by": self._who(session, job)}
        self._runs.begin(session, job, BUNDLE, launch.to_data(), facts, resumed or ())

    def _graph(self, session: Session, job: WorkflowJob, launch: Launch) -> Any:
        answers = self._controller.secrets.open_all(job.secret_answers)
        return graph_and_context(BUNDLE, launch.to_data(), f"wf{job.id}", answers)

    @staticmethod
    def _template_of(session: Session) -> Any:
        """Finds the templates that the catalog sync made for items and questions."""
        query = select(UnifiedJobTemplate.catalog_key, UnifiedJobTemplate.id).where(
            UnifiedJobTemplate.catalog_key.is_not(None)
        )
        known = {key: id_ for key, id_ in session.execute(query)}

        def template_of(node: Node) -> int | None:
            return known.get(f"item/{node.item.name}") if node.item is not None else None

        return template_of

    def _refused(self, job_id: int, why: str) -> None:
        """A bundle that cannot even begin has failed, and says why."""
        with self._controller.database.writing() as session:
            job = session.get(WorkflowJob, job_id)
            if job is None or job.finished is not None:
                return
            job.status, job.failed, job.job_explanation = "failed", True, why
            job.started = job.started or now()
            job.finished = now()
            calls = self._controller.services["jobs"].on_end
            after_commit(session, lambda: [call(job_id) for call in calls])

    # --- afterwards ---------------------------------------------------------------------------------------------

    def relaunch(self, session: Session, old: WorkflowJob, user_id: int | None, failed_only: bool = False) -> WorkflowJob:  # fmt: skip
        """Do a workflow job again, all of it, or only what did not succeed. Raises HoldfastError where that cannot be."""
        resumed_run = session.get(Run, str(old.run_id)) if failed_only else None
        if failed_only and (resumed_run is None or old.finished is None):
            raise HoldfastError("only a workflow job that has begun and ended can be resumed from its failed nodes")
        job = WorkflowJob(
            **{name: getattr(old, name) for name in _RELAUNCHED},
            created_by_id=user_id,
            modified_by_id=user_id,
            launch_type="relaunch",
            status="pending",
            labels=list(old.labels),
            resumed_from_id=old.id if failed_only else None,
        )
        session.add(job)
        session.flush()
        if resumed_run is not None:
            self._resume(session, job, old, resumed_run)
            return job
        template = old.unified_job_template
        if template is None or not (template.catalog_key or "").startswith(BUNDLE_PREFIX):
            rows.copy_nodes(session, job, [one for one in old.nodes if one.action == "do" and one.attempt == 1])
        self._enter(session, job, template)
        return job

    def _resume(self, session: Session, job: WorkflowJob, old: WorkflowJob, run: Run) -> None:
        """Begin the run that goes on from an earlier one; nodes that stand keep the jobs that did them."""
        record = self._runs.store.record(session, run.id)
        answers = self._controller.secrets.open_all(job.secret_answers)
        graph, _context = graph_and_context(run.kind, run.launch, f"wf{job.id}", answers)
        facts = {"id": f"wf{job.id}", "requested_by": self._who(session, job)}
        changes = core_resume.resume(graph, record, self._runs.clock(), facts)
        if run.kind == NATIVE:
            rows.copy_nodes(session, job, [one for one in old.nodes if one.action == "do" and one.attempt == 1])
        else:
            rows.bundle_nodes(session, job, graph, self._template_of(session))
        kept = {change["node"] for change in changes if change["type"] == "copied"}
        before = {(one.node, one.batch): one.job_id for one in old.nodes if one.action == "do"}
        for row in job.nodes:
            known = before.get((row.node, row.batch))
            if row.node in kept and known is not None:
                row.job_id = known
        session.flush()
        self._runs.begin(session, job, run.kind, run.launch, {}, changes)

    def cancel(self, session: Session, job: WorkflowJob, by: str) -> None:
        """Cancel a workflow job, also one that has not begun."""
        job.cancel_flag = True
        if job.run_id is not None:
            self._runs.cancel(session, job, by)
            return
        self._controller.engine.cancel(TASK, str(job.id))
        job.status, job.finished, job.canceled_on = states.CANCELED, now(), now()
        job.failed = True
        calls, job_id = self._controller.services["jobs"].on_end, job.id
        after_commit(session, lambda: [call(job_id) for call in calls])

    def recover(self) -> None:
        """After a start: queue the bundles that a crash left unqueued, and begin with what nothing holds up any more."""
        with self._controller.database.writing() as session:
            query = select(WorkflowJob).where(WorkflowJob.finished.is_(None), WorkflowJob.run_id.is_(None))
            for job in session.scalars(query.order_by(WorkflowJob.id)).all():
                self._enter(session, job, job.unified_job_template)


_RELAUNCHED = (
    "name", "description", "unified_job_template_id", "organization_id", "inventory_id", "extra_vars", "secret_answers",
    "survey_passwords", "allow_simultaneous", "limit", "scm_branch", "job_tags", "skip_tags", "is_sliced_job", "prompts",
)  # fmt: skip


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
