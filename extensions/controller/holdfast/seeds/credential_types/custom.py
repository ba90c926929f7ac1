# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential types that people make: what AWX says about their inputs and injectors."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_remote import FOR_JOBS
from jinja2.exceptions import SecurityError, TemplateSyntaxError, UndefinedError

from holdfast.seeds.credential_types.inputs import not_one_of, unexpected
from holdfast.seeds.credential_types.model import CUSTOM_KINDS
from holdfast.seeds.credential_types.templates import sandbox
from holdfast.seeds.errors import Invalid

_TYPES: Mapping[str, type] = {"string": str, "boolean": bool}
_FIELD_TYPES = ["string", "boolean"]
_FORMATS = ["ssh_private_key", "url"]
_FIELD_KEYS = {
    "type",
    "format",
    "choices",
    "id",
    "label",
    "help_text",
    "multiline",
    "secret",
    "ask_at_runtime",
    "default",
}
_TEXT_ONLY = ("choices", "multiline", "format", "secret")

# The patterns are part of what is said, so they stand here as AWX words them.
_FIELD_ID = r"^[a-zA-Z_]+[a-zA-Z0-9_]*$"
_FILE_KEY = r"^template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?$"
_ENV_KEY = r"^[a-zA-Z_]+[a-zA-Z0-9_]*$"
_ENV_VALUE = "^[\x00-\x7f]*$"
_EXTRA_VARS_KEY = r"^[a-zA-Z_\{\}]+[a-zA-Z0-9_\{\}]*$"

# Variables of the process that runs a play: a credential that set them would take the play over, or hide it from its
# watcher.
_OWN_VARIABLES = frozenset(
    {
        "AD_HOC_COMMAND_ID",
        "AWX_HOST",
        "CACHE",
        "CALLBACK_CONNECTION",
        "CALLBACK_QUEUE",
        "INVENTORY_HOSTVARS",
        "INVENTORY_ID",
        "INVENTORY_SOURCE_ID",
        "INVENTORY_UPDATE_ID",
        "JOB_CALLBACK_DEBUG",
        "JOB_ID",
        "MAX_EVENT_RES",
        "PATH",
        "PROJECT_REVISION",
        "PYTHONPATH",
        "REST_API_TOKEN",
        "REST_API_URL",
        "SUPERVISOR_CONFIG_PATH",
        "VIRTUAL_ENV",
    }
)

Path = list[str | int]


