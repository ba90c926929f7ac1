# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties that hold for any graph, any results, any order of events."""

from __future__ import annotations

import random
import zlib

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Approval, Retries
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, UNDO, Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Edge, Graph, Node, NodeBreaker
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .graphs import UNDOABLE, WAIVED, Driver, edge, node, rollout

HOSTS = ("a", "b", "c", "d")
CONDITIONS = ["fields.x == 1", "fields.x == 2", "outputs.n0.ok == 1", "len(outputs) > 1"]
MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def random_parents(rng: random.Random, names: list[str]) -> list[Edge]:
    chosen = rng.sample(names, min(len(names), rng.choice([0, 1, 1, 2, 3])))
    kinds = ["success", "success", "success", "failure", "always"]
    edges = [edge(name, rng.choice(kinds)) for name in chosen]
    if edges and rng.random() < 0.1:
        edges[0] = Edge(edges[0].parent, frozenset({states.SUCCESSFUL, states.SKIPPED}), observes=True)
    return edges


def random_facts(rng: random.Random) -> dict:
    facts: dict = {"join": rng.choice(["all", "all", "any"]), "item": rng.choice([UNDOABLE, UNDOABLE, WAIVED])}
    if rng.random() < 0.3:
        facts["retries"] = Retries(rng.choice([1, 2]), rng.choice(["all", "failed_hosts"]), rng.choice([0.0, 5.0]))
    if rng.random() < 0.1:
        facts["timeout"] = 3.0
    if rng.random() < 0.1:
        facts["locks"] = ("l",)
    if rng.random() < 0.1:
        facts["breaker"] = NodeBreaker("service:any", rng.choice(["stop", "rollback", "fallback"]))
    if rng.random() < 0.1:
        facts["on_lost"] = "fail"
    if rng.random() < 0.15:
        facts["when"] = rng.choice(CONDITIONS)
    return facts


def random_nodes(rng: random.Random, count: int, hosts: bool) -> list[Node]:
    nodes: list[Node] = []
    for index in range(count):
        parents = random_parents(rng, [one.name for one in nodes])
        where = rng.sample(HOSTS, rng.randint(0 if hosts and rng.random() < 0.1 else 1, 4)) if hosts else ("localhost",)
        made = node(f"n{index}", *parents, hosts=where, **random_facts(rng))
        if rng.random() < 0.1:
            made.kind, made.item, made.batches = "approval", None, ((),)
            made.approval = Approval(rng.choice([1, 2]), timeout=rng.choice([None, 2.0]))
        nodes.append(made)
    return nodes


def random_graph(seed: int) -> Graph:
    rng = random.Random(seed)
    nodes = random_nodes(rng, rng.randint(1, 7), hosts=True)
    for name in ("web", "db")[: rng.choice([0, 1, 1, 2])]:
        batches = rng.choice([(), (("a",),), (("a",), ("b", "c")), (("a", "b"), ("c", "d")), (("a", "b", "c", "d"),)])
        inner = random_nodes(rng, rng.randint(1, 4), hosts=False)
        rng.shuffle(inner)
        outer = rollout(name, batches, inner, *random_parents(rng, [one.name for one in nodes if not one.rollout]))
        outer[0].max_failed = rng.choice([0, 0, 1, 2])
        outer[0].join = rng.choice(["all", "any"])
        nodes += outer
    return Graph(
        nodes,
        on_failure=rng.choice(["stop", "rollback", "rollback"]),
        rollback_scope=rng.choice(["host", "batch", "run"]),
        host_flow=rng.choice(["together", "per_host"]),
        on_cancel=rng.choice(["stop", "rollback"]),
        max_parallel=rng.choice([1, 2, 10]),
    )


def judge_by(seed: int, badness: float):
    """A judge whose word depends only on what is asked, never on when."""

    def judge(execution: Execution, host: str) -> str:
        text = f"{seed}/{execution.node}/{execution.action}/{execution.attempt}/{host}"
        rng = random.Random(zlib.crc32(text.encode()))
        bad = badness / 2 if execution.action == UNDO else badness
        return rng.choice(sorted(states.BAD - {states.CANCELED})) if rng.random() < bad else states.SUCCESSFUL

    return judge


def driver(seed: int, badness: float, **facts) -> Driver:
    def refuses(execution: Execution) -> bool:
        word = f"{seed}/{execution.node}/{execution.batch}/{execution.attempt}/{','.join(execution.hosts)}"
        return zlib.crc32(word.encode()) % 3 == 0

    return Driver(random_graph(seed), judge_by(seed, badness), random.Random(seed + 1), refuses=refuses, **facts)


seeds = st.integers(0, 10**9)
badness = st.sampled_from([0.0, 0.05, 0.2, 0.5])
cancel = st.one_of(st.none(), st.integers(0, 30))


