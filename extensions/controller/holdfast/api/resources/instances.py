# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances and instance groups: this controller, under the names that AWX's clients look for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Select, case, func, select

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Action, Field, Hooks, Registry, Resource, SubList, Summary, plain
from holdfast.api.resources.common import STAMPS, below, link_to
from holdfast.api.resources.empty import empty_list
from holdfast.api.resources.in_use import refuse_if_running
from holdfast.auth import policies
from holdfast.db.models import Credential, Instance, InstanceGroup, UnifiedJob
from holdfast.seeds.objects import CONTROL_PLANE_GROUP, DEFAULT_GROUP

NODE_TYPES = (
    ("control", "Control plane node"),
    ("execution", "Execution plane node"),
    ("hybrid", "Controller and execution"),
    ("hop", "Node that only passes messages on"),
)
NODE_STATES = (
    ("provisioning", "Provisioning"),
    ("provision-fail", "Provisioning Failure"),
    ("installed", "Installed"),
    ("ready", "Ready"),
    ("unavailable", "Unavailable"),
    ("deprovisioning", "De-provisioning"),
    ("deprovision-fail", "De-provisioning Failure"),
)
BUILT_IN = (DEFAULT_GROUP, CONTROL_PLANE_GROUP)
_LARGEST = 2147483647
_SELF = re.compile(r"^localhost$|^127(?:\.[0-9]+){0,2}\.[0-9]+$|^(?:0*:)*?:?0*1$", re.IGNORECASE)
_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"namespace": "default"},
    "spec": {
        "serviceAccountName": "default",
        "automountServiceAccountToken": False,
        "containers": [
            {
                "image": "quay.io/ansible/awx-ee:latest",
                "name": "worker",
                "args": ["ansible-runner", "worker", "--private-data-dir=/runner"],
                "resources": {"requests": {"cpu": "250m", "memory": "100Mi"}},
            }
        ],
    },
}

Jobs = tuple[int, int]
"""How many jobs run or wait, and how many there are in all."""


def _jobs(call: Call, column: Any, keys: Iterable[Any]) -> dict[Any, Jobs]:
    active = func.coalesce(func.sum(case((UnifiedJob.status.in_(("running", "waiting")), 1), else_=0)), 0)
    query = select(column, active, func.count(UnifiedJob.id)).where(column.in_(list(keys))).group_by(column)
    return {key: (running, total) for key, running, total in call.session.execute(query)}


def _held(call: Call, model: type[Any]) -> list[Any]:
    return [one for one in call.session.identity_map.values() if isinstance(one, model)]


def jobs_of(call: Call, row: Instance) -> Jobs:
    """The jobs of an instance, counted for all that the session holds at once."""
    found: dict[str, Jobs] = call.cache.get("instance_jobs", {})
    if "instance_jobs" not in call.cache:
        found = _jobs(call, UnifiedJob.execution_node, [one.hostname for one in _held(call, Instance)])
        call.cache["instance_jobs"] = found
    return found.get(row.hostname, (0, 0))


def _group_jobs(call: Call, row: InstanceGroup) -> Jobs:
    """The jobs of an instance group, counted for all that the session holds at once."""
    found: dict[int, Jobs] = call.cache.get("instance_group_jobs", {})
    if "instance_group_jobs" not in call.cache:
        found = _jobs(call, UnifiedJob.instance_group_id, [one.id for one in _held(call, InstanceGroup)])
        call.cache["instance_group_jobs"] = found
    return found.get(row.id, (0, 0))


def remaining(capacity: int, consumed: int) -> float:
    """How many percent of a capacity are free."""
    return round((capacity - consumed) / capacity * 100, 2) if capacity > consumed else 0.0


def capacity_of(row: InstanceGroup) -> int:
    """What the enabled instances of a group can take together."""
    return sum(one.capacity for one in row.instances if one.enabled)


def _adjustment(_call: Call, value: Any) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("A valid number is required.") from None
    if isinstance(value, bool) or not number.is_finite():
        raise ValueError("A valid number is required.")
    if number < 0:
        raise ValueError("Ensure this value is greater than or equal to 0.")
    if number >= 10 or number != round(number, 2):
        digits = "Ensure that there are no more than 3 digits in total."
        raise ValueError(digits if number >= 10 else "Ensure that there are no more than 2 decimal places.")
    return f"{number:.2f}"


def _hostname(_call: Call, text: str) -> str:
    if _SELF.search(text):
        raise ValueError("hostname cannot be localhost or 127.0.0.1")
    return text


def _validate(_call: Call, data: dict[str, Any], row: Instance | None) -> None:
    if row is None:
        raise Invalid({"__all__": ["Can only create instances on Kubernetes or OpenShift."]})
    for name, text in (("node_type", "Cannot change node type."), ("hostname", "Cannot change hostname.")):
        if name in data and data[name] != getattr(row, name):
            raise Invalid({name: [text]})
    if "node_state" in data and data["node_state"] != row.node_state:
        raise Invalid({"node_state": ["Can only change the state on Kubernetes or OpenShift."]})


