# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``job_events/children_summary``: how many events stand below each one, by which clients fold a job's output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from holdfast.api.call import Call, Reply
from holdfast.api.registry import Action
from holdfast.db.models import Job, JobEvent
from holdfast.jobs.event_text import event_level

META = frozenset({"debug", "verbose", "warning", "error", "system_warning", "deprecated"})
"""Events that stand in no tree: what Ansible says beside its plays."""
LEVELS = 4


def _show(call: Call, row: Job) -> Reply:
    body: dict[str, Any] = {
        "children_summary": {},
        "meta_event_nested_uuid": {},
        "event_processing_finished": bool(row.event_processing_finished),
        "is_tree": True,
    }
    if row.event_processing_finished:
        columns = select(JobEvent.counter, JobEvent.uuid, JobEvent.parent_uuid, JobEvent.event)
        with call.controller.database.events() as session:
            events = session.execute(columns.where(JobEvent.job_id == row.id).order_by(JobEvent.counter)).all()
        body.update(summary(events))
    return Reply(body=body)


def summary(events: Sequence[Any]) -> dict[str, Any]:
    """The tree of a job's events, told as clients want it; only that there is none where they do not stand in order."""
    if not is_tree(events):
        return {"is_tree": False}
    counter_of = {event.uuid: event.counter for event in events}
    parent_of = {event.uuid: event.parent_uuid for event in events}
    adopted = adopt(events)
    rows = {event.counter: number for number, event in enumerate(events)}
    children: dict[int, int] = {}
    for event in events:
        parent = adopted.get(event.counter) or event.parent_uuid if event.uuid else ""
        while parent in counter_of:
            children[counter_of[parent]] = children.get(counter_of[parent], 0) + 1
            parent = parent_of.get(parent, "")
    return {
        "children_summary": {
            counter: {"rowNumber": rows[counter], "numChildren": number} for counter, number in sorted(children.items())
        },
        "meta_event_nested_uuid": adopted,
        "is_tree": True,
    }


def is_tree(events: Sequence[Any]) -> bool:
    """Whether each event follows its parent with nothing of another branch between; not so with the free strategy."""
    current = [""] * LEVELS
    for event in events:
        if not event.uuid:
            continue
        if event.event not in META:
            level = event_level(event.event)
            current[level:] = [event.uuid] + [""] * (LEVELS - level - 1)
        if event.parent_uuid and event.parent_uuid not in current:
            return False
    return True


def adopt(events: Sequence[Any]) -> dict[int, str]:
    """For events without a parent of their own the one they are shown under: that of the deeper of their neighbours."""
    found: dict[int, str] = {}
    for event, before, after in zip(events, _before(events), _after(events), strict=True):
        if event.event in META and event.uuid:
            deeper = event_level(after.event) > event_level(before.event)
            parent = (after if deeper else before).parent_uuid
            if parent:
                found[event.counter] = parent
    return found


def _before(events: Sequence[Any]) -> list[Any]:
    """For each event itself or the last one before it that stands in the tree."""
    found, last = [], events[0] if events else None
    for event in events:
        last = event if event.event not in META else last
        found.append(last)
    return found


def _after(events: Sequence[Any]) -> list[Any]:
    """For each event itself or the next one after it that stands in the tree."""
    found, following = [], events[-1] if events else None
    for event in reversed(events):
        following = event if event.event not in META else following
        found.append(following)
    return found[::-1]


CHILDREN_SUMMARY = Action({"GET": _show}, title="Job Job Events Children Summary")
