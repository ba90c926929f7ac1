# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast lkg restore``: what it plays, and how it tells what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import one_task
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive
from holdfast.cli.app import app
from typer.testing import CliRunner

CHANGE = {"section": "files", "item": "/etc/x", "change": "changed", "added": 1, "removed": 1, "diff": ["-b", "+a"]}
DIFFERS: dict[str, Any] = {"same": False, "changes": [CHANGE], "done": [], "diff": {"prepared": "--- a/x\n-b\n+a\n"}}


class Play:
    """Stands for the play: keeps what it was asked, answers what a test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.result: dict[str, Any] = {}

    def __call__(self, host: str, module: str, arguments: Any, options: Any, secrets: Any, check: bool) -> Any:
        self.asked.append((host, module, dict(arguments), options, secrets, check))
        return self.result


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path))
    made = Play()
    monkeypatch.setattr(one_task, "play", made)
    return made


@pytest.fixture
def stored(tmp_path: Path) -> str:
    archive = Archive(tmp_path)
    return archive.put([archive.part(Snapshot("web1", "rhel", 1.0, {"files": {"/etc/x": "a"}}))])[0].id


def restore(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["lkg", "restore", *arguments])
    return done.exit_code, done.output


def test_what_is_played(play: Play, stored: str) -> None:
    play.result = {"same": True, "changes": [], "done": []}
    status, output = restore(
        "web1@last", "-i", "web1,", "--section", "files", "-b", "-u", "ops", "-e", "ansible_port=2222"
    )
    assert status == 0 and f"web1 is as {stored} has it; nothing was done" in output
    ((host, module, arguments, options, secrets, check),) = play.asked
    assert (host, module, check) == ("web1", "holdfast.ops.lkg_restore", False)
    assert arguments == {"host": "web1", "state": stored, "sections": ["files"]}
    assert (options.inventory, options.become, options.remote_user, options.diff) == (("web1,",), True, "ops", False)
    assert secrets.variables == {"ansible_port": "2222"}


def test_check_shows_the_difference(play: Play, stored: str) -> None:
    play.result = DIFFERS
    status, output = restore(f"web1@{stored[:20]}", "-i", "web1,", "--check")
    assert status == 0 and play.asked[0][5] is True and play.asked[0][3].diff
    assert "+a\n" in output and f"web1: 1 items differ and would be restored to {stored}" in output


def test_what_was_done_and_proved(play: Play, stored: str) -> None:
    play.result = {**DIFFERS, "diff": {}, "done": ["wrote /etc/x"], "after": {"id": "20260106-1"}}
    status, output = restore("web1@last", "-i", "web1,")
    assert status == 0 and "wrote /etc/x\n" in output and f"restored to {stored}: 1 items; 20260106-1 proves" in output


@pytest.mark.parametrize(("word", "extra"), [("failed", []), ("unreachable", ["--json"])])
def test_what_did_not_go_well(play: Play, stored: str, word: str, extra: list[str]) -> None:
    play.result = {word: True, "msg": "web1: dnf: no repository"}
    status, output = restore("web1@last", "-i", "web1,", *extra)
    assert status == 1
    if extra:
        assert json.loads(output)["unreachable"] is True
    else:
        assert "web1: failed: web1: dnf: no repository" in output


def test_a_state_that_is_not_there_starts_nothing(play: Play, stored: str) -> None:
    status, output = restore("web1", "-i", "web1,")
    assert status == 2 and "web1 has no last known good state" in output and play.asked == []
