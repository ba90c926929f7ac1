# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``callback`` of job templates: a host that has just been installed asks to be provisioned, with a key and no name."""

from __future__ import annotations

import hmac
import socket
from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select

from holdfast.api import variables
from holdfast.api.call import Call, Reply
from holdfast.api.dispatch import signed_in
from holdfast.api.errors import Forbidden, Invalid, NotFound
from holdfast.api.registry import Action
from holdfast.auth.policies.base import reads
from holdfast.db.models import Host, Job, JobTemplate
from holdfast.jobs import surveys
from holdfast.jobs.credential_rows import all_passwords_needed
from holdfast.jobs.states import QUEUED, RUNNING

ADDRESSES = ("ansible_host", "ansible_ssh_host")
LONGEST_LOOK_UP = 200
"""More hosts than this are not looked up by name: each costs a question to a name server."""
MAGIC = frozenset(
    {"inventory_hostname", "inventory_hostname_short", "group_names", "groups", "hostvars", "playbook_dir"}
)


def _show(call: Call, template: JobTemplate) -> Reply:
    signed_in(call)
    if not reads(call, template):
        raise Forbidden()
    call.keep = False
    names = [host.name for host in matching_hosts(call, template)]
    return Reply(body={"host_config_key": template.host_config_key, "matching_hosts": names})


def _call_back(call: Call, template: JobTemplate) -> Reply:
    key, given = template.host_config_key or "", call.data
    if not key or not hmac.compare_digest(key.encode(), str(given.get("host_config_key") or "").encode()):
        raise Forbidden()
    if template.inventory is None:
        raise Invalid({"msg": "Cannot start automatically, an inventory is required."})
    hosts = matching_hosts(call, template)
    if len(hosts) != 1:
        many = "Multiple hosts matched the request!" if hosts else "No matching host could be found!"
        raise Invalid({"msg": many})
    extra_vars = _variables(given.get("extra_vars"))
    if _needs_input(call, template, extra_vars):
        raise Invalid({"msg": "Cannot start automatically, user input required!"})
    # Names were looked up, which may take its time; only now the database is taken.
    with call.controller.database.writing() as session:
        call.session = session
        job = _launch(call, template.id, hosts[0].name, extra_vars)
        return Reply(201, None, {"Location": call.url("jobs", job.id)})


def _launch(call: Call, template_id: int, limit: str, extra_vars: dict[str, Any]) -> Job:
    template = call.session.get(JobTemplate, template_id)
    if template is None:
        raise NotFound("JobTemplate")
    if _is_pending(call, template, limit):
        raise Invalid({"msg": "Host callback job already pending."})
    accepted: dict[str, Any] = {"limit": limit}
    if extra_vars and template.ask_variables_on_launch:
        accepted["extra_vars"] = {name: one for name, one in extra_vars.items() if not _is_ansibles(name)}
    job: Job = call.controller.services["jobs"].launch(call, template, accepted, launch_type="callback")
    return job


def _variables(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        return variables.parse(given)
    except ValueError as error:
        raise Invalid({"extra_vars": [str(error)]}) from None


def _is_ansibles(name: str) -> bool:
    """Variables by which a host could tell Ansible how to reach it, or what to run."""
    return name.startswith("ansible_") or name in MAGIC


def _needs_input(call: Call, template: JobTemplate, extra_vars: dict[str, Any]) -> bool:
    needed = [one["variable"] for one in surveys.questions(template) if one.get("required")]
    missing = [name for name in needed if name not in extra_vars]
    return bool(missing or all_passwords_needed(template.credentials, call.controller.secrets))


def _is_pending(call: Call, template: JobTemplate, limit: str) -> bool:
    query = select(func.count(Job.id)).where(
        Job.unified_job_template_id == template.id, Job.limit == limit, Job.status.in_((*QUEUED, RUNNING))
    )
    return bool(call.session.scalar(query))


def matching_hosts(call: Call, template: JobTemplate) -> list[Host]:
    """The hosts of the template's inventory that the request may come from, by address or by name."""
    query = select(Host).where(Host.inventory_id == template.inventory_id)
    by_address: dict[str, list[Host]] = {}
    for host in call.session.scalars(query):
        by_address.setdefault(_address(host), []).append(host)
    remote = {call.client, *_names(call.client)}
    found = {host.id: host for name in remote for host in by_address.get(name, ())}
    if len(found) != 1:
        for name in list(by_address)[:LONGEST_LOOK_UP]:
            if call.client in _addresses(name):
                found.update({host.id: host for host in by_address[name]})
    return list(found.values())


def _address(host: Host) -> str:
    known = variables.parsed(host.variables)
    return next((str(known[name]) for name in ADDRESSES if known.get(name)), host.name)


def _names(address: str) -> Iterable[str]:
    try:
        name, aliases, others = socket.gethostbyaddr(address)
    except OSError:
        return ()
    return [one for one in (name, *aliases, *others) if not one.endswith(".arpa")]


def _addresses(name: str) -> set[str]:
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except (OSError, UnicodeError):
        return set()


CALLBACK = Action({"GET": _show, "POST": _call_back}, title="Job Template Callback", public=True, transaction=False)
