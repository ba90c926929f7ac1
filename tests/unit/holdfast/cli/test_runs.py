# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast runs``: lists, reports, drawings, and words for runs that nobody supervises."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import IO

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run
from holdfast.cli.app import app
from typer.testing import CliRunner, Result

from .conftest import stored

GOOD = "{events: [{at: 2h, approve: sign_off, by: bob}]}"
BAD = "{results: {web.health: {app2: {state: failed, message: answered 500}}}}"


def runs(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["runs", *arguments])


@pytest.mark.usefixtures("catalog")
class TestRuns:
    def test_nothing_ran_yet(self) -> None:
        assert "there is no run" in runs("list").output
        assert runs("show", "last").exit_code == 2

    def test_list(self) -> None:
        good, bad = stored(home.store(), GOOD), stored(home.store(), BAD)
        lines = runs("list").output.splitlines()
        assert lines[0].split() == ["RUN", "STATE", "STARTED", "TOOK", "BY", "WORKFLOW"]
        assert {line.split()[0] for line in lines[1:]} == {good.id, bad.id}
        data = json.loads(runs("list", "--json").output)
        assert {one["id"]: one["state"] for one in data} == {good.id: "successful", bad.id: "rolled_back"}
        assert len(runs("list", "-n", "1").output.splitlines()) == 2

    def test_a_run_that_cannot_be_read_is_listed(self) -> None:
        run = stored(home.store(), GOOD)
        run.journal_path.write_text("no change\n")
        assert f"{run.id}  unreadable" in runs("list").output

    def test_show(self) -> None:
        run = stored(home.store(), BAD)
        folder = run.execution_folder(f"{run.id}/web.health/2/do/1")
        folder.mkdir(parents=True)
        (folder / "output.txt").write_text("fatal: \x1b[2Janswered 500\n")
        text = runs("show", run.id[:-2]).output
        for part in ("asked for by alice", "web.health [2] on app2", "app2: answered 500", f"output: {folder}",
                     "undo-web.deploy", "walk: rolled_back after", "undone: web.deploy on app2", f"record: {run.path}",
                     "person about"):  # fmt: skip
            assert part in text, part
        logged = runs("show", "last", "--log", "web.health").output
        assert "answered 500" in logged
        assert "\x1b" not in logged
        assert runs("show", "last", "--log", "web.deploy").exit_code == 2
        assert "did you mean 'web.health'?" in runs("show", "last", "--log", "web.helth").stderr

    def test_show_tells_how_hosts_were_left_and_how_to_look_at_them(self) -> None:
        left = (
            "{app1: {state: restored, verified: true, before: s1, after: s2, diff: holdfast lkg diff app1@s1 app1@s2}, "
            "app2: {state: unchanged, verified: false, before: '', after: '', diff: ''}, "
            "app3: {before: s3, after: s4, changes: [a, b], promoted: true, diff: holdfast lkg diff app3@s3 app3@s4}}"
        )

        def reports(lkg: str) -> str:
            return f"{{results: {{web.health: {{outputs: {{lkg: {lkg}, other: x}}}}}}, {GOOD[1:]}"

        run = stored(home.store(), reports(left))
        text = runs("show", run.id).output
        for part in ("States of hosts", "  web.health on app1: restored, verified, holdfast lkg diff app1@s1 app1@s2\n",
                     "  web.health on app2: unchanged, no snapshot\n",
                     "  web.health on app3: 2 items differ, promoted, holdfast lkg diff app3@s3"):  # fmt: skip
            assert part in text, text
        odd = stored(home.store(), reports("{app1: x, app2: {mine: 1}}"))
        assert "States of hosts" not in runs("show", odd.id).output

    def test_show_as_data(self) -> None:
        run = stored(home.store(), BAD)
        data = json.loads(runs("show", run.id, "--json").output)
        assert data["state"] == data["record"]["run"]["state"] == "rolled_back"

    def test_a_run_whose_supervisor_is_gone_is_lost(self) -> None:
        run = stored(home.store(), GOOD, keep=8)
        assert runs("list").output.splitlines()[1].split()[1] == "lost"
        text = runs("show", run.id).output
        assert "nobody supervises this run any more" in text
        assert f"holdfast run --resume {run.id}" in text
        assert "▶" not in text, "what ran is shown as lost"
        assert "? lost" in text

    def test_graph(self) -> None:
        run = stored(home.store(), BAD)
        assert "✘ web: failed" in runs("graph", run.id).output
        chart = runs("graph", "--workflow", "walk", "--mermaid").output
        assert chart.startswith("flowchart LR\n")
        assert "n_before --> n_web" in chart
        assert runs("graph").exit_code == 2
        assert runs("graph", "last", "--workflow", "walk").exit_code == 2

    def test_a_beginning_that_several_have_is_refused(self) -> None:
        stored(home.store(), GOOD)
        stored(home.store(), GOOD)
        done = runs("show", "2023")
        assert done.exit_code == 2
        assert "the beginning of 2 runs" in done.stderr


@pytest.mark.usefixtures("catalog")
class TestWords:
    @pytest.mark.parametrize("word", ["approve last sign_off", "deny last sign_off", "cancel last"])
    def test_an_ended_run_and_a_dead_one_hear_nothing(self, word: str) -> None:
        run = stored(home.store(), GOOD)
        assert "has ended as successful" in runs(*word.split()).stderr
        self.shorten(run)
        done = runs(*word.split())
        assert done.exit_code == 2
        assert "nobody supervises run" in done.stderr
        assert not list(run.inbox.iterdir())

    def test_what_would_be_refused_is_refused_at_once(self) -> None:
        run = stored(home.store(), GOOD)
        self.shorten(run)
        with self.supervised(run):
            assert "did you mean 'sign_off'?" in runs("approve", "last", "sign_of").stderr
            assert "is no approval of this run" in runs("approve", "last", "before").stderr
        assert not list(run.inbox.iterdir())

    @staticmethod
    def shorten(run: Run) -> None:
        """Take everything from the first vote on out of the journal, so that the run waits for people."""
        lines = run.journal_path.read_text().splitlines(keepends=True)
        first = next(number for number, line in enumerate(lines) if '"vote"' in line)
        run.journal_path.write_text("".join(lines[:first]))

    @staticmethod
    def supervised(run: Run) -> IO[str]:
        """The run's lock, held as its supervisor holds it."""
        file = open(Path(run.path) / "lock", "r+")  # noqa: SIM115 (closed by the caller's with)
        fcntl.flock(file, fcntl.LOCK_EX)
        return file
