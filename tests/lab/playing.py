# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, restores and guarded changes of one network device, each by a real ansible-playbook."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

from tests.lab import requirements

Task = dict[str, Any]
PATIENCE = 240
KEPT = "{{{{ found_{number} | dict2items | rejectattr('key', 'match', 'stdout|output') | items2dict | to_json }}}}"
"""A result without what netconf_rpc gives as bytes, which JSON cannot say."""
SNAPSHOT: Task = {"name": "snapshot", "holdfast.ops.lkg_snapshot": {"require_complete": True}}


def restore(state: str) -> Task:
    """The task that restores a state."""
    return {"name": "restore", "holdfast.ops.lkg_restore": {"state": state}}


class Playing:
    """A device of an inventory, and plays on it; all share one archive. ``variables``: more of them, for each play."""

    def __init__(self, inventory: Path, host: str, folder: Path) -> None:
        self.host, self.store, self.variables = host, folder / "store", dict[str, Any]()
        self._inventory, self.folder = inventory, folder

    # --- one after another ---------------------------------------------------------------------------------------

    def runs(self, *tasks: Task) -> list[dict[str, Any]]:
        """Run tasks in one play; the result of each, whether it failed or not."""
        process, folder = self._start(*tasks)
        assert process.wait(PATIENCE) == 0, (folder / "output.txt").read_text(encoding="utf-8")
        kept = [folder / f"found-{number}.json" for number in range(len(tasks))]
        return [json.loads(file.read_text(encoding="utf-8")) for file in kept]

    def run(self, *tasks: Task) -> dict[str, Any]:
        """Run tasks in one play; the result of the last."""
        return self.runs(*tasks)[-1]

    def snapshot(self) -> dict[str, Any]:
        """Take a snapshot; its result."""
        found = self.run(SNAPSHOT)
        assert not found.get("failed"), found
        return found

    def running(self) -> str:
        """The running configuration now."""
        taken = self.snapshot()["snapshot"]
        return str(Archive(self.store).view(Archive(self.store).find(self.host, taken["id"])).items)

    def restore(self, state: str) -> dict[str, Any]:
        """Restore a state; the result, of a failure too."""
        return self.run(restore(state))

    def guard(self, *change: Task, **given: Any) -> dict[str, Any]:
        """Change under a guard; the result, of a failure too."""
        return self.run(self._guarded(change, 60, given))

    def guard_killed(self, *change: Task, changed: Callable[[], object], seconds: int, **given: Any) -> None:
        """Begin a guarded change, and kill all of it, -9, while it still looks whether the host is healthy."""
        never = {"name": "never healthy", "argv": ["false"], "retries": 300, "delay": 1}
        process, folder = self._start(self._guarded(change, seconds, {"probes": [never], **given}))
        try:
            self.until(changed, 60, lambda: (folder / "output.txt").read_text(encoding="utf-8"))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def until(self, condition: Callable[[], object], seconds: float, said: Callable[[], str] = str) -> None:
        """Wait until a condition is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain\n{said()}"
            time.sleep(0.5)

    # --- plays ---------------------------------------------------------------------------------------------------

    def _guarded(self, change: tuple[Task, ...], seconds: int, given: dict[str, Any]) -> Task:
        file = self.folder / f"change-{time.monotonic_ns()}.yml"
        file.write_text(yaml.safe_dump(list(change)), encoding="utf-8")
        arguments = {"tasks": str(file), "gather_facts": False, "timer": seconds, "promote": True, **given}
        return {"name": "guard", "holdfast.ops.lkg_guard": arguments}

    def _start(self, *tasks: Task) -> tuple[subprocess.Popen[bytes], Path]:
        folder = self.folder / f"play-{time.monotonic_ns()}"
        folder.mkdir()
        registered: list[Task] = []
        for number, task in enumerate(tasks):
            keep = {"content": KEPT.format(number=number), "dest": str(folder / f"found-{number}.json"), "mode": "0600"}
            registered += [
                {**task, "register": f"found_{number}", "ignore_errors": True, "ignore_unreachable": True},
                {"name": "Keep what it says", "delegate_to": "localhost", "vars": {"ansible_connection": "local"},
                 "ansible.builtin.copy": keep},
            ]  # fmt: skip
        play = {"name": "Play", "hosts": self.host, "gather_facts": False, "tasks": registered}
        (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
        programs = os.path.dirname(sys.executable)
        environment = {**os.environ, "PATH": os.pathsep.join([programs, requirements.PATH]), "ANSIBLE_NOCOLOR": "1",
                       "ANSIBLE_INVENTORY": str(self._inventory), "ANSIBLE_LOCALHOST_WARNING": "false",
                       "HOLDFAST_STORE": str(self.store)}  # fmt: skip
        command = [os.path.join(programs, "ansible-playbook"), str(folder / "play.yml")]
        with (folder / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                [*command, "-e", json.dumps(self.variables)],
                env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        return process, folder
