# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OPTIONS says of a path: the fields that can be read and sent, how lists are searched, which roles there are.

Clients build their command lines and forms from this, so every key is AWX's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import class_mapper

from holdfast.api import sublists
from holdfast.api.call import Call
from holdfast.api.errors import ApiError
from holdfast.api.lookups import relations
from holdfast.api.pages import MAX_PAGE_SIZE
from holdfast.api.registry import UNSET, Action, Field, Page, Resource, SubList
from holdfast.seeds.roles import OBJECT_ROLES

_READ = ("type", "hidden", "label", "help_text", "min_value", "max_value", "filterable", "choices")
ID = {"type": "integer", "required": False, "hidden": False, "label": "ID", "filterable": True}


def of_list(call: Call, resource: Resource) -> dict[str, Any]:
    """Of a list."""
    actions: dict[str, Any] = {}
    if "POST" in resource.list_methods and _may(lambda: resource.access.may_add(call, {})):
        actions["POST"] = sent(resource)
    name = resource.list_title or f"{resource.title} List"
    return _listed(name, f"The {resource.title.lower()} list.", resource, actions)


def of_detail(call: Call, resource: Resource, row: Any) -> dict[str, Any]:
    """Of an object, and of a path of one that is not there (``row`` is None)."""
    actions: dict[str, Any] = {"GET": shown(resource, detail=True)}
    if row is not None and "PUT" in resource.detail_methods and _may(lambda: resource.access.may_change(call, row, {})):
        actions["PUT"] = sent(resource, new=False)
    body = _head(f"{resource.title} Detail", f"One {resource.title.lower()}.", actions)
    if resource.searchable:
        body["types"] = list(types(resource))
    return {**body, **_roles(resource)}


def of_sublist(call: Call, resource: Resource, _row: Any, name: str, sub: SubList) -> dict[str, Any]:
    """Of a sub-list."""
    listed = call.controller.registry.resources[sub.resource]
    actions: dict[str, Any] = {}
    if "POST" in sublists.methods(sub):
        actions["POST"] = _posted(sub, listed)
    title = sub.title or f"{resource.title} {name.replace('_', ' ').title()} List"
    return _listed(title, f"The {name.replace('_', ' ')} of one {resource.title.lower()}.", listed, actions)


def of_action(call: Call, resource: Resource, row: Any, name: str, action: Action) -> dict[str, Any]:
    """Of an action. ``row`` is None where the object is not there and the action asks nothing of it."""
    actions: dict[str, Any] = {}
    if action.options is not None:
        actions = dict(action.options(call, row))
    elif "POST" in action.handlers:
        actions["POST"] = {one.name: field_sent(one) for one in action.fields}
    if "GET" in action.handlers:
        actions.setdefault("GET", {})
    title = action.title or f"{resource.title} {name.replace('_', ' ').replace('/', ' ').title()}"
    return {**_head(title, f"{title}.", actions), **_roles(resource)}


def of_page(call: Call, path: str, page: Page) -> dict[str, Any]:
    """Of a page."""
    actions: dict[str, Any] = {}
    if page.options is not None:
        actions = dict(page.options(call))
    elif page.fields:
        actions = {"POST": {one.name: field_sent(one) for one in page.fields}, "GET": {}}
    title = page.title or path.replace("_", " ").replace("/", " ").title()
    body = _head(title, f"{title}.", actions)
    return {**body, "max_page_size": MAX_PAGE_SIZE} if page.listed else body


def _head(name: str, description: str, actions: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": name,
        "description": description,
        "renders": ["application/json", "text/html"],
        "parses": ["application/json"],
    }
    if actions:
        body["actions"] = dict(actions)
    return body


