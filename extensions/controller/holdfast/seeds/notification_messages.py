# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What notices say where a template says nothing else, for each kind and event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_JOB = "{{ job_friendly_name }} #{{ job.id }} '{{ job.name }}' {{ job.status }}: {{ url }}"
_JOB_AT_LENGTH = "{{ job_friendly_name }} #{{ job.id }} had status {{ job.status }}, view details at {{ url }}\n\n"
_DATA = "{{ job_metadata }}"
_NODE = 'The approval node "{{ approval_node_name }}"'
_ENDS = {
    "approved": "was approved. {{ workflow_url }}",
    "timed_out": "has timed out. {{ workflow_url }}",
    "denied": "was denied. {{ workflow_url }}",
}
_JOB_EVENTS = ("started", "success", "error")
_ONE_LINE = ("slack", "twilio", "mattermost", "rocketchat", "irc")
_DATA_ONLY = ("awssns", "webhook")
_WITH_DATA = ("pagerduty", "grafana")


def _approvals(subject: bool, body: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in ("running", *_ENDS):
        end = _ENDS.get(event)
        said = f"{_NODE} {end}" if end else f"{_NODE} needs review. This node can be viewed at: {{{{ workflow_url }}}}"
        if not subject:
            found[event] = {"body": json.dumps({"body": said})}
            continue
        longer = said if end else said.replace("This node", "This approval node")
        found[event] = {"message": said, "body": f"{longer}\n\n{_DATA}" if body else None}
    return found


def _messages(job: Mapping[str, Any], approvals: Mapping[str, Any]) -> dict[str, Any]:
    return {**{event: dict(job) for event in _JOB_EVENTS}, "workflow_approval": dict(approvals)}


DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "email": _messages({"message": _JOB, "body": _JOB_AT_LENGTH + _DATA}, _approvals(True, True)),
    **{kind: _messages({"message": _JOB, "body": None}, _approvals(True, False)) for kind in _ONE_LINE},
    **{kind: _messages({"message": _JOB, "body": _DATA}, _approvals(True, True)) for kind in _WITH_DATA},
    **{kind: _messages({"body": _DATA}, _approvals(False, True)) for kind in _DATA_ONLY},
}
"""Messages of each kind of notice, by event."""
