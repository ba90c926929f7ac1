# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout that is only looked at, and one whose supervisor is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes

from .conftest import CLIENTS, PAUSE, Stage, Watch, by_playbook, executions, wait_for

from load import Load  # isort: skip
from run import by_playbook as front_door  # isort: skip


def everything(stage: Stage) -> dict[str, Any]:
    """Whatever a rollout could change: files, processes, HAProxy's servers, the store of runs."""
    files = {}
    for path in sorted((stage.lab.folder / "hosts").rglob("*")):
        facts = path.lstat()
        files[str(path)] = (facts.st_mtime_ns, facts.st_size, os.readlink(path) if path.is_symlink() else "")
    servers = {name: row["status"] for name, row in stage.lab.servers().items()}
    newest = stage.newest()
    return {"files": files, "processes": stage.lab.processes(), "servers": servers, "run": newest and newest.id}


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [False, True], ids=["the plan", "every node in check mode"])
def test_a_check_touches_nothing(stage: Stage, nodes: bool) -> None:
    stage.begin_at("1")
    before = everything(stage)
    more = ["--check", *(["-e", "check_nodes=true"] if nodes else [])]
    fields = {"pool": "app1" if nodes else "app", "version": "2"}
    command = by_playbook(stage.lab.inventory, "rolling-deploy", fields, *more)
    with Load(stage.lab.url, CLIENTS, PAUSE) as load:
        done = subprocess.run(command, env=stage.environment(), capture_output=True, text=True, check=False)
    assert everything(stage) == before
    assert load.report.lost == []
    assert "batch 1: app1" in done.stdout
    assert ("check of in_place.drain" in done.stdout) == nodes
    assert nodes or done.returncode == 0, done.stdout


def supervisor_of(home: Path) -> int:
    """The process id of the supervisor that works for this home, its watcher left aside."""
    found: dict[int, int] = {}
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if proc.joinpath("cmdline").read_bytes().split(b"\0")[-2:-1] != [b"supervise"]:
                continue
            if f"HOLDFAST_HOME={home}".encode() in proc.joinpath("environ").read_bytes().split(b"\0"):
                found[int(proc.name)] = int(proc.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    (pid,) = [pid for pid, parent in found.items() if parent not in found]
    return pid


@pytest.mark.slow
@pytest.mark.skipif(not processes.has_proc(), reason="needs /proc to find the supervisor")
def test_a_rollout_whose_supervisor_is_killed_goes_on(stage: Stage) -> None:
    """Killed while app2 is out of traffic: its successor finishes the work, repeats none, and nobody notices."""
    node = "in_place.deploy"
    stage.begin_at("1")
    command = by_playbook(stage.lab.inventory, "rolling-deploy", {"pool": "app1:app2", "version": "2"})
    old = stage.newest()
    with Load(stage.lab.url, CLIENTS, PAUSE) as load, Watch(stage.lab) as watch:
        with subprocess.Popen(command, env=stage.environment(), stdin=subprocess.DEVNULL) as front:
            run = wait_for("a run", lambda: (new := stage.newest()) and (not old or new.id != old.id) and new)
            wait_for(
                f"{node} runs on app2",
                lambda: any(
                    (done.node, done.hosts, done.state) == (node, ("app2",), "running")
                    for done in executions(run.record())
                ),
                patience=600.0,
            )
            os.kill(supervisor_of(stage.home), signal.SIGKILL)
            assert front.wait() != 0
        wait_for("the watcher is done", lambda: not run.is_alive())
        assert processes.find(run.id, run.path) == []
        assert not stage.lab.servers()["app2"]["status"].startswith("UP")
        assert stage.follow(front_door(stage.lab.inventory, "-e", f"resume={run.id}")) == 0
    first, second = run.record(), stage.newest().record()
    assert (first.run["state"], second.run["state"]) == ("lost", "successful")
    ended = {(d.node, d.hosts) for d in executions(first) if d.state != "lost"}
    fresh = [(d.node, d.hosts) for d in executions(second) if not d.copied]
    assert (node, ("app2",)) in fresh
    assert not ended & set(fresh)
    assert len(set(fresh)) == len(fresh)
    assert load.report.lost == []
    assert load.report.versions["1"] and load.report.versions["2"]
    assert watch.least_up == 2
    assert stage.lab.versions() == {"app1": "2", "app2": "2", "app3": "1"}
    assert [stage.lab.servers()[name]["status"] for name in stage.lab.names] == ["UP"] * 3
