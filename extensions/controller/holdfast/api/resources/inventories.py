# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from sqlalchemy import ColumnElement, ScalarSelect, Select, bindparam, func, select

from holdfast import inventory_data
from holdfast.api import host_filter, views
from holdfast.api.call import Call, Reply
from holdfast.api.errors import ApiError, Conflict, Invalid, NotAllowed, NotFound
from holdfast.api.registry import Action, Field, Hooks, Registry, Related, Resource, SubList, Summary
from holdfast.api.render import render
from holdfast.api.resources import labels, variable_data
from holdfast.api.resources.common import (
    AUTHORS,
    AUTHORS_SUMMARY,
    NAMED,
    ORGANIZATION_LINK,
    below,
)
from holdfast.api.resources.in_use import refuse_if_running
from holdfast.api.variables import parsed
from holdfast.auth import policies
from holdfast.db.models import AdHocCommand, Group, Host, Inventory, InventorySource, JobTemplate, UnifiedJob
from holdfast.db.models.links import group_children

KINDS = (
    ("", "Hosts are put into the inventory itself."),
    ("smart", "Hosts of other inventories that match host_filter."),
    ("constructed", "Hosts of the input inventories, grouped by the constructed plugin."),
)
COUNTS = (
    "has_active_failures",
    "total_hosts",
    "hosts_with_active_failures",
    "total_groups",
    "has_inventory_sources",
    "total_inventory_sources",
    "inventory_sources_with_failures",
)
_NOT_UPDATED = "Could not start because `can_update` returned False"
_SLICE = re.compile(r"slice(\d{1,6})of(\d{1,6})")


def _counts(call: Call, row: Inventory) -> Mapping[str, Any]:
    """The counts of one inventory, made for every inventory that the session holds at once."""
    found: dict[int, Mapping[str, Any]] = call.cache.setdefault("inventory_counts", {})
    if row.id not in found:
        held = [one.id for one in call.session.identity_map.values() if isinstance(one, Inventory)]
        found.update(count(call, held))
    return found[row.id]


