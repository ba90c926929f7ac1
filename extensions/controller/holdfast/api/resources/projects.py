# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects: manual ones, those from git, those from archives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, or_, select

from holdfast import setting_values
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid, NotAllowed
from holdfast.api.registry import Action, Field, Hooks, Registry, Related, Resource, SubList, Summary
from holdfast.api.render import render_one
from holdfast.api.resources import access
from holdfast.api.resources.common import (
    AUTHORS,
    AUTHORS_SUMMARY,
    NAMED,
    ORGANIZATION,
    ORGANIZATION_LINK,
    below,
    link_to,
)
from holdfast.api.resources.in_use import refuse_if_running
from holdfast.api.resources.job_parts import MAX_INTEGER, TEMPLATE_STATUSES, read_only
from holdfast.api.resources.template_parts import LAST_AND_CURRENT, TEMPLATE_LINKS, resolved_environment
from holdfast.auth import policies
from holdfast.db.base import after_commit
from holdfast.db.models import Credential, JobTemplate, Project, ProjectUpdate, Role, RoleTeam, Team, UnifiedJob
from holdfast.jobs import event_store
from holdfast.projects import listing, places, urls
from holdfast.projects.errors import ProjectError

SCM_TYPES = (
    ("", "Manual"),
    ("git", "Git"),
    ("svn", "Subversion"),
    ("insights", "Red Hat Insights"),
    ("archive", "Remote Archive"),
)
STATUSES = (*TEMPLATE_STATUSES, ("ok", "OK"), ("missing", "Missing"))
UPDATED_BY = ("scm_url", "scm_branch", "scm_type", "scm_refspec")
"""A project is updated when one of these changes."""
_NOT_MANUAL = ("scm_update_on_launch", "scm_delete_on_update", "scm_track_submodules", "scm_clean")
_NOTIFIED = ("started", "success", "error")


def scm_fields(make: Any) -> tuple[Field, ...]:
    """The fields that projects and their updates share, each made by ``make(name, type, **more)``."""
    return (
        make("local_path", max_length=1024, default=""),
        make("scm_type", "choice", label="SCM Type", choices=SCM_TYPES, default=""),
        make("scm_url", label="SCM URL", max_length=1024, default=""),
        make("scm_branch", label="SCM Branch", max_length=256, default=""),
        make("scm_refspec", label="SCM refspec", max_length=1024, default=""),
        make("scm_clean", "boolean", default=False),
        make("scm_track_submodules", "boolean", default=False),
        make("scm_delete_on_update", "boolean", default=False),
        make("credential", "id", to="credentials", null=True, default=None),
        make("timeout", "integer", default=0, min_value=-MAX_INTEGER - 1, max_value=MAX_INTEGER),
    )


def summarize(_call: Call, rows: Sequence[Project]) -> Mapping[int, Any]:
    """What others' summaries show of projects."""
    names = ("id", "name", "description", "status", "scm_type", "allow_override")
    return {row.id: {name: getattr(row, name) for name in names} for row in rows}


# --- what is refused --------------------------------------------------------------------------------------------------


def _validate(call: Call, data: dict[str, Any], row: Project | None) -> None:
    now = {name: data.get(name, getattr(row, name, None)) for name in (*UPDATED_BY, *_NOT_MANUAL)}
    scm_type = now["scm_type"] or ""
    errors = _path_errors(call, data, row, scm_type)
    errors.update(_scm_errors(data, scm_type))
    if errors:
        raise Invalid(errors)
    _check_override(call, data, row)
    if not scm_type:
        for name in _NOT_MANUAL:
            if now[name]:
                raise Invalid({name: ["Update options must be set to false for manual projects."]})
        data.update(scm_url="", credential_id=None)
    else:
        data.pop("local_path", None)
        _check_source(call, data, row, scm_type, now["scm_url"] or "")
    _check_owner(call, data, row)


def _path_errors(call: Call, data: dict[str, Any], row: Project | None, scm_type: str) -> dict[str, list[str]]:
    if "local_path" not in data:
        return {}
    if scm_type:
        if row is not None and row.local_path != data["local_path"]:
            return {"local_path": [f"Cannot change local_path for {scm_type}-based projects"]}
        return {}
    if row is None and not data["local_path"] and "local_path" not in call.data:
        return {}
    used = call.session.scalars(select(Project.local_path)).all()
    valid = places.unused(call.controller.settings.projects, used)
    if row is not None:
        valid.append(row.local_path or "")
    if data["local_path"] not in valid:
        return {"local_path": ["This path is already being used by another manual project."]}
    return {}


