# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guarded changes without Ansible: the guard, its world, provider, timer and archive are those of ``lkg_guard``.

Left out are what Ansible lends them: its connection, the play of the change, and ``health_check``. So a timer may be
shorter than people may ask for, and many platforms are tried at the same time.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard import Guard
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard_words import GuardFailure, Plan
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import AT_COMMIT, Unanswered
from ansible_collections.holdfast.ops.plugins.plugin_utils._device import ActionDevice
from ansible_collections.holdfast.ops.plugins.plugin_utils._guarded import GuardWorld
from ansible_collections.holdfast.ops.plugins.plugin_utils._lkg import Subject
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

ALONE = 10
"""Seconds beyond its timer that a host may need to be back by itself."""
UNREACHABLE = "unreachable"


class Asks:
    """Stands for the device that runs ``health_check``."""

    def __init__(self, healthy: Callable[[], bool]) -> None:
        self._healthy = healthy

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        """As the port says."""
        assert module == "holdfast.ops.health_check" and not secret, (module, arguments)
        return {"probes": [{"name": "shop", "healthy": self._healthy(), "detail": "asked by the test"}]}


class ScriptedWorld(GuardWorld):
    """The world of ``lkg_guard`` in which the change is a function."""

    scripted: Callable[[], object]
    then: Callable[[], object]
    """Comes when it has promoted."""
    began: float = 0.0
    """When the change began; its timer was armed already then, where it is before the change."""

    def change(self, limit: float) -> str:
        """See ``World``; what takes longer than ``limit`` is not ended."""
        del limit
        self.began = time.time()
        try:
            self.scripted()
        except HoldfastError as error:
            return str(error) or "no answer"
        return ""

    def promote(self, snapshot_id: str, checks: Sequence[Check]) -> None:
        """See ``World``."""
        super().promote(snapshot_id, checks)
        self.then()


def never_ends(asked: Path) -> bool:
    """Says that it was asked, and never answers."""
    asked.touch()
    time.sleep(600)
    return False


def _never(limit: float) -> Any:
    raise AssertionError(f"no play is begun, nor one of {limit} s")


class Guarded:
    """A guarded change of one host, in a process of its own.

    ``seconds``: of its timer. ``change`` makes the change, and raises HoldfastError when that failed. ``sections``:
    those of its snapshots, or none for all. ``then`` comes after the promotion.
    """

    def __init__(
        self,
        host: str,
        platform: str,
        provider: Any,
        device: Any,
        store: Path,
        change: Callable[[], object],
        healthy: Callable[[], bool] = lambda: True,
        seconds: int = 240,
        sections: Sequence[str] = (),
        then: Callable[[], object] = lambda: None,
    ) -> None:
        self.host, self.store, self._seconds = host, store, seconds
        self.token = f"holdfast-test-{time.time_ns()}"
        self._this = Subject(host, platform, provider, {}, cast(ActionDevice, device))
        self._change, self._healthy, self._sections, self._then = change, healthy, sections, then
        self._answer = store.parent / f"{self.token}.json"
        self._process = multiprocessing.get_context("fork").Process(target=self._run)

    def start(self) -> Guarded:
        """Begin; returns itself."""
        self._process.start()
        return self

    def stop(self) -> None:
        """Stop it, so that it neither ends nor does anything."""
        assert self._process.pid is not None and not self._answer.exists(), self._answer.read_text()
        os.kill(self._process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """Kill it, -9, also when it was stopped or is dead already."""
        assert not self._answer.exists(), self._answer.read_text()
        self._process.kill()
        self._process.join()

    def end(self, patience: float = 150) -> dict[str, Any]:
        """What ``lkg_guard`` would report."""
        self._process.join(patience)
        try:
            assert self._process.exitcode == 0, f"{self.host}: it ended with {self._process.exitcode}"
        finally:
            if self._process.is_alive():
                self._process.kill()
        return dict(json.loads(self._answer.read_text(encoding="utf-8")))

    def promoted(self) -> str:
        """The digest of the last known good state; nothing when there is none."""
        with contextlib.suppress(HoldfastError):
            return Archive(self.store).find(self.host).digest
        return ""

    def _run(self) -> None:
        self._answer.write_text(json.dumps(self.run()), encoding="utf-8")

    def run(self) -> dict[str, Any]:
        """The guard, in this process; what ``lkg_guard`` would report."""
        world = ScriptedWorld(
            this=self._this,
            archive=Archive(self.store),
            sections=self._sections,
            play=_never,
            health={"probes": ["shop"]},
            asks=cast(ActionDevice, Asks(self._healthy)),
            show=lambda _text: None,
        )
        world.scripted, world.then = self._change, self._then
        plan = Plan(host=self.host, token=self.token, seconds=self._seconds, settle=4, grace=60)
        try:
            state = Guard(world, plan, self._this.provider.declaration.armed == AT_COMMIT).run()
            return {"state": state, "changed": world.began}
        except GuardFailure as failure:
            return {**world.hidden(failure.as_result()), "changed": world.began}
        except Unanswered as error:
            return {"state": UNREACHABLE, "msg": str(error)}


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A folder on a disk of its own that has no room left."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    try:
        with contextlib.suppress(OSError), (folder / "filling").open("wb") as filling:
            while True:
                filling.write(bytes(4096))
                filling.flush()
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
