# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port of a guard: all that it asks of the world, so that its decisions are tested without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Armed, Reverted


class World(Protocol):
    """What a guard asks of the world. All of it raises HoldfastError, and Unanswered when the host gave no answer."""

    def now(self) -> float:
        """Seconds by a clock that nobody sets."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def say(self, text: str) -> None:
        """A line for people."""

    def armed(self) -> Sequence[Armed]:
        """The timers that the host holds."""

    def arm(self, token: str, seconds: int, wanted: Snapshot) -> None:
        """Arm a timer, as ``Timer.arm``."""

    def disarm(self, token: str) -> None:
        """Take a timer away, as ``Timer.disarm``."""

    def reverted(self, token: str) -> Optional[Reverted]:
        """What came of a revert, as ``Timer.reverted``."""

    def read(self) -> Snapshot:
        """The host as it is now."""

    def keep(self, snapshot: Snapshot) -> str:
        """Put a snapshot into the archive; returns its id."""

    def difference(self, before: Snapshot, after: Snapshot) -> Difference:
        """What differs between two snapshots, after normalisation."""

    def restore(self, wanted: Snapshot) -> Sequence[str]:
        """Make the host what a snapshot says; what was done."""

    def change(self, limit: float) -> str:
        """Do the change, for at most so many seconds; why it failed, or nothing."""

    def reconnect(self) -> None:
        """Prove that the host answers over a connection that did not exist before."""

    def checks(self) -> Sequence[Check]:
        """The results of the health checks."""

    def still_wanted(self) -> None:
        """Raises HoldfastError when whoever ordered the change is gone: then nobody would hear how it ended."""

    def make_lasting(self) -> bool:
        """Let what runs outlive a reload, on devices that tell it from what they boot; whether anything was done."""

    def promote(self, snapshot_id: str, checks: Sequence[Check]) -> None:
        """Make a kept snapshot the last known good one."""
