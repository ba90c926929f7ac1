# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole API as an OpenAPI 3.1 document, made of what is declared."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from holdfast import __version__
from holdfast.api import sublists
from holdfast.api.call import Call, Reply
from holdfast.api.registry import Action, Field, Page, Registry, Resource, SubList

PREFIX = "/api/v2/"
_VERBS = {"GET": "retrieve", "POST": "create", "PUT": "update", "PATCH": "partial_update", "DELETE": "destroy"}
_TYPES: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "float": {"type": "number"},
    "boolean": {"type": "boolean"},
    "id": {"type": "integer", "description": "The id of another object."},
    "datetime": {"type": "string", "format": "date-time"},
    "object": {"type": "object"},
    "list": {"type": "array"},
    "json": {"description": "JSON data, or text that holds JSON or YAML."},
}
_ERRORS = {
    "400": "What was sent is wrong; says for each field what.",
    "401": "Nobody has signed in.",
    "403": "The user may not do this.",
    "404": "There is no such object.",
    "405": "The object cannot do this, or not now.",
    "409": "Something still needs it.",
    "415": "The body is no JSON.",
}
_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "page": {"schema": {"type": "integer", "minimum": 1}, "description": "Which page."},
    "page_size": {"schema": {"type": "integer", "minimum": 1, "maximum": 200}, "description": "Rows of a page."},
    "order_by": {"schema": {"type": "string"}, "description": "Fields, with commas; with `-` the largest comes first."},
    "search": {"schema": {"type": "string"}, "description": "Words that must stand in the searched fields."},
    "type": {"schema": {"type": "string"}, "description": "Types of objects, with commas."},
    "role_level": {"schema": {"type": "string"}, "description": "A role that the user holds on the objects."},
    "count_disabled": {"schema": {"type": "string"}, "description": "Leave out how many there are in all."},
    "format": {"schema": {"enum": ["json", "api"]}, "description": "Data, or a page for people."},
}
_FILTERS = {
    "name": "filters",
    "in": "query",
    "style": "form",
    "explode": True,
    "description": "Filters: `name__icontains`, `organization__name`, `or__status`, `not__id`, `chain__labels__name`.",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
}
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The id of the object; its named URL does as well.",
    "schema": {"type": "integer", "minimum": 1},
}
_SECURITY: Mapping[str, Mapping[str, Any]] = {
    "token": {"type": "http", "scheme": "bearer"},
    "password": {"type": "http", "scheme": "basic"},
    "session": {"type": "apiKey", "in": "cookie", "name": "awx_sessionid"},
}


def document(registry: Registry) -> dict[str, Any]:
    """The document."""
    schemas: dict[str, Any] = {"Error": {"type": ["object", "array"], "description": "What is wrong."}}
    paths: dict[str, Any] = {}
    for resource in registry.resources.values():
        name = schema_name(resource)
        schemas[name] = _read_schema(resource)
        schemas[f"{name}Write"] = _write_schema(resource.fields)
        schemas[f"{name}Patch"] = {key: one for key, one in schemas[f"{name}Write"].items() if key != "required"}
        schemas[f"{name}Page"] = _page_schema(name)
    for resource in registry.resources.values():
        paths.update(_of_resource(registry, resource))
    for path, page in registry.pages.items():
        paths[_join(PREFIX, path)] = _of_page(path or "version", page)
    for path, page in registry.roots.items():
        paths[_join("/api/", path)] = _of_page(f"api_{path}", page)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": __version__,
            "description": "The API of AWX 24.6.1, served by Holdfast. Everything below `/api/v2/` is below "
            "`/api/controller/v2/` too.",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"password": []}, {"session": []}],
        "tags": [{"name": name} for name in registry.resources],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "parameters": {name: {"name": name, "in": "query", **one} for name, one in _PARAMETERS.items()},
            "responses": {code: _error(text) for code, text in _ERRORS.items()},
            "securitySchemes": dict(_SECURITY),
        },
    }


def declare(registry: Registry) -> None:
    """Serve the document below the API too."""

    @functools.cache
    def whole() -> dict[str, Any]:
        return document(registry)

    def show(_call: Call) -> Reply:
        return Reply(body=whole())

    registry.page("schema", Page({"GET": show}, title="Schema", public=True))


