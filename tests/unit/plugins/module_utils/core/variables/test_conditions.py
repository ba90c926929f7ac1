# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions: what they say about values, and what they refuse."""

from __future__ import annotations

import ast
import builtins
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import conditions
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.conditions import (
    ConditionError,
    UndefinedInCondition,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import (
    UndefinedReference,
    unsafe,
)
from hypothesis import given, settings
from hypothesis import strategies as st

SCOPES: dict[str, Any] = {
    "fields": {"pool": "web", "version": "3", "n": 4, "ratio": 0.5, "list": ["x", "y"], "ok": True, "none": None,
               "ports": [80, 443], "empty": [], "big": 10**5000, "a": {"b": {"c": 1}}},
    "outputs": {"deploy": {"version": "2", "changed": False}, "deploy-app": {"version": "7"},
                "web": {"drain": {"s": 2}}},
    "metadata": {"labels": ["patching"], "name": "rolling"},
    "secrets": {"pw": "hunter2"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("expr", "result"),
    [
        ("fields.pool == 'web'", True),
        ("fields['pool'] != \"web\"", False),
        ("outputs.deploy.version != fields.version", True),
        ("outputs['deploy-app'].version == '7'", True),
        ("outputs.web.drain.s > 1", True),
        ("'x' in fields.list", True),
        ("'z' not in fields.list", True),
        ("443 in fields.ports", True),
        ("'eb' in fields.pool", True),
        ("'patching' in metadata.labels", True),
        ("'deploy' in outputs and not outputs.deploy.changed", True),
        ("'gone' in outputs and outputs.gone.x == 1", False),
        ("fields.ok or outputs.gone.x == 1", True),
        ("fields.ok", True),
        ("not fields.ok", False),
        ("True", True),
        ("true and not false", True),
        ("fields.none == null", True),
        ("fields.none == None", True),
        ("fields.pool == None", False),
        ("fields.none != 5", True),
        ("1 < fields.n <= 4", True),
        ("5 < fields.n < fields.gone", False),
        ("fields.n + 1 == 5 and fields.n * 2.5 == 10 and fields.n / 8 == fields.ratio", True),
        ("fields.n % 3 == 1 and fields.n // 3 == 1 and -fields.n == 0 - 4 and +fields.n == 4", True),
        ("len(fields.list) == 2 and len(fields.pool) == 3 and len(fields) > 1 and len([]) == 0", True),
        ("min(fields.ports) == 80 and max(1, 2, 3) == 3 and max('a', 'b') == 'b'", True),
        ("int(fields.version) == 3 and float('1.5') == 1.5 and str(fields.n) == '4' and int(2.9) == 2", True),
        ("lower('WEB') == fields.pool and upper(fields.pool) == 'WEB'", True),
        ("fields.pool in ['web', 'api']", True),
        ("fields.pool in ('api',)", False),
        ("fields.list == ['x', 'y']", True),
        ("fields.list[0] == 'x' and fields.list[-1] == 'y'", True),
        ("fields['po' + 'ol'] == 'web'", True),
        ("fields.a.b == fields.a['b']", True),
        ("fields.empty == []", True),
        ("1 in fields.empty", False),
        ("'b' > 'a'", True),
        ("  fields.ok  ", True),
        ("(fields.n == 4)\n", True),
        ("fields.big > 1", True),
    ],
)
def test_evaluate(expr: str, result: bool) -> None:
    assert conditions.check(expr) == []
    assert conditions.evaluate(expr, SCOPES) is result
    assert conditions.evaluate(expr, unsafe(SCOPES)) is result


@pytest.mark.parametrize(
    ("expr", "part"),
    [
        ("fields.pool == 5", "compares text with a number"),
        ("fields.ok == 1", "compares true or false with a number"),
        ("fields.list == 'x'", "compares a list with text"),
        ("fields.pool > 5", "cannot order text and a number"),
        ("fields.ok > false", "cannot order"),
        ("fields.none < 1", "cannot order null"),
        ("fields.pool and fields.ok", "'fields.pool' must be true or false, but it is text"),
        ("not fields.list", "'not' needs true or false, but got a list"),
        ("fields.pool", "must be true or false, but it is text"),
        ("fields.none", "must be true or false, but it is null"),
        ("5 in fields.n", "looks into a number"),
        ("5 in fields.pool", "looks for a number in text"),
        ("5 in fields", "among the keys of a mapping"),
        ("'80' in fields.ports", "looks for text in a list that has none"),
        ("fields.pool * 3 == 'x'", "cannot compute with text and a number"),
        ("fields.pool % 3 == 'x'", "cannot compute"),
        ("fields.list + fields.list == []", "cannot compute with a list and a list"),
        ("fields.ok + 1 == 2", "cannot compute"),
        ("fields.n / 0 == 1", "divides by zero"),
        ("fields.big + 1 == 1", "too large"),
        ("str(fields.big) == ''", "too large"),
        ("9223372036854775807 * 9223372036854775807 > 1", "too large"),
        ("1e308 * 10 > 1", "too large"),
        ("len(fields.n) == 1", "has no length"),
        ("int(fields.pool) == 1", "cannot be turned into a whole number"),
        ("int('9' + '9' * 1) == 1", "cannot compute"),
        ("float('nan') == 1", "too large"),
        ("int(fields.ok) == 1", "cannot be turned"),
        ("str(fields.ok) == 'True'", "cannot write true or false as text"),
        ("min([]) == 1", "of nothing"),
        ("max(1, 'a') == 1", "not all numbers"),
        ("lower(fields.n) == 'a'", "upper or lower case"),
        ("-fields.pool == 1", "sign"),
        ("fields.list['x'] == 1", "is a list"),
        ("fields.pool[0] == 'w'", "asks text for a number"),
        ("fields.list[true] == 'x'", "asks a list for true or false"),
    ],
)
def test_what_cannot_be_decided_is_an_error_with_a_reason(expr: str, part: str) -> None:
    assert conditions.check(expr) == []
    with pytest.raises(ConditionError) as caught:
        conditions.evaluate(expr, SCOPES)
    assert part in str(caught.value)
    assert expr in str(caught.value)


@pytest.mark.parametrize(
    ("expr", "part"),
    [
        ("fields.polo == 1", "did you mean 'pool'?"),
        ("outputs.gone.x == 1", "outputs has no 'gone'"),
        ("fields.list[2] == 'x'", "there are 2 elements"),
        ("fields.pool.upper == 1", "fields.pool is text and has no 'upper'"),
        ("system.x == 1", "'system' is undefined"),
        ("fields.list.append == 1", "has no 'append'"),
        ("fields['__class__'] == 1", "has no '__class__'"),
    ],
)
def test_an_undefined_name(expr: str, part: str) -> None:
    assert conditions.check(expr) == []
    with pytest.raises(UndefinedInCondition) as caught:
        conditions.evaluate(expr, SCOPES)
    assert part in str(caught.value)
    assert isinstance(caught.value, UndefinedReference)


@pytest.mark.parametrize(
    ("expr", "parts"),
    [
        ("", ["is empty"]),
        ("  ", ["is empty"]),
        ("fields.x ==", ["is no expression"]),
        ("fields.x = 1", ["is no expression"]),
        ("x" * 1001, ["longer than 1000"]),
        ("(" * 400 + "1" + ")" * 400, ["is no expression"]),
        ("not " * 40 + "true", ["nested more than 30 deep"]),
        ("a\0b", ["is no expression"]),
        ("pool == 'web'", ["unknown name 'pool'"]),
        ("feilds.x == web", ["did you mean 'fields'?", "unknown name 'web'"]),
        ("outputs.deploy-app.version == '1'", ["a name with '-' is written outputs['a-b']"]),
        ("fields.x ** 9 > 1", ["powers"]),
        ("fields.x is None", ["write =="]),
        ("fields.x if fields.y else true", ["if ... else"]),
        ("fields.x[1:] == 'a'", ["slices"]),
        ("f'{fields.x}' == 'a'", ["formatted text"]),
        ("(lambda: 1) == 1", ["lambda"]),
        ("(x := 1) == 1", ["assignments"]),
        ("[y for y in fields.x] == []", ["ListComp"]),
        ("{'a': 1} == fields.x", ["mappings"]),
        ("{1} == fields.x", ["sets"]),
        ("~fields.x == 1", ["Invert"]),
        ("fields.x & 1 == 1", ["BitAnd"]),
        ("fields.x.__class__ == 1", ["'__class__' is not allowed"]),
        ("fields.x.upper() == 'A'", ["only functions can be called"]),
        ("open('/etc/passwd') == 1", ["unknown function 'open'"]),
        ("__import__('os') == 1", ["unknown function '__import__'"]),
        ("len == 1", ["'len' is a function"]),
        ("len() == 1", ["takes one argument"]),
        ("len(1, 2) == 1", ["takes one argument"]),
        ("max() == 1", ["at least one"]),
        ("min(*fields.x) == 1", ["plain arguments"]),
        ("int('5', base=8) == 1", ["plain arguments"]),
        ("b'x' == fields.x", ["type bytes"]),
        ("2j == fields.x", ["type complex"]),
        ("... == fields.x", ["ellipsis"]),
        ("99999999999999999999 > 1", ["too large"]),
        ("1e999 > 1", ["too large"]),
        ("'a'", ["neither true nor false"]),
        ("len(fields.x)", ["'len(fields.x)' is neither"]),
        ("fields.x and 1", ["'1' is neither"]),
        ("not (fields.x + 1)", ["'fields.x + 1' is neither"]),
        ("null", []),
        ("a.b == c.d and len() == ~1", ["unknown name 'a'", "unknown name 'c'", "takes one", "Invert"]),
    ],
)
def test_check_finds_everything_wrong(expr: str, parts: list[str]) -> None:
    problems = conditions.check(expr)
    for part in parts:
        assert any(part in problem for problem in problems), (part, problems)
    with pytest.raises(ConditionError):
        conditions.evaluate(expr, SCOPES)


@pytest.mark.parametrize("expr", [None, 5, True, ["a"]])
def test_a_condition_is_text(expr: Any) -> None:
    assert conditions.check(expr)
    with pytest.raises(ConditionError):
        conditions.evaluate(expr, {})


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("fields.pool == 'web'", {"fields.pool"}),
        ("outputs['deploy-app'].version == fields.a.b", {"outputs.deploy-app.version", "fields.a.b"}),
        ("len(fields.list) > 1 or 'x' in outputs", {"fields.list", "outputs"}),
        ("outputs[fields.x].y == 1", {"outputs", "fields.x"}),
        ("fields.list[0] == 'a'", {"fields.list.0"}),
        ("fields.list[-1] == 'a'", {"fields.list"}),
        ("true", set()),
    ],
)
def test_names(expr: str, names: set[str]) -> None:
    assert conditions.names(expr) == names


