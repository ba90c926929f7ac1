# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of the lab with a provider of snapshots, as tests of providers use both."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Reverted, take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part, whole

from tests.lab.device import SshDevice
from tests.lab.lab import Lab

KEY = b"k" * 32
SECONDS, PATIENCE = 5, 90
LEFT = "ls -d /var/lib/holdfast/guard/run.* 2>&1 | grep -v No.such || true"
"""Shows the folders of bundles that were run at once and are still there."""


class Stage:
    """Takes snapshots of one machine, and brings it back."""

    def __init__(self, lab: Lab, host: str, platform: str, provider: Any) -> None:
        self.lab, self.host, self.provider = lab, host, provider
        self.platform = platform_named(platform)
        self.device = SshDevice(lab, host)

    def say(self, script: str, timeout: float = 120) -> str:
        """What a script on the machine prints; it must succeed."""
        done = self.lab.ssh(self.host, f"set -e; {script}", timeout=timeout)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def take(self) -> Snapshot:
        """A snapshot as it is read, without gaps."""
        taken = take(self.provider, self.device, host=self.host, platform=self.platform.name, now=time.time())
        assert not taken.gaps, taken.gaps
        return taken

    def archived(self) -> Snapshot:
        """A snapshot as the archive gives it back: normalised, its secrets taken out and put in again."""
        return whole(*part(self.take(), self.platform, KEY))

    def view(self, snapshot: Snapshot) -> View:
        """A snapshot without secrets."""
        return part(snapshot, self.platform, KEY).view

    def differs(self, wanted: Snapshot) -> Difference:
        """What has to be done to get back to a snapshot."""
        return compare(self.view(self.take()), self.view(wanted), self.platform)

    def changed(self, wanted: Snapshot) -> set[str]:
        """The places that differ from a snapshot."""
        return {str(change.place) for change in self.differs(wanted).changes}

    def restore(self, wanted: Snapshot) -> list[str]:
        """Go back to a snapshot and be sure that it was reached, to the byte; returns what was said."""
        said = list(self.provider.restore(self.device, wanted, self.differs(wanted)))
        assert self.changed(wanted) == set(), self.differs(wanted).render()
        now = self.view(self.take())
        assert now.digest == self.view(wanted).digest
        return said

    def goes_back_alone(self, wanted: Snapshot, script: str) -> None:
        """Arm a timer, let a script break something, and do nothing until the machine says that it has gone back."""
        token = f"holdfast-test-{time.time_ns()}"
        self.provider.timer.arm(self.device, token, SECONDS, wanted)
        self.lab.ssh(self.host, script)
        deadline = time.monotonic() + PATIENCE
        while (outcome := self._outcome(token)) is None:
            assert time.monotonic() < deadline, "it does not go back"
            time.sleep(0.5)
        assert outcome.complete, outcome.said
        assert self.changed(wanted) == set(), self.differs(wanted).render()
        assert self.provider.timer.armed(self.device) == ()

    def _outcome(self, token: str) -> Reverted | None:
        try:
            found: Reverted | None = self.provider.timer.reverted(self.device, token)
            return found
        except HoldfastError:  # it boots
            return None
