# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor's loop, with plays that are made up: what is written when, who is heard, what ends a run."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Approval,
    Compensation,
    Item,
    Output,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Change, Execution, HostResult
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Edge, Graph, Node, NodeBreaker
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import controller_api, inbox, patient_asker
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_store import Breakers
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.feed import Feed
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launcher import ExecutionEnd
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import Locks
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.progress import summary
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import (
    Journal,
    RunsStore,
    StoreBroken,
    read_changes,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.supervisor import CancelWanted, Supervisor

ITEM = Item(
    "work",
    action=Action("role", "a.b.c"),
    outputs=(Output("version"),),
    compensation=Compensation(Action("role", "a.b.undo")),
)


def node(name: str, *parents: str, **facts: Any) -> Node:
    edges = tuple(Edge(parent, states.EDGES["success"]) for parent in parents)
    return Node(name, item=facts.pop("item", ITEM), parents=edges, **facts)


class Plays:
    """A launcher whose plays end at once, as ``ends`` says; "never" waits for a cancel."""

    def __init__(self, arrivals: queue.SimpleQueue[Any], journal: Path, ends: dict[str, str]) -> None:
        self._arrivals = arrivals
        self._journal = journal
        self._ends = ends
        self._under_way: dict[str, Execution] = {}
        self.started: list[str] = []
        self.ended: list[tuple[str, str]] = []
        self.learned: list[str] = []
        self.promised: tuple[str, ...] = ("version",)
        self.outputs: dict[str, dict[str, Any]] = {}
        self.on_start: Callable[[str], None] = lambda node: None

    @property
    def running(self) -> frozenset[str]:
        return frozenset(self._under_way)

    def start(self, execution: Execution, inputs: Any, outputs: tuple[str, ...] = ()) -> None:
        persisted = {change.get("id") for change in read_changes(self._journal) if change["type"] == "started"}
        assert execution.id in persisted, "a start must be in the journal before it happens"
        assert outputs == self.promised
        name = execution.node if execution.action == "do" else f"undo-{execution.node}"
        self.started.append(name)
        self._under_way[execution.id] = execution
        state = self._ends.get(name, states.SUCCESSFUL)
        if state != "never":
            self._end(execution, state, "")
        self.on_start(name)

    def cancel(self, execution_id: str, reason: str) -> None:
        self.ended.append((self._under_way[execution_id].node, reason))
        self._end(self._under_way[execution_id], states.CANCELED, reason)

    def learn(self, secrets: Iterable[str]) -> None:
        self.learned += secrets

    def _end(self, execution: Execution, state: str, reason: str) -> None:
        del self._under_way[execution.id]
        results = dict.fromkeys(execution.hosts, HostResult(state, "" if state == states.SUCCESSFUL else "broke"))
        self._arrivals.put(ExecutionEnd(execution.id, results, self.outputs.get(execution.node, {}), reason))


class House:
    """A run of a graph in a store of its own."""

    def __init__(self, store: Path, graph: Graph, ends: dict[str, str] | None = None, by: str = "alice") -> None:
        self.run = RunsStore(store).create(time.time())
        self.run.lock()
        self.journal = Journal(self.run.journal_path)
        self.arrivals: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.plays = Plays(self.arrivals, self.run.journal_path, ends or {})
        self.conductor = Conductor(graph, Record())
        self.locks = Locks(store, self.run.id, time.time)
        self.lines: list[str] = []
        self.feed = Feed(None)
        self.feed.line = self.lines.append  # type: ignore[method-assign]
        self._by = by

    def conduct(self) -> str:
        begun: list[Change] = self.conductor.begin(time.time(), {"id": self.run.id, "requested_by": self._by})
        Supervisor(self.run, self.conductor, self.journal, self.plays, self.locks, self.feed, self.arrivals).conduct(
            begun
        )
        assert self.run.record().to_dict() == self.conductor.record.to_dict()
        replayed = Record.replay(read_changes(self.run.journal_path))
        assert replayed.to_dict() == self.conductor.record.to_dict()
        return self.conductor.record.state

    def say(self, kind: str, name: str = "") -> Path:
        return inbox.put(self.run.inbox, self.run.id, inbox.Word(kind, "", name))


def test_nodes_run_in_order_and_the_journal_tells_it(tmp_path: Path) -> None:
    house = House(tmp_path, Graph([node("a"), node("b", "a"), node("c", "b")]))
    assert house.conduct() == states.SUCCESSFUL
    assert house.plays.started == ["a", "b", "c"]
    assert "✔ b successful on localhost (0.0s)" in house.lines


def test_a_failure_without_a_handler_fails_the_run_and_says_why(tmp_path: Path) -> None:
    graph = Graph([node("a"), node("b", "a")])
    house = House(tmp_path, graph, {"a": states.FAILED})
    assert house.conduct() == states.FAILED
    assert house.plays.started == ["a"]
    told = "\n".join(summary(graph, house.conductor.record))
    assert "why: a failed on localhost: broke" in told
    assert f"resume run {house.run.id}" in told


def test_a_rollback_undoes_what_was_done(tmp_path: Path) -> None:
    house = House(tmp_path, Graph([node("a"), node("b", "a")], on_failure="rollback"), {"b": states.FAILED})
    assert house.conduct() == states.ROLLED_BACK
    assert house.plays.started == ["a", "b", "undo-b", "undo-a"]


def test_nothing_starts_while_another_run_holds_the_bundle_s_lock(tmp_path: Path) -> None:
    other = Locks(tmp_path, "the-other-run", time.time)
    other.take("pool:web")
    house = House(tmp_path, Graph([node("a")], locks=("pool:web",)))
    waited = threading.Event()
    original = house.lines.append

    def hear(line: str) -> None:
        original(line)
        if "waits for the lock pool:web (run the-other-run" in line:
            assert house.plays.started == []
            other.release("pool:web")
            waited.set()

    house.feed.line = hear  # type: ignore[method-assign]
    assert house.conduct() == states.SUCCESSFUL
    assert waited.is_set()
    assert other.take("pool:web") is None


def test_a_secret_that_a_play_reports_is_hidden_from_then_on_and_never_written(tmp_path: Path) -> None:
    login = replace(ITEM, outputs=(Output("version"), Output("token", secret=True)))
    house = House(tmp_path, Graph([node("a", item=login)]))
    house.plays.outputs["a"] = {"version": "2", "token": "s3cret-token"}
    house.plays.promised = ("version", "token")
    assert house.conduct() == states.SUCCESSFUL
    assert house.plays.learned == ["s3cret-token"]
    assert house.conductor.record.outputs == {"a": {"0": {"version": "2"}}}
    assert "s3cret" not in house.run.journal_path.read_text()
    assert "s3cret" not in (house.run.path / "record.json").read_text()


@pytest.mark.parametrize("way", ["signal", "inbox"])
def test_a_run_that_waits_for_a_lock_can_be_canceled(tmp_path: Path, way: str) -> None:
    other = Locks(tmp_path, "the-other-run", time.time)
    other.take("x")
    house = House(tmp_path, Graph([node("a")], locks=("x",)))
    if way == "signal":
        house.arrivals.put(CancelWanted("bob"))
    else:
        house.say("cancel")
    assert house.conduct() == states.CANCELED
    assert house.plays.started == []
    assert house.conductor.record.run["explanation"].startswith("canceled by ")


def test_a_component_waits_for_its_lock_alone(tmp_path: Path) -> None:
    other = Locks(tmp_path, "the-other-run", time.time)
    other.take("x")
    house = House(tmp_path, Graph([node("a", locks=("x",)), node("b"), node("c", "b")]))

    def free(name: str) -> None:
        if name == "c":
            other.release("x")

    house.plays.on_start = free
    assert house.conduct() == states.SUCCESSFUL
    assert house.plays.started == ["b", "c", "a"]
    assert any("waiting for the lock x (run the-other-run" in line for line in house.lines)
    assert other.take("x") is None


def test_a_cancel_ends_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    house = House(tmp_path, Graph([node("a"), node("b", "a")]), {"a": "never"})
    house.plays.on_start = lambda name: house.arrivals.put(CancelWanted("bob"))
    assert house.conduct() == states.CANCELED
    assert house.plays.ended == [("a", "cancel")]
    assert house.plays.started == ["a"]
    assert house.conductor.record.run["explanation"] == "canceled by bob"


def test_the_end_of_the_starter_after_a_cancel_is_no_second_cancel(tmp_path: Path) -> None:
    house = House(tmp_path, Graph([node("a"), node("b", "a")], on_cancel="rollback"), {"b": "never"})

    def stop(name: str) -> None:
        if name == "b":
            house.arrivals.put(CancelWanted("bob"))
            house.arrivals.put(CancelWanted("bob (gone)", again=False))

    house.plays.on_start = stop
    house.conduct()
    assert house.plays.started == ["a", "b", "undo-b", "undo-a"]


def test_an_execution_that_takes_too_long_is_ended_for_it(tmp_path: Path) -> None:
    house = House(tmp_path, Graph([node("a", timeout=0.2)]), {"a": "never"})
    assert house.conduct() == states.FAILED
    assert house.plays.ended == [("a", "timeout")]
    assert house.conductor.record.node("a").hosts == {"localhost": states.TIMED_OUT}


def test_an_approval_waits_and_the_owner_of_the_file_decides(tmp_path: Path) -> None:
    gate = Node("gate", kind="approval", approval=Approval(), batches=((),))
    house = House(tmp_path, Graph([gate, node("a", "gate")]))
    refused: list[str | None] = []

    def hear(line: str) -> None:
        if "waits for approval" in line:
            (house.run.inbox / "0-first.json").symlink_to("/etc/passwd")
            house.say("approve", "no-such-node")
            refused.append(str(house.say("approve", "gate")))

    house.feed.line = hear  # type: ignore[method-assign]
    assert house.conduct() == states.SUCCESSFUL
    assert house.plays.started == ["a"]
    assert [vote["by"] for vote in house.conductor.record.node("gate").votes] == [inbox.me()]
    assert inbox.wait_for_answer(Path(str(refused[0])), 0.0) == ""
    assert [name for name in house.run.inbox.iterdir() if not name.name.startswith(".")] == []


def test_four_eyes_refuse_who_asked(tmp_path: Path) -> None:
    gate = Node("gate", kind="approval", approval=Approval(four_eyes=True, timeout=0.6), batches=((),))
    house = House(tmp_path, Graph([gate, node("a", "gate")]), by=inbox.me())
    said: list[Path] = []
    house.feed.line = lambda line: (  # type: ignore[method-assign]
        said.append(house.say("approve", "gate")) if "waits for approval" in line else None
    )
    assert house.conduct() == states.FAILED
    assert house.plays.started == []
    answer = inbox.wait_for_answer(said[0], 0.0)
    assert answer is not None
    assert "four eyes" in answer


def test_a_node_whose_inputs_cannot_be_made_ends_in_error_and_nothing_is_launched(tmp_path: Path) -> None:
    item = Item("bad", action=Action("role", "a.b.c", {"x": "$outputs.nobody.y"}), outputs=(Output("version"),))
    house = House(tmp_path, Graph([node("a", item=item)]))
    assert house.conduct() == states.FAILED
    assert house.plays.started == []
    assert "$outputs.nobody.y" in house.conductor.record.node("a").why["localhost"]


def test_a_journal_that_cannot_be_written_stops_everything(tmp_path: Path) -> None:
    house = House(tmp_path, Graph([node("a"), node("b"), node("c", "b")]), {"a": "never"})
    append = house.journal.append

    def break_at_the_third(changes: list[Change]) -> None:
        if any(change["type"] == "ended" for change in changes):
            raise StoreBroken("cannot write the journal: No space left on device")
        append(changes)

    house.journal.append = break_at_the_third  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreBroken, match="No space left"):
        house.conduct()
    assert sorted(house.plays.started) == ["a", "b"]
    assert house.plays.ended == [("a", "cancel")]
    assert house.locks.held == frozenset()


