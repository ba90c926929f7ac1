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
PATIENCE = 90
LEFT = "ls -d /var/lib/holdfast/guard/run.* 2>&1 | grep -v No.such || true"
"""Shows the folders of bundles that were run at once and are still there."""


class Stage:
    """Takes snapshots of one machine, and brings it back."""

    def __init__(self, lab: Lab, host: str, platform: str, provider: Any) -> None:
        self.lab, self.host, self.provider = lab, host, provider
        self.platform = platform_named(platform)
        self.wanted = Snapshot(host, platform, 0.0, {})
        """The state that it must come back to, once somebody has taken it."""
        self.device = SshDevice(lab, host, shared=True)
        self.alone = SshDevice(lab, host, timeout=20)
        """The machine over connections of their own, for when one may be lost."""

    def say(self, script: str, timeout: float = 120) -> str:
        """What a script on the machine prints; it must succeed."""
        return self.device.say(script, timeout)

    def take(self, *sections: str) -> Snapshot:
        """A snapshot as it is read, of all sections or of these, without gaps."""
        now, name = time.time(), self.platform.name
        taken = take(self.provider, self.device, host=self.host, platform=name, now=now, sections=sections)
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
        self.assert_as(wanted)
        return said

    def assert_as(self, wanted: Snapshot) -> None:
        """The machine is what a snapshot says, to the byte."""
        now = self.view(self.take(*wanted.sections))
        left = compare(now, self.view(wanted), self.platform)
        assert left.same and now.digest == self.view(wanted).digest, left.render()

    def went_back(self, token: str, patience: float = PATIENCE) -> Reverted:
        """What the machine says of the revert of a timer, once it has gone back."""
        deadline = time.monotonic() + patience
        while True:
            try:
                found = self.provider.timer.reverted(self.alone, token)
            except HoldfastError:  # it boots, or nobody can reach it
                found = None
            if found is not None:
                return Reverted(*found)
            assert time.monotonic() < deadline, "it does not go back"
            time.sleep(0.5)
