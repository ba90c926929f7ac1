# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo on the lab: what it takes for a broken promise, what it says, and that Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.lab import places
from tests.lab.places import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "demo"))

from evidence import Outcome, broken_promises, closing_words, evidence_table, seconds_to_restore
from load import Report

ONE = ("kernel-1", "shopfront-1-1.el9.noarch")
TWO = ("kernel-2", "shopfront-2-1.el9.noarch")
HOSTS = ("app1", "app2", "app3")
WINDOWS = {"boots": 2}


def run_of(state: str, outputs: dict[str, Any], executions: list[dict[str, Any]]) -> Any:
    """A run with no more of a record than is looked at."""
    record = SimpleNamespace(state=state, outputs=outputs, executions=dict(enumerate(executions)))
    return SimpleNamespace(id="a-run", path=Path("/runs/a-run"), record=lambda: record)


def report_of(lost: int = 0, **versions: int) -> Report:
    counted = Counter({version.removeprefix("v"): count for version, count in versions.items()})
    return Report(100, 30, 0, [(1.0, "/", "status 503")] * lost, counted)


def hosts(boot: str, packages: tuple[str, ...], *names: str) -> dict[str, Any]:
    return {name: (f"{boot}-{name}", packages) for name in names or HOSTS}


def good(**other: Any) -> Outcome:
    """A maintenance to version 2 that went well."""
    patches = {
        name: {
            "packages_added": ["shopfront-2-1.el9.noarch"],
            "advisories_closed": ["A", "B"],
            "boot_id_before": f"old-{name}",
            "boot_id_after": f"new-{name}",
            "reboot_required": False,
        }
        for name in HOSTS
    }
    reboots = {"win1": {"boot_time_before": 0.0, "boot_time_after": 60.0, "pending_after": {"pending": False}}}
    outputs = {
        "evidence": {"0": {"patches": patches}},
        "windows.patch": {"0": {"installed_kbs": {"win1": ["KB1"]}}},
        "windows.reboot": {"0": {"reboots": reboots}},
    }
    made = Outcome(
        status=0,
        run=run_of("successful", outputs, []),
        report=report_of(v1=50, v2=50),
        before=hosts("old", ONE),
        after=hosts("new", TWO),
        in_traffic=list(HOSTS),
        seconds=61.0,
    )
    return made._replace(**other)


def bad(**other: Any) -> Outcome:
    """A maintenance to version 3 that was taken back as it should be."""
    did = {"hosts": ["app1"], "finished": 100.0}
    executions = [
        {**did, "node": "rhel.drain", "action": "do", "state": "successful"},
        {**did, "node": "rhel.health", "action": "do", "state": "failed"},
        {**did, "node": "rhel.drain", "action": "undo", "state": "successful", "finished": 107.5},
    ]
    made = Outcome(
        status=1,
        run=run_of("rolled_back", {}, executions),
        report=report_of(v2=100),
        before=hosts("new", TWO),
        after=hosts("new", TWO),
        in_traffic=list(HOSTS),
        seconds=30.0,
    )
    return made._replace(**other)


def test_nothing_is_broken_when_all_went_well() -> None:
    assert broken_promises(good(), bad(), WINDOWS) == []
    assert seconds_to_restore(bad().record) == {"app1": 7.5}


@pytest.mark.parametrize(
    ("first", "second", "windows", "broken"),
    [
        (good(report=report_of(1, v2=9)), bad(), WINDOWS, "no request is lost"),
        (good(), bad(report=report_of(1, v2=9)), WINDOWS, "no request is lost"),
        (good(status=3), bad(), WINDOWS, "the maintenance to version 2 ends successful, with exit status 0"),
        (good(after=hosts("new", ONE)), bad(), WINDOWS, "every host has version 2"),
        (good(), bad(), {"boots": 1}, "Windows is patched and rebooted once"),
        (good(in_traffic=["app1"]), bad(), WINDOWS, "every server is in traffic after version 2"),
        (good(), bad(status=0), WINDOWS, "the maintenance to version 3 ends rolled_back, with another exit status"),
        (good(), bad(report=report_of(v3=1)), WINDOWS, "no client met version 3"),
        (good(), bad(after=hosts("new", ONE)), WINDOWS, "every host has exactly the packages of before"),
        (
            good(),
            bad(after={**hosts("new", TWO), **hosts("newer", TWO, "app2")}),
            WINDOWS,
            "the servers that version 3 did not reach are untouched",
        ),
        (
            good(),
            bad(run=run_of("rolled_back", {}, [])),
            WINDOWS,
            "the first server was restored after its health check had failed",
        ),
    ],
)
def test_what_goes_wrong_is_named(first: Outcome, second: Outcome, windows: dict[str, int], broken: str) -> None:
    assert broken in broken_promises(first, second, windows)


def test_boots_that_the_hosts_do_not_confirm_are_named() -> None:
    broken = broken_promises(good(after=hosts("other", TWO)), bad(), WINDOWS)
    assert broken == ["the evidence names the boots that the hosts themselves name"]


def test_the_table_has_a_row_for_each_host() -> None:
    head, *rows = evidence_table(good())
    assert head.split("  ")[0] == "host"
    assert [row.split()[0] for row in rows] == [*HOSTS, "win1"]
    assert rows[0].split() == ["app1", "shopfront-2-1.el9", "A,", "B", "old", "new", "no"]
    assert rows[-1].split()[1] == "KB1"


def test_the_summary_counts_requests_and_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outcome, "minutes", 255.0)
    words = "\n".join(closing_words(good(), bad()))
    assert "maintenance to version 2: successful after 1m 1s" in words
    assert "time recovered: about 254 minutes; the maintenance to version 2 takes a person about 255 by hand" in words
    assert "  never touched      app2, app3" in words
    assert "app1: 7.5 s from the failed health check to restored service, with exactly the packages of before" in words


@pytest.mark.slow
def test_ctrl_c_in_the_middle_leaves_nothing(can_have_labs: None, tmp_path: Path) -> None:
    pytest.importorskip("winrm", reason="the Windows double is spoken to by pywinrm")
    name = f"demo-{os.getpid()}"
    collections = os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[0]
    paths = [collections, str(REPOSITORY / "extensions" / "controller"), os.environ.get("PYTHONPATH", "")]
    # Where the tests run in the background Ctrl-C is ignored, and programs inherit that.
    command = ["env", "--default-signal=INT", sys.executable, "-u", str(REPOSITORY / "demo" / "maintenance.py")]
    command += ["--folder", str(tmp_path), "--name", name]
    output = tmp_path / "output.txt"
    with (
        output.open("wb") as out,
        subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as demo,
    ):
        try:
            deadline = time.monotonic() + 180
            while "▶ rhel.drain" not in output.read_text(encoding="utf-8"):
                assert demo.poll() is None and time.monotonic() < deadline, output.read_text(encoding="utf-8")
                time.sleep(0.1)
            os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
            assert demo.wait(timeout=60) == 130, output.read_text(encoding="utf-8")
        finally:
            if demo.poll() is None:
                demo.terminate()
    assert name not in places.lab_names()
    assert processes_with(f"HOLDFAST_HOME={tmp_path / 'holdfast'}") == []


def processes_with(variable: str) -> list[str]:
    """What still runs with this variable in its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in process.joinpath("environ").read_bytes().split(b"\0"):
                found.append(process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
