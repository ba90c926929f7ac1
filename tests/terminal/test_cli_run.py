# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast run`` for real: exit statuses, the live tree on a terminal, Ctrl-C, approvals, resume."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import House, left_over, played, wait_for

CONTROLLER = Path(__file__).parents[2] / "extensions" / "controller"
PATIENCE = 60.0
PASSWORD = {"type": "password", "required": True}


class Cli:
    """The command in a house."""

    def __init__(self, house: House) -> None:
        self.house = house
        path = os.pathsep.join(filter(None, [str(CONTROLLER), os.environ.get("PYTHONPATH", "")]))
        self.environment = {**house.environment, "PYTHONPATH": path, "TERM": "xterm"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "holdfast.cli", *arguments]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, without a terminal."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=self.house.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self("run", *arguments, "-i", str(self.house.inventory))


class Terminal:
    """The command at a terminal of 80 columns and 24 lines."""

    def __init__(self, cli: Cli, *arguments: str) -> None:
        environment = {name: value for name, value in cli.environment.items() if name not in ("COLUMNS", "LINES")}
        self.text = ""
        pid, self.screen = pty.fork()
        if pid == 0:
            os.chdir(cli.house.folder)
            os.execve(sys.executable, cli.command(*arguments), environment)
        self.pid = pid

    def read(self, what: str) -> None:
        """Read until the text occurs."""
        deadline = time.monotonic() + PATIENCE
        while what not in self.plain:
            assert time.monotonic() < deadline, f"waited in vain for {what!r} in {self.text[-3000:]!r}"
            ready = select.select([self.screen], [], [], 1.0)[0]
            try:
                data = os.read(self.screen, 65536) if ready else b""
            except OSError:
                data = b""
                assert what in self.plain, f"it ended without {what!r}: {self.text[-3000:]!r}"
            self.text += data.decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def end(self) -> int:
        """Read to the end; the exit status."""
        while True:
            try:
                data = os.read(self.screen, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors="replace")
        os.close(self.screen)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text)


@pytest.fixture
def cli(house: House) -> Cli:
    return Cli(house)


