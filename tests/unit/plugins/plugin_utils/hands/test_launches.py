# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launches: found, checked, kept as data, and made into the same graph again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Approval,
    Bundle,
    Catalog,
    Compensation,
    Component,
    Field,
    Item,
    Need,
    Output,
    Retries,
    Rollout,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import launch, model_codec, secrets_source
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import load_catalog
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.feed import Feed, Order, parse
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions

ITEM = Item(
    "deploy",
    fields=(Field("version", required=True), Field("token", type="password")),
    action=Action("role", "a.b.c", {"v": "$fields.version", "list": [1, {"x": None}]}, become=True),
    outputs=(Output("old", "string", True),),
    compensation=Compensation(Action("role", "a.b.undo"), Action("module", "a.b.check")),
)
INNER = Component("drain", item="deploy", retries=Retries(2, "failed_hosts", 1.5), timeout=9.0)
BUNDLE = Bundle(
    "roll",
    fields=(
        Field("version", required=True),
        Field("token", type="password"),
        Field("count", type="integer", default=3),
    ),
    on_failure="rollback",
    locks=(("pool", "$fields.version"),),
    components=(
        Component("before", item="deploy", hosts="web"),
        Component(
            "web",
            kind="rollout",
            needs=(Need("before"), Need("before", states=("skipped",))),
            rollout=Rollout("web", (1, "50%"), max_failed_percent=10.0, components=(INNER,)),
        ),
        Component("ok", kind="approval", needs=(Need("web", "failure"),), approval=Approval(2, True, 60.0, "approve")),
    ),
)
LAUNCH = Launch(
    BUNDLE,
    Catalog({"deploy": ITEM}, {"roll": BUNDLE}),
    "roll.yml",
    {"version": "2", "token": "s3cret", "count": 3},
    {"web": ["w1", "w2", "w3"]},
    ("w1", "w2"),
    True,
    "alice",
    RunOptions(inventory=("hosts",), forks=2),
)


def through_json(data: object) -> object:
    return json.loads(json.dumps(data))


@pytest.mark.parametrize("model", [ITEM, BUNDLE, Item("x"), Bundle("y")], ids=lambda model: str(model.name))
def test_models_come_back_from_json_as_they_were(model: Item | Bundle) -> None:
    assert model_codec.from_data(type(model), through_json(model_codec.to_data(model))) == model


def test_the_shipped_catalog_comes_back_as_it_was() -> None:
    catalog, problems = load_catalog()
    assert problems == []
    for kind, models in ((Item, catalog.items), (Bundle, catalog.bundles)):
        for model in models.values():
            assert model_codec.from_data(kind, through_json(model_codec.to_data(model))) == model


def test_data_of_something_else_is_refused() -> None:
    with pytest.raises(HoldfastError, match="no stored Item"):
        model_codec.from_data(Item, {"name": "x", "colour": "red"})


def test_a_launch_comes_back_without_its_secrets_and_makes_the_same_graph() -> None:
    data = LAUNCH.to_data()
    assert "s3cret" not in json.dumps(data)
    again = Launch.from_data(through_json(data))  # type: ignore[arg-type]
    assert again.fields == {"version": "2", "token": launch.HIDDEN, "count": 3}
    assert again.secret_answers() == []
    assert LAUNCH.secret_answers() == ["s3cret"]
    before, after = LAUNCH.graph("run-1"), again.graph("run-1")
    assert {name: vars(node) for name, node in before.nodes.items()} == {n: vars(x) for n, x in after.nodes.items()}
    assert before.locks == after.locks == ("pool:2",)
    assert after.nodes["web.drain"].batches == (("w1",), ("w2",))


def test_a_pattern_without_hosts_is_told_with_its_place() -> None:
    found = Launch(BUNDLE, LAUNCH.catalog, "roll.yml", LAUNCH.fields)
    with pytest.raises(
        ProblemsFound, match=r"roll\.yml: components\.before\.hosts: host pattern 'web' matches no host"
    ):
        found.graph()


@pytest.mark.parametrize(("when", "wanted"), [("fields.pool != ''", ()), ("", None)])
def test_a_pattern_that_was_left_empty_never_means_all_hosts(when: str, wanted: tuple[str, ...] | None) -> None:
    bundle = Bundle(
        "some", fields=(Field("pool"),), components=(Component("look", item="deploy", hosts="$fields.pool", when=when),)
    )
    found = Launch(bundle, LAUNCH.catalog, "some.yml", {"pool": ""}, {"": ["w1", "w2"]})
    if wanted is None:
        with pytest.raises(ProblemsFound, match="host pattern '' matches no host"):
            found.graph()
    else:
        assert found.graph().nodes["look"].hosts == wanted


def test_all_wrong_answers_are_told_at_once() -> None:
    with pytest.raises(ProblemsFound) as found:
        launch.checked_answers(BUNDLE, {"count": "many", "versoin": "2"})
    said = str(found.value)
    assert "there is no question 'versoin' (did you mean 'version'?)" in said
    assert "'version' value missing" in said
    assert "expected to be an integer" in said


def test_defaults_are_filled_in() -> None:
    assert launch.checked_answers(BUNDLE, {"version": "2", "token": "x"}) == {"version": "2", "token": "x", "count": 3}


def test_no_workflow_at_all_says_how_to_name_one() -> None:
    with pytest.raises(HoldfastError, match="-e workflow="):
        launch.prepare("", {}, [], "alice", RunOptions())


# --- secrets ---------------------------------------------------------------------------------------------------


def test_secrets_come_from_the_environment_and_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text("db: {user: u, password: p}\ntoken: from-file\n")
    path.chmod(0o600)
    environ = {"HOLDFAST_SECRETS": str(path), "HOLDFAST_SECRET_TOKEN": "from-env", "OTHER": "x"}
    assert secrets_source.read(environ) == {"db": {"user": "u", "password": "p"}, "token": "from-env"}
    assert sorted(secrets_source.for_children(environ)) == ["HOLDFAST_SECRETS", "HOLDFAST_SECRET_TOKEN"]


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [("a: 1", 0o640, "chmod 600"), ("- a", 0o600, "a mapping"), ("a: 'topsecret", 0o600, "it is no YAML")],
)
def test_a_bad_file_of_secrets_is_refused_without_showing_it(tmp_path: Path, text: str, mode: int, said: str) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(HoldfastError, match=said) as found:
        secrets_source.read({"HOLDFAST_SECRETS": str(path)})
    assert "topsecret" not in str(found.value)


# --- the line to the supervisor --------------------------------------------------------------------------------


def test_an_order_comes_through_the_pipe_as_it_was() -> None:
    order = Order(workflow="x", fields={"a": [1, None]}, asks_hosts=True)
    assert Order.from_line(order.to_line()) == order


@pytest.mark.parametrize("line", ["", "nonsense", "[]", '{"version": 2}', '{"version": 1, "unknown": 1}'])
def test_another_order_is_refused(line: str) -> None:
    with pytest.raises(HoldfastError):
        Order.from_line(line)


def test_the_feed_is_lines_of_json_and_survives_a_reader_that_is_gone() -> None:
    stream = io.StringIO()
    feed = Feed(stream)
    feed.send("accepted", run="r")
    feed.line("ü\nx")
    feed.close()
    assert [parse(line) for line in stream.getvalue().splitlines()] == [
        {"feed": "accepted", "run": "r"},
        {"feed": "line", "text": "ü\nx"},
    ]
    closed = io.StringIO()
    closed.close()
    gone = Feed(closed)
    gone.line("nobody hears this")
    gone.line("nor this")
    gone.close()
    assert parse("no json") == {}
