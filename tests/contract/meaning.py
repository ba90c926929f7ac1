# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recorded answer means, and where another answer means something else.

Of a good answer the keys, the types and the words that clients act upon count; of an error every word; of OPTIONS
everything but the help. Ids, moments, paths and texts that differ from one server to the next do not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: keys whose texts are compared, and not only that they are texts
WORDS = frozenset(
    (
        *("type", "status", "launch_type", "unified_job_type", "kind", "job_type", "scm_type", "event", "operation"),
        *("event_display", "node_type", "role_field", "scope", "notification_type", "object_association"),
        *("identifier", "playbook", "verbosity", "extra_vars", "summary"),
    )
)
#: what is inside is another server's own
OPAQUE = frozenset(("job_env", "event_data", "artifacts", "analytics_collectors", "zones", "links", "changes"))
#: keys that hold null or a value depending on when one asks
BY_THE_CLOCK = frozenset(
    (
        *("started", "finished", "canceled_on", "last_job_run", "next_job_run", "last_login", "last_used"),
        *("execution_node", "work_unit_id", "elapsed", "last_job_finished"),
    )
)
#: ends of addresses whose answers are compared as they are
VERBATIM = ("/survey_spec/", "/variable_data/", "/playbooks/", "/script/", "?hostvars=1&all=1", "/api/o/")
MISSING = object()


def condense(recording: Mapping[str, Any]) -> dict[str, Any]:
    """One recording, reduced to what it means."""
    request, headers = recording["request"], recording["headers"]
    found: dict[str, Any] = {"method": request["method"], "path": request["path"]}
    for name in ("body", "auth", "headers"):
        if request.get(name) is not None:
            found[name] = request[name]
    found["status"] = recording["status"]
    for name, header in (("content", "content-type"), ("allow", "allow"), ("location", "location")):
        if header in headers:
            found[name] = headers[header]
    body = recording["body"]
    if isinstance(body, (dict, list)):
        found.update(_body(request, recording["status"], body))
    return found


def _body(request: Mapping[str, Any], status: int, body: Any) -> dict[str, Any]:
    if request["method"] == "OPTIONS" or status >= 400 or request["path"].endswith(VERBATIM):
        return {"exact": body}
    found: dict[str, Any] = {"shape": shape(body)}
    if isinstance(body, dict):
        found["learn"] = list(learnt(body))
        if "_results_cut_to" in body:
            found["cut"] = body["_results_cut_to"]
        results = body.get("results")
        if "?" in request["path"] and isinstance(results, list):
            found["names"] = [row.get("name") for row in results if isinstance(row, dict)]
            if "count" in body:
                found["count"] = body["count"]
    return found


def learnt(body: Mapping[str, Any]) -> Iterator[list[Any]]:
    """``[key, id, place]`` of every id that an answer tells: what it is of, and where in the answer it stands."""
    here = _id_of(body.get("url"))
    if here:
        yield [*here, ["url"]]
    roles = (body.get("summary_fields") or {}).get("object_roles") or {}
    for name, role in roles.items():
        yield ["roles", role["id"], ["summary_fields", "object_roles", name, "id"]]
    results = body.get("results")
    for number, row in enumerate(results if isinstance(results, list) else ()):
        found = _id_of(row.get("url")) if isinstance(row, dict) else None
        if found:
            yield [*found, ["results", number, "url"]]


def _id_of(url: Any) -> tuple[str, int] | None:
    match = re.fullmatch(r"/api/v2/(\w+)/(\d+)/(\?.*)?", url) if isinstance(url, str) else None
    return (match[1], int(match[2])) if match else None


def shape(value: Any, key: str = "") -> Any:
    """The keys and types of a value, with the words that count."""
    if key in OPAQUE:
        return _kind(value)
    if isinstance(value, dict):
        return {name: shape(one, name) for name, one in value.items() if not name.startswith("_")}
    if isinstance(value, list):
        return [_merged([shape(one, key) for one in value])] if value else []
    if isinstance(value, bool) or (isinstance(value, str) and key in WORDS):
        return f"{_kind(value)}={json.dumps(value)}"
    return _kind(value)


