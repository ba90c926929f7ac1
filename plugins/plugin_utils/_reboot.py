# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: one verified reboot, step by step. The rules stand in the core's ``reboots``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core import reboots
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.reboot_systems import (
    Linux,
    System,
    Windows,
    read_services,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.reboots import Boot, Check, Pending, RebootFailure
from ansible_collections.holdfast.ops.plugins.plugin_utils._reached import NoAnswer, Reached

CHECK_PAUSE = 2.0


@dataclass
class Clock:
    """Time that passes, and the wait for it; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Reboot:
    """A reboot of one host: ``look``, ``order``, ``come_back``, ``check``; ``result`` is what the task reports.

    A failure of any step after ``look`` is a RebootFailure, never an unreachable host.
    """

    def __init__(self, host: str, reached: Reached, arguments: dict[str, Any], clock: Optional[Clock] = None) -> None:
        self.host = host
        self._reached = reached
        self._arguments = arguments
        self._clock = clock or Clock()
        self._system: System = Windows() if reached.is_windows else Linux()
        self._ordered: Optional[float] = None
        self.before = Boot("")
        self.pending = Pending(False)
        self.result: dict[str, Any] = {"changed": False, "rebooted": False, "elapsed": 0.0}

    @property
    def elapsed(self) -> float:
        """Seconds since the reboot was ordered; 0 before that."""
        return 0.0 if self._ordered is None else self._clock.now() - self._ordered

    def failure(self, step: str, reason: str) -> RebootFailure:
        """The failure of a step, now."""
        return RebootFailure(self.host, step, reason, self.elapsed)

    def look(self) -> None:
        """Take down from which boot the host runs and what is pending. Raises NoAnswer: nothing has happened yet."""
        try:
            self.before = self._state()
        except HoldfastError as error:
            raise self.failure(reboots.LOOK, str(error)) from error
        self.pending = self._pending()
        self.result.update(
            boot_id_before=self.before.boot_id,
            boot_time_before=self.before.booted_at,
            kernel_before=self.before.kernel,
            pending_before=self.pending.as_result(),
        )

    def check_before(self) -> None:
        """The caller's own checks; while one fails nothing is rebooted."""
        checks = [self._command(command) for command in self._arguments["pre_checks"]]
        self.result["pre_checks"] = [check.as_result() for check in checks]
        wrong = reboots.failed_checks(checks)
        if wrong:
            raise self.failure(reboots.BEFORE, wrong)

    def order(self) -> bool:
        """Order the reboot; False when the connection broke meanwhile, so that nobody knows whether it was heard."""
        script = self._system.order(self._arguments["msg"], self._arguments["pre_reboot_delay"])
        self._ordered = self._clock.now()
        try:
            answer = self._reached.run(script)
        except NoAnswer:
            self.result["changed"] = True
            return False
        refusal = self._system.refusal(answer.status, answer.text)
        if refusal:
            raise self.failure(reboots.ORDER, refusal)
        self.result["changed"] = True
        return True

    def come_back(self, heard: bool) -> None:
        """Wait until another boot is proven, and until the host says that it is ready."""
        deadline = self._clock.now() + self._arguments["reboot_timeout"] + self._arguments["pre_reboot_delay"]
        self._take_down(self._proven(deadline, heard))
        if self._system.ready():
            self._wait_until_ready(deadline)

    def _take_down(self, after: Boot) -> None:
        self.result.update(
            rebooted=True,
            boot_id_after=after.boot_id,
            boot_time_after=after.booted_at,
            kernel_after=after.kernel,
            elapsed=round(self.elapsed, 1),
        )

    def _proven(self, deadline: float, heard: bool) -> Boot:
        why, answered = "", False
        for attempt in range(1_000_000):
            try:
                after = self._state()
            except NoAnswer as error:
                why, answered = str(error), False
                self._reached.drop()
            except HoldfastError as error:
                why, answered = str(error), True
            else:
                why, answered = reboots.why_not_proven(self.before, after), True
                if not why:
                    return after
            left = deadline - self._clock.now()
            if left <= 0:
                break
            self._clock.sleep(reboots.pause(attempt, left))
        if answered:
            raise self.failure(reboots.PROOF, why)
        raise self.failure(reboots.RETURN, reboots.silence(self._arguments["reboot_timeout"], why, not heard))

    def _wait_until_ready(self, deadline: float) -> None:
        said = ""
        for attempt in range(1_000_000):
            try:
                said = self._reached.run(self._system.ready()).text.strip()
            except NoAnswer as error:
                said = str(error)
                self._reached.drop()
            if said == "ready":
                return
            left = deadline - self._clock.now()
            if left <= 0:
                raise self.failure(reboots.READY, said)
            self._clock.sleep(reboots.pause(attempt, left))

    def check_after(self) -> None:
        """Services, commands and what is pending, again and again until all is good or time is up.

        Windows may reboot once more by itself: the boot that counts is the one that the good checks saw.
        """
        deadline = self._clock.now() + self._arguments["checks_timeout"]
        while True:
            wrong = self._look_after()
            if not wrong:
                return
            left = deadline - self._clock.now()
            if left <= 0:
                raise self.failure(reboots.AFTER, wrong)
            self._clock.sleep(min(CHECK_PAUSE, left))

    def _look_after(self) -> str:
        try:
            checks = self._services() + [self._command(command) for command in self._arguments["post_checks"]]
            pending = self._pending()
            if self._arguments["require_clear"]:
                checks.append(reboots.pending_check(pending))
            boot = self._state()
        except (NoAnswer, HoldfastError) as error:
            self._reached.drop()
            return f"no answer ({error})"
        self.result.update(post_checks=[check.as_result() for check in checks], pending_after=pending.as_result())
        if self.result["rebooted"] and boot.boot_id != self.result["boot_id_after"]:
            self._take_down(boot)
            return "it has rebooted once more"
        return reboots.failed_checks(checks)

    def _state(self) -> Boot:
        return self._system.read_state(self._reached.run(self._system.state()).output)

    def _pending(self) -> Pending:
        return self._system.read_pending(self._reached.run(self._system.pending()).text)

    def _services(self) -> list[Check]:
        wanted: Sequence[str] = self._arguments["services"]
        if not wanted:
            return []
        states = read_services(self._reached.run(self._system.services(wanted)).output)
        return reboots.service_checks(wanted, states, self._system.good_service)

    def _command(self, command: str) -> Check:
        answer = self._reached.run(command)
        return reboots.command_check(command, answer.status, answer.text)