def parents_are_settled(conductor: Conductor, execution: Execution) -> None:
    """Fail unless every parent of a starting node has ended, in a way that the join accepts."""
    graph, record = conductor.graph, conductor.record
    if execution.action == UNDO or execution.attempt > 1:
        return
    me = graph.nodes[execution.node]
    if me.rollout:
        assert record.node(me.rollout).lanes[execution.batch] == states.RUNNING
        earlier = [record.node(me.rollout).lanes[b] for b in range(execution.batch)]
        assert all(state == states.SUCCESSFUL for state in earlier), "a batch begins after the one before went well"
    for host in execution.hosts:
        met = [ended_as_wanted(graph, record, one, execution.batch, host) for one in me.parents]
        assert not met or (all(met) if me.join == "all" else any(met))


def ended_as_wanted(graph: Graph, record: Record, one: Edge, batch: int, host: str) -> bool:
    parent = record.node(one.parent)
    lanes = graph.nodes[one.parent].batches
    on_host = lanes[batch] if graph.nodes[one.parent].kind == "item" and lanes else ()
    if graph.per_host and host in on_host:
        assert parent.hosts.get(host) in states.ENDED, "a host starts after its own end in the parent"
        return parent.hosts[host] in one.states
    assert parent.batches.get(batch) in states.ENDED, "a node starts after its parents"
    state = states.SUCCESSFUL if batch in parent.vacuous else parent.batches[batch]
    return state in one.states


@MANY
@given(seeds, badness, cancel)
def test_never_stuck_and_nothing_before_its_parents(seed, bad, cancel_at):
    play = driver(seed, bad, cancel_at=cancel_at, before_start=parents_are_settled)
    record = play.play()
    assert record.ended
    ids = [execution.id for execution in play.starts]
    assert len(ids) == len(set(ids)), "an execution id is used once"
    assert play.peak <= play.graph.max_parallel
    assert record.state != states.ERROR, record.run["explanation"]
    undecided = [n.name for n in play.graph.top_level() if record.seen(n.name).batches.get(0) not in states.ENDED]
    assert not undecided or record.cancel, "at the end every node has its verdict"
    for name, one in record.nodes.items():
        assert set(one.hosts.values()) <= states.ENDED, f"{name} is left {one.hosts}"
        assert set(one.undo.values()) <= states.ENDED
        assert set(one.batches.values()) <= states.ENDED


@MANY
@given(seeds, badness, cancel)
def test_the_journal_gives_the_record(seed, bad, cancel_at):
    play = driver(seed, bad, cancel_at=cancel_at)
    record = play.play()
    assert Record.replay(play.journal).to_dict() == record.to_dict()


@MANY
@given(seeds, badness, cancel, st.integers(1, 4))
def test_a_restored_conductor_goes_on_as_if_never_gone(seed, bad, cancel_at, every):
    straight = driver(seed, bad, cancel_at=cancel_at)
    straight.play()
    broken = driver(seed, bad, cancel_at=cancel_at, restore=lambda step: step % every == 0)
    broken.play()
    assert broken.conductor.record.to_dict() == straight.conductor.record.to_dict()
    assert [e.id for e in broken.starts] == [e.id for e in straight.starts]


def in_scope(entry: dict, name: str, batch: int, host: str, graph: Graph) -> bool:
    if entry["rollout"] and (graph.nodes[name].rollout != entry["rollout"] or batch != entry["batch"]):
        return False
    return entry["hosts"] is None or host in entry["hosts"]


@MANY
@given(seeds, st.sampled_from([0.1, 0.3]), cancel)
def test_undo_covers_exactly_what_started(seed, bad, cancel_at):
    play = driver(seed, bad, cancel_at=cancel_at)
    record = play.play()
    started, undone = {}, set()
    for number, execution in enumerate(play.starts):
        for host in execution.hosts:
            if execution.action == DO:
                started.setdefault((execution.node, execution.batch, host), number)
            else:
                undone.add((execution.node, execution.batch, host))
                assert started[(execution.node, execution.batch, host)] < number, "nothing is undone that never started"
    undoable = {key for key in started if play.graph.nodes[key[0]].undoable}
    ended = max((number for number, e in enumerate(play.starts) if e.action == UNDO), default=-1)
    for key in undoable:
        wanted = any(in_scope(e, *key, play.graph) for e in record.rollbacks)
        handled = key in undone or record.node(key[0]).undo.get(key[2]) is not None
        path = play.graph.nodes[play.graph.nodes[key[0]].rollout or key[0]]
        late = started[key] > ended and path.failure_path
        assert handled == wanted or (wanted and late), f"{key} in {record.rollbacks}"
    assert undone <= undoable


@MANY
@given(seeds, st.sampled_from([0.1, 0.3]))
def test_children_are_undone_before_their_parents(seed, bad):
    play = driver(seed, bad)
    play.play()
    position = {}
    for number, execution in enumerate(play.starts):
        if execution.action == UNDO and execution.attempt == 1:
            for host in execution.hosts:
                position[(execution.node, execution.batch, host)] = number
    for (name, batch, host), number in position.items():
        for one in play.graph.nodes[name].parents:
            before = position.get((one.parent, batch, host))
            assert before is None or before > number