def test_whatever_breaks_ends_the_children(tmp_path: Path) -> None:
    house = House(tmp_path, Graph([node("a")]), {"a": "never"})

    def break_down(_event: Any, _now: float) -> list[Change]:
        raise ZeroDivisionError

    house.plays.on_start = lambda name: (
        setattr(house.conductor, "apply", break_down),
        house.arrivals.put(CancelWanted("bob")),
    )
    with pytest.raises(ZeroDivisionError):
        house.conduct()
    assert house.plays.ended == [("a", "cancel")]


# --- breakers ----------------------------------------------------------------------------------------------------

JIRA = "service:jira"


def guarded(on_open: str, **facts: Any) -> Graph:
    """A rollout over four hosts, one after the other, with a breaker that opens at the second failure."""
    policy = Policy(minimum_number_of_calls=2)
    lanes = tuple((host,) for host in ("h1", "h2", "h3", "h4"))
    inner = node("web.deploy", breaker=NodeBreaker(JIRA, on_open, policy), locks=("l",), rollout="web", batches=lanes)
    outer = Node("web", kind="rollout", batches=((),), inner=(inner.name,), max_failed=4)
    return Graph([outer, inner], **facts)


def test_a_breaker_that_opens_stops_the_rollout_and_is_told_of_every_end(tmp_path: Path) -> None:
    house = House(tmp_path, guarded("stop"), {"web.deploy": states.FAILED})
    assert house.conduct() == states.FAILED
    assert house.plays.started == ["web.deploy", "web.deploy"]
    found = Breakers(tmp_path).need(JIRA)
    assert found.state == "open" and found.totals == (2, 2, 0, 1)
    assert found.last_failure and found.last_failure[1] == "web.deploy failed on h2: broke"
    refused = next(line for line in house.lines if "web.deploy is refused on h3" in line)
    assert "breaker service:jira is open since" in refused and "it will try again at" in refused
    told = "\n".join(summary(house.conductor.graph, house.conductor.record))
    assert "not touched: nothing at all ran on h3, h4" in told and "2 of 2 calls failed" in told
    assert house.locks.held == frozenset()


