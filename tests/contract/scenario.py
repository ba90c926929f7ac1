# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened on the recorded server between the requests that were kept: the objects that they are about.

Ids are those of the recording. Each step stands before the recording with its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GOOD = {"who": "zed", "num": 3, "pw": "abcdef", "one": "a"}
GIT = "GIT"
"""Stands for the address of the git repository that the test makes."""


@dataclass(frozen=True)
class Step:
    """One request. ``learn`` is the recorded object that it makes; ``may_fail``: what it needs may be refused here."""

    method: str
    path: str
    body: Any = None
    learn: tuple[str, int] | None = None
    may_fail: bool = False


@dataclass(frozen=True)
class Until:
    """Wait until the object at ``path`` has one of these values in ``key``."""

    path: str
    key: str = "status"
    values: tuple[Any, ...] = ("successful", "failed", "error", "canceled")


@dataclass(frozen=True)
class Find:
    """Learn an object: the first of a list, waited for."""

    path: str
    learn: tuple[str, int] = field(default=("", 0))


def _post(path: str, body: Any, kind: str = "", number: int = 0, may_fail: bool = False) -> Step:
    return Step("POST", f"/api/v2/{path}/", body, (kind, number) if kind else None, may_fail)


def _launch(template: int, job: int, **body: Any) -> Step:
    return _post(f"job_templates/{template}/launch", body, "jobs", job)


def _job_template(name: str, number: int, **more: Any) -> Step:
    body = {"name": name, "inventory": 2, "project": 8, "playbook": "hello.yml", **more}
    return _post("job_templates", body, "job_templates", number)


def _node(workflow: int, identifier: str, number: int, **more: Any) -> Step:
    body = {"workflow_job_template": workflow, "identifier": identifier, **more}
    return _post("workflow_job_template_nodes", body, "workflow_job_template_nodes", number)


def _done(kind: str, number: int) -> Until:
    return Until(f"/api/v2/{kind}/{number}/")


CT_G = {
    "name": "CT G",
    "kind": "cloud",
    "inputs": {
        "fields": [
            {"id": "tok", "label": "Token", "type": "string", "secret": True},
            {"id": "url", "label": "URL", "type": "string"},
        ],
        "required": ["tok", "url"],
    },
    "injectors": {"env": {"TOK": "{{ tok }}"}},
}
SLOW = {
    "inventory": 2,
    "extra_vars": {"naptime": 60},
    "limit": "local1",
    "forks": 2,
    "verbosity": 1,
    "diff_mode": True,
    "job_tags": "all",
    "skip_tags": "none",
    "timeout": 300,
    "labels": [1],
    "instance_groups": [2],
    "execution_environment": 1,
}