def _listed(name: str, description: str, listed: Resource, actions: dict[str, Any]) -> dict[str, Any]:
    actions["GET"] = shown(listed)
    body = _head(name, description, actions)
    if not listed.searchable:
        return body
    body["types"] = list(types(listed))
    body["search_fields"] = list(listed.search_fields)
    if listed.related_search:
        body["related_search_fields"] = related_search_fields(listed)
    return {**body, **_roles(listed), "max_page_size": MAX_PAGE_SIZE}


def types(resource: Resource) -> Mapping[str, str]:
    """The types of a resource's objects, with what each is called."""
    return resource.types or {resource.type: resource.title}


def related_search_fields(resource: Resource) -> list[str]:
    """The look-ups by which related objects are searched."""
    found = [f"{name}__search" for name in relations(resource.model)]
    return sorted([*found, *resource.more_search])


def _roles(resource: Resource) -> dict[str, Any]:
    roles = OBJECT_ROLES.get(resource.type, ())
    return {"object_roles": [one.field for one in roles]} if roles else {}


def _posted(sub: SubList, listed: Resource) -> dict[str, Any]:
    """The fields of what is posted to a sub-list."""
    if not sub.create:
        return {"id": ID}
    fields = {name: one for name, one in sent(listed).items() if name != sub.parent_field}
    return {"id": ID, **fields} if sub.attach else fields


def shown(resource: Resource, detail: bool = False) -> dict[str, Any]:
    """The fields that an answer has."""
    polymorphic = class_mapper(resource.model).polymorphic_on is not None
    fields: dict[str, Any] = {}
    fields.update(_common(resource, polymorphic))
    if not resource.searchable:  # what came to AWX later than its types
        del fields["type"]
    for one in resource.fields:
        if not one.write_only and (detail or not one.detail):
            fields[one.name] = field_shown(one)
    return fields


def _common(resource: Resource, polymorphic: bool) -> dict[str, Any]:
    """The fields that every object has."""
    names = types(resource)
    kind: dict[str, Any] = {"type": "choice", "hidden": False, "label": "Type"}
    kind["choices"] = [list(pair) for pair in names.items()]
    if polymorphic:
        kind["filterable"] = True
    return {
        "id": {"type": "integer", "hidden": False, "label": resource.id_label, "filterable": True},
        "type": kind,
        "url": {"type": "string", "hidden": False, "label": "Url", "filterable": False},
        "related": {"type": "object", "hidden": False, "label": "Related", "filterable": False},
        "summary_fields": {"type": "object", "hidden": False, "label": "Summary fields", "filterable": False},
    }


def sent(resource: Resource, new: bool = True) -> dict[str, Any]:
    """The fields that a body may have."""
    fields = (one for one in resource.fields if not one.read_only and (new or not one.create_only))
    return {one.name: field_sent(one) for one in fields}


def field_shown(one: Field) -> dict[str, Any]:
    """What is said of a field that is read."""
    said = _said(one)
    return {**{key: said[key] for key in _READ if key in said}, **one.extra}


def field_sent(one: Field) -> dict[str, Any]:
    """What is said of a field that is sent."""
    said = {**_said(one), "required": one.required}
    if one.max_length is not None:
        said["max_length"] = one.max_length
    if one.default is not UNSET:
        said["default"] = one.default() if callable(one.default) else one.default
    if one.write_only:
        said["write_only"] = True
    return {**said, **one.extra, **one.post}


def _said(one: Field) -> dict[str, Any]:
    said: dict[str, Any] = {"type": one.type, "hidden": one.hidden, "label": one.shown_label}
    if one.help_text:
        said["help_text"] = one.help_text
    for key in ("min_value", "max_value"):
        if getattr(one, key) is not None:
            said[key] = getattr(one, key)
    said["filterable"] = one.filterable
    if one.choices:
        said["choices"] = [list(choice) for choice in one.choices]
    return said


def _may(allowed: Callable[[], bool]) -> bool:
    """Whether somebody might do something, as far as can be said without knowing with what."""
    try:
        return allowed()
    except ApiError:
        return False