def test_a_breaker_rolls_the_run_back(tmp_path: Path) -> None:
    house = House(tmp_path, guarded("rollback", on_failure="stop"))
    house.plays.on_start = lambda _node: Breakers(tmp_path).trip(JIRA, "enough", "bob") and None
    assert house.conduct() == states.ROLLED_BACK
    assert house.plays.started == ["web.deploy", "undo-web.deploy"]


def test_a_node_waits_for_its_breaker_and_its_trial_closes_it(tmp_path: Path) -> None:
    breakers = Breakers(tmp_path)
    breakers.trip(JIRA, "it is down", "bob")
    house = House(tmp_path, guarded("wait"))
    original = house.lines.append

    def hear(line: str) -> None:
        original(line)
        if "waiting: breaker service:jira is held open by bob" in line:
            assert house.plays.started == [] and house.locks.held == frozenset()
            breakers.trip(JIRA, "soon", "bob", wait=0.3)

    house.feed.line = hear  # type: ignore[method-assign]
    assert house.conduct() == states.SUCCESSFUL
    assert house.plays.started == ["web.deploy"] * 4
    found = breakers.need(JIRA)
    assert found.state == "closed" and found.why == "1 of 1 trial calls succeeded"
    assert found.totals.refused <= 2, "who waits looks, and does not ask again and again"