def schema_name(resource: Resource) -> str:
    """The name of a resource's schema."""
    return "".join(word.capitalize() for word in resource.name.replace("-", "_").split("_"))


def _join(prefix: str, path: str) -> str:
    return f"{prefix}{path}/" if path else prefix


def _error(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _read_schema(resource: Resource) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "id": {"type": "integer"},
        "type": {"type": "string"},
        "url": {"type": "string"},
        "related": {"type": "object", "additionalProperties": {"type": "string"}},
        "summary_fields": {"type": "object"},
    }
    for one in resource.fields:
        if not one.write_only:
            properties[one.name] = _field(one, reads=True)
    return {"type": "object", "title": resource.title, "properties": properties}


def _write_schema(fields: Iterable[Field]) -> dict[str, Any]:
    sent = [one for one in fields if not one.read_only]
    schema: dict[str, Any] = {"type": "object", "properties": {one.name: _field(one, reads=False) for one in sent}}
    required = [one.name for one in sent if one.required]
    return {**schema, "required": required} if required else schema


def _field(one: Field, reads: bool) -> dict[str, Any]:
    """The schema of one field. What is read may be null in any of them."""
    schema: dict[str, Any] = {"title": one.shown_label}
    if one.choices:
        schema["enum"] = [choice for choice, _label in one.choices]
        if (reads or one.null) and None not in schema["enum"]:
            schema["enum"].append(None)
    else:
        schema.update(_TYPES.get(one.type, {}))
        if "type" in schema and (reads or one.null):
            schema["type"] = [schema["type"], "null"]
    if one.help_text:
        schema["description"] = one.help_text
    if not reads:
        limits = {"maxLength": one.max_length, "minimum": one.min_value, "maximum": one.max_value}
        schema.update({key: value for key, value in limits.items() if value is not None})
        if one.write_only:
            schema["writeOnly"] = True
    elif one.read_only:
        schema["readOnly"] = True
    return schema


def _page_schema(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["results"],
        "properties": {
            "count": {"type": "integer", "minimum": 0},
            "next": {"type": ["string", "null"]},
            "previous": {"type": ["string", "null"]},
            "results": {"type": "array", "items": _ref(name)},
        },
    }


def _operation(tag: str, name: str, summary: str, codes: Sequence[str], **more: Any) -> dict[str, Any]:
    responses = {code: {"$ref": f"#/components/responses/{code}"} for code in codes}
    responses.update(more.pop("answers"))
    return {"operationId": name, "tags": [tag], "summary": summary, "responses": responses, **more}


def _answer(status: str, schema: Mapping[str, Any] | None = None, text: str = "Done.") -> dict[str, Any]:
    content = {"content": {"application/json": {"schema": dict(schema)}}} if schema is not None else {}
    return {status: {"description": text, **content}}


