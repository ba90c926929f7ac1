# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast lkg``: the archive as people see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check, Evidence
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive, Stored
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import RunsStore
from holdfast.cli.app import app
from typer.testing import CliRunner, Result

GOOD = "hostname r1\n!\ninterface eth0\n description uplink\n!\npassword hunter2hunter2\n"


def lkg(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["lkg", *arguments])


@pytest.fixture()
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path))
    return Archive(tmp_path)


def put(archive: Archive, text: str = GOOD, host: str = "r1", at: float = 1000.0, run: str = "") -> Stored:
    taken = Snapshot(host, "frr", at, {"config": {"running": text}}, run=run)
    return archive.put([archive.part(taken)])[0]


def promote(archive: Archive, stored: Stored) -> Stored:
    evidence = Evidence("alice", stored.taken_at + 1, (Check("bgp", True, "2 peers are up"),), "run-1", "all is well")
    archive.promote([(stored, evidence)])
    return stored


def test_nothing_is_archived_yet(archive: Archive) -> None:
    assert "there is no snapshot in" in lkg("list").output
    assert lkg("show", "r1").exit_code == 2 and "there is no snapshot of r1" in lkg("show", "r1").output
    assert json.loads(lkg("list", "--json").output) == {"snapshots": [], "lkg": {}}
    assert lkg("verify").exit_code == 0


def test_list(archive: Archive) -> None:
    good, last = promote(archive, put(archive)), put(archive, at=2000.0)
    put(archive, host="r2")
    lines = lkg("list").output.splitlines()
    assert lines[0].split()[:3] == ["HOST", "PLATFORM", "SNAPSHOTS"]
    assert lines[1].split()[:3] == ["r1", "frr", "2"] and lines[1].endswith("alice") and " never " in lines[2]
    of_one = lkg("list", "r1").output.splitlines()
    assert [line.split()[0] for line in of_one[1:]] == [last.id, good.id] and " lkg " in of_one[2]
    data = json.loads(lkg("list", "--json").output)
    assert len(data["snapshots"]) == 3 and data["lkg"]["r1"]["evidence"]["by"] == "alice"


def test_show_tells_what_was_not_read_from_where_there_was_nothing(archive: Archive) -> None:
    taken = Snapshot("web1", "rhel", 1.0, {"files": {"/etc/x": "a\n"}, "mounts": {}}, {"units": "no systemd"})
    archive.put([archive.part(taken)])
    shown = lkg("show", "web1@last").output
    assert "not read: units: no systemd" in shown and "read, and there was nothing: mounts" in shown
    assert json.loads(lkg("show", "web1@last", "--json").output)["sections"] == ["files", "mounts"]


def test_show_never_shows_a_secret(archive: Archive) -> None:
    good = promote(archive, put(archive))
    shown = lkg("show", "r1").output
    for wanted in (
        good.id,
        "promoted",
        "by alice, run run-1: all is well",
        "bgp  2 peers are up",
        "config/running",
        "1 secrets",
    ):
        assert wanted in shown
    text = lkg("show", f"r1@{good.id}", "--item", "config/running").output
    assert text.startswith("hostname r1\n") and "password $encrypted$" in text
    data = json.loads(lkg("show", "r1@last", "--json").output)
    assert data["items"][0]["item"] == "running" and data["promotions"][0]["snapshot"] == good.id
    assert "hunter2" not in shown + text + json.dumps(data)
    wrong = lkg("show", "r1", "--item", "config/startup")
    assert wrong.exit_code == 2 and "it has config/running" in wrong.output


def test_diff(archive: Archive) -> None:
    promote(archive, put(archive))
    assert lkg("diff", "r1").exit_code == 0 and "are the same" in lkg("diff", "r1").output
    put(archive, GOOD.replace("uplink", "downlink").replace("hunter2hunter2", "hunter3hunter3"), at=2000.0)
    differs = lkg("diff", "r1")
    assert differs.exit_code == 1
    lines = differs.output.splitlines()
    assert lines[:2] == ["--- a/config/running", "+++ b/config/running"]
    assert "- description uplink" in lines and "+ description downlink" in lines
    assert sum("password $encrypted$" in line for line in lines) == 2 and "hunter" not in differs.output
    back = json.loads(lkg("diff", "r1@last", "r1@lkg", "--json").output)
    assert not back["same"] and back["changes"][0]["change"] == "changed"
    assert lkg("diff", "r1@nothing").exit_code == 2


def test_a_host_with_an_at_in_its_name(archive: Archive) -> None:
    promote(archive, put(archive, host="r1@site"))
    assert lkg("show", "r1@site").exit_code == lkg("show", "r1@site@last").exit_code == 0


def test_verify(archive: Archive) -> None:
    stored = promote(archive, put(archive))
    told = lkg("verify")
    assert told.exit_code == 0
    assert "1 snapshots of 1 hosts, 1 last known good states: nothing is wrong" in told.output
    with archive.git.changing() as change:
        change.apply([{f"refs/snapshots/r1/{stored.id}": ("", stored.commit)}])
    wrong = lkg("verify", "--json")
    assert wrong.exit_code == 1 and "is not in the archive" in json.loads(wrong.output)["wrong"][0]


def test_prune(archive: Archive) -> None:
    run = RunsStore(archive.store).create(1.0)
    named, old = put(archive, at=1.0, run=run.id), put(archive, at=2.0)
    good, last = promote(archive, put(archive, at=3.0)), put(archive, at=4.0)
    assert lkg("prune").exit_code == 2 and "say what to keep" in lkg("prune").output
    assert lkg("prune", "--keep-for", "soon").exit_code == 2
    told = lkg("prune", "--keep-last", "1", "--check")
    assert f"would drop r1 {old.id}" in told.output and len(archive.snapshots()) == 4
    done = json.loads(lkg("prune", "--keep-last", "1", "--json").output)
    assert [each["id"] for each in done["dropped"]] == [old.id] and done["kept"] == 3
    assert archive.snapshots() == [named, good, last]
    assert "dropped 1 snapshots; 2 stay, 2 of them whatever their age" in lkg("prune", "--keep-for", "1d").output
