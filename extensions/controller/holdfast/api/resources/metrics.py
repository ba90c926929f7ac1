# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics under AWX's names; those of this controller's own are at ``/metrics``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select

from holdfast import setting_values
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden
from holdfast.api.registry import Page, Registry
from holdfast.api.resources.dashboard import count
from holdfast.auth.policies.base import sees_all
from holdfast.db.models import Instance, LoginSession, Schedule, UnifiedJob
from holdfast.seeds.objects import VERSION

_STATUSES = ("pending", "error", "canceled", "running", "successful", "waiting", "failed")
Samples = list[tuple[dict[str, str], float]]


def _gauges(call: Call) -> dict[str, Samples]:
    """AWX's gauges, each with its labels and values."""
    statuses: dict[str, int] = dict(
        call.session.execute(select(UnifiedJob.status, func.count()).group_by(UnifiedJob.status)).tuples().all()
    )
    hosts = count(call, "hosts")
    sessions = call.session.scalar(select(func.count()).select_from(LoginSession)) or 0
    schedules = call.session.scalar(select(func.count()).select_from(Schedule)) or 0
    info = {
        "install_uuid": str(setting_values.value(call.session, "INSTALL_UUID")),
        "license_type": "open",
        "tower_url_base": call.controller.settings.base_url,
        "tower_version": VERSION,
    }
    plain: dict[str, float] = {
        f"awx_{name}_total": count(call, name)
        for name in ("organizations", "users", "teams", "inventories", "projects", "job_templates")
    }
    plain["awx_workflow_job_templates_total"] = count(call, "workflow_job_templates")
    plain["awx_schedules_total"] = schedules
    plain["awx_running_jobs_total"] = statuses.get("running", 0)
    plain["awx_pending_jobs_total"] = statuses.get("pending", 0)
    return {
        "awx_system_info": [(info, 1)],
        **{name: [({}, number)] for name, number in plain.items()},
        "awx_hosts_total": [({"type": "all"}, hosts), ({"type": "active"}, hosts)],
        "awx_sessions_total": [
            ({"type": "all"}, sessions),
            ({"type": "user"}, sessions),
            ({"type": "anonymous"}, 0),
        ],
        "awx_status_total": [({"status": one}, statuses.get(one, 0)) for one in _STATUSES],
        **_instance_gauges(call),
    }


def _instance_gauges(call: Call) -> dict[str, Samples]:
    found: dict[str, Samples] = {}
    for one in call.session.scalars(select(Instance)):
        labels = {"hostname": one.hostname, "instance_uuid": one.uuid}
        for name in ("capacity", "cpu", "memory"):
            found.setdefault(f"awx_instance_{name}", []).append((labels, getattr(one, name)))
        more = {"enabled": str(one.enabled), "node_type": one.node_type, "version": one.version}
        found.setdefault("awx_instance_info", []).append(({**labels, **more}, 1))
    return found


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