def test_success_is_0_and_failure_is_1(house: House, cli: Cli) -> None:
    house.bundle("good", "a: {item: noop, hosts: web}\nb: {item: say, needs: [a], fields: {text: $fields.word}}",
                 presentation={"fields": [{"name": "word", "required": True}]})  # fmt: skip
    done = cli.run("good", "-f", "word=hello")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✔ good: successful" in done.stdout
    assert f"record: {house.the_run().path}" in done.stdout
    assert "\x1b" not in done.stdout
    house.bundle("bad", "a: {item: fail, hosts: w2}", orchestration={"on_failure": "rollback"})
    done = cli.run("bad")
    assert done.returncode == 1
    for part in ("it broke on purpose", "w2", "undone: a on w2", "to resume: holdfast run --resume"):
        assert part in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "no workflow 'nothing'"),
        (["asks"], "'word' value missing"),
        (["asks", "-f", "wrod=x"], "did you mean 'word'?"),
        (["asks", "-f", "word=x", "--limit", "nobody"], "nobody"),
        (["nowhere.yml"], "no workflow file nowhere.yml"),
        (["broken"], "did you mean 'noop'?"),
        ([], "holdfast catalog list"),
        (["--resume", "last"], "there is no run"),
        (["asks", "-f", "word=x", "-k"], "no terminal"),
    ],
)
def test_wrong_input_is_2_and_touches_nothing(house: House, cli: Cli, arguments: list[str], says: str) -> None:
    house.bundle("asks", "a: {item: noop, hosts: web}", presentation={"fields": [{"name": "word", "required": True}]})
    house.bundle("broken", "a: {item: nop}")
    done = cli.run(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert house.runs() == []


def test_plan_touches_nothing(house: House, cli: Cli) -> None:
    house.bundle("good", "a: {item: noop, hosts: web}\nb: {item: say, needs: [a]}")
    done = cli("plan", "good", "-i", str(house.inventory))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wave 2" in done.stdout
    assert house.runs() == []


def test_the_tree_at_a_terminal_asks_and_shows(house: House, cli: Cli) -> None:
    house.bundle(
        "pool",
        "web: {rollout: {hosts: web, batch: 1, components: {one: {item: noop}, two: {item: say, needs: [one]}}}}",
        presentation={"fields": [{"name": "text", "required": True}, {"name": "code", **PASSWORD}]},
    )  # fmt: skip
    terminal = Terminal(cli, "run", "pool", "-i", str(house.inventory))
    terminal.read("text:")
    terminal.type("hello\n")
    terminal.read("code:")
    terminal.type("s3cret\n")
    terminal.read("▶ batch 1")
    assert terminal.end() == 0, terminal.text
    assert "✔ batches 1-3" in terminal.plain
    assert "✔ pool: successful" in terminal.plain
    assert "s3cret" not in terminal.text
    assert "on w1" not in terminal.plain, "lines of progress are not written beside the tree"


def test_ctrl_c_cancels_in_order(house: House, cli: Cli) -> None:
    house.bundle("long", "a: {item: wait, hosts: web}\nb: {item: noop, needs: [a]}")
    terminal = Terminal(cli, "run", "long", "-i", str(house.inventory))
    terminal.read("ansible.builtin.command")
    terminal.type("\x03")
    assert terminal.end() == 130, terminal.text
    assert "Ctrl-C: canceling" in terminal.plain
    assert house.record().state == "canceled"
    assert played(house.record()) == [("a", "canceled")]


def test_a_second_ctrl_c_ends_hard_and_leaves_nothing_behind(house: House, cli: Cli) -> None:
    house.bundle(
        "long",
        "a: {item: noop}\nb: {item: wait, needs: [a], fields: {seconds: 60}, timeout: 70s}",
    )
    process = subprocess.Popen(
        cli.command("run", "long", "-i", str(house.inventory)),
        env=cli.environment,
        cwd=house.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "▶ b" in line:
            break
    (supervisor,) = children(process.pid)
    os.kill(supervisor, signal.SIGSTOP)  # it hears nothing any more
    process.send_signal(signal.SIGINT)
    for line in process.stdout:
        if "Ctrl-C: canceling" in line:
            break
    process.send_signal(signal.SIGINT)
    said = process.stdout.read()
    assert process.wait(PATIENCE) == 130
    assert "was ended hard: nothing was undone" in said
    run = house.the_run()
    wait_for("the watcher, which ends the plays", lambda: not run.is_alive())
    assert run.state(run.record()) == "lost"
    assert left_over(run) == []


def children(pid: int) -> list[int]:
    """The children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_approve_deny_and_cancel_from_elsewhere(house: House, cli: Cli) -> None:
    house.bundle("gate", "a: {approval: {message: Go?}}\nb: {approval: {}, needs: [a]}\nc: {item: noop, needs: [b]}")
    process = subprocess.Popen(
        cli.command("run", "gate"), env=cli.environment, cwd=house.folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "a waits for approval" in line:
            break
    refused = cli("runs", "approve", "last", "b")
    assert refused.returncode == 2
    assert "does not wait for approval" in refused.stderr
    assert cli("runs", "approve", "last", "a", "--reason", "fine").returncode == 0
    denied = cli("runs", "deny", house.the_run().id[:15], "b", "--reason", "not today")
    assert denied.returncode == 0, denied.stderr
    assert process.wait(PATIENCE) == 1
    assert "not today" in process.stdout.read()
    shown = cli("runs", "show", "last").stdout
    assert "denied by" in shown
    assert "– c" in shown


def test_resume_goes_on_where_it_stopped(house: House, cli: Cli) -> None:
    house.bundle("two", "a: {item: noop}\nb: {item: noop, needs: [a]}\nc: {item: stop, hosts: w1, needs: [b]}")
    flag = house.folder / "go"
    (house.folder / "catalog" / "stop.yml").write_text(
        "apiVersion: holdfast.ops/v1\nkind: CatalogItem\nmetadata: {name: stop}\n"
        f"fulfillment: {{automated: {{module: ansible.builtin.command, with: {{argv: [test, -e, {flag}]}}}}}}\n"
    )
    assert cli.run("two").returncode == 1
    flag.touch()
    done = cli("run", "--resume", "last")
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = house.runs()
    assert [entry["node"] for entry in house.record(second).executions.values() if not entry.get("copied")] == ["c"]
    again = cli("run", "--resume", first.id)
    assert again.returncode == 2
    assert second.id in again.stderr
