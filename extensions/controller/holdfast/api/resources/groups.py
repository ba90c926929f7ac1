# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of hosts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, delete, select

from holdfast import inventory_data
from holdfast.api import activity
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Invalid
from holdfast.api.registry import Field, Hooks, Registry, Resource, SubList, Summary, plain
from holdfast.api.resources import variable_data
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, DESCRIPTION, NAME, STAMPS, below
from holdfast.api.resources.empty import never
from holdfast.api.resources.hosts import INVENTORY, INVENTORY_LINK, inventory_of
from holdfast.api.resources.in_use import refuse_if_running
from holdfast.api.resources.inventories import same_inventory
from holdfast.auth import policies
from holdfast.db.models import Group, Host, JobEvent, JobHostSummary, UnifiedJob
from holdfast.db.models.links import host_groups

RESERVED = ("all", "_meta")
_NO_VARIABLES = ("", "{}", "---")


def _name(_call: Call, text: str) -> str:
    if text in RESERVED:
        raise ValueError("Invalid group name.")
    return text


def _validate(call: Call, data: dict[str, Any], row: Group | None) -> None:
    inventory_id = row.inventory_id if row is not None else data.get("inventory_id")
    if row is None:
        inventory_of(call, inventory_id, "Group")
    name = data.get("name", row.name if row is not None else "")
    if call.session.scalar(select(Host.id).where(Host.inventory_id == inventory_id, Host.name == name)):
        raise Invalid({"__all__": ["A Host with that name already exists."]})


def _children(call: Call, row: Group) -> dict[int, set[int]]:
    return inventory_data.child_map(call.session, row.inventory_id)


def _below(call: Call, row: Group) -> set[int]:
    """The groups within this one, however deep."""
    return inventory_data.reachable(_children(call, row), [row.id])


def _above(call: Call, row: Group) -> set[int]:
    """The groups that this one is within."""
    return inventory_data.reachable(inventory_data.parent_map(_children(call, row)), [row.id])


def _child(call: Call, parent: Group, child: Group, _data: dict[str, Any]) -> None:
    """Refuse a child that would close a circle, or that is of another inventory."""
    same_inventory(parent.inventory_id, child)
    if ({parent.id} | _above(call, parent)) & ({child.id} | _below(call, child)):
        raise Invalid({"error": "Cyclical Group association."})


def _host(_call: Call, parent: Group, host: Host, _data: dict[str, Any]) -> None:
    same_inventory(parent.inventory_id, host)


def _new_child(_call: Call, parent: Group, data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "inventory": parent.inventory_id}


def _new_host(call: Call, parent: Group, data: dict[str, Any]) -> dict[str, Any]:
    """A host that is made here is of the same inventory; one that is there already, and named only, is associated."""
    data = {**data, "inventory": parent.inventory_id}
    if "id" not in data and isinstance(data.get("name"), str) and data.get("variables", "") in _NO_VARIABLES:
        known = call.session.scalar(
            select(Host.id).where(Host.inventory_id == parent.inventory_id, Host.name == data["name"])
        )
        if known is not None:
            data["id"] = known
    return data


def _potential_children(call: Call, row: Group) -> Select[Any]:
    taken = {row.id} | _above(call, row) | _below(call, row)
    return select(Group).where(Group.inventory_id == row.inventory_id, Group.id.not_in(taken))


def _all_hosts(call: Call, row: Group) -> Select[Any]:
    held = {row.id} | _below(call, row)
    return select(Host).where(Host.id.in_(select(host_groups.c.right_id).where(host_groups.c.left_id.in_(held))))


def _job_summaries(_call: Call, row: Group) -> Select[Any]:
    hosts = select(host_groups.c.right_id).where(host_groups.c.left_id == row.id)
    return select(JobHostSummary).where(JobHostSummary.host_id.in_(hosts))


def _job_events(call: Call, row: Group) -> Select[Any]:
    """The events about hosts of the group; they lie in another database, so the hosts are named one by one."""
    hosts = call.session.scalars(select(host_groups.c.right_id).where(host_groups.c.left_id == row.id))
    return select(JobEvent).where(JobEvent.host_id.in_(list(hosts)))


def _deleting(call: Call, row: Group) -> Reply:
    """Delete a group with the groups and hosts that only it held."""
    refuse_if_running(call, UnifiedJob.inventory_id == row.inventory_id)
    resource = call.controller.registry.of_row(row)
    activity.deleted(call, resource, row)
    groups = _only_within(_children(call, row), row.id)
    held = set(call.session.scalars(select(host_groups.c.right_id).where(host_groups.c.left_id.in_(groups))))
    elsewhere = set(
        call.session.scalars(
            select(host_groups.c.right_id).where(host_groups.c.right_id.in_(held), host_groups.c.left_id.not_in(groups))
        )
    )
    _delete(call, Host, held - elsewhere)
    _delete(call, Group, groups)
    return Reply(204)


def _only_within(children: dict[int, set[int]], start: int) -> set[int]:
    """A group, and every group all of whose parents go with it."""
    parents = inventory_data.parent_map(children)
    gone, waiting = {start}, [start]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in gone and parents[child] <= gone:
                gone.add(child)
                waiting.append(child)
    return gone


def _delete(call: Call, model: type[Any], ids: Iterable[int]) -> None:
    wanted = list(ids)
    for start in range(0, len(wanted), 500):
        call.session.execute(delete(model).where(model.id.in_(wanted[start : start + 500])))


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="groups",
            type="group",
            model=Group,
            title="Group",
            fields=(
                *STAMPS,
                Field(NAME.name, required=True, max_length=512, clean=_name),
                DESCRIPTION,
                INVENTORY,
                variable_data.VARIABLES,
            ),
            related=(
                *AUTHORS,
                *below("variable_data", "hosts", "potential_children", "children", "all_hosts", "job_events"),
                *below("job_host_summaries", "activity_stream", "inventory_sources", "ad_hoc_commands"),
                INVENTORY_LINK,
            ),
            summary=(Summary("inventory"), *AUTHORS_SUMMARY),
            summarize=plain("id", "name", "description"),
            sublists={
                "children": SubList(
                    "groups", relation="children", attach=True, create=True, posted=_new_child, on_attach=_child
                ),
                "potential_children": SubList("groups", query=_potential_children),
                "hosts": SubList(
                    "hosts", relation="hosts", attach=True, create=True, posted=_new_host, on_attach=_host
                ),
                "all_hosts": SubList("hosts", query=_all_hosts),
                "job_host_summaries": SubList("job_host_summaries", query=_job_summaries),
                "job_events": SubList("job_events", query=_job_events),
            },
            actions={
                "variable_data": variable_data.action("Group"),
                **never("Group", "inventory_sources", "ad_hoc_commands"),
            },
            access=policies.Groups(),
            hooks=Hooks(validate=_validate, deleting=_deleting),
            unique=(("name", "inventory"),),
            named_url=("name", "inventory"),
            order_by=("name",),
        )
    )