def _updated(_call: Call, row: Instance, _before: dict[str, Any]) -> None:
    low, high = sorted((row.cpu_capacity, row.mem_capacity))
    row.capacity = int(low + (high - low) * Decimal(row.capacity_adjustment)) if row.enabled else 0


def _validate_group(call: Call, data: dict[str, Any], row: InstanceGroup | None) -> None:
    errors = {}
    if row is not None and row.name in BUILT_IN:
        errors = _built_in_errors(data, row)
    hosts = data.get("policy_instance_list", [])
    if not isinstance(hosts, list):
        errors["policy_instance_list"] = [f'Expected a list of items but got type "{type(hosts).__name__}".']
    elif "policy_instance_list" in data and "policy_instance_list" not in errors:
        errors.update(_host_errors(call, hosts))
    if data.get("credential_id") is not None:
        credential = call.session.get_one(Credential, data["credential_id"])
        if not credential.kubernetes:
            errors["credential"] = ["Only Kubernetes credentials can be associated with an Instance Group"]
        elif not data.get("is_container_group"):
            text = "is_container_group must be True when associating a credential to an Instance Group"
            errors["is_container_group"] = [text]
    if errors:
        raise Invalid(errors)


def _built_in_errors(data: dict[str, Any], row: InstanceGroup) -> dict[str, list[str]]:
    """What nobody changes of the two groups that every installation has."""
    texts = {
        "name": f"{row.name} instance group name may not be changed.",
        "is_container_group": f"{row.name} instance group is_container_group may not be changed.",
        "policy_instance_list": f"{row.name} instance group policy_instance_list may not be changed.",
        "policy_instance_percentage": (
            f"{row.name} instance group policy_instance_percentage may not be changed from the initial value set by "
            "the installer."
        ),
    }
    return {name: [text] for name, text in texts.items() if name in data and data[name] != getattr(row, name)}


def _host_errors(call: Call, hosts: list[Any]) -> dict[str, list[str]]:
    known = set(call.session.scalars(select(Instance.hostname)))
    for one in hosts:
        if hosts.count(one) > 1:
            return {"policy_instance_list": [f"Duplicate entry {one}."]}
        if not isinstance(one, str) or one not in known:
            return {"policy_instance_list": [f"{one} is not a valid hostname of an existing instance."]}
    return {}


def _deleting(call: Call, row: InstanceGroup) -> Reply | None:
    if row.name in BUILT_IN:
        raise Forbidden()
    refuse_if_running(call, UnifiedJob.instance_group_id == row.id)
    return None


def _join(call: Call, parent: Any, child: Any, _data: dict[str, Any]) -> None:
    """A host that is put into a group by name stays in it by name."""
    instance, group = (parent, child) if isinstance(parent, Instance) else (child, parent)
    if instance.hostname not in group.policy_instance_list:
        group.policy_instance_list = [*group.policy_instance_list, instance.hostname]
    call.session.flush()


def _leave(call: Call, parent: Any, child: Any, _data: dict[str, Any]) -> None:
    instance, group = (parent, child) if isinstance(parent, Instance) else (child, parent)
    if instance.node_type == "hybrid" and group.name == CONTROL_PLANE_GROUP:
        what = "instance" if isinstance(parent, Instance) else "node"
        raise Invalid({"msg": f"Cannot disassociate hybrid {what} {instance.hostname} from {group.name}."})
    group.policy_instance_list = [one for one in group.policy_instance_list if one != instance.hostname]
    call.session.flush()


def _instance_jobs(_call: Call, row: Instance) -> Select[Any]:
    return select(UnifiedJob).where(UnifiedJob.execution_node == row.hostname)


def _jobs_of_group(_call: Call, row: InstanceGroup) -> Select[Any]:
    return select(UnifiedJob).where(UnifiedJob.instance_group_id == row.id)


def _shown(name: str, kind: str, value: Callable[[Call, Any], Any]) -> Field:
    return Field(name, kind, read_only=True, filterable=False, value=value)


def _instance_capacity() -> tuple[Field, ...]:
    return (
        Field("capacity", "integer", read_only=True),
        _shown("consumed_capacity", "field", lambda call, row: jobs_of(call, row)[0]),
        _shown(
            "percent_capacity_remaining",
            "field",
            lambda call, row: remaining(row.capacity, jobs_of(call, row)[0]),
        ),
        _shown("jobs_running", "integer", lambda call, row: jobs_of(call, row)[0]),
        _shown("jobs_total", "integer", lambda call, row: jobs_of(call, row)[1]),
    )


def _group_capacity() -> tuple[Field, ...]:
    return (
        _shown("capacity", "field", lambda _call, row: capacity_of(row)),
        _shown("consumed_capacity", "field", lambda call, row: _group_jobs(call, row)[0]),
        _shown(
            "percent_capacity_remaining",
            "field",
            lambda call, row: remaining(capacity_of(row), _group_jobs(call, row)[0]),
        ),
        _shown("jobs_running", "field", lambda call, row: _group_jobs(call, row)[0]),
    )