def count(call: Call, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """Hosts, groups, sources and failures of these inventories."""
    return {
        one: {
            "has_active_failures": failed > 0,
            "total_hosts": hosts,
            "hosts_with_active_failures": failed,
            "total_groups": groups,
            "has_inventory_sources": sources > 0,
            "total_inventory_sources": sources,
            "inventory_sources_with_failures": 0,
        }
        for one, hosts, failed, groups, sources in call.session.execute(_count_query(), {"ids": ids})
    }


@functools.cache
def _count_query() -> Select[int, int, int, int, int]:
    """Put together once: every summary of an inventory asks it."""
    return select(
        Inventory.id,
        _how_many(Host),
        _how_many(Host, Host.last_job_failed.is_(True)),
        _how_many(Group),
        _how_many(InventorySource),
    ).where(Inventory.id.in_(bindparam("ids", expanding=True)))


def _how_many(model: type[Host | Group | InventorySource], *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return (
        select(func.count(model.id))
        .where(model.inventory_id == Inventory.id, *conditions)
        .correlate(Inventory)
        .scalar_subquery()
    )


def _counted(name: str) -> Field:
    kind = "boolean" if name.startswith("has_") else "integer"
    return Field(name, kind, read_only=True, value=lambda call, row: _counts(call, row)[name])


def summarize(_call: Call, rows: Sequence[Inventory]) -> Mapping[int, Any]:
    """What others' summaries show of inventories."""
    return {
        row.id: {
            "id": row.id,
            "name": row.name,
            "description": row.description,
            **_counts(_call, row),
            "organization_id": row.organization_id,
            "kind": row.kind,
        }
        for row in rows
    }


def _validate(call: Call, data: dict[str, Any], row: Inventory | None) -> None:
    kind = call.data.get("kind")
    if row is not None and kind and kind != row.kind:
        text = 'You cannot turn a regular inventory into a "smart" or "constructed" inventory.'
        raise NotAllowed(body={"error": text})
    kept = {"kind": row.kind, "host_filter": row.host_filter} if row is not None else {}
    now = {**kept, **data}
    if now.get("kind") == "smart" and not now.get("host_filter"):
        raise Invalid({"host_filter": ["Smart inventories must specify host_filter"]})
    if data.get("host_filter"):
        _check_filter(call, data["host_filter"])


def _check_filter(call: Call, text: str) -> None:
    try:
        host_filter.checked(call, call.controller.registry.resources["hosts"], text)
    except ApiError as error:
        raise Invalid({"host_filter": [str(error)]}) from None


def _deleting(call: Call, row: Inventory) -> Reply | None:
    refuse_if_running(call, UnifiedJob.inventory_id == row.id)
    if row.pending_deletion:
        raise Conflict({"error": "Inventory is already pending deletion."}, status=400)
    for source in call.session.scalars(_inventory_sources(call, row)):
        views.delete_row(call, call.controller.registry.resources["inventory_sources"], source)
    return None


def _script(call: Call, row: Inventory) -> Reply:
    """GET script: the inventory as an inventory script prints it, or the variables of one ``host``."""
    show_all = bool(call.get("all"))
    name = call.get("host")
    part = _part(call.get("subset"))
    if name:
        query = select(Host).where(Host.inventory_id == row.id, Host.name == name)
        host = call.session.scalar(query if show_all else query.where(Host.enabled.is_(True)))
        if host is None:
            raise NotFound("Host")
        return Reply(body=parsed(host.variables))
    flags = {flag: bool(call.get(flag)) for flag in ("hostvars", "towervars")}
    try:
        return Reply(body=inventory_data.script(call.session, row, **flags, show_all=show_all, part=part))
    except HoldfastError as error:
        raise Invalid(str(error)) from None


def _part(text: str) -> tuple[int, int]:
    """The part of an inventory that ``sliceNofM`` names."""
    if not text:
        return 1, 1
    if not text.startswith("slice"):
        raise Invalid("Subset does not use any supported syntax.")
    found = _SLICE.match(text)
    if found is None:
        raise Invalid("Could not parse subset as slice specification.")
    number, of = int(found[1]), int(found[2])
    if number > of:
        raise Invalid("Slice number must be less than total number of slices.")
    if number < 1:
        raise Invalid("Slice number must be 1 or higher.")
    return number, of


def _tree(call: Call, row: Inventory) -> Reply:
    """GET tree: groups within groups, each as its detail shows it."""
    groups = list(call.session.scalars(select(Group).where(Group.inventory_id == row.id).order_by(Group.name)))
    shown = {group.id: data for group, data in zip(groups, render(call, groups), strict=True)}
    children = inventory_data.child_map(call.session, row.id)
    nested = {one for held in children.values() for one in held}
    order = {group.id: place for place, group in enumerate(groups)}
    for group_id, data in shown.items():
        held = sorted((one for one in children.get(group_id, ()) if one in order), key=order.__getitem__)
        data["children"] = [shown[one] for one in held]
    return Reply(body=[shown[group.id] for group in groups if group.id not in nested])


def _root_groups(_call: Call, row: Inventory) -> Select[Any]:
    inner = select(group_children.c.right_id).join(Group, Group.id == group_children.c.left_id)
    return select(Group).where(Group.inventory_id == row.id, Group.id.not_in(inner.where(Group.inventory_id == row.id)))


def same_inventory(inventory_id: int, child: Any) -> None:
    """Raise Invalid when a host or group is not of this inventory."""
    if child.inventory_id != inventory_id:
        raise Invalid("Cannot associate two items from different inventories.")


def _stays(_call: Call, parent: Inventory, child: Any, _data: dict[str, Any]) -> bool:
    """What is of the inventory may be associated with it again; nothing moves from one to another."""
    same_inventory(parent.id, child)
    return True


def _input(_call: Call, _row: Inventory, child: Inventory, _data: dict[str, Any]) -> None:
    if child.kind == "constructed":
        raise Invalid({"error": "You cannot add a constructed inventory to another constructed inventory."})


def _may_update_sources(call: Call, row: Inventory) -> Reply:
    return Reply(body=[{"inventory_source": one, "can_update": False} for one in _source_ids(call, row)])


def _update_sources(call: Call, row: Inventory) -> Reply:
    found = _source_ids(call, row)
    if not found:
        raise Invalid("No inventory sources to update.")
    return Reply(400, [{"inventory_source": one, "status": _NOT_UPDATED} for one in found])


def _source_ids(call: Call, row: Inventory) -> list[int]:
    mine = select(InventorySource.id).where(InventorySource.inventory_id == row.id).order_by(InventorySource.id)
    return list(call.session.scalars(mine))


def _ad_hoc_commands(_call: Call, row: Inventory) -> Select[Any]:
    return select(AdHocCommand).where(AdHocCommand.inventory_id == row.id)


def _inventory_sources(_call: Call, row: Inventory) -> Select[Any]:
    return select(InventorySource).where(InventorySource.inventory_id == row.id)


def _job_templates(_call: Call, row: Inventory) -> Select[Any]:
    return select(JobTemplate).where(JobTemplate.inventory_id == row.id)


def _copied(call: Call, old: Inventory, new: Inventory) -> None:
    """A copy gets hosts and groups of its own, put together as those of the old one are."""
    session = call.session
    hosts = {one.id: _twin(Host, one, new, ("enabled", "instance_id")) for one in old.hosts}
    groups = {one.id: _twin(Group, one, new, ()) for one in old.groups}
    session.add_all([*hosts.values(), *groups.values()])
    session.flush()
    for group in old.groups:
        groups[group.id].hosts = [hosts[one.id] for one in group.hosts if one.id in hosts]
        groups[group.id].children = [groups[one.id] for one in group.children if one.id in groups]
    session.flush()


def _twin(model: type[Any], old: Any, inventory: Inventory, more: Sequence[str]) -> Any:
    names = ("name", "description", "variables", "created_by_id", "modified_by_id", *more)
    return model(inventory_id=inventory.id, **{name: getattr(old, name) for name in names})


def _when_groups(row: Inventory) -> bool:
    return row.kind in ("", "constructed")


def _is_constructed(row: Inventory) -> bool:
    return row.kind == "constructed"


_GROUP_LINKS = tuple(
    Related(name, name, when=_when_groups)
    for name in ("groups", "root_groups", "update_inventory_sources", "inventory_sources", "tree")
)


FIELDS: tuple[Field, ...] = (
    *NAMED,
    Field("organization", "id", to="organizations", required=True),
    Field("kind", "choice", choices=KINDS, default=""),
    Field("host_filter", null=True, default=None),
    variable_data.VARIABLES,
    *(_counted(name) for name in COUNTS),
    Field("pending_deletion", "boolean", read_only=True),
    Field("prevent_instance_group_fallback", "boolean", default=False),
)
RELATED: tuple[Related, ...] = (
    *AUTHORS,
    *below("hosts", "variable_data", "script", "activity_stream", "job_templates", "ad_hoc_commands"),
    *below("access_list", "object_roles", "instance_groups", "copy", "labels"),
    *_GROUP_LINKS,
    ORGANIZATION_LINK,
    Related("input_inventories", "input_inventories", when=_is_constructed),
    Related("constructed_url", to=lambda row: ("constructed_inventories", row.id) if _is_constructed(row) else None),
)
SUMMARY = (Summary("organization"), *AUTHORS_SUMMARY, Summary("labels", batch=labels.summary))


_HELD = SubList("hosts", parent_field="inventory", attach=True, create=True, detach_deletes=True, on_attach=_stays)
_GROUPS = replace(_HELD, resource="groups")


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="inventories",
            type="inventory",
            model=Inventory,
            title="Inventory",
            fields=FIELDS,
            related=RELATED,
            summary=SUMMARY,
            summarize=summarize,
            sublists={
                "hosts": _HELD,
                "groups": _GROUPS,
                "root_groups": replace(_GROUPS, query=_root_groups),
                "job_templates": SubList("job_templates", query=_job_templates),
                "instance_groups": SubList("instance_groups", relation="instance_groups", attach=True, ordered=True),
                "labels": labels.sublist("inventory"),
                "input_inventories": SubList(
                    "inventories",
                    relation="input_inventories",
                    attach=True,
                    create=True,
                    ordered=True,
                    on_attach=_input,
                ),
                "ad_hoc_commands": SubList("ad_hoc_commands", query=_ad_hoc_commands),
                "inventory_sources": SubList(
                    "inventory_sources", query=_inventory_sources, parent_field="inventory", create=True
                ),
            },
            actions={
                "variable_data": variable_data.action("Inventory"),
                "script": Action({"GET": _script}, title="Inventory Script"),
                "tree": Action({"GET": _tree}, title="Inventory Tree"),
                "update_inventory_sources": Action(
                    {"GET": _may_update_sources, "POST": _update_sources}, title="Inventory Sources Update"
                ),
            },
            access=policies.Inventories(),
            hooks=Hooks(validate=_validate, deleting=_deleting, copied=_copied),
            unique=(("name", "organization"),),
            named_url=("name", "organization"),
            order_by=("name",),
            object_roles=True,
            copy=("instance_groups", "labels"),
            delete_status=202,
        )
    )
