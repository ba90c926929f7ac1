# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``copy/`` below an object: whether it can be copied, and another one like it under a new name."""

from __future__ import annotations

import copy
from typing import Any

from sqlalchemy.orm import class_mapper

from holdfast.api import activity, sublists, writes
from holdfast.api.call import Call, Reply
from holdfast.api.errors import ApiError, Forbidden, Invalid
from holdfast.api.registry import Action, Field, Resource
from holdfast.api.render import render_one
from holdfast.auth import roles
from holdfast.db.base import now

NAME = Field("name", required=True, max_length=512)
_LACKS = ("templates_unable_to_copy", "credentials_unable_to_copy", "inventories_unable_to_copy")


def action(resource: Resource) -> Action:
    """What stands at ``copy/`` of a resource."""
    return Action(
        handlers={
            "GET": lambda call, row: ask(call, resource, row),
            "POST": lambda call, row: make(call, resource, row),
        },
        title=f"{resource.title} Copy",
        fields=(NAME,),
    )


def ask(call: Call, resource: Resource, row: Any) -> Reply:
    """Whether the user may copy an object; of some kinds also what a copy would lack."""
    allowed = _may(call, resource, row)
    lacking = resource.access.not_copied(call, row)
    if lacking is None:
        return Reply(body={"can_copy": allowed})
    body: dict[str, Any] = {"can_copy": allowed, "can_copy_without_user_input": allowed and not lacking}
    body.update({name: [] if allowed else ["all"] for name in _LACKS})
    return Reply(body={**body, **(lacking if allowed else {})})


def _may(call: Call, resource: Resource, row: Any) -> bool:
    try:
        return resource.access.may_copy(call, row)
    except ApiError:
        return False


def make(call: Call, resource: Resource, row: Any) -> Reply:
    """Make a copy under the name that the body gives."""
    if not resource.access.may_copy(call, row):
        raise Forbidden()
    data = call.data
    try:
        if "name" not in data:
            raise ValueError(writes.REQUIRED)
        name = writes.clean_value(call, NAME, data["name"])
    except ValueError as error:
        raise Invalid({"name": list(error.args)}) from None
    if name == row.name:
        said = f"The original object is already named {name}, a copy from it cannot have the same name."
        raise Invalid({"__all__": [said]})
    made = copy_row(call, resource, row, name)
    return Reply(201, render_one(call, made, resource), {"Location": call.url(resource.name, made.id)})


def copy_row(call: Call, resource: Resource, row: Any, name: str) -> Any:
    """Another object like this one, with what its kind takes along. Raises Invalid where the name is taken."""
    mapper = class_mapper(resource.model)
    columns = {one.attribute for one in resource.fields if not one.read_only and not one.create_only}
    values = {key: copy.deepcopy(getattr(row, key)) for key in columns if key in mapper.columns}
    values["name"] = name
    writes.check_unique(call, resource, values)
    made = resource.model(**values)
    user = call.user
    if "created_by_id" in mapper.columns and user is not None:
        made.created_by_id = made.modified_by_id = user.id
    made.created = made.modified = now()
    call.session.add(made)
    call.session.flush()
    for one in resource.copy or ():
        held = getattr(row, one)
        setattr(made, one, list(held) if isinstance(held, list) else copy.deepcopy(held))
    call.session.flush()
    for one in resource.copy or ():
        if one in mapper.relationships:
            sublists.number(call, made, one)
    roles.object_created(call, resource.type, made)
    if resource.hooks.copied is not None:
        resource.hooks.copied(call, row, made)
        call.session.flush()
    if resource.activity:
        activity.created(call, resource, made)
    return made
