# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Supervisors that are killed, runs that are canceled, locks and approvals: what happens between processes."""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import inbox, processes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.starter import Supervised

from .conftest import House, left_over, played, wait_for

KILLS = 5
SEEDS = [seed if seed < 2 else pytest.param(seed, marks=pytest.mark.slow) for seed in range(6)]
WORK = """
first: {item: mark, hosts: web}
roll:
  needs: [first]
  rollout:
    hosts: web
    batch: [1, 2]
    components:
      inner: {item: mark}
side: {item: mark, needs: [first]}
last: {item: LAST, needs: [roll, side]}
"""


def mark_item(house: House) -> Path:
    """An item that leaves a line for each time it is done on a host, and another when it is undone."""
    marks = house.folder / "marks"
    marks.touch()

    def module(word: str) -> str:
        text = "{{ holdfast.request.node }} {{ inventory_hostname }}"
        return json.dumps({"module": "ansible.builtin.shell", "with": {"cmd": f"echo {word} {text} >> {marks}"}})

    (house.folder / "catalog" / "mark.yml").write_text(
        "apiVersion: holdfast.ops/v1\nkind: CatalogItem\nmetadata: {name: mark}\n"
        f"fulfillment: {{mode: automated, automated: {module('do')}}}\n"
        f"compensation: {{automated: {module('undo')}}}\n"
    )
    return marks


def conduct(supervised: Supervised, kill_after: float | None = None) -> tuple[str, str]:
    """Follow a supervisor to its end, or kill it some seconds after its run was accepted: (run id, last word)."""
    run, last = "", ""
    for message in supervised.messages():
        last = str(message.get("message", message.get("state", last)))
        if message["feed"] == "accepted":
            run = str(message["run"])
            if kill_after is not None:
                time.sleep(kill_after)
                os.kill(supervised.pid, signal.SIGKILL)
    supervised.close()
    return run, last


def done_by(record: Record) -> set[tuple[str, str, str]]:
    """What ended by itself: (node, do or undo, host), of executions that this run started."""
    return {
        (entry["node"], entry["action"], host)
        for entry in record.executions.values()
        if not entry.get("copied") and entry["state"] not in (states.LOST, states.RUNNING)
        for host in entry["hosts"]
    }


def begun_by(record: Record) -> Counter[tuple[str, str, str]]:
    return Counter(
        (entry["node"], entry["action"], host)
        for entry in record.executions.values()
        if not entry.get("copied")
        for host in entry["hosts"]
    )


def nothing_left(run: Run) -> None:
    """The watcher ends what a killed supervisor leaves; while it works, the run counts as supervised."""
    wait_for("the watcher is done", lambda: not run.is_alive())
    assert left_over(run) == []
    assert not (run.path / "secrets").exists()
    assert list(run.path.rglob("private")) == []


@pytest.mark.skipif(not processes.has_proc(), reason="needs /proc to see every process of a run")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_run_goes_on_and_repeats_nothing(seed: int, house: House, in_house: Callable[..., Supervised]) -> None:
    """Whoever goes on is killed as well, again and again: fifty kills over all seeds, unless a run is done sooner."""
    dice = random.Random(seed)
    broken = seed % 2 == 1
    marks = mark_item(house)
    rollback = {"on_failure": "rollback", "rollback_scope": "run"} if broken else {"on_failure": "stop"}
    name = house.bundle("work", WORK.replace("LAST", "fail" if broken else "mark"), orchestration=rollback)
    wanted = states.ROLLED_BACK if broken else states.SUCCESSFUL
    run_id, _word = conduct(in_house(workflow=name), dice.uniform(0.0, 3.0))
    chain = [house.store.get(run_id)]
    while True:
        killed = chain[-1]
        nothing_left(killed)
        before = house.record(killed)
        if before.ended:
            assert before.state == wanted
            break
        assert killed.state(before) == states.LOST
        last = len(chain) == KILLS
        next_id, word = conduct(in_house(resume=killed.id), None if last else dice.uniform(0.0, 3.0))
        chain.append(house.store.get(next_id))
        closed = house.record(killed)
        assert closed.state == states.LOST
        assert {
            entry["state"]
            for entry in closed.executions.values()
            if before.executions[entry["id"]]["state"] == "running"
        } <= {states.LOST}
        if last:
            assert word == wanted, word
            nothing_left(chain[-1])
            break
    records = [house.record(run) for run in chain]
    for at, closed in enumerate(records[:-1]):
        for after in records[at + 1 :]:
            assert done_by(closed) & set(begun_by(after)) == set(), "what had finished was started again"
            started = {key for key, entry in after.executions.items() if not entry.get("copied")}
            assert not set(closed.executions) & started
    check_marks(marks, sum((begun_by(record) for record in records), Counter()))