def _kind(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null", dict: "object", list: "list"}
    return names[type(value)]


def _merged(shapes: list[Any]) -> Any:
    """One shape for all elements of a list; keys that only some have end with ``?``."""
    if all(isinstance(one, dict) for one in shapes):
        keys = list(dict.fromkeys(key.rstrip("?") for one in shapes for key in one))
        found = {}
        for key in keys:
            values = [one[name] for one in shapes for name in (key, f"{key}?") if name in one]
            always = len([one for one in shapes if key in one]) == len(shapes)
            found[key if always else f"{key}?"] = _merged(values)
        return found
    if all(isinstance(one, list) for one in shapes):
        inner = [element for one in shapes for element in one]
        return [_merged(inner)] if inner else []
    texts = [one if isinstance(one, str) else ("object" if isinstance(one, dict) else "list") for one in shapes]
    if len(set(texts)) > 1:
        texts = [text.split("=")[0] for text in texts]
    return "|".join(sorted(set("|".join(texts).split("|")))) if "=" not in texts[0] else texts[0]


def differences(expected: Any, actual: Any, path: str = "") -> Iterator[str]:
    """Where an answer has not the recorded shape."""
    if isinstance(expected, dict):
        yield from _of_objects(expected, actual, path)
    elif isinstance(expected, list):
        if not isinstance(actual, list):
            yield f"{path}: is {_kind(actual)}, was a list"
        elif expected:
            for number, one in enumerate(actual):
                yield from differences(expected[0], one, f"{path}[{number}]")
    else:
        yield from _of_values(expected, actual, path)


def _of_objects(expected: Mapping[str, Any], actual: Any, path: str) -> Iterator[str]:
    if not isinstance(actual, dict):
        yield f"{path}: is {_kind(actual)}, was an object"
        return
    known = {"help_text", *(key.rstrip("?") for key in expected)}
    for key in actual:
        if key not in known:
            yield f"{path}.{key}: is new ({_kind(actual[key])})"
    for key, inner in expected.items():
        plain = key.rstrip("?")
        if plain in actual:
            yield from differences(inner, actual[plain], f"{path}.{plain}")
        elif plain == key:
            yield f"{path}.{key}: is missing"


def _of_values(expected: str, actual: Any, path: str) -> Iterator[str]:
    kind, _unused, text = expected.partition("=")
    key = path.rpartition(".")[2].split("[")[0]
    if key in BY_THE_CLOCK and _kind(actual) in ("null", "str", "float"):
        return
    allowed = kind.split("|")
    if _kind(actual) not in allowed:
        yield f"{path}: is {_kind(actual)} ({json.dumps(actual, default=str)[:80]}), was {kind}"
    elif text and json.loads(text) != actual:
        yield f"{path}: is {json.dumps(actual)[:200]}, was {text}"


def exactly(expected: Any, actual: Any, path: str = "") -> Iterator[str]:
    """Where an answer says anything else than the recorded one; help texts are nobody's business but our own."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in {**expected, **actual}:
            if key in ("help_text", "description") and not path.endswith(("POST", "GET", "PUT")) and path:
                continue
            if key == "description" and not path:
                continue
            one, other = expected.get(key, MISSING), actual.get(key, MISSING)
            if one is MISSING:
                yield f"{path}.{key}: is new ({json.dumps(other)[:120]})"
            elif other is MISSING:
                yield f"{path}.{key}: is missing (was {json.dumps(one)[:120]})"
            else:
                yield from exactly(one, other, f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _lists(expected, actual, path)
    elif isinstance(expected, str) and isinstance(actual, str) and "PATH" in expected:
        return  # a path, taken out of the recording
    elif path.endswith("][1]") and ".choices[" in path and len(str(expected).split()) > 4:
        return  # a sentence about a choice: help, in all but name
    elif expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        yield f"{path}: is {json.dumps(actual)[:300]}, was {json.dumps(expected)[:300]}"


def _lists(expected: list[Any], actual: list[Any], path: str) -> Iterator[str]:
    if path.endswith(("search_fields", "object_roles")):
        if missing := sorted(set(expected) - set(actual)):
            yield f"{path}: without {missing}"
        if new := sorted(set(actual) - set(expected)):
            yield f"{path}: has also {new}"
    elif len(expected) != len(actual):
        yield f"{path}: is {json.dumps(actual)[:300]}, was {json.dumps(expected)[:300]}"
    else:
        for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from exactly(one, other, f"{path}[{number}]")
