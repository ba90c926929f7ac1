# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the events of ansible-runner to the rows of a job's events, and what is kept of them when the job has ended."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask

from holdfast.jobs import event_text

MAX_EVENT_RES = 700_000
"""Characters of a task's result; the callback plugin leaves out a longer one."""
_LONGEST_NAME = 1024
_NAMES = ("playbook", "play", "role", "task")
_JOINED = frozenset(
    {"host", "remote_addr", "uuid", "playbook_uuid", "play_uuid", "task_uuid", "start", "end", "duration",
     "task_action", "resolved_action", "is_conditional", "ignore_errors", *event_text.COUNTS}
)  # fmt: skip
"""What clients join events and hosts by. It holds no secret, and a short secret must not make it unreadable."""


class EventRows:
    """Makes rows of events and keeps their sum: statistics, artifacts, counts, and whose children failed or changed."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._guid = uuid.uuid4().hex
        self.emitted = 0
        self.play_count = 0
        self.task_count = 0
        self.stats: Mapping[str, Any] = {}
        self.artifacts: dict[str, Any] = {}
        self._parents: dict[str, set[str]] = {"failed": set(), "changed": set()}

    def row(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The row of one event, without secrets."""
        kind = str(event.get("event") or "verbose")
        given = event.get("event_data") or {}
        data = self._event_data(kind, given)
        names = {name: _writable(data.get(name)) for name in _NAMES}
        found = event_text.verdict(kind, data)
        parent = str(event.get("parent_uuid") or "")
        self._count(kind, parent, found)
        return {
            "event": kind,
            "counter": event["counter"],
            "event_data": data,
            "stdout": _as_on_a_terminal(self._mask.text(str(event.get("stdout") or ""))),
            "start_line": event["start_line"],
            "end_line": event["end_line"],
            "verbosity": int(event.get("verbosity") or 0),
            "uuid": str(event.get("uuid") or ""),
            "parent_uuid": parent,
            "host_name": _writable(given.get("host")),
            **names,
            "failed": found.failed,
            "changed": found.changed,
            "created": _moment(event.get("created")),
        }

    def _event_data(self, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
        if not given:
            return {}
        apply = self._mask.apply
        data = {name: value if name in _JOINED else apply(value) for name, value in given.items()}
        for name in _NAMES:
            text = data.get(name)
            if isinstance(text, str) and len(text) > _LONGEST_NAME:
                data[name] = text[: _LONGEST_NAME - 1] + "…"
        if kind == event_text.STATS:
            self.stats = data
            self.artifacts = dict(data.get("artifact_data") or {})
        data["guid"] = self._guid
        return data

    def _count(self, kind: str, parent: str, found: event_text.Verdict) -> None:
        self.emitted += 1
        self.play_count += kind == "playbook_on_play_start"
        self.task_count += kind == "playbook_on_task_start"
        if not parent or kind == event_text.STATS:
            return
        if found.failed:
            self._parents["failed"].add(parent)
        if found.changed:
            self._parents["changed"].add(parent)

    @property
    def failed_parents(self) -> frozenset[str]:
        """The uuids of events to be marked failed at the end, because of what stands below them."""
        return frozenset(self._parents["failed"] if self.stats else ())

    @property
    def changed_parents(self) -> frozenset[str]:
        """The uuids of events to be marked changed at the end, because of what stands below them."""
        return frozenset(self._parents["changed"] if self.stats else ())


def _writable(value: Any) -> str:
    """A name as text that every database takes."""
    text = str(value or "").strip()
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _as_on_a_terminal(text: str) -> str:
    """Lines end as a terminal ends them: AWX runs plays in one, and its pages split events at ``\\r\\n``.

    PostgreSQL takes no NUL in text.
    """
    return text.replace("\n", "\r\n").replace("\0", "") if "\n" in text or "\0" in text else text


def _moment(text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.now(timezone.utc)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
