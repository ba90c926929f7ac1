# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts made or deleted by one request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select

from holdfast import setting_values
from holdfast.api import activity, writes
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import UNSET, Field, Page, Registry, is_superuser
from holdfast.api.resources.hosts import take_port
from holdfast.auth import roles
from holdfast.db.base import now
from holdfast.db.models import Host, Inventory

ABOUT_CREATE = "Send an inventory and the hosts that it is to get."
ABOUT_DELETE = "Send the ids of the hosts that are to go."
EMPTY = "This list may not be empty."
NO_LIST = 'Expected a list of items but got type "{kind}".'
NO_OBJECT = "Invalid data. Expected a dictionary, but got {kind}."
NOT_MANUAL = "Hosts can only be created in manual inventories (not smart or constructed types)."
NOT_FROM_MANUAL = "Hosts can only be deleted from manual inventories."
TOO_MANY = "Number of hosts exceeds system setting {name}"
NO_INVENTORY = "Inventory with id {id} not found or lack permissions to add hosts."
TWICE = "Hostnames must be unique in an inventory. Duplicates found: {names}"
NO_HOST = "Hosts do not exist or you lack permission to delete it"
NOT_YOURS = "Lack permissions to delete hosts from this inventory."
MOST = "BULK_HOST_MAX_CREATE"
MOST_DELETED = "BULK_HOST_MAX_DELETE"
_OF_A_HOST = ("name", "enabled", "instance_id", "description", "variables")
CREATE_FIELDS: tuple[Field, ...] = (
    Field("inventory", "id", to="inventories", required=True, write_only=True),
    Field("hosts", "list", required=True, write_only=True, filterable=False),
)
DELETE_FIELDS: tuple[Field, ...] = (Field("hosts", "list", required=True, write_only=True, filterable=False),)


def _said(text: str) -> Reply:
    return Reply(body={"detail": text})


def _list(call: Call) -> list[Any]:
    """The ``hosts`` of a body."""
    given = call.data.get("hosts", UNSET)
    if given is UNSET:
        raise Invalid({"hosts": [writes.REQUIRED]})
    if not isinstance(given, list):
        raise Invalid({"hosts": [NO_LIST.format(kind=type(given).__name__)]})
    if not given:
        raise Invalid({"hosts": [EMPTY]})
    return given


# --- made -------------------------------------------------------------------------------------------------------------


def _create(call: Call) -> Reply:
    given = _list(call)
    inventory = _inventory(call)
    hosts = _hosts(call, given)
    if inventory.kind:
        raise Invalid({"__all__": [NOT_MANUAL]})
    if len(hosts) > int(setting_values.value(call.session, MOST)):
        raise Invalid({"__all__": [TOO_MANY.format(name=MOST)]})
    if not is_superuser(call) and not roles.has(call, "inventory", inventory, "admin_role"):
        raise Invalid({"__all__": [NO_INVENTORY.format(id=inventory.id)]})
    before = call.session.scalar(select(func.count()).where(Host.inventory_id == inventory.id)) or 0
    _check_names(call, inventory, hosts)
    stamps = {"created": now(), "modified": now(), "inventory_id": inventory.id}
    call.session.execute(insert(Host), [{**one, **stamps} for one in hosts])
    activity.record(call, "update", "inventory", inventory, {"total_hosts": [before, before + len(hosts)]})
    ids: dict[str, int] = {}
    for name, key in call.session.execute(select(Host.name, Host.id).where(Host.inventory_id == inventory.id)):
        ids[name] = key
    url = call.url("inventories", inventory.id)
    made = [
        {**one, "id": ids[one["name"]], "url": call.url("hosts", ids[one["name"]]), "inventory": url} for one in hosts
    ]
    return Reply(201, {"url": url, "hosts": made})


def _inventory(call: Call) -> Inventory:
    field = CREATE_FIELDS[0]
    if "inventory" not in call.data:
        raise Invalid({"inventory": [writes.REQUIRED]})
    try:
        key = writes.clean_value(call, field, call.data["inventory"])
    except ValueError as error:
        raise Invalid({"inventory": list(error.args)}) from None
    found = call.session.get(Inventory, key)
    assert found is not None, "clean_value has seen it"
    return found


