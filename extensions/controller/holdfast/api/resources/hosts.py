# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select

from holdfast import inventory_data
from holdfast.api import host_filter, views
from holdfast.api.call import Call, Reply
from holdfast.api.errors import ApiError, Invalid
from holdfast.api.registry import Action, Field, Hooks, Registry, Related, Resource, SubList, Summary, plain
from holdfast.api.render import moment
from holdfast.api.resources import variable_data
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, DESCRIPTION, NAME, STAMPS, below, link_to
from holdfast.api.resources.empty import never
from holdfast.api.resources.in_use import refuse_if_running
from holdfast.api.resources.inventories import same_inventory
from holdfast.api.variables import parsed
from holdfast.auth import policies
from holdfast.db.models import Group, Host, Inventory, Job, JobEvent, JobHostSummary, UnifiedJob, UnifiedJobTemplate
from holdfast.db.models.links import host_groups

RECENT = 5
"""How many of its groups and jobs a host's summary shows."""
_JINJA = re.compile(r"\{\{[^}]+\}\}|\{%[^%]+%\}")


def _name(_call: Call, text: str) -> str:
    split_port(text)
    if _JINJA.search(text):
        raise ValueError(f"Inline Jinja variables are not allowed.: {text}")
    return text


def split_port(name: str) -> tuple[str, int | None]:
    """A host's name without the port that may follow it; raises ValueError for a port that is none."""
    if name.count(":") != 1:
        return name, None
    host, text = name.split(":")
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= port <= 65535:
        raise ValueError(f"Invalid port specification: {text}")
    return host, port


def take_port(data: dict[str, Any], name: str, variables: str = "") -> None:
    """Have the port that follows a host's name become a variable of it."""
    plain_name, port = split_port(name)
    if port is not None:
        known = parsed(data.get("variables", variables))
        data.update(name=plain_name, variables=json.dumps({**known, "ansible_ssh_port": port}))


def inventory_of(call: Call, inventory_id: int | None, what: str) -> Inventory | None:
    """The inventory that a host or group is made in; raises Invalid for one whose hosts come from elsewhere."""
    inventory = call.session.get(Inventory, inventory_id) if inventory_id is not None else None
    if inventory is not None and inventory.kind:
        text = f"Cannot create {what} for Smart or Constructed Inventories"
        raise Invalid({"inventory": {"detail": text}})
    return inventory


def _validate(call: Call, data: dict[str, Any], row: Host | None) -> None:
    inventory_id = row.inventory_id if row is not None else data.get("inventory_id")
    if row is None:
        inventory_of(call, inventory_id, "Host")
    given = data.get("name", row.name if row is not None else "")
    take_port(data, given, row.variables if row is not None else "")
    if call.session.scalar(select(Group.id).where(Group.inventory_id == inventory_id, Group.name == given)):
        raise Invalid({"__all__": ["A Group with that name already exists."]})


def _deleting(call: Call, row: Host) -> Reply | None:
    if row.inventory.pending_deletion:
        raise ApiError({"error": "The inventory for this host is already being deleted."})
    if row.inventory.kind == "constructed":
        raise ApiError({"error": "Delete constructed inventory hosts from input inventory."})
    refuse_if_running(call, UnifiedJob.inventory_id == row.inventory_id)
    return None


def _groups(call: Call, rows: Sequence[Host]) -> Mapping[int, Any]:
    """How many groups each host is in, and the first of them."""
    pairs = call.session.execute(
        select(host_groups.c.right_id, Group.id, Group.name)
        .join(Group, Group.id == host_groups.c.left_id)
        .where(host_groups.c.right_id.in_([row.id for row in rows]))
        .order_by(Group.id)
    )
    found: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
    for host_id, group_id, name in pairs:
        found[host_id].append({"id": group_id, "name": name})
    return {host_id: {"count": len(held), "results": held[:RECENT]} for host_id, held in found.items()}


def _recent_jobs(call: Call, rows: Sequence[Host]) -> Mapping[int, Any]:
    """The newest jobs of each host, from one query for all of them."""
    place = (
        func.row_number()
        .over(partition_by=JobHostSummary.host_id, order_by=(JobHostSummary.created.desc(), JobHostSummary.id.desc()))
        .label("place")
    )
    newest = (
        select(JobHostSummary.host_id, JobHostSummary.job_id, place)
        .where(JobHostSummary.host_id.in_([row.id for row in rows]))
        .subquery()
    )
    jobs = call.session.execute(
        select(newest.c.host_id, Job.id, UnifiedJobTemplate.name, Job.status, Job.finished)
        .join(Job, Job.id == newest.c.job_id)
        .outerjoin(UnifiedJobTemplate, UnifiedJobTemplate.id == Job.unified_job_template_id)
        .where(newest.c.place <= RECENT)
        .order_by(newest.c.place)
    )
    found: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
    for host_id, job_id, name, status, finished in jobs:
        shown = {"id": job_id, "name": name or "", "type": "job", "status": status, "finished": moment(finished)}
        found[host_id].append(shown)
    return found


def _last_jobs(call: Call, rows: Sequence[Host]) -> Mapping[int, Any]:
    jobs = call.fetch(UnifiedJob, [row.last_job_id for row in rows])
    return {row.id: _last_job(jobs[row.last_job_id]) for row in rows if row.last_job_id in jobs}


