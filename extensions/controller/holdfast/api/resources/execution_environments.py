# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Execution environments: which image AWX would run a job in. Here they are names that jobs carry."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Select, select

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Field, Hooks, Registry, Resource, SubList, Summary, plain
from holdfast.api.resources.common import (
    AUTHORS,
    AUTHORS_SUMMARY,
    DESCRIPTION,
    NAME,
    ORGANIZATION_LINK,
    STAMPS,
    below,
    link_to,
)
from holdfast.auth import policies
from holdfast.db.models import Credential, ExecutionEnvironment, UnifiedJobTemplate

PULL = (
    ("", "---------"),
    ("always", "Pull the image before every job."),
    ("missing", "Pull the image when it is not there."),
    ("never", "Never pull the image."),
)
_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"{_PART}(?:\.{_PART})*(?::[0-9]+)?"
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:{_DOMAIN}/)?{_PATH}(?:/{_PATH})*(?::\w[\w.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)
_FIXED = ("name", "description", "organization_id", "image", "credential_id")
"""What nobody changes of a built-in one."""


def _image(_call: Call, text: str) -> str:
    if not _IMAGE.fullmatch(text):
        raise ValueError(f"The container image name {text} is not valid")
    return text


def _validate(call: Call, data: dict[str, Any], row: ExecutionEnvironment | None) -> None:
    if row is not None and row.managed and _touches(data, row):
        raise Forbidden("Only the 'pull' field can be edited for managed execution environments.")
    credential = call.session.get(Credential, data.get("credential_id")) if data.get("credential_id") else None
    if credential is not None and credential.kind != "registry":
        text = "Only Container Registry credentials can be associated with an Execution Environment"
        raise Invalid({"credential": [text]})
    organization_id = data.get("organization_id")
    if row is not None and organization_id is not None and organization_id != row.organization_id:
        raise Invalid({"organization": ["Cannot change the organization of an execution environment"]})


def _touches(data: dict[str, Any], row: ExecutionEnvironment) -> bool:
    return any(name in data and data[name] != getattr(row, name) for name in _FIXED)


def _deleting(_call: Call, row: ExecutionEnvironment) -> Reply | None:
    if row.managed:
        raise Forbidden()
    return None


def _templates(_call: Call, row: ExecutionEnvironment) -> Select[Any]:
    return select(UnifiedJobTemplate).where(UnifiedJobTemplate.execution_environment_id == row.id)


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="execution_environments",
            type="execution_environment",
            model=ExecutionEnvironment,
            title="Execution Environment",
            fields=(
                *STAMPS,
                NAME,
                DESCRIPTION,
                Field("organization", "id", to="organizations", null=True),
                Field("image", label="Image location", required=True, max_length=1024, clean=_image),
                Field("managed", "boolean", read_only=True),
                Field("credential", "id", to="credentials", null=True),
                Field("pull", "choice", choices=PULL, default=""),
            ),
            related=(
                *AUTHORS,
                *below("activity_stream", "unified_job_templates", "copy"),
                ORGANIZATION_LINK,
                link_to("credential", "credentials"),
            ),
            summary=(Summary("organization"), Summary("credential"), *AUTHORS_SUMMARY),
            summarize=plain("id", "name", "description", "image"),
            sublists={"unified_job_templates": SubList("unified_job_templates", query=_templates)},
            access=policies.ExecutionEnvironments(),
            hooks=Hooks(validate=_validate, deleting=_deleting),
            unique=(("name",),),
            named_url=("name",),
            order_by=("-created",),
            copy=(),
        )
    )