def check_marks(marks: Path, begun: Counter[tuple[str, str, str]]) -> None:
    """Every start left its mark, but for those that were interrupted: at most as many marks as starts."""
    made = Counter(line for line in marks.read_text().splitlines())
    for (node, action, host), count in begun.items():
        if node == "last" and not made[f"{action} {node} {host}"]:
            continue
        assert 1 <= made[f"{action} {node} {host}"] <= count, (node, action, host)
    assert sum(made.values()) <= sum(begun.values())


def test_interrupted_work_that_must_not_be_repeated_fails_the_resumed_run(
    house: House, in_house: Callable[..., Supervised]
) -> None:
    name = house.bundle("once", "a: {item: wait, on_lost: fail}\nb: {item: noop, needs: [a]}")
    run_id, _word = conduct(in_house(workflow=name), 1.0)
    nothing_left(house.store.get(run_id))
    second_id, word = conduct(in_house(resume=run_id))
    assert word == states.FAILED
    record = house.record(house.store.get(second_id))
    assert record.node("a").hosts == {"localhost": states.LOST}
    assert [entry for entry in record.executions.values() if entry["node"] == "b"] == []


@pytest.mark.skipif(not processes.has_proc(), reason="needs /proc to see every process of a run")
def test_a_resume_ends_what_supervisor_and_watcher_left(house: House, in_house: Callable[..., Supervised]) -> None:
    supervised = in_house(workflow=house.bundle("slow", "a: {item: wait}"))
    run: Run | None = None
    for message in supervised.messages():
        if message["feed"] == "accepted":
            run = house.store.get(str(message["run"]))
        if message["feed"] == "heard" and "command" in str(message["text"]):
            break
    assert run is not None
    found = run
    wait_for("the play's module runs", lambda: any("sleep" in one.command for one in left_over(found)))
    children = Path(f"/proc/{supervised.pid}/task/{supervised.pid}/children").read_text().split()
    watcher = next(int(pid) for pid in children if b"supervise" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(watcher, signal.SIGKILL)
    os.kill(supervised.pid, signal.SIGKILL)
    wait_for("nobody supervises", lambda: not found.is_alive())
    assert left_over(run) != []
    again = in_house(resume=run.id)
    lines = []
    for message in again.messages():
        if message["feed"] == "line":
            lines.append(str(message["text"]))
        if message["feed"] == "accepted":
            assert left_over(run) == []
            again.cancel()
    assert any("ended a leftover" in line and "sleep 60" in line for line in lines)


# --- cancel ----------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_the_children_and_is_recorded(house: House) -> None:
    name = house.bundle("slow", "a: {item: wait, hosts: web}\nb: {item: noop, needs: [a]}")
    command = house.command("-e", f"workflow={name}")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(house.folder)
        os.execve(command[0], command, house.environment)
    wait_for("the play's module runs", lambda: any("sleep 60" in p.command for r in house.runs() for p in left_over(r)))
    os.write(terminal, b"\x03")
    run = house.the_run()
    wait_for("the supervisor is done", lambda: not run.is_alive())
    assert left_over(run) == []
    record = house.record()
    assert record.state == states.CANCELED
    assert played(record) == [("a", states.CANCELED)]
    while True:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:
            break
    assert os.waitpid(pid, 0)[1] != 0


def test_a_terminal_that_dies_cancels_its_run(house: House) -> None:
    with house.start(house.bundle("slow", "a: {item: wait}")) as command:
        wait_for("the run goes", lambda: house.runs() and left_over(house.the_run()))
        run = house.the_run()
        for process in Path("/proc").glob("[0-9]*"):
            parent = (process / "cmdline").read_bytes() if (process / "cmdline").exists() else b""
            if str(house.inventory).encode() in parent and b"--extra-vars" not in parent:
                os.kill(int(process.name), signal.SIGKILL)
        command.wait()
    wait_for("the supervisor is done", lambda: not run.is_alive())
    assert house.record().state == states.CANCELED
    assert left_over(run) == []


# --- locks -----------------------------------------------------------------------------------------------------


def test_two_runs_that_share_a_lock_never_overlap(house: House, in_house: Callable[..., Supervised]) -> None:
    locked = {"locks": [["pool", "web"]]}
    for name in ("one", "two"):
        house.bundle(name, "a: {item: wait, fields: {seconds: 1}}", orchestration=locked)
    both = [house.start(name) for name in ("one", "two")]
    said = [command.communicate(timeout=120)[0] for command in both]
    assert [command.returncode for command in both] == [0, 0], said
    spans = sorted(
        (entry["started"], entry["finished"]) for run in house.runs() for entry in house.record(run).executions.values()
    )
    assert len(spans) == 2
    assert spans[0][1] <= spans[1][0]
    assert "waits for the lock pool:web (run " in "".join(said)


def test_components_that_share_a_lock_never_overlap(house: House) -> None:
    for name in ("one", "two"):
        house.bundle(name, "a: {item: wait, fields: {seconds: 1}, locks: [[switch, s1]]}\nb: {item: noop}")
    both = [house.start(name) for name in ("one", "two")]
    said = [command.communicate(timeout=120)[0] for command in both]
    assert [command.returncode for command in both] == [0, 0], said
    spans = sorted(
        (entry["started"], entry["finished"])
        for run in house.runs()
        for entry in house.record(run).executions.values()
        if entry["node"] == "a"
    )
    assert len(spans) == 2
    assert spans[0][1] <= spans[1][0]


# --- approvals -------------------------------------------------------------------------------------------------


def decide(house: House, run: Run, decision: str, node: str = "gate") -> tuple[int, str]:
    given = ["-e", f"run={run.id}", "-e", f"node={node}", "-e", f"decision={decision}", "-e", "reason=because"]
    done = house.ansible(*given, playbook="holdfast.ops.approve", inventory=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("decision", "state"), [("approve", states.SUCCESSFUL), ("deny", states.FAILED)])
def test_a_person_decides(house: House, decision: str, state: str) -> None:
    name = house.bundle("gated", "gate: {approval: {message: is it good}}\na: {item: noop, needs: [gate]}")
    with house.start(name) as command:
        run = wait_for("the gate waits", lambda: next((r for r in house.runs() if "gate" in r.record().nodes), None))
        wait_for("it was asked", lambda: run.record().node("gate").batches.get(0) == states.WAITING)
        assert decide(house, run, "approve", "gaet")[0] == 2
        code, said = decide(house, run, decision)
        assert code == 0, said
        output = command.communicate(timeout=60)[0]
    record = house.record()
    assert record.state == state
    (vote,) = record.node("gate").votes
    assert (vote["by"], vote["reason"]) == (inbox.me(), "because")
    assert "gate waits for approval: is it good" in output
    assert "decision=approve|deny" in output


def test_who_asked_may_not_approve_under_four_eyes(house: House) -> None:
    name = house.bundle("gated", "gate: {approval: {four_eyes: true, timeout: 8s}}\na: {item: noop, needs: [gate]}")
    with house.start(name) as command:
        run = wait_for("the gate waits", lambda: next((r for r in house.runs() if "gate" in r.record().nodes), None))
        wait_for("it was asked", lambda: run.record().node("gate").batches.get(0) == states.WAITING)
        code, said = decide(house, run, "approve")
        assert code == 2
        assert "four eyes" in said
        command.communicate(timeout=60)
    assert house.record().state == states.FAILED
    assert house.record().executions == {}


def test_an_approval_for_no_run_says_so(house: House) -> None:
    done = house.ansible(
        *("-e", "run=nobody", "-e", "node=gate", "-e", "decision=approve"),
        playbook="holdfast.ops.approve", inventory=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no run 'nobody'" in done.stdout + done.stderr


def test_a_resume_in_check_mode_shows_what_there_is_and_changes_nothing(
    house: House, in_house: Callable[..., Supervised]
) -> None:
    run_id, _word = conduct(
        in_house(workflow=house.bundle("slow", "a: {item: noop}\nb: {item: wait, needs: [a]}")), 4.0
    )
    run = house.store.get(run_id)
    nothing_left(run)
    before = run.journal_path.read_bytes()
    done = house.ansible("-e", f"resume={run_id}", "--check")
    assert done.returncode == 0, done.stdout
    assert f"run {run_id} is lost; a resume goes on from here:" in done.stdout
    assert run.journal_path.read_bytes() == before
    assert len(house.runs()) == 1


def test_a_resume_that_was_cut_off_between_two_writes_is_found(
    house: House, in_house: Callable[..., Supervised]
) -> None:
    run_id, _word = conduct(in_house(workflow=house.bundle("slow", "a: {item: wait}")), 0.5)
    run = house.store.get(run_id)
    nothing_left(run)
    second_id, _word = conduct(in_house(resume=run_id), 0.5)
    nothing_left(house.store.get(second_id))
    lines = run.journal_path.read_text().splitlines(keepends=True)
    assert "resumed_by" in lines[-1]
    run.journal_path.write_text("".join(lines[:-1]))
    _none, word = conduct(in_house(resume=run_id))
    assert word == f"run {run_id} was resumed as run {second_id}; resume that one"
    house.store.get(second_id).journal_path.write_text("")
    (house.store.get(second_id).path / "record.json").unlink()
    _none, word = conduct(in_house(resume=second_id))
    assert word == f"run {second_id} never began; resume run {run_id}"