def test_what_nobody_knows_of_a_target_is_not_told(tmp_path: Path) -> None:
    house = House(tmp_path, guarded("stop"), {"web.deploy": states.CANCELED})
    house.conduct()
    assert Breakers(tmp_path).get(JIRA) is None or Breakers(tmp_path).need(JIRA).totals.calls == 0


def test_breakers_that_cannot_be_asked_start_nothing(tmp_path: Path) -> None:
    (tmp_path / "breakers.db").write_bytes(b"no database at all, but long enough to be looked at as one")
    house = House(tmp_path, guarded("stop"))
    with pytest.raises(StoreBroken, match="cannot use the breakers"):
        house.conduct()
    assert house.plays.started == []


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a controller that keeps the breakers and cannot be reached, for a run of little patience."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("HOLDFAST_BREAKERS_URL", url)
    monkeypatch.setenv("HOLDFAST_BREAKERS_TOKEN", "s3cret")
    monkeypatch.setattr(controller_api, "PAUSE", 0.01)
    monkeypatch.setattr(patient_asker, "PATIENCE", 0.5)
    monkeypatch.setattr(patient_asker, "ASK_AGAIN", 0.1)
    return url


def test_a_controller_that_cannot_be_asked_for_breakers_lets_nothing_start(tmp_path: Path, gone: str) -> None:
    house = House(tmp_path, guarded("stop"))
    with pytest.raises(
        StoreBroken, match=f"^{gone}/api/v2/holdfast/breakers/{JIRA}/ask/ refuses connections"
    ) as caught:
        house.conduct()
    assert house.plays.started == [] and house.locks.held == frozenset() and "s3cret" not in str(caught.value)
    assert Breakers(tmp_path).list() == [], "the store is not asked in its place"
    assert [line for line in house.lines if "refuses connections" in line] == [f"  waiting: {caught.value}"]


def test_a_controller_that_cannot_be_asked_for_breakers_ends_nothing_that_runs(tmp_path: Path, gone: str) -> None:
    asking = node("b", breaker=NodeBreaker(JIRA, "stop", Policy()))
    house = House(tmp_path, Graph([node("a"), asking]), {"a": "never"})
    later = threading.Timer(1.5, lambda: house.arrivals.put(CancelWanted("bob")))
    later.start()
    assert house.conduct() == states.CANCELED, "it is not abandoned while something runs, and hears who cancels it"
    assert house.plays.started == ["a"] and house.plays.ended == [("a", "cancel")]
    assert sum(gone in line for line in house.lines) == 1
