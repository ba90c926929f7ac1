# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a template lets a launch decide: which values are taken, which are passed over, and what is missing.

One set of rules for launches, nodes of workflows, schedules and bulk launches, in AWX's words. Values that point to
objects are rows here, those that point to many are lists of rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holdfast.api.variables import parsed
from holdfast.db.models import (
    Host,
    Inventory,
    JobTemplate,
    SystemJobTemplate,
    UnifiedJobTemplate,
    WorkflowJobTemplate,
)
from holdfast.jobs import surveys

PROMPTS = "prompts"
REQUIRED = "required"
INVENTORY = "inventory"
_WORKFLOW_ASK = {
    "inventory": "ask_inventory_on_launch",
    "limit": "ask_limit_on_launch",
    "scm_branch": "ask_scm_branch_on_launch",
    "labels": "ask_labels_on_launch",
    "job_tags": "ask_tags_on_launch",
    "skip_tags": "ask_skip_tags_on_launch",
    "extra_vars": "ask_variables_on_launch",
}
ASK: Mapping[type[UnifiedJobTemplate], Mapping[str, str]] = {
    WorkflowJobTemplate: _WORKFLOW_ASK,
    JobTemplate: {
        **_WORKFLOW_ASK,
        "diff_mode": "ask_diff_mode_on_launch",
        "job_type": "ask_job_type_on_launch",
        "verbosity": "ask_verbosity_on_launch",
        "credentials": "ask_credential_on_launch",
        "execution_environment": "ask_execution_environment_on_launch",
        "forks": "ask_forks_on_launch",
        "job_slice_count": "ask_job_slice_count_on_launch",
        "timeout": "ask_timeout_on_launch",
        "instance_groups": "ask_instance_groups_on_launch",
    },
}
"""The prompts of each kind of template in AWX's order, and the field of the template that opens each."""
MANY = ("labels", "credentials", "instance_groups")
NOT_ASKED = "Field is not configured to prompt on launch."
NO_VARIABLES = (
    "Variables {names} are not allowed on launch. Check the Prompt on Launch setting on the {model} to include Extra "
    "Variables."
)
NONE_TAKEN = "Variables {names} provided, but this template cannot accept variables."
NOT_OF_SYSTEM_JOBS = "Variables {names} are not allowed for system jobs."
NO_DAYS = "days must be a positive integer."
_OF_SYSTEM_JOBS = ("days", "older_than", "granularity")
_CLEANS_BY_DAYS = ("cleanup_jobs", "cleanup_activitystream")
MISSING_RESOURCE = "Job Template {name} is missing or undefined."
NO_PROJECT = "Project is missing."
NO_OVERRIDE = "Project does not allow override of branch."
TOO_FEW_HOSTS = "Job inventory does not have enough hosts for slicing"
SAVED_PASSWORDS = "Saved launch configurations cannot provide passwords needed to start."


@dataclass
class Judged:
    """What becomes of the values given to a launch. ``errors`` by field, as clients are told."""

    accepted: dict[str, Any] = field(default_factory=dict)
    rejected: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)


def asks(template: Any) -> Mapping[str, str]:
    """The prompts that templates of this kind may have."""
    return ASK.get(type(template), {})


def judge(session: Session, template: Any, given: Mapping[str, Any], exclude: Collection[str] = ()) -> Judged:
    """Judge the values given to a launch of ``template``.

    ``exclude``: ``prompts`` passes over what the template does not ask for, instead of refusing it; ``required`` lets
    answers to required questions be left out; ``inventory`` lets the inventory be given later, where it is asked for.
    """
    judged = Judged()
    _variables(template, given.get("extra_vars") or {}, exclude, judged)
    for name, flag in asks(template).items():
        if name != "extra_vars" and given.get(name) is not None:
            _field(session, template, name, flag, given, exclude, judged)
    if isinstance(template, JobTemplate):
        _resources(template, exclude, judged)
    return judged


def _variables(template: Any, given: Mapping[str, Any], exclude: Collection[str], judged: Judged) -> None:
    """Sort the variables into answers, what else is taken, and what is not."""
    left = dict(given)
    if isinstance(template, SystemJobTemplate):
        _system_variables(template, left, judged)
        return
    if not asks(template):
        if left:
            judged.errors["extra_vars"] = [NONE_TAKEN.format(names=_names(left))]
            judged.rejected["extra_vars"] = left
        return
    accepted, rejected = _answers(template, left, exclude, judged)
    if template.ask_variables_on_launch:
        accepted.update(left)
        left = {}
    if left:
        own = parsed(template.extra_vars)
        left = {name: value for name, value in left.items() if name not in own or own[name] != value}
    if left and PROMPTS not in exclude:
        model = "Workflow Job Template" if isinstance(template, WorkflowJobTemplate) else "Job Template"
        judged.errors["extra_vars"] = [NO_VARIABLES.format(names=_names(left), model=model)]
    rejected.update(left)
    if accepted:
        judged.accepted["extra_vars"] = accepted
    if rejected:
        judged.rejected["extra_vars"] = rejected