BEFORE: Mapping[int, tuple[Step | Until | Find, ...]] = {
    115: (_post("organizations", {"name": "Org U"}, "organizations", 3),),
    117: (Step("PATCH", "/api/v2/organizations/2/", {"description": "d4"}),),
    135: (_post("credential_types", CT_G, "credential_types", 31),),
    142: (
        _post(
            "credentials",
            {"name": "Cust G", "organization": 2, "credential_type": 31, "inputs": {"tok": "t", "url": "http://x"}},
            "credentials",
            5,
        ),
    ),
    154: (
        _post(
            "projects",
            {"name": "Proj Git", "organization": 2, "scm_type": "git", "scm_url": GIT, "scm_branch": "main"},
            "projects",
            9,
        ),
        _done("projects", 9),
    ),
    158: (_done("project_updates", 2),),
    174: (_post("groups", {"name": "kid", "inventory": 2}, "groups", 2), _post("groups/1/children", {"id": 2})),
    190: (
        _post(
            "inventories",
            {"name": "Smart G", "organization": 2, "kind": "smart", "host_filter": "name=local1"},
            "inventories",
            3,
            may_fail=True,
        ),
        _post("constructed_inventories", {"name": "Constr G", "organization": 2}, "inventories", 4, may_fail=True),
    ),
    201: (_job_template("JT G", 11),),
    211: (Step("PATCH", "/api/v2/job_templates/11/", {"description": "z"}),),
    214: (_post("job_templates/11/labels", {"id": 1}),),
    217: (_post("job_templates/11/credentials", {"id": 5}),),
    219: (_post("job_templates/11/notification_templates_success", {"id": 1}),),
    251: (Until("/api/v2/jobs/3/", values=("running", "successful")),),
    259: (_launch(11, 4, extra_vars=GOOD),),
    268: (_launch(11, 5, extra_vars=GOOD),),
    282: (_launch(11, 6, extra_vars=GOOD),),
    288: (_launch(11, 7, extra_vars=GOOD),),
    313: (_done("jobs", 12),),
    339: (_post("jobs/12/relaunch", {}, "jobs", 13),),
    345: (_job_template("JT fail", 13, playbook="fail.yml"), _launch(13, 14), _done("jobs", 14)),
    348: (_post("jobs/14/relaunch", {"hosts": "failed"}, "jobs", 15), _done("jobs", 15), _done("jobs", 13)),
    358: (
        _launch(14, 16, inventory=2),
        _launch(14, 17, **SLOW),
        Until("/api/v2/jobs/17/", values=("running",)),
        Until("/api/v2/jobs/17/job_events/?event=playbook_on_task_start", "count", (1, 2, 3)),
        _done("jobs", 16),
    ),
    362: (_done("jobs", 17),),
    365: (_post("job_templates/13/credentials", {"id": 4}),),
    369: (_job_template("JT cb", 15, host_config_key="abc"),),
    376: (
        _post("job_templates/11/copy", {"name": "JT copy"}, "job_templates", 16),
        _job_template("JT slice", 17, job_slice_count=2),
        _post("job_templates/17/launch", {}, "jobs", 18),
        _post("workflow_job_templates", {"name": "WF G", "organization": 2}, "workflow_job_templates", 18),
    ),
    382: (_node(18, "n2", 2, unified_job_template=15), _node(18, "appr", 3)),
    408: (_post("workflow_job_template_nodes/7/success_nodes", {"id": 6}, may_fail=True),),
    427: (Until("/api/v2/workflow_jobs/21/", values=("running",)),),
    428: (Find("/api/v2/workflow_approvals/?status=pending", ("workflow_approvals", 23)),),
    436: (_post("workflow_approvals/23/approve", {}),),
    437: (_done("workflow_jobs", 21),),
    444: (Find("/api/v2/workflow_approvals/?status=pending", ("workflow_approvals", 28)),),
    447: (_done("workflow_jobs", 26),),
    452: (
        Find("/api/v2/workflow_approvals/?status=pending", ("workflow_approvals", 32)),
        _post("workflow_jobs/30/cancel", {}),
        _done("workflow_jobs", 30),
        _done("workflow_jobs", 18),
        _launch(15, 33),
        _post("jobs/33/cancel", {}),
        _done("jobs", 33),
    ),
    476: (
        _post("tokens", {"description": "t", "scope": "write"}, "tokens", 1),
        _post("users/1/personal_tokens", {"scope": "read"}, "tokens", 2),
        _post("tokens", {"scope": "read"}, "tokens", 3),
    ),
    596: (Find("/api/v2/activity_stream/?order_by=-id", ("activity_stream", 160)),),
    625: (Step("DELETE", "/api/v2/inventories/2/"),),
    705: (
        _post("hosts", {"name": "x1", "inventory": 5, "variables": "ansible_connection: local"}, "hosts", 9),
        _job_template("JT X", 25, inventory=5, allow_simultaneous=True),
    ),
    713: (_node(27, "a", 18, unified_job_template=25), _node(27, "b", 19, unified_job_template=25)),
    715: (_post("workflow_job_template_nodes/18/success_nodes", {"id": 19}),),
}
