# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a job's row to what is run: project, inventory, variables, credentials, everything secret opened."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import secret_texts
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from sqlalchemy.orm import Session

from holdfast import inventory_data, setting_values
from holdfast.api.variables import parsed
from holdfast.context import Controller
from holdfast.credential_inputs import kind_of
from holdfast.db.models import Inventory, Job, JobTemplate, Project, User, WorkflowJobNode
from holdfast.jobs.credential_rows import value_of
from holdfast.jobs.credentials import CredentialValue
from holdfast.jobs.fact_cache import FactCache
from holdfast.jobs.spec import JobSpec
from holdfast.seeds.credential_types import missing_required

_INTERPRETER = "ansible_python_interpreter"
_HERE = ("local", "ansible.builtin.local")
PREFIXES = ("awx", "tower")
"""Each variable about the job is given under both names."""
MISSING_INPUT = "Job cannot start because Credential {name} does not provide one or more required fields ({fields})."


@dataclass
class Prepared:
    """A job that can be run. ``hosts`` are the ids of its hosts by name; ``play`` is what a bundle plays."""

    spec: JobSpec
    credentials: list[CredentialValue]
    hosts: dict[str, int]
    facts: FactCache | None = None
    play: Any = None
    revision: str = ""

    @property
    def tap(self) -> Callable[[Mapping[str, Any]], object] | None:
        """Who is to be given the events with their secrets."""
        return None if self.play is None else self.play.events.take


def folder_of(controller: Controller) -> Path:
    """Where the folders of running jobs are."""
    return controller.settings.folder / "jobs"


def key_of(job_id: int) -> str:
    """What a job is called where it runs: its folder, and the mark of its processes."""
    return f"job-{job_id}"


def prepare(controller: Controller, session: Session, job: Job) -> Prepared:
    """Everything that a job is run with but files (see ``add_files``). Raises HoldfastError for what is missing."""
    key = key_of(job.id)
    inventory = session.get(Inventory, job.inventory_id) if job.inventory_id is not None else None
    script = _script(session, job, inventory)
    hosts = {
        name: int(variables["remote_tower_id"])
        for name, variables in script.get("_meta", {}).get("hostvars", {}).items()
    }
    answers = controller.secrets.open_all(job.secret_answers or {})
    variables = {**json.loads(job.extra_vars or "{}"), **answers}
    spec = JobSpec(
        key=key,
        folder=folder_of(controller) / key,
        project=controller.settings.projects,
        inventory=script,
        extra_vars={**variables, **about(session, job)},
        secrets=tuple(sorted(secret_texts(answers))),
        limit=job.limit,
        job_tags=job.job_tags,
        skip_tags=job.skip_tags,
        start_at_task=job.start_at_task or "",
        forks=job.forks or 0,
        timeout=_timeout(session, job),
        verbosity=job.verbosity or 0,
        job_type=job.job_type or "run",
        diff_mode=bool(job.diff_mode),
        become_enabled=bool(job.become_enabled),
        force_handlers=bool(job.force_handlers),
        environment=_environment(controller, session, job),
    )
    prepared = Prepared(spec, _credentials(controller, job), hosts)
    if job.execution_id:
        return _with_play(controller, job, prepared, "localhost" in hosts)
    prepared.spec = replace(spec, playbook=job.playbook or "", **_trust(session, job))
    return prepared


def add_files(controller: Controller, job: Job, prepared: Prepared, cancelled: Callable[[], bool]) -> Prepared:
    """The files that a job is run with. Others may have to be waited for, so no session is open meanwhile."""
    if job.execution_id:
        return prepared
    _with_project(controller, job, prepared, cancelled)
    with controller.database.reading() as session:
        return _with_facts(controller, session, job, prepared)


def _with_project(controller: Controller, job: Job, prepared: Prepared, cancelled: Callable[[], bool]) -> None:
    """Give the job the files of its project: a copy of its own, which no update changes while it runs."""
    if job.project_id is None:
        raise HoldfastError("the project of this job is gone; choose another one for the template")
    home.private_folder(prepared.spec.folder)
    destination = prepared.spec.folder / "project"
    files = controller.services["projects"].checkout(job.project_id, job.scm_branch or "", destination, cancelled)
    prepared.revision = files.revision
    prepared.spec = replace(
        prepared.spec, project=files.path, collections_path=files.collections, roles_path=files.roles
    )


def _script(session: Session, job: Job, inventory: Inventory | None) -> dict[str, Any]:
    """The inventory of a job, only of its slice where it is one of several."""
    if inventory is None:
        return {}
    part = (job.job_slice_number or 1, job.job_slice_count or 1) if (job.job_slice_count or 1) > 1 else (1, 1)
    return with_own_python(inventory_data.script(session, inventory, hostvars=True, towervars=True, part=part))


def with_own_python(script: dict[str, Any]) -> dict[str, Any]:
    """Have hosts that are this machine played with Ansible's own Python, as Ansible does with its implicit localhost.

    What is found by looking around on a machine with several Pythons may be one that cannot even start. An inventory
    that names an interpreter for a group is left as it is.
    """
    named = any(_INTERPRETER in group.get("vars", {}) for name, group in script.items() if name != "_meta")
    if not named:
        for variables in script.get("_meta", {}).get("hostvars", {}).values():
            if variables.get("ansible_connection") in _HERE:
                variables.setdefault(_INTERPRETER, "{{ ansible_playbook_python }}")
    return script


