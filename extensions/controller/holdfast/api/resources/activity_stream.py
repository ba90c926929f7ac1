# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The activity stream as clients read it: each entry with links to what it is about, as long as that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from holdfast.api.call import Call
from holdfast.api.registry import Field, Registry, Resource
from holdfast.api.render import summarize
from holdfast.auth import policies
from holdfast.db.models import ActivityStream, Role, User

OPERATIONS = (
    ("create", "Entity Created"),
    ("update", "Entity Updated"),
    ("delete", "Entity Deleted"),
    ("associate", "Entity Associated with another Entity"),
    ("disassociate", "Entity was Disassociated with another Entity"),
)
_PARENTS: Mapping[str, tuple[str, str]] = {
    "job": ("job_template", "unified_job_template"),
    "workflow_job": ("workflow_job_template", "unified_job_template"),
    "workflow_job_template_node": ("workflow_job_template", "workflow_job_template"),
}
"""Types whose entries are summarized with what they come from: under which key, and which attribute has it."""
_MORE: Mapping[str, str] = {"label": "organization_id", "group": "inventory_id"}
"""What summaries here have beyond those elsewhere."""


def _about(row: ActivityStream) -> Iterator[tuple[str, int]]:
    for kind, key in ((row.object1, row.object1_id), (row.object2, row.object2_id)):
        if kind and key is not None:
            yield kind, key
    role = (row.summary or {}).get("role")
    if role and row.object2 != "role":
        yield "role", role["id"]


def _objects(call: Call, rows: Sequence[ActivityStream]) -> dict[tuple[str, int], Any]:
    """What the entries are about and the user may see; few queries for many of them."""
    registry = call.controller.registry
    wanted: dict[str, set[int]] = {}
    for row in rows:
        for kind, key in _about(row):
            if registry.knows_type(kind):
                wanted.setdefault(kind, set()).add(key)
    found: dict[tuple[str, int], Any] = {}
    for kind, keys in wanted.items():
        resource = registry.of_type(kind)
        visible = resource.access.visible(call)
        query = select(resource.model.id).where(resource.model.id.in_(keys))
        seen = keys if visible is None else call.session.scalars(query.where(visible)).all()
        for key, target in call.fetch(resource.model, seen).items():
            found[(kind, key)] = target
    return found


def _finish(call: Call, rows: Sequence[ActivityStream], shown: Sequence[dict[str, Any]]) -> None:
    """Link and summarize what the entries are about, and who did it."""
    registry = call.controller.registry
    targets = _objects(call, rows)
    actors = call.fetch(User, [row.actor_id for row in rows])
    parents = {key: _parent(key[0], target) for key, target in targets.items()}
    everything = [*targets.values(), *(one for one in parents.values() if one is not None)]
    summaries = summarize(call, [one for one in everything if not isinstance(one, Role)])
    for row, one in zip(rows, shown, strict=True):
        related: dict[str, Any] = {}
        summary: dict[str, Any] = {}
        if row.actor_id in actors:
            related["actor"] = call.url("users", row.actor_id)
        for kind, key in _about(row):
            target = targets.get((kind, key))
            if target is None:
                continue
            related.setdefault(kind, []).append(call.url(registry.of_type(kind).name, key))
            summary.setdefault(kind, []).append(_summary(kind, target, summaries))
            parent = parents[(kind, key)]
            if parent is not None:
                summary[_PARENTS[kind][0]] = [summaries.get(id(parent), {})]
        one["related"], one["summary_fields"] = related, {**summary, **_actor(row, actors)}


def _parent(kind: str, target: Any) -> Any:
    return getattr(target, _PARENTS[kind][1], None) if kind in _PARENTS else None


def _summary(kind: str, target: Any, summaries: Mapping[int, Any]) -> dict[str, Any]:
    if isinstance(target, Role):
        return {"id": target.id, "role_field": target.role_field}
    found = dict(summaries.get(id(target)) or {"id": target.id})
    found.pop("type", None)
    if kind in _MORE:
        found[_MORE[kind]] = getattr(target, _MORE[kind])
    return found


def _actor(row: ActivityStream, actors: Mapping[int, User]) -> dict[str, Any]:
    user = actors.get(row.actor_id or 0)
    if user is not None:
        names = ("id", "username", "first_name", "last_name")
        return {"actor": {name: getattr(user, name) for name in names}}
    return {"actor": {**row.deleted_actor, "id": None}} if row.deleted_actor else {}


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="activity_stream",
            type="activity_stream",
            model=ActivityStream,
            title="Activity Stream",
            related_search=False,
            fields=(
                Field("timestamp", "datetime", read_only=True),
                Field("operation", "choice", read_only=True, choices=OPERATIONS),
                Field("changes", "json", read_only=True),
                Field("object1", read_only=True),
                Field("object2", read_only=True),
                Field("object_association", "field", read_only=True, filterable=False),
                Field("action_node", read_only=True),
                Field("object_type", "field", read_only=True, filterable=False),
            ),
            access=policies.ActivityStream(),
            finish=_finish,
            list_methods=("GET",),
            detail_methods=("GET",),
            search_fields=("changes",),
            activity=False,
        )
    )
