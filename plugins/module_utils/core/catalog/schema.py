# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema (draft 2020-12) of the documents, made of the same tables by which they are judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape import KINDS
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.vocabulary import (
    Anything,
    ByKey,
    ByValue,
    Either,
    Flag,
    Key,
    ListOf,
    MapOf,
    Number,
    Object,
    Shape,
    Text,
)

DRAFT = "https://json-schema.org/draft/2020-12/schema"
FILES = {"CatalogItem": "catalog-item.schema.json", "CatalogBundle": "catalog-bundle.schema.json"}
"""The file under ``docs/schema`` that holds the schema of each kind."""

Schema = dict[str, Any]


def json_schema(kind: str) -> Schema:
    """The schema of one kind of document; raises KeyError for a kind that does not exist."""
    table = KINDS[kind]
    return {"$schema": DRAFT, "title": kind, "description": f"Holdfast: {table.says}", **_schema(table)}


def render(kind: str) -> str:
    """The schema of one kind as it stands in its file."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"


def _schema(shape: Shape) -> Schema:
    return _MAKERS[type(shape)](shape)


def _text(shape: Text) -> Schema:
    if shape.choices:
        return {"enum": list(shape.choices)}
    if shape.pattern:
        return {"type": "string", "pattern": shape.pattern}
    return {"type": "string"} if shape.blank else {"type": "string", "pattern": r"\S"}


def _number(shape: Number) -> Schema:
    limits = {"minimum": shape.minimum, "maximum": shape.maximum}
    kind = "integer" if shape.whole else "number"
    return {"type": kind, **{word: limit for word, limit in limits.items() if limit is not None}}


def _flag(_shape: Flag) -> Schema:
    return {"type": "boolean"}


def _anything(_shape: Anything) -> Schema:
    return {}


def _list_of(shape: ListOf) -> Schema:
    least = {"minItems": shape.least} if shape.least else {}
    return {"type": "array", "items": _schema(shape.of), **least}


def _map_of(shape: MapOf) -> Schema:
    least = {"minProperties": shape.least} if shape.least else {}
    names = {} if shape.keys.blank else {"propertyNames": {"pattern": shape.keys.pattern}}
    return {"type": "object", **names, "additionalProperties": _schema(shape.of), **least}


def _object(shape: Object) -> Schema:
    made: Schema = {
        "type": "object",
        "properties": {key.name: _key(key) for key in shape.keys},
        "additionalProperties": False,
    }
    required = [key.name for key in shape.keys if key.required]
    if required:
        made["required"] = required
    if shape.together:
        made["dependentRequired"] = {key: [beside] for key, beside in shape.together.items()}
    if shape.exclusive:
        made["allOf"] = [{"not": {"required": list(pair)}} for pair in shape.exclusive]
    return made


def _key(key: Key) -> Schema:
    described = {"description": key.doc, **_schema(key.shape)}
    if isinstance(key.default, (str, bool, int, float)) and key.default != "":
        described["default"] = key.default
    return described


def _by_key(shape: ByKey) -> Schema:
    return {"oneOf": [_object(case) for case in shape.cases.values()]}


def _by_value(shape: ByValue) -> Schema:
    """Equal cases become one, whose tag may have any of their values; only that of the default may be absent."""
    made: list[Schema] = []
    for case in _distinct(shape.cases):
        tags = [value for value, other in shape.cases.items() if other is case]
        schema = _object(case)
        tag = schema["properties"][shape.tag]
        tag["enum"] = tags
        if shape.default not in tags:
            tag.pop("default", None)
            schema["required"] = [shape.tag, *(name for name in schema.get("required", ()) if name != shape.tag)]
        made.append(schema)
    return {"oneOf": made}


def _distinct(cases: Mapping[str, Object]) -> list[Object]:
    found: list[Object] = []
    for case in cases.values():
        if not any(case is other for other in found):
            found.append(case)
    return found


def _either(shape: Either) -> Schema:
    return {"anyOf": [_schema(case) for case in shape.cases]}


_MAKERS: Mapping[type, Callable[[Any], Schema]] = {
    Text: _text,
    Number: _number,
    Flag: _flag,
    Anything: _anything,
    ListOf: _list_of,
    MapOf: _map_of,
    Object: _object,
    ByKey: _by_key,
    ByValue: _by_value,
    Either: _either,
}
