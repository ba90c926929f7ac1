# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree: what it says, how it is cut and folded, and that nothing from outside reaches the terminal as it is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from holdfast.cli.tree import Tree, crowd

from .conftest import launch, perform

APPROVED = "{events: [{at: 2h, approve: sign_off, by: bob}]}"


def draw(
    hosts: int, script: str, at: float = 1.0, width: int = 80, height: int = 50, **fields: Any
) -> tuple[list[str], Tree]:
    """The tree of a made-up run after a part ``at`` (0 to 1) of its changes."""
    found = launch(hosts, **fields)
    changes = perform(found, yaml.safe_load(script)).journal
    tree = Tree(found.graph("rehearsal"), Record())
    for change in changes[: round(len(changes) * at)]:
        tree.record.fold(change)
    return [text.plain for text in tree.lines(10_000.0, width, height)], tree


@pytest.mark.usefixtures("catalog")
class TestTree:
    def test_says_how_every_node_ended(self) -> None:
        lines, _tree = draw(2, APPROVED)
        text = "\n".join(lines)
        assert lines[0].startswith("walk  successful")
        assert " ✔ before " in text
        assert "✔ web                         2 batches of 2 hosts" in text
        assert "✔ sign_off                    1 of 1 approved" in text

    @pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
    @pytest.mark.parametrize(("hosts", "batch"), [(1, 1), (100, 1), (100, 7), (100, 100)])
    def test_fits_the_screen_at_any_time(self, at: float, hosts: int, batch: int) -> None:
        script = "{results: {web.health: {app1: {state: failed, message: " + "very long " * 50 + "}}}, events: []}"
        lines, _tree = draw(hosts, script, at, 80, 20, batch=batch)
        assert len(lines) <= 20
        assert max(map(len, lines)) <= 80

    def test_a_rollout_under_way_shows_the_batch_that_runs_and_counts_the_others(self) -> None:
        found = launch(100, batch=5)
        changes = perform(found, yaml.safe_load(APPROVED)).journal
        tree = Tree(found.graph("rehearsal"), Record())
        for change in changes:
            tree.record.fold(change)
            if change["type"] == "started" and change["node"] == "web.deploy" and change["batch"] == 7:
                break
        tree.tasks[change["id"]] = "Deploy : start"
        text = "\n".join(line.plain for line in tree.lines(10_000.0, 80, 50))
        assert "7 of 20 batches of 100 hosts done" in text
        assert "✔ batches 1-7               app1 … app35 (35 hosts)" in text
        assert "▶ batch 8                   app36 … app40 (5 hosts)" in text
        assert "▶ deploy" in text
        assert "Deploy : start" in text
        assert "· batches 9-20              app41 … app100 (60 hosts)" in text

    def test_a_failure_says_where_and_what_and_what_was_undone(self) -> None:
        script = "{results: {web.health: {app3: {state: failed, message: answered 500}}}}"
        text = "\n".join(draw(6, script, batch=2)[0])
        assert "✔ batch 1                   app1, app2" in text
        assert "✘ batch 2                   failed  app3, app4" in text
        assert "✔ deploy                  undo successful" in text
        assert "app3: answered 500" in text
        assert "· batch 3                   app5, app6" in text

    def test_who_waits_for_people_says_how_to_answer(self) -> None:
        found = launch(1)
        tree = Tree(found.graph("r1"), Record())
        for change in perform(found, yaml.safe_load(APPROVED)).journal:
            if change["type"] == "vote":
                break
            tree.record.fold(change)
        text = "\n".join(line.plain for line in tree.lines(10_000.0, 80, 50))
        assert "◔ sign_off                    waiting" in text
        assert "Is it fine?" in text
        assert "holdfast runs approve rehearsal sign_off" in text

    def test_a_canceled_batch_is_not_shown_as_done(self) -> None:
        text = "\n".join(draw(2, "{events: [{after: web.deploy/2, cancel: true}]}")[0])
        assert "■ batch 2                   canceled" in text

    def test_what_hosts_say_cannot_drive_the_terminal(self) -> None:
        message = '"\\e]0;owned\\a\\e[2J\\nsecond line"'
        lines, _tree = draw(1, "{results: {before: {app1: {state: failed, message: " + message + "}}}}")
        text = "".join(lines)
        assert "owned" in text
        assert "\x1b" not in text
        assert "\n" not in text


def test_crowds_are_counted() -> None:
    assert crowd([]) == "no host"
    assert crowd(["a", "b", "c"]) == "a, b, c"
    assert crowd([f"h{n}" for n in range(1, 101)]) == "h1 … h100 (100 hosts)"


@pytest.mark.usefixtures("catalog")
def test_neighbours_are_counted_only_where_there_is_no_room() -> None:
    script = "{results: {before: {app1: {state: failed, message: gone}}}}"
    assert "3 nodes skipped" in "\n".join(draw(3, script, height=5)[0])
    assert "sign_off" in "\n".join(draw(3, script, height=6)[0])
