# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References: what is one, what it brings, and that nothing from outside is ever taken for one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import references as r
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.scopes import SCOPES, build_scopes, kind_of
from hypothesis import given
from hypothesis import strategies as st

TEMPLATE = "{{ lookup('pipe', 'id') }}"
SCOPE_VALUES = build_scopes(
    fields={"pool": "web", "batch": 2, "token": "hush", "both": {"user": "me", "key": "tok"}, "odd": TEMPLATE},
    outputs={"deploy": {"hosts": ["a", "b"], "version": "2", "map": {"x-y": True}}, "n-1": {"none": None}},
    secrets={"db": {"password": "s3cret", "port": 5432, "on": True}},
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("$fields.pool", ("fields", "pool")),
        ("$outputs.web.drain.took", ("outputs", "web", "drain", "took")),
        ("$outputs.n-1.hosts.0", ("outputs", "n-1", "hosts", "0")),
        ("$secrets.x", ("secrets", "x")),
    ],
)
def test_references(text: str, names: tuple[str, ...]) -> None:
    assert r.is_reference(text)
    assert r.parse_reference(text) == names
    assert r.check_reference(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "$", "fields.pool", "$HOME/bin", "$1.50", "a $fields.pool", "$$fields.pool", "$zebra.x", "$ fields.x"],
)
def test_plain_text(text: str) -> None:
    assert not r.is_reference(text)
    assert r.check_reference(text) is None
    with pytest.raises(r.MalformedReference):
        r.parse_reference(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("$fields.", "malformed"),
        ("$fields.a..b", "malformed"),
        ("$fields.pool and more", "{{ holdfast.fields.NAME }}"),
        ("$fields.pool\n", "malformed"),
        ("$field.pool", "unknown scope 'field' (did you mean 'fields'?"),
        ("$output.a.b", "did you mean 'outputs'?"),
        ("$fields", "needs a name behind it"),
    ],
)
def test_what_is_wrong_with_a_reference(text: str, part: str) -> None:
    assert part in str(r.check_reference(text))


@pytest.mark.parametrize("value", [None, 5, True, ["$field.x"]])
def test_only_text_is_checked(value: Any) -> None:
    assert r.check_reference(value) is None
    assert not r.is_reference(value)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("$fields.pool", "web"),
        ("$fields.batch", 2),
        ("$outputs.deploy.hosts", ["a", "b"]),
        ("$outputs.deploy.hosts.1", "b"),
        ("$outputs.deploy.map.x-y", True),
        ("$outputs.n-1.none", None),
        (
            {"a": ["$fields.pool", {"b": "$fields.batch"}], "$fields.pool": 1},
            {"a": ["web", {"b": 2}], "$fields.pool": 1},
        ),
        (("$fields.pool", 1.5), ["web", 1.5]),
        ("pool $fields.pool", "pool $fields.pool"),
        ("{{ fields.pool }}", "{{ fields.pool }}"),
        ("$$fields.pool", "$fields.pool"),
        ("$$$fields.pool", "$$fields.pool"),
        ("$$field.pool", "$field.pool"),
        ("$$fields", "$fields"),
        ("$$HOME", "$$HOME"),
        ("$$", "$$"),
        ("$5", "$5"),
    ],
)
def test_resolve(template: Any, value: Any) -> None:
    before = copy.deepcopy(template)
    result = r.resolve(template, SCOPE_VALUES)
    assert result == value
    assert not isinstance(result, tuple)
    assert template == before


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("$fields.polo", ["$fields.polo", "fields has no 'polo'", "did you mean 'pool'?"]),
        ("$outputs.deploy.zzz", ["outputs.deploy has no 'zzz'", "known: hosts, map, version"]),
        ("$outputs.gone.x", ["outputs has no 'gone'"]),
        ("$fields.pool.x", ["fields.pool is text and has no 'x'"]),
        ("$fields.pool.0", ["fields.pool is text"]),
        ("$outputs.deploy.hosts.2", ["has 2 elements, counted from 0"]),
        ("$outputs.deploy.hosts.-1", ["is a list and has no '-1'"]),
        ("$metadata.x", ["it is empty"]),
    ],
)
def test_an_undefined_reference_says_what_there_is(template: str, parts: list[str]) -> None:
    with pytest.raises(r.UndefinedReference) as caught:
        r.resolve({"deep": [template]}, SCOPE_VALUES)
    for part in parts:
        assert part in str(caught.value)