def _hosts(call: Call, given: Sequence[Any]) -> list[dict[str, Any]]:
    """The cleaned hosts; raises Invalid with what is wrong with each."""
    resource = call.controller.registry.resources["hosts"]
    fields = [one for name in _OF_A_HOST if (one := resource.field_named(name)) is not None]
    hosts: list[dict[str, Any]] = []
    problems: dict[str, Any] = {}
    for place, one in enumerate(given):
        values, errors = _host(call, fields, one)
        hosts.append(values)
        if errors:
            problems[str(place)] = errors
    if problems:
        raise Invalid({"hosts": problems})
    return hosts


def _host(call: Call, fields: Sequence[Field], given: Any) -> tuple[dict[str, Any], dict[str, list[str]]]:
    if not isinstance(given, Mapping):
        return {}, {"__all__": [NO_OBJECT.format(kind=type(given).__name__)]}
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for one in fields:
        try:
            if one.name in given:
                values[one.name] = writes.clean_value(call, one, given[one.name])
            elif one.required:
                errors[one.name] = [writes.REQUIRED]
            else:
                values[one.name] = one.default
        except ValueError as error:
            errors[one.name] = list(error.args)
    if not errors:
        take_port(values, values["name"])
    return values, errors


def _check_names(call: Call, inventory: Inventory, hosts: Sequence[Mapping[str, Any]]) -> None:
    names = [one["name"] for one in hosts]
    there = set(call.session.scalars(select(Host.name).where(Host.inventory_id == inventory.id)))
    times = Counter(names)
    taken = [name for name in names if name in there or times[name] > 1]
    if taken:
        raise Invalid({"__all__": [TWICE.format(names=taken)]})


# --- deleted ----------------------------------------------------------------------------------------------------------


def _delete(call: Call) -> Reply:
    given = _list(call)
    most = int(setting_values.value(call.session, MOST_DELETED))
    if len(given) > most:
        told = {"ERROR": TOO_MANY.format(name=MOST_DELETED), MOST_DELETED: most, "Hosts_count": len(given)}
        raise Invalid(told)
    numbers = [one for one in given if isinstance(one, int) and not isinstance(one, bool) and abs(one) < 2**63]
    rows = {row.id: row for row in call.session.scalars(select(Host).where(Host.id.in_(numbers)))}
    missing = [one for one in given if not isinstance(one, int) or one not in rows]
    if missing:
        raise Invalid({"hosts": {str(one): NO_HOST for one in missing}})
    inventories = call.fetch(Inventory, [row.inventory_id for row in rows.values()])
    _check_inventories(call, list(inventories.values()))
    for key, inventory in inventories.items():
        gone = [{"host_id": row.id, "host_name": row.name} for row in rows.values() if row.inventory_id == key]
        activity.record(call, "update", "inventory", inventory, {"deleted_hosts": gone})
    told = {str(key): f"The host {row.name} was deleted" for key, row in rows.items()}
    call.session.execute(delete(Host).where(Host.id.in_(rows)))
    return Reply(201, {"hosts": told})


def _check_inventories(call: Call, inventories: Sequence[Inventory]) -> None:
    others = [one for one in inventories if not roles.has(call, "inventory", one, "admin_role")]
    if others and not is_superuser(call):
        raise Forbidden({"inventories": {one.name: NOT_YOURS for one in others}})
    made = [one for one in inventories if one.kind]
    if made:
        raise Invalid({"inventories": {one.name: NOT_FROM_MANUAL for one in made}})


def declare(registry: Registry) -> None:
    """Add the pages."""
    registry.page(
        "bulk/host_create",
        Page(
            {"GET": lambda _call: _said(ABOUT_CREATE), "POST": _create},
            title="Bulk Host Create",
            fields=CREATE_FIELDS,
            head=False,
        ),
    )
    registry.page(
        "bulk/host_delete",
        Page(
            {"GET": lambda _call: _said(ABOUT_DELETE), "POST": _delete},
            title="Bulk Host Delete",
            fields=DELETE_FIELDS,
            head=False,
        ),
    )