def test_names_of_a_wrong_expression() -> None:
    with pytest.raises(ConditionError):
        conditions.names("fields.x ==")


def test_an_error_never_holds_a_value() -> None:
    for expr in ("secrets.pw == 1", "secrets.pw", "secrets.pw > 1", "int(secrets.pw) == 1", "secrets.pw.x == 1"):
        with pytest.raises(ConditionError) as caught:
            conditions.evaluate(expr, SCOPES)
        assert "hunter2" not in str(caught.value)


PIECES = (
    "fields outputs secrets metadata .pool .list .n .ok .__class__ .a.b ['x'] [0] [-1] 'text' 1 0 2.5 1e300 True none "
    "null ( ) [ ] , == != < >= in not and or + - * / // % ** len( min( int( str( lower( lambda : if else for is "
    "{ } ~ @ \\ \x00 é f'{ __import__( eval( open( 9999999999999999999999"
)
fragments = st.sampled_from([*PIECES.split(), "\n", " "])


@settings(max_examples=400)
@given(st.lists(fragments, max_size=25).map(" ".join) | st.text(max_size=60))
def test_junk_raises_nothing_but_condition_errors(expr: str) -> None:
    problems = conditions.check(expr)
    try:
        result = conditions.evaluate(expr, SCOPES)
    except ConditionError:
        pass
    else:
        assert problems == []
        assert isinstance(result, bool)
        conditions.names(expr)