def _scm_errors(data: Mapping[str, Any], scm_type: str) -> dict[str, list[str]]:
    errors = {}
    if data.get("scm_branch") and scm_type == "archive":
        errors["scm_branch"] = ["SCM branch cannot be used with archive projects."]
    if data.get("scm_refspec") and scm_type != "git":
        errors["scm_refspec"] = ["SCM refspec can only be used with git projects."]
    if data.get("scm_track_submodules") and scm_type != "git":
        errors["scm_track_submodules"] = ["SCM track_submodules can only be used with git projects."]
    if scm_type and scm_type not in urls.SCHEMES:
        errors["scm_type"] = ["This controller fetches projects from git and from archives."]
    if not urls.is_branch(data.get("scm_branch") or ""):
        errors["scm_branch"] = ["This is no branch, tag or commit."]
    if not urls.is_refspec(data.get("scm_refspec") or ""):
        errors["scm_refspec"] = ["This is no refspec."]
    return errors


def _check_override(call: Call, data: Mapping[str, Any], row: Project | None) -> None:
    if row is None or not row.allow_override or data.get("allow_override", True):
        return
    query = select(JobTemplate.id).where(
        JobTemplate.project_id == row.id,
        or_(JobTemplate.ask_scm_branch_on_launch.is_(True), JobTemplate.scm_branch != ""),
    )
    used = " ".join(str(one) for one in call.session.scalars(query.order_by(JobTemplate.id)))
    if used:
        text = f"One or more job templates depend on branch override behavior for this project (ids: {used})."
        raise Invalid({"allow_override": [text]})


def _check_source(call: Call, data: Mapping[str, Any], row: Project | None, scm_type: str, url: str) -> None:
    if row is None or {"scm_url", "scm_type"} & data.keys():
        try:
            urls.source(scm_type, url, call.controller.settings.file_roots)
        except ValueError as error:
            raise Invalid({"scm_url": [str(error)]}) from None
    credential = call.session.get(Credential, data.get("credential_id") or 0)
    if credential is not None and credential.credential_type.kind != "scm":
        raise Invalid({"credential": ["Credential kind must be 'scm'."]})
    if data.get("signature_validation_credential_id") is not None:
        raise Invalid({"signature_validation_credential": ["This controller cannot check signatures of projects."]})


def _check_owner(call: Call, data: Mapping[str, Any], row: Project | None) -> None:
    name = data.get("name", row.name if row is not None else "")
    organization_id = data.get("organization_id", row.organization_id if row is not None else None)
    if row is not None and organization_id != row.organization_id:
        used = select(JobTemplate.id).where(JobTemplate.project_id == row.id).limit(1)
        if call.session.scalar(used) is not None:
            raise Invalid({"organization": ["Organization cannot be changed when in use by job templates."]})
    same = select(Project.id).where(Project.name == name, Project.organization_id == organization_id)
    if (
        organization_id is not None
        and call.session.scalar(same.where(Project.id != (row.id if row else 0))) is not None
    ):
        raise Invalid({"__all__": ["Project with this (name, organization) combination already exists."]})


# --- what follows -----------------------------------------------------------------------------------------------------


def _created(call: Call, row: Project, _data: dict[str, Any]) -> None:
    projects = call.controller.services["projects"]
    if not row.scm_type:
        projects.refresh(call.session, row)
        return
    row.local_path = places.folder_name(row.id, row.name)
    projects.update(call, row)


def _updated(call: Call, row: Project, before: dict[str, Any]) -> None:
    projects = call.controller.services["projects"]
    if not row.scm_type:
        projects.refresh(call.session, row)
        return
    if not (row.local_path or "").startswith("_"):
        row.local_path = places.folder_name(row.id, row.name)
    if any(before.get(name) != getattr(row, name) for name in UPDATED_BY):
        projects.update(call, row)


def _copied(call: Call, _old: Project, new: Project) -> None:
    new.local_path, new.scm_revision, new.playbook_files, new.inventory_files = "", "", [], []
    _created(call, new, {})


def _deleting(call: Call, row: Project) -> Reply | None:
    refuse_if_running(call, UnifiedJob.project_id == row.id)
    session, database = call.session, call.controller.database
    mine: ColumnElement[bool] = ProjectUpdate.project_id == row.id
    updates = list(session.scalars(select(ProjectUpdate.id).where(mine)))
    session.execute(delete(ProjectUpdate).where(ProjectUpdate.id.in_(updates)))
    after_commit(session, lambda: event_store.forget(database, updates))
    if row.scm_type:
        folder, projects = row.local_path or "", call.controller.services["projects"]
        after_commit(session, lambda: projects.remove(folder))
    return None


# --- what is below ----------------------------------------------------------------------------------------------------


def playbooks_of(call: Call, row: Project) -> list[str]:
    """The playbooks of a project: those of its last update, or those that lie in the folder of a manual one."""
    if row.scm_type:
        return list(row.playbook_files or [])
    call.keep = False
    follow = bool(setting_values.value(call.session, "AWX_SHOW_PLAYBOOK_LINKS"))
    try:
        return listing.playbooks(places.path_of(call.controller.settings.projects, row.local_path), follow)
    except ProjectError:
        return []


