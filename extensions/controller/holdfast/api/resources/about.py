# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages about the controller itself: ping, config, and places where AWX's clients find nothing."""

from __future__ import annotations

from sqlalchemy import select

from holdfast import setting_values
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Page, Registry, is_superuser
from holdfast.api.render import moment
from holdfast.api.resources.empty import empty_list
from holdfast.api.resources.instances import capacity_of
from holdfast.auth import roles
from holdfast.auth.policies.base import sees_all
from holdfast.db.models import Instance, InstanceGroup, Project
from holdfast.projects import places
from holdfast.seeds import surface
from holdfast.seeds.objects import VERSION


def _ping(call: Call) -> Reply:
    """GET ping: what anybody may know."""
    instances = call.session.scalars(select(Instance).order_by(Instance.hostname)).all()
    groups = call.session.scalars(select(InstanceGroup)).all()
    return Reply(
        body={
            "ha": len(instances) > 1,
            "version": VERSION,
            "active_node": call.controller.settings.node_name,
            "install_uuid": setting_values.value(call.session, "INSTALL_UUID"),
            "instances": [
                {
                    "node": one.hostname,
                    "node_type": one.node_type,
                    "uuid": one.uuid,
                    "heartbeat": moment(one.last_seen),
                    "capacity": one.capacity,
                    "version": one.version,
                }
                for one in instances
            ],
            "instance_groups": [
                {
                    "name": one.name,
                    "capacity": capacity_of(one),
                    "instances": [instance.hostname for instance in one.instances],
                }
                for one in sorted(groups, key=lambda group: group.name.lower())
            ],
        }
    )


def _config(call: Call) -> Reply:
    """GET config."""
    shown = surface.config()
    manages = roles.organizations(call, "admin_role", "auditor_role", "project_admin_role")
    if sees_all(call) or manages:
        settings = call.controller.settings
        used = call.session.scalars(select(Project.local_path)).all()
        shown.update(surface.config_for_managers(str(settings.projects), places.unused(settings.projects, used)))
        call.keep = False
    return Reply(body=shown)


def _license(call: Call) -> Reply:
    """POST config: there is no license to install."""
    if not is_superuser(call):
        raise Forbidden()
    if "license_key" in call.data:
        raise Invalid({"error": "Legacy license submitted. A subscription manifest is now required."})
    return Reply(body=surface.config()["license_info"])


def _no_license(call: Call) -> Reply:
    if not is_superuser(call):
        raise Forbidden()
    return Reply(204)


def _mesh(call: Call) -> Reply:
    """GET mesh_visualizer: the instances, joined to nothing."""
    if not sees_all(call):
        raise Forbidden()
    names = ("id", "hostname", "node_type", "node_state", "enabled")
    nodes = [{name: getattr(one, name) for name in names} for one in call.session.scalars(select(Instance))]
    return Reply(body={"nodes": nodes, "links": []})


def declare(registry: Registry) -> None:
    """Add the pages."""
    registry.page("ping", Page({"GET": _ping}, title="Ping", public=True))
    handlers = {"GET": _config, "POST": _license, "DELETE": _no_license}
    registry.page("config", Page(handlers, title="Configuration"))
    registry.page("mesh_visualizer", Page({"GET": _mesh}, title="Mesh Visualizer"))
    for name, title in (
        ("receptor_addresses", "Receptor Addresses"),
        ("host_metrics", "Host Metrics List"),
        ("host_metric_summary_monthly", "Host Metrics Summary Monthly"),
    ):
        registry.page(name, Page({"GET": empty_list}, title=title))