@settings(max_examples=100)
@given(st.sampled_from(sorted(set(dir(builtins)) | set(dir(str)) | set(dir(dict)))), st.booleans())
def test_no_builtin_or_attribute_is_reachable(name: str, call: bool) -> None:
    known = {"True", "False", "None", "len", "min", "max", "int", "float", "str", "lower", "upper"}
    for expr in (f"{name}{'(fields)' if call else ''} == 1", f"fields.pool.{name}{'()' if call else ''} == 1"):
        if name in known and expr.startswith(name):
            continue
        with pytest.raises(ConditionError):
            conditions.evaluate(expr, SCOPES)


def test_every_kind_of_syntax_is_either_allowed_or_refused_by_name() -> None:
    """A new kind of expression in a later Python is refused, since what is allowed is listed."""
    allowed = {"Attribute", "BinOp", "BoolOp", "Call", "Compare", "Constant", "List", "Name", "Subscript", "Tuple",
               "UnaryOp"}  # fmt: skip
    kinds = {kind.__name__ for kind in ast.expr.__subclasses__()}
    assert allowed <= kinds
    for kind in sorted(kinds - allowed):
        problems: list[str] = []
        node = getattr(ast, kind).__new__(getattr(ast, kind))
        conditions._inspect(node, 1, problems)
        assert problems, kind
