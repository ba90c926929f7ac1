# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a verified reboot: what proves it, what is still pending, and how a failure is said.

What is asked of a host, and how its answers are read, stands in ``reboot_systems``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

LOOK = "looking at the host"
BEFORE = "checks before the reboot"
ORDER = "ordering the reboot"
RETURN = "waiting for the host to return"
PROOF = "proving the reboot"
READY = "waiting until the host is ready"
AFTER = "checks after the reboot"

NEXT = {
    LOOK: "Nothing was changed. Put right what is named, then run again.",
    BEFORE: "Nothing was changed. Put right what the checks name, then run again.",
    ORDER: "Nothing was rebooted. Put right why the host refuses (rights, a shutdown under way), then run again.",
    RETURN: "Look at its console and power state, and at the network to it. Once it answers, run again.",
    PROOF: "It answers but still runs from before. Look there for what holds the shutdown up, or reboot it by hand.",
    READY: "It has rebooted and does not offer a logon yet. Look at its console; it may still apply updates.",
    AFTER: "It has rebooted. Put right what the checks name, then check again.",
}
"""What a person does next, by the step that failed."""

SOFT = frozenset({"file renames"})
"""Reasons that ask for a reboot, but that some software leaves behind for ever: no proof that one did not work."""

_PAUSES = (1.0, 1.0, 2.0, 2.0, 3.0)
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True)
class Boot:
    """One boot of a host: its id, when it began, the kernel (Windows: the version), and the host's clock when asked.

    Times are seconds since 1970. ``None`` where the host did not say.
    """

    boot_id: str
    booted_at: Optional[float] = None
    kernel: str = ""
    clock: Optional[float] = None


@dataclass(frozen=True)
class Pending:
    """Whether a reboot is pending, as far as the host can tell (``known``), and why."""

    known: bool
    reasons: tuple[str, ...] = ()
    note: str = ""

    @property
    def pending(self) -> bool:
        """Whether anything asks for a reboot."""
        return bool(self.reasons)

    @property
    def firm(self) -> tuple[str, ...]:
        """The reasons that a reboot must have done away with."""
        return tuple(reason for reason in self.reasons if reason not in SOFT)

    def as_result(self) -> dict[str, Any]:
        """As a task reports it."""
        return {"known": self.known, "pending": self.pending, "reasons": list(self.reasons), "note": self.note}


class RebootFailure(HoldfastError):
    """A step of a reboot failed; the text names the host, the step, the reason, the time and what to do next."""

    def __init__(self, host: str, step: str, reason: str, elapsed: float) -> None:
        self.host, self.step, self.reason, self.elapsed = host, step, reason.rstrip("."), elapsed
        self.next_action = NEXT[step]
        after = f" after {elapsed:.1f} s" if elapsed > 0 else ""
        super().__init__(f"{host}: {step} failed{after}: {self.reason}. Next: {self.next_action}")

    def as_result(self) -> dict[str, Any]:
        """The same, in parts."""
        return {
            "failed": True,
            "msg": str(self),
            "host": self.host,
            "step": self.step,
            "reason": self.reason,
            "elapsed": round(self.elapsed, 1),
            "next_action": self.next_action,
        }


def why_not_proven(before: Boot, after: Boot) -> str:
    """Why ``after`` does not prove a reboot since ``before``; empty when it does.

    Another id is the proof on Linux. Windows computes its boot time from its clock, so that a clock that was set looks
    like another boot: there the boot must also have begun later than the host was asked before it.
    """
    if not after.boot_id:
        return "the host does not say which boot it runs from"
    if after.boot_id == before.boot_id:
        return f"it still runs from the boot {before.boot_id}"
    if before.clock is not None and (after.booted_at is None or after.booted_at <= before.clock):
        return "its boot time has changed, but lies before the reboot was ordered: its clock was set, or it jumped back"
    return ""


def silence(seconds: float, last_error: str, broke_off: bool) -> str:
    """The reason when a host never answered within ``seconds``."""
    how = "; the connection broke while the reboot was ordered" if broke_off else ""
    last = f" (last try: {last_error})" if last_error else ""
    return f"no answer within {seconds:g} s{how}{last}"


def pause(attempt: int, left: float) -> float:
    """How long to wait after the ``attempt``-th try (from 0) when ``left`` seconds remain."""
    wanted = _PAUSES[attempt] if attempt < len(_PAUSES) else _LONGEST_PAUSE
    return max(0.0, min(wanted, left))


@dataclass(frozen=True)
class Check:
    """One check and what came of it."""

    name: str
    ok: bool
    detail: str = ""

    def as_result(self) -> dict[str, Any]:
        """As a task reports it."""
        return {"name": self.name, "ok": self.ok, "detail": self.detail}


def command_check(command: str, status: int, output: str) -> Check:
    """What the end of a command says."""
    said = " ".join(output.split())[-200:]
    return Check(
        f"command '{command}'", status == 0, "" if status == 0 else f"exit code {status}: {said or 'no output'}"
    )


def service_checks(wanted: Sequence[str], states: dict[str, str], good: str) -> list[Check]:
    """One check for each service that must be ``good``."""
    seen = {name: states.get(name, "not found") for name in wanted}
    return [Check(f"service '{name}'", state == good, "" if state == good else state) for name, state in seen.items()]


def pending_check(pending: Pending) -> Check:
    """That nothing asks for another reboot. What cannot be known is no failure, but is said."""
    return Check("no pending reboot", not pending.firm, ", ".join(pending.firm) or pending.note)


def failed_checks(checks: Sequence[Check]) -> str:
    """Every check that failed, in one line; empty when all are good."""
    return "; ".join(f"{check.name}: {check.detail}" for check in checks if not check.ok)


def would(host: str, pending: Pending, when_pending: bool) -> tuple[bool, str]:
    """Whether the host is to be rebooted, and the sentence that says so."""
    if not when_pending:
        return True, f"{host}: to be rebooted"
    if not pending.known:
        raise RebootFailure(host, LOOK, f"it cannot say whether a reboot is pending: {pending.note}", 0)
    if not pending.pending:
        return False, f"{host}: no reboot is pending"
    return True, f"{host}: to be rebooted, because of {', '.join(pending.reasons)}"
