# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics under AWX's names; those of this controller's own are at ``/metrics``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import QueuePool, func, select

from holdfast import setting_values
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden
from holdfast.api.registry import Page, Registry
from holdfast.api.resources.dashboard import count
from holdfast.api.resources.instances import jobs_of
from holdfast.auth.policies.base import sees_all
from holdfast.db.models import Instance, LoginSession, Schedule, UnifiedJob
from holdfast.seeds.objects import VERSION

_STATUSES = ("pending", "error", "canceled", "running", "successful", "waiting", "failed")
_COUNTED = ("organizations", "users", "teams", "inventories", "projects", "job_templates", "workflow_job_templates")
Samples = list[tuple[dict[str, str], float]]


def _gauges(call: Call) -> dict[str, Samples]:
    """AWX's gauges, each with its labels and values."""
    statuses: dict[str, int] = dict(
        call.session.execute(select(UnifiedJob.status, func.count()).group_by(UnifiedJob.status)).all()
    )
    hosts = count(call, "hosts")
    sessions = call.session.scalar(select(func.count()).select_from(LoginSession)) or 0
    plain: dict[str, float] = {f"awx_{name}_total": count(call, name) for name in _COUNTED}
    return {
        "awx_system_info": [(_system(call), 1)],
        **{name: [({}, number)] for name, number in plain.items()},
        "awx_hosts_total": [({"type": "all"}, hosts), ({"type": "active"}, hosts)],
        "awx_schedules_total": [({}, call.session.scalar(select(func.count()).select_from(Schedule)) or 0)],
        "awx_sessions_total": [
            ({"type": "all"}, sessions),
            ({"type": "user"}, sessions),
            ({"type": "anonymous"}, 0),
        ],
        "awx_running_jobs_total": [({}, statuses.get("running", 0))],
        "awx_pending_jobs_total": [({}, statuses.get("pending", 0))],
        "awx_status_total": [({"status": one}, statuses.get(one, 0)) for one in _STATUSES],
        **_instance_gauges(call),
        "awx_instance_launch_type_total": _by_node(call, "launch_type"),
        "awx_instance_status_total": _by_node(call, "status"),
        "awx_license_instance_total": [({}, 0)],
        "awx_license_instance_free": [({}, 0)],
        "awx_database_connections_total": [({}, _connections(call))],
    }


def _system(call: Call) -> dict[str, str]:
    def value(name: str) -> Any:
        return setting_values.value(call.session, name)

    return {
        "external_logger_enabled": str(value("LOG_AGGREGATOR_ENABLED")),
        "external_logger_type": str(value("LOG_AGGREGATOR_TYPE")),
        "insights_analytics": str(value("INSIGHTS_TRACKING_STATE")),
        "install_uuid": str(value("INSTALL_UUID")),
        "license_expiry": "0",
        "license_type": "open",
        "pendo_tracking": str(value("PENDO_TRACKING_STATE")),
        "tower_url_base": call.controller.settings.base_url or str(value("TOWER_URL_BASE")),
        "tower_version": VERSION,
    }


def _instance_gauges(call: Call) -> dict[str, Samples]:
    names = ("capacity", "cpu", "memory", "info", "consumed_capacity", "remaining_capacity")
    found: dict[str, Samples] = {f"awx_instance_{name}": [] for name in names}

    def add(name: str, labels: dict[str, str], value: float) -> None:
        found[f"awx_instance_{name}"].append((labels, value))

    for one in call.session.scalars(select(Instance)):
        labels = {"hostname": one.hostname, "instance_uuid": one.uuid}
        kind = {**labels, "node_type": one.node_type}
        busy = jobs_of(call, one)[0]
        add("capacity", kind, one.capacity)
        add("cpu", labels, one.cpu)
        add("memory", labels, one.memory)
        more = {"enabled": str(one.enabled), "managed_by_policy": str(one.managed_by_policy), "version": one.version}
        add("info", {**kind, **more}, 1)
        add("consumed_capacity", kind, busy)
        add("remaining_capacity", kind, max(0, one.capacity - busy))
    return found


def _by_node(call: Call, name: str) -> Samples:
    """How many jobs of each launch type, or status, each node has had."""
    what = getattr(UnifiedJob, name)
    query = select(UnifiedJob.execution_node, what, func.count()).where(UnifiedJob.execution_node != "")
    rows = call.session.execute(query.group_by(UnifiedJob.execution_node, what))
    return [({"node": node, name: value}, number) for node, value, number in rows]


def _connections(call: Call) -> int:
    """Connections to the databases that are in use."""
    pools = {
        id(one.pool): one.pool for one in (call.controller.database.engine, call.controller.database.events_engine)
    }
    return sum(pool.checkedout() for pool in pools.values() if isinstance(pool, QueuePool))


def _metrics(call: Call) -> Reply:
    """GET metrics, as text for Prometheus or as JSON."""
    if not sees_all(call):
        raise Forbidden()
    gauges = _gauges(call)
    if call.get("format") == "json" or "application/json" in call.headers.get("accept", ""):
        return Reply(
            body={
                name: {
                    "type": "gauge",
                    "samples": [{"labels": labels, "value": float(value)} for labels, value in samples],
                }
                for name, samples in gauges.items()
            }
        )
    lines = [line for name, samples in gauges.items() for line in _lines(name, samples)]
    return Reply(body=("\n".join(lines) + "\n").encode(), content_type="text/plain; charset=utf-8")


def _lines(name: str, samples: Sequence[tuple[Mapping[str, str], float]]) -> list[str]:
    lines = [f"# TYPE {name} gauge"]
    for labels, value in samples:
        escaped = (f'{key}="{_escaped(text)}"' for key, text in labels.items())
        shown = "{" + ",".join(escaped) + "}" if labels else ""
        lines.append(f"{name}{shown} {float(value)}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def declare(registry: Registry) -> None:
    """Add the page."""
    registry.page("metrics", Page({"GET": _metrics}, title="Metrics"))