def test_an_error_never_holds_a_value() -> None:
    with pytest.raises(r.UndefinedReference) as caught:
        r.resolve("$secrets.db.password.more", SCOPE_VALUES)
    assert "s3cret" not in str(caught.value)


def marks(value: Any) -> set[bool]:
    """Whether the strings inside, keys too, are marked."""
    if isinstance(value, str):
        return {isinstance(value, r.Unsafe)}
    if isinstance(value, dict):
        return {mark for pair in value.items() for part in pair for mark in marks(part)}
    return {mark for part in value for mark in marks(part)} if isinstance(value, list) else set()


@given(json_values)
def test_what_a_reference_brings_is_marked_and_equal(value: Any) -> None:
    result = r.resolve("$fields.x", {"fields": {"x": value}})
    assert result == value
    assert marks(result) <= {True}


@given(json_values)
def test_the_authors_text_is_not_marked_and_comes_back(value: Any) -> None:
    assert marks(r.resolve(value, {scope: {} for scope in SCOPES})) <= {False}


def test_text_from_outside_is_never_a_reference() -> None:
    scopes = build_scopes(fields={"evil": "$secrets.db.password"}, secrets={"db": {"password": "s3cret"}})
    once = r.resolve({"x": "$fields.evil"}, scopes)
    assert once == {"x": "$secrets.db.password"}
    assert r.resolve(once, scopes) == once
    assert list(r.find_references(once)) == []


def test_a_template_from_outside_stays_text() -> None:
    result = r.resolve("$fields.odd", SCOPE_VALUES)
    assert result == TEMPLATE
    assert isinstance(result, r.Unsafe)


def test_what_was_resolved_is_a_copy() -> None:
    hosts = r.resolve("$outputs.deploy.hosts", SCOPE_VALUES)
    hosts.append("c")
    assert SCOPE_VALUES["outputs"]["deploy"]["hosts"] == ["a", "b"]


def test_find_references_gives_path_and_names_in_order() -> None:
    template = {"a": "$fields.pool", "b": [1, "$$fields.x", "$outputs.n.k", "$field.x", "$fields.", "no"]}
    assert [tuple(found) for found in r.find_references(template)] == [
        (("a",), "$fields.pool", ("fields", "pool")),
        (("b", 2), "$outputs.n.k", ("outputs", "n", "k")),
    ]


@pytest.mark.parametrize(
    ("template", "also", "secrets"),
    [
        ("$fields.pool", (), set()),
        ({"p": "$secrets.db.password"}, (), {"s3cret"}),
        (["$secrets.db"], (), {"s3cret", "5432"}),
        ("$fields.token", (), set()),
        ("$fields.token", {"fields.token"}, {"hush"}),
        ("$fields.both", {"fields.both.key"}, {"tok"}),
        ("$fields.both.user", {"fields.both.key"}, set()),
        ("$fields.both.user", {"fields.both"}, {"me"}),
        ("$fields.pool", {"fields.pool.x"}, set()),
    ],
)
def test_secrets_that_a_template_uses(template: Any, also: Any, secrets: set[str]) -> None:
    assert r.secrets_in(template, SCOPE_VALUES, also) == secrets


def test_a_bottomless_value_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for use in (lambda: r.resolve(loop, {}), lambda: r.unsafe(loop), lambda: list(r.texts_in(loop))):
        with pytest.raises(HoldfastError, match="nested more than"):
            use()


def test_build_scopes_has_all_and_refuses_others() -> None:
    assert tuple(build_scopes(fields={"a": 1})) == SCOPES
    with pytest.raises(ValueError, match="did you mean 'fields'"):
        build_scopes(feilds={})


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "null"), (True, "true or false"), (1, "a number"), (1.5, "a number"), ("", "text"), ({}, "a mapping"),
     ([], "a list"), ((), "a list"), (b"", "a bytes")],
)  # fmt: skip
def test_kind_of(value: Any, kind: str) -> None:
    assert kind_of(value) == kind
