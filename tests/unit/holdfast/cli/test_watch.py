# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching: what is written above the tree and what is not, Ctrl-C, and how an end becomes an exit status."""

from __future__ import annotations

import io
import os
import re
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.progress import Progress
from holdfast.cli import watch as watching
from holdfast.cli.run import conclude
from holdfast.cli.watch import PlainView, Result, TreeView, watch
from rich.console import Console

from .conftest import launch, perform, stored

GOOD = "{events: [{at: 2h, approve: sign_off, by: bob}]}"


class Script:
    """A supervisor that says what the test wrote down; ``None`` is a Ctrl-C at this moment."""

    pid = 0

    def __init__(self, *said: Mapping[str, Any] | None) -> None:
        self.said = said
        self.canceled = 0
        self.closed = False

    def messages(self) -> Iterator[Mapping[str, Any]]:
        for message in self.said:
            if message is None:
                os.kill(os.getpid(), signal.SIGINT)
            else:
                yield message

    def cancel(self) -> None:
        self.canceled += 1

    def close(self) -> None:
        self.closed = True


def said(kind: str, **facts: Any) -> Mapping[str, Any]:
    return {"feed": kind, **facts}


def test_plain_lines_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(
        said("line", text="one"),
        said("heard", execution="r/a/1/do/1", what="task", text="a task"),
        said("heard", execution="r/a/1/do/1", what="output", text="ok: [app1] \x1b[31m"),
        said("end", state="successful"),
    )
    result = watch(script, PlainView())  # type: ignore[arg-type]
    assert capsys.readouterr().out == "one\nok: [app1] \N{REPLACEMENT CHARACTER}[31m\n"
    assert result.end["state"] == "successful"
    assert script.closed


def test_a_refusal_before_the_start_is_wrong_input(capsys: pytest.CaptureFixture[str]) -> None:
    result = watch(Script(said("refused", message="no such host\nno such group")), PlainView())  # type: ignore[arg-type]
    assert conclude(result) == 2
    assert capsys.readouterr().err == "error: no such host\nerror: no such group\n"


def test_ctrl_c_cancels_then_ends_hard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    keyboard = watching._Keyboard(script := Script())  # type: ignore[arg-type]
    killed = []
    keyboard.on_interrupt(2, None)
    assert script.canceled == 1
    assert "canceling" in keyboard.news()
    assert keyboard.news() == ""
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    keyboard.on_interrupt(2, None)
    assert script.canceled == 1
    assert killed == [(0, signal.SIGKILL)]
    assert "hard" in keyboard.news()


def test_ctrl_c_does_not_break_the_watching(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    script = Script(said("line", text="one"), None, said("line", text="two"), said("end", state="canceled"))
    result = watch(script, PlainView())  # type: ignore[arg-type]
    assert script.canceled == result.interrupts == 1
    assert conclude(result) == 130
    told = capsys.readouterr().out
    assert "one\n" in told
    assert "two\n" in told
    assert "Ctrl-C: canceling" in told
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("state", "status"), [("successful", 0), ("failed", 1), ("rolled_back", 1), ("error", 1)])
def test_the_status_is_0_only_after_success(state: str, status: int) -> None:
    assert conclude(Result({"state": state, "summary": []}, None, "", 0)) == status


@pytest.mark.usefixtures("catalog")
class TestTheTreeView:
    def test_what_the_tree_shows_is_not_written_again(self) -> None:
        run, text = stored(home.store(), GOOD), io.StringIO()
        view = TreeView(Console(file=text, force_terminal=True, width=80, height=30))
        view.accepted(run)
        found = launch(3)
        changes = perform(found, yaml.safe_load(GOOD)).journal
        record = Record()
        progress = Progress(found.graph("rehearsal"), record)
        for change in changes:
            record.fold(change)
            view.changes([change])
            lines = list(progress.lines(change))
            view.line("  waiting for the lock pool:web") if change["type"] == "asked" else None
            for line in lines:
                view.line(line)
            view.tick()
        view.close()
        written = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
        assert "before on app1, app2" not in written, "a line of progress"
        assert written.count("waiting for the lock pool:web") == 1
        assert "✔ batches 1-3" in written

    def test_the_last_thing_on_the_screen_is_the_whole_tree(self) -> None:
        run, text = stored(home.store(), GOOD), io.StringIO()
        view = TreeView(Console(file=text, width=80, height=6))
        view.accepted(run)
        view.changes(perform(launch(3), yaml.safe_load("{results: {web.health: {app2: failed}}}")).journal)
        view.close()
        assert "✘ batch 2" in text.getvalue()
        assert "– after" in text.getvalue()

    def test_a_task_is_shown_while_it_runs(self) -> None:
        run, text = stored(home.store(), GOOD), io.StringIO()
        view = TreeView(Console(file=text, force_terminal=True, width=80, height=30))
        view.accepted(run)
        for change in perform(launch(3), yaml.safe_load(GOOD)).journal:
            view.changes([change])
            if change["type"] == "started":
                break
        view.heard("rehearsal/before/1/do/1", "task", "Install the thing")
        view.tick()
        assert "Install the thing" in text.getvalue()
        view.close()