def check_credential_type(kind: str, inputs: object, injectors: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs and injectors to keep for a type somebody makes; raises Invalid with the body AWX answers."""
    kept = copy.deepcopy(inputs)
    body: dict[str, Any] = {}
    problems = list(_inputs_problems(kept)) or _first(_input_field_problems(kept))
    if problems:
        body["inputs"] = problems
    # A template can only be judged by fields that are in order.
    injector_problems = list(_injectors_problems(injectors))
    if not problems and not injector_problems:
        injector_problems = _first(_template_problems(injectors, kept))
    if injector_problems:
        body["injectors"] = injector_problems
    if body:
        raise Invalid(body)
    if kind not in CUSTOM_KINDS:
        raise Invalid({"kind": [f"Must be 'cloud' or 'net', not {kind}"]})
    assert isinstance(kept, dict) and isinstance(injectors, dict)
    if any(field.get("ask_at_runtime") for field in kept.get("fields", ())):
        raise Invalid({"inputs": ["'ask_at_runtime' is not supported for custom credentials."]})
    return kept, dict(injectors)


def is_environment_variable_allowed(name: str) -> bool:
    """Whether an injector may set this variable."""
    return _variable_problem(name) is None


def _first(problems: Iterator[str]) -> list[str]:
    found = next(problems, None)
    return [] if found is None else [found]


def _wrong_type(value: object, path: Path, expected: str) -> str:
    where = f" in relative path {path}" if path else ""
    return f"{type(value).__name__} provided{where}, expected {expected}"


def _wrong_keys(path: Path, problem: str) -> str:
    return f"Schema validation error in relative path {path} ({problem})"


def _keys_problems(given: Mapping[str, Any], allowed: set[str], path: Path) -> Iterator[str]:
    unknown = [name for name in given if name not in allowed]
    if unknown:
        yield _wrong_keys(path, unexpected(unknown))


def _inputs_problems(inputs: object) -> Iterator[str]:
    """What is wrong with the shape of the inputs."""
    if not isinstance(inputs, dict):
        yield _wrong_type(inputs, [], "dict")
        return
    if "dependencies" in inputs:
        yield "'dependencies' is not supported for custom credentials."
        return
    yield from _keys_problems(inputs, {"required", "fields"}, [])
    for name in ("required", "fields"):
        if not isinstance(inputs.get(name, []), list):
            yield _wrong_type(inputs[name], [name], "array")
            continue
        for index, one in enumerate(inputs.get(name, [])):
            if name == "fields":
                yield from _field_problems(one, [name, index])
            elif not isinstance(one, str):
                yield _wrong_type(one, [name, index], "string")


def _field_problems(field: object, path: Path) -> Iterator[str]:
    if not isinstance(field, dict):
        yield _wrong_type(field, path, "dict")
        return
    for name, allowed in (("type", _FIELD_TYPES), ("format", _FORMATS)):
        if name in field and field[name] not in allowed:
            yield not_one_of(field[name], allowed)
    if "choices" in field:
        yield from _choices_problems(field["choices"], [*path, "choices"])
    for name, expected in (
        ("id", "string"),
        ("label", "string"),
        ("help_text", "string"),
        ("multiline", "boolean"),
        ("secret", "boolean"),
        ("ask_at_runtime", "boolean"),
    ):
        if name in field and not isinstance(field[name], _TYPES[expected]):
            yield _wrong_type(field[name], [*path, name], expected)
        elif name == "id" and name in field and not re.search(_FIELD_ID, field[name]):
            yield f"{field[name]} is an invalid variable name"
    yield from _keys_problems(field, _FIELD_KEYS, path)
    for name in ("id", "label"):
        if name not in field:
            yield f"{name!r} is a required property"


def _choices_problems(choices: object, path: Path) -> Iterator[str]:
    if not isinstance(choices, list):
        yield _wrong_type(choices, path, "array")
        return
    if not choices:
        yield f"{choices!r} should be non-empty"
    for index, one in enumerate(choices):
        if not isinstance(one, str):
            yield _wrong_type(one, [*path, index], "string")
    if any(one in choices[:index] for index, one in enumerate(choices)):
        yield f"{choices!r} has non-unique elements"


def _input_field_problems(inputs: Any) -> Iterator[str]:
    """What is wrong with fields of the right shape; fills in their type."""
    seen = set()
    for field in inputs.get("fields", ()):
        if field["id"] == "tower":
            yield '"tower" is a reserved field name'
        if field["id"] in seen:
            yield f"field IDs must be unique ({field['id']})"
        seen.add(field["id"])
        kind = field.setdefault("type", "string")
        if "default" in field and not isinstance(field["default"], _TYPES[kind]):
            yield f"{field['default']} is not a {kind}"
        for name in _TEXT_ONLY:
            if name in field and kind != "string":
                yield f"{name} not allowed for {kind} type ({field['id']})"


def _injectors_problems(injectors: object) -> Iterator[str]:
    """What is wrong with the shape of the injectors."""
    if not isinstance(injectors, dict):
        yield _wrong_type(injectors, [], "dict")
        return
    patterns = {"file": _FILE_KEY, "env": _ENV_KEY, "extra_vars": _EXTRA_VARS_KEY}
    yield from _keys_problems(injectors, set(patterns), [])
    for name, pattern in patterns.items():
        given = injectors.get(name, {})
        if not isinstance(given, dict):
            yield _wrong_type(given, [name], "dict")
            continue
        for key, value in given.items():
            if re.search(pattern, key):
                yield from _injector_value_problems(name, key, value)
        unknown = sorted(key for key in given if not re.search(pattern, key))
        if unknown:
            listed = ", ".join(map(repr, unknown))
            verb = "does" if len(unknown) == 1 else "do"
            yield _wrong_keys([name], f"{listed} {verb} not match any of the regexes: {pattern!r}")


def _injector_value_problems(name: str, key: str, value: object) -> Iterator[str]:
    if name == "extra_vars":
        if not _is_extra_var(value):
            yield f"{value!r} is not valid under any of the given schemas"
    elif not isinstance(value, str):
        yield _wrong_type(value, [name, key], "string")
    elif name == "env" and not value.isascii():
        yield f"{value!r} does not match {_ENV_VALUE!r}"


def _is_extra_var(value: object) -> bool:
    if isinstance(value, dict):
        return all(re.search(_EXTRA_VARS_KEY, key) and _is_extra_var(one) for key, one in value.items())
    return isinstance(value, (str, list))


class _Filename:
    """``tower.filename``, where a type has files with names or none: it has the names, but is no name itself."""

    def __str__(self) -> str:
        raise UndefinedError("Must define unnamed file injector in order to reference `tower.filename`.")


class _Tower:
    """``tower``: the one name in templates that no field may have."""

    def __init__(self, filename: str | _Filename) -> None:
        self.filename = filename

    def __str__(self) -> str:
        raise UndefinedError("Cannot directly reference reserved `tower` namespace container.")


def _variable_problem(name: str) -> str | None:
    if name.startswith("ANSIBLE_"):
        return f"Environment variable {name} may affect Ansible configuration so its use is not allowed in credentials."
    if name in _OWN_VARIABLES or (name.startswith("HOLDFAST_") and name not in FOR_JOBS):
        return f"Environment variable {name} is not allowed to be used in credentials."
    return None


def _namespace(inputs: Mapping[str, Any], files: Mapping[str, Any]) -> dict[str, object]:
    """What templates may refer to, with examples for values."""
    filename: str | _Filename = "EXAMPLE_FILENAME"
    if "template" not in files:
        filename = _Filename()
        for name in files:
            setattr(filename, name.partition(".")[2], "EXAMPLE_FILENAME")
    fields: dict[str, object] = {field["id"]: "EXAMPLE" for field in inputs.get("fields", ())}
    return {**fields, "tower": _Tower(filename)}


def _template_problems(injectors: Any, inputs: Any) -> Iterator[str]:
    files = injectors.get("file", {})
    if "template" in files and len(files) > 1:
        yield "Must use multi-file syntax when injecting multiple files"
    namespace = _namespace(inputs, files)
    for name, given in injectors.items():
        if name == "env":
            yield from filter(None, map(_variable_problem, given))
        if name == "extra_vars":
            yield from _extra_vars_problems("", given, namespace)
            continue
        for key, template in given.items():
            yield from _template_problem(name, key, template, namespace)


def _extra_vars_problems(key: str, node: object, namespace: Mapping[str, object]) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _template_problem("extra_vars", key or "a key", name, namespace)
            yield from _extra_vars_problems(f"{key}.{name}" if key else name, value, namespace)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _extra_vars_problems(f"{key}[{index}]", value, namespace)
    else:
        yield from _template_problem("extra_vars", key, node, namespace)


def _template_problem(kind: str, key: str, template: object, namespace: Mapping[str, object]) -> Iterator[str]:
    if not isinstance(template, str):
        yield _syntax(kind, key, f"expected text, not {type(template).__name__}")
        return
    try:
        sandbox(strict=True).from_string(template).render(namespace)
    except UndefinedError as error:
        yield f"{key} uses an undefined field ({error})"
    except SecurityError as error:
        yield f"Encountered unsafe code execution: {error}"
    except TemplateSyntaxError as error:
        yield _syntax(kind, key, str(error))
    except Exception as error:  # A template can fail in any way that an expression can.
        yield _syntax(kind, key, f"{type(error).__name__}: {error}")


def _syntax(kind: str, key: str, problem: str) -> str:
    return f"Syntax error rendering template for {key} inside of {kind} ({problem})"
