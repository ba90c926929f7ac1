# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the ids of the recorded server to those of ours, learnt from the objects that the scenario makes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TEMPLATES = (
    *("job_templates", "projects", "workflow_job_templates", "workflow_approval_templates"),
    *("system_job_templates", "inventory_sources"),
)
_JOBS = ("jobs", "workflow_jobs", "project_updates", "workflow_approvals", "ad_hoc_commands")
#: resources whose objects share their ids with others
SPACES = {
    **dict.fromkeys(_TEMPLATES, "template"),
    **dict.fromkeys(_JOBS, "job"),
    "children": "groups",
    "success_nodes": "workflow_job_template_nodes",
    "failure_nodes": "workflow_job_template_nodes",
    "always_nodes": "workflow_job_template_nodes",
    "notification_templates_success": "notification_templates",
}
_FIELDS = {
    "organization": "organizations",
    "inventory": "inventories",
    "project": "template",
    "unified_job_template": "template",
    "workflow_job_template": "template",
    "credential": "credentials",
    "credentials": "credentials",
    "credential_type": "credential_types",
    "labels": "labels",
    "instance_groups": "instance_groups",
    "execution_environment": "execution_environments",
}
#: what no object has, on either server
NOWHERE = 900_000


class Ids:
    """The ids learnt so far, by space."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], int] = {}

    def learn(self, kind: str, recorded: int, ours: int) -> None:
        """An object of the recording is this one of ours; what was learnt first stays."""
        self._known.setdefault((SPACES.get(kind, kind), recorded), ours)

    def ours(self, kind: str, recorded: int) -> int:
        """Our id of a recorded object; one that is not there, for one that nothing is known of."""
        if recorded > 9000:
            return recorded
        return self._known.get((SPACES.get(kind, kind), recorded), NOWHERE + recorded)

    def path(self, path: str) -> str:
        """A recorded address with our ids."""
        place, mark, query = path.partition("?")
        place = re.sub(r"/(\w+)/(\d+)(?=/)", lambda match: f"/{match[1]}/{self.ours(match[1], int(match[2]))}", place)
        kind = place.strip("/").split("/")[-1]
        query = re.sub(r"(^|&)(id\w*)=(\d+)", lambda m: f"{m[1]}{m[2]}={self.ours(kind, int(m[3]))}", query)
        return place + mark + query

    def body(self, path: str, body: Any) -> Any:
        """A recorded body with our ids. ``path`` says what an ``id`` in it is of."""
        if isinstance(body, Mapping):
            kind = path.partition("?")[0].strip("/").split("/")[-1]
            return {
                key: self._value(SPACES.get(kind, kind) if key == "id" else "", key, one) for key, one in body.items()
            }
        return body

    def _value(self, kind: str, key: str, value: Any) -> Any:
        kind = kind or _FIELDS.get(key, "")
        if key == "jobs" and isinstance(value, list):
            return [self.body("", one) for one in value]
        if not kind:
            return value
        change: Callable[[Any], Any] = lambda one: self.ours(kind, one) if _is_id(one) else one  # noqa: E731
        return [change(one) for one in value] if isinstance(value, list) else change(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