def _limit(name: str, label: str, most: int | None = None) -> Field:
    return Field(name, "integer", label=label, default=0, min_value=0, max_value=most)


def _links(_call: Call, rows: Iterable[Instance]) -> Mapping[int, Any]:
    return {row.id: [] for row in rows}


INSTANCE_FIELDS = (
    Field("hostname", required=True, max_length=250, clean=_hostname),
    Field("uuid", read_only=True),
    *STAMPS,
    Field("last_seen", "datetime", read_only=True),
    Field("health_check_started", "datetime", read_only=True),
    _shown("health_check_pending", "field", lambda _call, _row: False),
    Field("last_health_check", "datetime", read_only=True),
    Field("errors", read_only=True),
    Field("capacity_adjustment", "decimal", default="1.00", min_value=0, clean=_adjustment),
    Field("version", read_only=True),
    *_instance_capacity(),
    Field("cpu", "decimal", read_only=True, value=lambda _call, row: f"{row.cpu:.1f}"),
    Field("memory", "integer", read_only=True),
    Field("cpu_capacity", "integer", read_only=True),
    Field("mem_capacity", "integer", read_only=True),
    Field("enabled", "boolean", default=True),
    Field("managed_by_policy", "boolean", default=True),
    Field("node_type", "choice", choices=NODE_TYPES, default="execution"),
    Field("node_state", "choice", choices=NODE_STATES, default="installed"),
    Field("managed", "boolean", read_only=True),
    Field("ip_address", read_only=True),
    _shown("peers", "list", lambda _call, _row: []),
    _shown("reverse_peers", "field", lambda _call, _row: []),
    _shown("listener_port", "integer", lambda _call, _row: None),
    _shown("peers_from_control_nodes", "boolean", lambda _call, _row: False),
    _shown("protocol", "field", lambda _call, _row: ""),
)

GROUP_FIELDS = (
    Field("name", required=True, max_length=250),
    *STAMPS,
    *_group_capacity(),
    _limit("max_concurrent_jobs", "Max Concurrent Jobs"),
    _limit("max_forks", "Max Forks"),
    _shown("jobs_total", "integer", lambda call, row: _group_jobs(call, row)[1]),
    _shown("instances", "field", lambda _call, row: len(row.instances)),
    Field("is_container_group", "boolean"),
    Field("credential", "id", to="credentials", null=True),
    _limit("policy_instance_percentage", "Policy Instance Percentage", 100),
    _limit("policy_instance_minimum", "Policy Instance Minimum"),
    Field(
        "policy_instance_list",
        "json",
        label="Policy Instance List",
        extra={"child": {"type": "string", "hidden": False}},
        post={"child": {"type": "string", "required": True, "hidden": False, "read_only": False}},
    ),
    Field("pod_spec_override", default="", post={"default": _POD}),
)


def declare(registry: Registry) -> None:
    """Add both resources."""
    registry.add(
        Resource(
            name="instances",
            type="instance",
            model=Instance,
            title="Instance",
            list_title="Instances",
            verbose_name="Instance",
            fields=INSTANCE_FIELDS,
            related=below("receptor_addresses", "jobs", "peers", "instance_groups"),
            summary=(Summary("links", batch=_links, detail=True),),
            sublists={
                "jobs": SubList("unified_jobs", query=_instance_jobs),
                "instance_groups": SubList(
                    "instance_groups",
                    relation="rampart_groups",
                    attach=True,
                    create=True,
                    on_attach=_join,
                    on_detach=_leave,
                ),
            },
            actions={
                "peers": Action({"GET": empty_list}, title="Peers"),
                "receptor_addresses": Action({"GET": empty_list}, title="Receptor Addresses"),
            },
            access=policies.Instances(),
            hooks=Hooks(validate=_validate, updated=_updated),
            unique=(("hostname",),),
            named_url=("hostname",),
            detail_methods=("GET", "PUT", "PATCH"),
            search_fields=("hostname",),
        ),
        Resource(
            name="instance_groups",
            type="instance_group",
            model=InstanceGroup,
            title="Instance Group",
            list_title="Instance Groups",
            fields=GROUP_FIELDS,
            related=(*below("jobs", "instances", "access_list", "object_roles"), link_to("credential", "credentials")),
            summary=(Summary("credential"),),
            summarize=plain("id", "name", "is_container_group"),
            sublists={
                "jobs": SubList("unified_jobs", query=_jobs_of_group),
                "instances": SubList("instances", relation="instances", attach=True, on_attach=_join, on_detach=_leave),
            },
            access=policies.InstanceGroups(),
            hooks=Hooks(validate=_validate_group, deleting=_deleting),
            unique=(("name",),),
            named_url=("name",),
            search_fields=("name",),
            object_roles=True,
        ),
    )
