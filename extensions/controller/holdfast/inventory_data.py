# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says to Ansible, and how its groups hang together; with few queries, however large it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.api.variables import parsed
from holdfast.db.models import Group, Host, Inventory
from holdfast.db.models.links import group_children, host_groups


def script(
    session: Session,
    inventory: Inventory,
    *,
    hostvars: bool = False,
    towervars: bool = False,
    show_all: bool = False,
    part: tuple[int, int] = (1, 1),
) -> dict[str, Any]:
    """The inventory as an inventory script prints it.

    Hosts that are not enabled are left out without ``show_all``. ``part`` is ``(number, count)`` of a sliced job.
    Raises HoldfastError for an inventory whose hosts would come from elsewhere.
    """
    if inventory.kind:
        raise HoldfastError(
            f"the {inventory.kind} inventory '{inventory.name}' has no hosts of its own, and this controller does not "
            "gather those of others yet; choose an inventory with hosts"
        )
    hosts = _hosts(session, inventory, show_all, part)
    groups = session.execute(
        select(Group.id, Group.name, Group.variables).where(Group.inventory_id == inventory.id).order_by(Group.name)
    ).all()
    members, grouped = _members(session, inventory, {host.id: host.name for host in hosts})
    children = _children(session, inventory, {group.id: group.name for group in groups})
    everything: dict[str, Any] = {}
    data: dict[str, Any] = {"all": everything}
    variables = parsed(inventory.variables)
    if variables:
        everything["vars"] = variables
    everything["hosts"] = [host.name for host in hosts if host.id not in grouped]
    for group in groups:
        info = _group(members.get(group.id), children.get(group.id), parsed(group.variables))
        if info:
            data[group.name] = info
    if groups:
        everything["children"] = [group.name for group in groups]
    if hostvars:
        data["_meta"] = {"hostvars": {host.name: _host_variables(host, towervars) for host in hosts}}
    return data


def _hosts(session: Session, inventory: Inventory, show_all: bool, part: tuple[int, int]) -> Sequence[Any]:
    query = select(Host.id, Host.name, Host.variables, Host.enabled).where(Host.inventory_id == inventory.id)
    if not show_all:
        query = query.where(Host.enabled.is_(True))
    number, count = part
    return session.execute(query.order_by(Host.name)).all()[number - 1 :: count]


def _members(session: Session, inventory: Inventory, names: Mapping[int, str]) -> tuple[dict[int, list[str]], set[int]]:
    """The names of each group's hosts, and the hosts that are in any group."""
    pairs = session.execute(
        select(host_groups.c.left_id, host_groups.c.right_id)
        .join(Group, Group.id == host_groups.c.left_id)
        .where(Group.inventory_id == inventory.id)
    )
    members: dict[int, list[str]] = {}
    grouped: set[int] = set()
    for group_id, host_id in pairs:
        if host_id in names:
            members.setdefault(group_id, []).append(names[host_id])
            grouped.add(host_id)
    return {group_id: sorted(found) for group_id, found in members.items()}, grouped


def _children(session: Session, inventory: Inventory, names: Mapping[int, str]) -> dict[int, list[str]]:
    found = child_map(session, inventory.id)
    return {parent: sorted(names[child] for child in children if child in names) for parent, children in found.items()}


def _group(hosts: list[str] | None, children: list[str] | None, variables: dict[str, Any]) -> dict[str, Any]:
    info = {"hosts": hosts, "children": children, "vars": variables}
    return {name: value for name, value in info.items() if value}


def _host_variables(host: Any, towervars: bool) -> dict[str, Any]:
    variables = parsed(host.variables)
    if towervars:
        for prefix in ("host", "tower"):
            variables[f"remote_{prefix}_enabled"] = str(host.enabled).lower()
            variables[f"remote_{prefix}_id"] = host.id
    return variables


def child_map(session: Session, inventory_id: int) -> dict[int, set[int]]:
    """The children of each group of an inventory that has any."""
    pairs = session.execute(
        select(group_children.c.left_id, group_children.c.right_id)
        .join(Group, Group.id == group_children.c.left_id)
        .where(Group.inventory_id == inventory_id)
    )
    found: dict[int, set[int]] = {}
    for parent, child in pairs:
        found.setdefault(parent, set()).add(child)
    return found


def parent_map(children: Mapping[int, set[int]]) -> dict[int, set[int]]:
    """The parents of each group, from the children of each."""
    found: dict[int, set[int]] = {}
    for parent, held in children.items():
        for child in held:
            found.setdefault(child, set()).add(parent)
    return found


def reachable(links: Mapping[int, set[int]], start: Iterable[int]) -> set[int]:
    """All that the links lead to from ``start``, which itself is only among it when a way leads back."""
    found: set[int] = set()
    waiting = list(start)
    while waiting:
        for one in links.get(waiting.pop(), ()):
            if one not in found:
                found.add(one)
                waiting.append(one)
    return found
