# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change under a guard, as a process of its own that a real ansible-playbook is a child of."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.starter import Supervised
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.supervise_change import PROGRAM, ChangeOrder


def task(name: str, **action: Any) -> dict[str, Any]:
    return {"name": name, **action}


def wrote(path: Path, what: str) -> dict[str, Any]:
    return task("Write", **{"ansible.builtin.copy": {"dest": str(path), "content": what}})


def order(tasks: list[dict[str, Any]], limit: float = 60.0, **more: Any) -> ChangeOrder:
    return ChangeOrder("localhost", {"gather_facts": False, "become": False, "tasks": tasks}, limit, **more)


def played(one: ChangeOrder) -> tuple[dict[str, Any], list[str]]:
    """Its last message, and the tasks that were told of."""
    supervised = Supervised(one, program=PROGRAM)
    try:
        said = list(supervised.messages())
    finally:
        supervised.close()
    return dict(said[-1]), [str(each["text"]) for each in said if each.get("what") == "task"]


def of(pid: int) -> list[str]:
    """Command lines that run below a supervisor's plays."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if f"-{pid}\0".encode() in environ and b"HOLDFAST_RUN=change-" in environ:
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def until(true: Callable[[], object], patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_change_is_played_on_its_host_with_its_variables(tmp_path: Path) -> None:
    extra = tmp_path / "extra.yml"
    extra.write_text("from_file: !unsafe '{{ 1 + 1 }}'\n")
    content = "{{ from_file }}|{{ given }}|{{ own }}|{{ holdfast.fields.x }}|{{ inventory_hostname }}"
    end, tasks = played(
        order(
            [wrote(tmp_path / "out", content)],
            variables={"own": "{{ not_a_template }}"},
            extra=[str(extra), {"given": "yes", "from_file_2": 1}],
            scopes={"fields": {"x": "{{ nor_this }}"}},
        )
    )
    assert (end["feed"], end["state"], end["message"]) == ("end", "successful", ""), end
    assert (tmp_path / "out").read_text() == "{{ 1 + 1 }}|yes|{{ not_a_template }}|{{ nor_this }}|localhost"
    assert tasks == ["Write"]


def test_what_a_change_reports_is_told_of_its_host_and_of_the_run() -> None:
    def stats(data: dict[str, Any], **how: Any) -> dict[str, Any]:
        return task("Report", **{"ansible.builtin.set_stats": {"data": data, **how}})

    end, _tasks = played(order([stats({"mine": {"x": 1}}, per_host=True), stats({"build": "7"})]))
    assert (end["of_host"], end["reported"], end["adds_up"]) == ({"mine": {"x": 1}}, {"build": "7"}, True), end
    end, _tasks = played(order([stats({"build": "7"}, aggregate=False)]))
    assert (end["of_host"], end["reported"], end["adds_up"]) == ({}, {"build": "7"}, False), end


def test_a_module_is_a_change_too_and_no_argument_of_it_is_rendered(tmp_path: Path) -> None:
    arguments = {"dest": str(tmp_path / "out"), "content": "{{ 1 + 1 }}"}
    end, tasks = played(
        order([], variables=arguments, module="ansible.builtin.copy", returns=["checksum", "no_such_value"])
    )
    assert (end["state"], tasks) == ("successful", ["ansible.builtin.copy"]), end
    assert (tmp_path / "out").read_text() == "{{ 1 + 1 }}"
    assert list(end["reported"]) == ["checksum"] and end["of_host"] == {}


def test_a_change_that_fails_says_which_task_and_why(tmp_path: Path) -> None:
    end, _tasks = played(order([task("Stumble", **{"ansible.builtin.fail": {"msg": "no such thing"}})]))
    assert (end["state"], end["message"]) == ("failed", "Stumble: no such thing")


def test_in_check_mode_nothing_is_written(tmp_path: Path) -> None:
    end, _tasks = played(order([wrote(tmp_path / "out", "x")], check=True))
    assert end["state"] == "successful" and not (tmp_path / "out").exists()


def test_a_change_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    begun = time.monotonic()
    sleep = task("Sleep", **{"ansible.builtin.command": {"argv": ["sleep", "100"]}})
    end, _tasks = played(order([sleep, wrote(tmp_path / "out", "x")], limit=4.0))
    assert end["state"] == "timed_out" and "longer than the 4 s that its timer leaves" in end["message"]
    assert time.monotonic() - begun < 20 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_nobody_listens_any_more(tmp_path: Path, how: str) -> None:
    begun = tmp_path / "begun"
    sleep = task("Sleep", **{"ansible.builtin.shell": f"touch {begun}; exec sleep 100"})
    supervised = Supervised(order([sleep]), program=PROGRAM)
    pid = supervised.pid
    until(begun.exists)
    assert of(pid) != []
    if how == "killed":
        os.kill(pid, signal.SIGKILL)
    supervised.close()
    until(lambda: of(pid) == [], 10)


def test_an_order_of_another_version_is_refused() -> None:
    with pytest.raises(HoldfastError, match="another version"):
        ChangeOrder.from_line('{"version": 0, "host": "x"}')
    with pytest.raises(HoldfastError, match="no JSON"):
        ChangeOrder.from_line("")


def test_what_it_is_given_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    seen = tmp_path / "seen"
    look = task("Look", **{"ansible.builtin.shell": f"cat /proc/*/cmdline 2>/dev/null | tr '\\0' ' ' > {seen}; :"})
    secrets = {"vault": [["default", "hunter2hunter2"]], "become_password": "hunter3hunter3"}
    end, _tasks = played(order([look], secrets=secrets, variables={"token": "hunter4hunter4"}))
    assert end["state"] == "successful", end
    assert "hunter" not in seen.read_text(errors="replace")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("holdfast-")] == []


def test_a_play_is_plain_yaml(tmp_path: Path) -> None:
    one = order([wrote(tmp_path / "out", "x")])
    assert ChangeOrder.from_line(one.to_line()) == one
    assert yaml.safe_load(one.to_line())["host"] == "localhost"