def _playbooks(call: Call, row: Project) -> Reply:
    return Reply(body=playbooks_of(call, row))


def _inventories(_call: Call, row: Project) -> Reply:
    return Reply(body=row.inventory_files or [])


def _may_update(_call: Call, row: Project) -> Reply:
    return Reply(body={"can_update": bool(row.scm_type)})


def _update(call: Call, row: Project) -> Reply:
    if not policies.Projects().may_start(call, row):
        raise Forbidden()
    if not row.scm_type:
        raise NotAllowed(call.method)
    update = call.controller.services["projects"].update(call, row)
    shown = render_one(call, update)
    for name in ("host_status_counts", "playbook_counts"):
        shown.pop(name, None)
    location = {"Location": call.url("project_updates", update.id)}
    return Reply(202, {"project_update": update.id, **shown}, location)


def _teams(_call: Call, row: Project) -> Select[Any]:
    held = select(RoleTeam.team_id).join(Role, Role.id == RoleTeam.role_id)
    return select(Team).where(Team.id.in_(held.where(Role.content_type == "project", Role.object_id == row.id)))


def _update_link(name: str, attribute: str) -> Related:
    def target(row: Project) -> tuple[str, Any] | None:
        key = getattr(row, attribute)
        return None if key is None else ("project_updates", key)

    return Related(name, to=target)


def _sublists() -> dict[str, SubList]:
    notified = {
        f"notification_templates_{one}": SubList(
            "notification_templates", relation=f"notification_templates_{one}", attach=True, create=True
        )
        for one in _NOTIFIED
    }
    return {
        **notified,
        "teams": SubList("teams", query=_teams),
        "project_updates": SubList("project_updates", parent_field="project"),
        "scm_inventory_sources": SubList("inventory_sources", parent_field="source_project"),
        "schedules": SubList("schedules", parent_field="unified_job_template", create=True),
        "object_roles": access.object_roles("project"),
        "activity_stream": access.activity_stream("project"),
    }


FIELDS: tuple[Field, ...] = (
    *NAMED,
    *scm_fields(Field),
    read_only("scm_revision", label="SCM Revision", value=lambda _call, row: row.scm_revision if row.scm_type else ""),
    read_only("last_job_run", "datetime"),
    read_only("last_job_failed", "boolean"),
    read_only("next_job_run", "datetime"),
    read_only("status", "choice", choices=STATUSES),
    ORGANIZATION,
    Field("scm_update_on_launch", "boolean", default=False),
    Field("scm_update_cache_timeout", "integer", default=0, min_value=0, max_value=MAX_INTEGER),
    Field("allow_override", "boolean", default=False),
    read_only("custom_virtualenv"),
    Field("default_environment", "id", to="execution_environments", null=True, default=None),
    Field("signature_validation_credential", "id", to="credentials", null=True, default=None),
    read_only("last_update_failed", "boolean", column="last_job_failed", filterable=False),
    read_only("last_updated", "datetime", column="last_job_run", filterable=False),
)


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="projects",
            type="project",
            model=Project,
            title="Project",
            fields=FIELDS,
            related=(
                *AUTHORS,
                *TEMPLATE_LINKS,
                *below("teams", "playbooks"),
                Related("inventory_files", "inventories"),
                *below("update", "project_updates", "scm_inventory_sources", "schedules", "activity_stream"),
                *below(*(f"notification_templates_{one}" for one in _NOTIFIED)),
                *below("access_list", "object_roles", "copy"),
                ORGANIZATION_LINK,
                link_to("credential", "credentials"),
                link_to("default_environment", "execution_environments"),
                _update_link("current_update", "current_job_id"),
                _update_link("last_update", "last_job_id"),
            ),
            summary=(
                Summary("organization"),
                Summary("default_environment"),
                Summary("credential"),
                Summary("signature_validation_credential"),
                *LAST_AND_CURRENT,
                *AUTHORS_SUMMARY,
                Summary("resolved_environment", batch=resolved_environment, detail=True),
            ),
            summarize=summarize,
            sublists=_sublists(),
            actions={
                "playbooks": Action({"GET": _playbooks}, title="Project Playbooks"),
                "inventories": Action({"GET": _inventories}, title="Project Inventories"),
                "update": Action({"GET": _may_update, "POST": _update}, title="Project Update View"),
                "access_list": access.access_list("project"),
            },
            access=policies.Projects(),
            hooks=Hooks(validate=_validate, created=_created, updated=_updated, deleting=_deleting, copied=_copied),
            named_url=("name", "organization"),
            object_roles=True,
            copy=(),
        )
    )