def _body(schema: Mapping[str, Any], required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": {"application/json": {"schema": dict(schema)}}}


def _list_parameters() -> list[dict[str, Any]]:
    return [*({"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS), _FILTERS]


def _of_resource(registry: Registry, resource: Resource) -> dict[str, Any]:
    """The paths of one resource and of everything below its objects."""
    tag, base = resource.name, f"{PREFIX}{resource.name}/"
    paths: dict[str, Any] = {base: _of_list(resource), f"{base}{{id}}/": _of_detail(resource)}
    for name, sub in resource.sublists.items():
        paths[f"{base}{{id}}/{name}/"] = _of_sublist(registry, tag, name, sub)
    for name, action in resource.actions.items():
        paths[f"{base}{{id}}/{name}/"] = _of_action(tag, name, action)
    return paths


def _a(noun: str) -> str:
    """A noun with its article; that of ``user`` sounds as ``you`` does, and ``unified`` too."""
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"


def _of_list(resource: Resource) -> dict[str, Any]:
    tag, name = resource.name, schema_name(resource)
    found: dict[str, Any] = {}
    if "GET" in resource.list_methods:
        found["get"] = _operation(
            tag,
            f"{tag}_list",
            f"The {resource.title.lower()} list",
            ("400", "401", "403", "404"),
            answers=_answer("200", _ref(f"{name}Page"), "One page."),
            parameters=_list_parameters(),
        )
    if "POST" in resource.list_methods:
        found["post"] = _operation(
            tag,
            f"{tag}_create",
            f"Make {_a(resource.title.lower())}",
            ("400", "401", "403", "415"),
            answers=_answer("201", _ref(name), "What was made."),
            requestBody=_body(_ref(f"{name}Write")),
        )
    return found


def _of_detail(resource: Resource) -> dict[str, Any]:
    tag, name, title = resource.name, schema_name(resource), resource.title.lower()
    found: dict[str, Any] = {"parameters": [_ID]}
    said = {
        "GET": f"One {title}",
        "PUT": f"Replace {_a(title)}",
        "PATCH": f"Change {_a(title)}",
        "DELETE": f"Delete {_a(title)}",
    }
    for method in resource.detail_methods:
        codes = ["401", "403", "404"]
        more: dict[str, Any] = {"answers": _answer("200", _ref(name))}
        if method in ("PUT", "PATCH"):
            codes = ["400", *codes, "415"]
            more["requestBody"] = _body(_ref(f"{name}{'Write' if method == 'PUT' else 'Patch'}"))
        elif method == "DELETE":
            codes += ["409"]
            more["answers"] = _answer(str(resource.delete_status))
        found[method.lower()] = _operation(tag, f"{tag}_{_VERBS[method]}", said[method], codes, **more)
    return found


def _of_sublist(registry: Registry, tag: str, name: str, sub: SubList) -> dict[str, Any]:
    listed = registry.resources[sub.resource]
    schema, words = schema_name(listed), name.replace("_", " ")
    found: dict[str, Any] = {"parameters": [_ID]}
    found["get"] = _operation(
        tag,
        f"{tag}_{_identifier(name)}_list",
        f"The {words} of one object",
        ("400", "401", "403", "404"),
        answers=_answer("200", _ref(f"{schema}Page"), "One page."),
        parameters=_list_parameters(),
    )
    if "POST" in sublists.methods(sub):
        found["post"] = _operation(
            tag,
            f"{tag}_{_identifier(name)}_create",
            f"Put something into the {words}, take it out, or make it there",
            ("400", "401", "403", "404", "415"),
            answers={**_answer("201", _ref(schema), "What was made."), **_answer("204", None, "In, or out again.")},
            requestBody=_body(_posted(sub, schema)),
        )
    return found


def _posted(sub: SubList, schema: str) -> dict[str, Any]:
    attach = {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer"}, "disassociate": {"type": "boolean"}},
    }
    if not sub.attach:
        return _ref(f"{schema}Write")
    return {"anyOf": [attach, _ref(f"{schema}Write")]} if sub.create else attach


def _of_action(tag: str, name: str, action: Action) -> dict[str, Any]:
    found = _handlers(tag, f"{tag}_{_identifier(name)}", action.title or name.replace("_", " "), action)
    return {"parameters": [_ID], **found}


def _of_page(name: str, page: Page) -> dict[str, Any]:
    tag = name.split("/")[0]
    found = _handlers(tag, _identifier(name), page.title or name, page)
    named = [_named(part, text) for part, text in page.named.items()]
    return {"parameters": named, **found} if named else found


def _named(name: str, text: str) -> dict[str, Any]:
    """A part of a path that may be anything."""
    return {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}


def _handlers(tag: str, name: str, title: str, what: Action | Page) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for method in what.handlers:
        more: dict[str, Any] = {}
        if method in ("POST", "PUT", "PATCH"):
            more["requestBody"] = _body(_write_schema(what.fields), required=False)
        elif isinstance(what, Page) and what.parameters:
            more["parameters"] = [{"$ref": f"#/components/parameters/{one}"} for one in what.parameters]
        if what.public:
            more["security"] = []
        answers = {"2XX": {"description": "Done.", "content": {"application/json": {"schema": {}}}}}
        codes = ("400", "401", "403", "404", "405", "415")
        found[method.lower()] = _operation(tag, f"{name}_{_VERBS[method]}", title, codes, answers=answers, **more)
    return found


def _identifier(name: str) -> str:
    return name.translate(str.maketrans("/-", "__", "{}")).strip("_")