def _last_job(job: UnifiedJob) -> dict[str, Any]:
    """A host's last job, with the template it was made from."""
    shown = {
        "id": job.id,
        "name": job.name,
        "description": job.description,
        "finished": moment(job.finished),
        "status": job.status,
        "failed": job.failed,
        "canceled_on": moment(job.canceled_on),
    }
    template = job.unified_job_template
    if template is not None:
        shown.update(job_template_id=template.id, job_template_name=template.name)
    return {name: value for name, value in shown.items() if value is not None}


def _last_summaries(call: Call, rows: Sequence[Host]) -> Mapping[int, Any]:
    found = call.fetch(JobHostSummary, [row.last_job_host_summary_id for row in rows])
    return {
        row.id: {"id": row.last_job_host_summary_id, "failed": found[row.last_job_host_summary_id].failed}
        for row in rows
        if row.last_job_host_summary_id in found
    }


def _all_groups(call: Call, row: Host) -> Select[Any]:
    """The groups a host is in, directly or by other groups."""
    parents = inventory_data.parent_map(inventory_data.child_map(call.session, row.inventory_id))
    direct = set(call.session.scalars(select(host_groups.c.left_id).where(host_groups.c.right_id == row.id)))
    return select(Group).where(Group.id.in_(direct | inventory_data.reachable(parents, direct)))


def _in_own_inventory(_call: Call, row: Host, data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "inventory": row.inventory_id}


def _into_group(_call: Call, row: Host, group: Group, _data: dict[str, Any]) -> None:
    same_inventory(row.inventory_id, group)


def _job_summaries(_call: Call, row: Host) -> Select[Any]:
    return select(JobHostSummary).where(JobHostSummary.host_id == row.id)


def _job_events(_call: Call, row: Host) -> Select[Any]:
    return select(JobEvent).where(JobEvent.host_id == row.id)


def _list(call: Call, resource: Resource) -> Reply:
    """GET hosts, of which ``host_filter`` leaves only those that match."""
    text = call.get("host_filter")
    query = views.base_query(call, resource)
    return views.list_rows(call, resource, query.where(host_filter.condition(call, resource, text)) if text else query)


def _facts(_call: Call, row: Host) -> Reply:
    return Reply(body=row.ansible_facts)


INVENTORY_LINK = link_to("inventory", "inventories")
INVENTORY = Field("inventory", "id", to="inventories", required=True, create_only=True)


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="hosts",
            type="host",
            error_key="error",
            more_search=("ansible_facts",),
            model=Host,
            title="Host",
            fields=(
                *STAMPS,
                Field(NAME.name, required=True, max_length=512, clean=_name),
                DESCRIPTION,
                INVENTORY,
                Field("enabled", "boolean", default=True),
                Field("instance_id", max_length=1024, default="", column="instance_id"),
                variable_data.VARIABLES,
                Field(
                    "has_active_failures",
                    "field",
                    read_only=True,
                    filterable=False,
                    value=lambda _call, row: row.last_job_failed,
                ),
                Field(
                    "has_inventory_sources",
                    "field",
                    read_only=True,
                    filterable=False,
                    value=lambda _call, _row: False,
                ),
                Field("last_job", "id", to="jobs", read_only=True, null=True),
                Field("last_job_host_summary", "id", to="job_host_summaries", read_only=True, null=True),
                Field("ansible_facts_modified", "datetime", read_only=True, null=True),
            ),
            related=(
                *AUTHORS,
                *below("variable_data", "groups", "all_groups", "job_events", "job_host_summaries", "activity_stream"),
                *below("inventory_sources", "smart_inventories", "ad_hoc_commands", "ad_hoc_command_events"),
                *below("ansible_facts"),
                INVENTORY_LINK,
                link_to("last_job", "jobs"),
                Related("last_job_host_summary", to=_last_summary_link),
            ),
            summary=(
                Summary("inventory"),
                Summary("last_job", batch=_last_jobs),
                Summary("last_job_host_summary", batch=_last_summaries),
                *AUTHORS_SUMMARY,
                Summary("groups", batch=_groups),
                Summary("recent_jobs", batch=_recent_jobs),
            ),
            summarize=plain("id", "name", "description"),
            sublists={
                "groups": SubList(
                    "groups",
                    relation="groups",
                    attach=True,
                    create=True,
                    posted=_in_own_inventory,
                    on_attach=_into_group,
                ),
                "all_groups": SubList("groups", query=_all_groups),
                "job_host_summaries": SubList("job_host_summaries", query=_job_summaries),
                "job_events": SubList("job_events", query=_job_events),
            },
            actions={
                "variable_data": variable_data.action("Host"),
                "ansible_facts": Action({"GET": _facts}, title="Host Ansible Facts Detail"),
                **never("Host", "inventory_sources", "smart_inventories", "ad_hoc_commands", "ad_hoc_command_events"),
            },
            access=policies.Hosts(),
            hooks=Hooks(validate=_validate, deleting=_deleting),
            unique=(("name", "inventory"),),
            named_url=("name", "inventory"),
            list_view=_list,
            order_by=("name",),
        )
    )


def _last_summary_link(row: Host) -> tuple[str, Any] | None:
    key = row.last_job_host_summary_id
    return None if key is None else ("job_host_summaries", key)