def _system_variables(template: SystemJobTemplate, given: Mapping[str, Any], judged: Judged) -> None:
    """Housekeeping takes few variables: how old is old."""
    rejected = {name: value for name, value in given.items() if name not in _OF_SYSTEM_JOBS}
    errors = [NOT_OF_SYSTEM_JOBS.format(names=_names(rejected))] if rejected else []
    if template.system_job_type in _CLEANS_BY_DAYS and "days" in given and not _is_count(given["days"]):
        errors.append(NO_DAYS)
        rejected["days"] = given["days"]
    if errors:
        judged.errors["extra_vars"] = errors
        judged.rejected["extra_vars"] = rejected
    accepted = {name: value for name, value in given.items() if name not in rejected}
    if accepted:
        judged.accepted["extra_vars"] = accepted


def _is_count(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    try:
        return float(value) == int(value) and int(value) >= 0
    except (ValueError, OverflowError):
        return False


def _answers(
    template: Any, left: dict[str, Any], exclude: Collection[str], judged: Judged
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the answers of the survey out of the variables: those that are right, and those that are wrong."""
    accepted: dict[str, Any] = {}
    rejected: dict[str, Any] = {}
    if surveys.is_enabled(template):
        wrong = dict(surveys.check(template, left, require=REQUIRED not in exclude))
        for question in surveys.questions(template):
            variable = question["variable"]
            if variable in left:
                (rejected if variable in wrong else accepted)[variable] = left.pop(variable)
        if wrong:
            judged.errors["variables_needed_to_start"] = [text for messages in wrong.values() for text in messages]
    return accepted, rejected


def _names(values: Mapping[str, Any]) -> str:
    return ", ".join(str(name) for name in values)


def _field(
    session: Session, template: Any, name: str, flag: str, given: Mapping[str, Any], exclude: Collection[str],
    judged: Judged,
) -> None:  # fmt: skip
    """Judge one field that is not the variables."""
    new = _difference(template, name, given[name])
    if new is None or (name == "scm_branch" and _is_projects_branch(template, new)):
        return
    if not getattr(template, flag):
        judged.rejected[name] = new
        if PROMPTS not in exclude:
            judged.errors[name] = [NOT_ASKED]
        return
    problem = _problem(session, template, name, new, given)
    if problem:
        judged.rejected[name] = new
        judged.errors[name] = [problem]
    else:
        judged.accepted[name] = new


def _difference(template: Any, name: str, given: Any) -> Any:
    """What is given beyond what the template has anyway; None for nothing."""
    old = getattr(template, name)
    if name == "credentials":
        held = {credential.id for credential in old}
        return [credential for credential in given if credential.id not in held] or None
    if name == "labels":
        return None if {one.id for one in given} == {one.id for one in old} else list(given)
    return None if given == old else given


def _is_projects_branch(template: Any, branch: str) -> bool:
    """A template without a branch of its own runs the project's: to ask for that is to ask for nothing."""
    project = getattr(template, "project", None)
    return bool(template.scm_branch == "" and project is not None and branch == project.scm_branch)


def _problem(session: Session, template: Any, name: str, new: Any, given: Mapping[str, Any]) -> str:
    """Why a value cannot be taken though the template asks for it."""
    if name == "scm_branch" and isinstance(template, JobTemplate):
        if template.project is None:
            return NO_PROJECT
        return "" if template.project.allow_override else NO_OVERRIDE
    if name == "job_slice_count" and new > 1 and slices(session, template, given) <= 1:
        return TOO_FEW_HOSTS
    return ""


def slices(session: Session, template: JobTemplate, given: Mapping[str, Any]) -> int:
    """Into how many jobs a launch is cut: no more than there are hosts."""
    inventory: Inventory | None = template.inventory
    if template.ask_inventory_on_launch and given.get("inventory") is not None:
        inventory = given["inventory"]
    wanted = template.job_slice_count or 1
    if template.ask_job_slice_count_on_launch and given.get("job_slice_count") is not None:
        wanted = int(given["job_slice_count"])
    if inventory is None or wanted <= 1:
        return wanted
    return parts(session, inventory.id, wanted)


def parts(session: Session, inventory_id: int | None, wanted: int) -> int:
    """How many parts there are of those wanted: none without a host."""
    count = session.scalar(select(func.count(Host.id)).where(Host.inventory_id == inventory_id))
    return min(wanted, count or 0)


def _resources(template: JobTemplate, exclude: Collection[str], judged: Judged) -> None:
    """A job needs a project and an inventory."""
    later = {INVENTORY} if INVENTORY in exclude and template.ask_inventory_on_launch else set()
    missing = [
        MISSING_RESOURCE.format(name=name)
        for name in ("project", "inventory")
        if getattr(template, f"{name}_id") is None and name not in judged.accepted and name not in later
    ]
    if missing:
        judged.errors["resources_needed_to_start"] = missing