def _trust(session: Session, job: Job) -> dict[str, Any]:
    """Which variables may be templates: by AWX's setting those of the template, unless a launch changed them."""
    allowed = setting_values.value(session, "ALLOW_JINJA_IN_EXTRA_VARS")
    if allowed == "always":
        return {"trust_all_vars": True}
    template = session.get(JobTemplate, job.unified_job_template_id) if job.unified_job_template_id else None
    return {"trusted_vars": parsed(template.extra_vars)} if allowed == "template" and template is not None else {}


def _timeout(session: Session, job: Job) -> int:
    timeout = job.timeout or int(setting_values.value(session, "DEFAULT_JOB_TIMEOUT") or 0)
    return max(0, timeout)


def _environment(controller: Controller, session: Session, job: Job) -> dict[str, str]:
    """What AWX tells every job about itself in its environment, and where the controller's store lies: its plays share
    breakers and the archive with the runs of the controller.
    """
    project = session.get(Project, job.project_id) if job.project_id is not None else None
    return {
        "JOB_ID": str(job.id),
        "INVENTORY_ID": str(job.inventory_id or ""),
        "PROJECT_REVISION": (project.scm_revision or "") if project is not None else "",
        "AWX_HOST": controller.settings.base_url or str(setting_values.value(session, "TOWER_URL_BASE") or ""),
        home.STORE: str(controller.settings.store_folder),
    }


def _credentials(controller: Controller, job: Job) -> list[CredentialValue]:
    """The credentials of a job in clear. Raises HoldfastError for one that lacks what its type requires."""
    secrets = controller.secrets
    passwords = json.loads(secrets.open(job.start_args)) if job.start_args else {}
    found = []
    for credential in job.credentials:
        value = value_of(credential, secrets, passwords)
        sources = {source.input_field_name for source in credential.input_sources}
        missing = set(missing_required(kind_of(credential.credential_type), value.inputs)) - sources
        if missing:
            raise HoldfastError(MISSING_INPUT.format(name=credential.name, fields=", ".join(sorted(missing))))
        found.append(value)
    return found


def _with_facts(controller: Controller, session: Session, job: Job, prepared: Prepared) -> Prepared:
    if job.use_fact_cache:
        facts = FactCache(controller.settings.folder / "facts" / prepared.spec.key, prepared.hosts)
        facts.write(session)
        environment = {**prepared.spec.environment, **facts.environment}
        prepared.facts, prepared.spec = facts, replace(prepared.spec, environment=environment)
    return prepared


def _with_play(controller: Controller, job: Job, prepared: Prepared, has_localhost: bool) -> Prepared:
    """The job of a bundle: a play that is written for it, in its own folder."""
    spec = prepared.spec
    home.private_folder(spec.folder)
    play = controller.services["bundles"].play_of(job, spec.folder, has_localhost)
    prepared.play = play
    prepared.spec = replace(
        spec,
        project=spec.folder,
        playbook=play.playbook,
        extra_arguments=play.arguments,
        secrets=(*spec.secrets, *play.secrets),
        extra_vars=about_only(spec.extra_vars),
        limit="",
    )
    return prepared


def about_only(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Of the variables those that say which job this is."""
    return {name: value for name, value in variables.items() if name.split("_")[0] in PREFIXES}


def about(session: Session, job: Job) -> dict[str, Any]:
    """The variables in which AWX tells a play which job it is."""
    found: dict[str, Any] = {"job_id": job.id, "job_launch_type": job.launch_type}
    node = job.unified_job_node if job.launch_type == "workflow" else None
    if node is not None:
        found.update(_about_workflow(node))
    user = session.get(User, job.created_by_id) if job.created_by_id is not None else None
    if user is not None:
        found.update(user_id=user.id, user_name=user.username, user_email=user.email)
        found.update(user_first_name=user.first_name, user_last_name=user.last_name)
    inventory = session.get(Inventory, job.inventory_id) if job.inventory_id is not None else None
    if inventory is not None:
        found.update(inventory_id=inventory.id, inventory_name=inventory.name)
    project = session.get(Project, job.project_id) if job.project_id is not None else None
    if project is not None:
        found.update(project_revision=project.scm_revision or "", project_scm_branch=project.scm_branch)
    if job.scm_branch:
        found["job_scm_branch"] = job.scm_branch
    if job.unified_job_template_id is not None:
        found.update(job_template_id=job.unified_job_template_id, job_template_name=job.name)
    if job.execution_node:
        found["execution_node"] = job.execution_node
    return {f"{prefix}_{name}": value for prefix in PREFIXES for name, value in found.items()}


def _about_workflow(node: WorkflowJobNode) -> dict[str, Any]:
    around = node.workflow_job
    return {
        "workflow_job_id": around.id,
        "workflow_job_name": around.name,
        "workflow_job_launch_type": around.launch_type,
    }
