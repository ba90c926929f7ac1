# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles: all that a Linux target needs to go back to a snapshot, as files and one script.

A restore and a timer do the same thing, once at once and once when nobody comes back; so it is said once. The bundle is
put into a folder of the target and its script is run there, with no help from outside: no network, no controlling side,
nothing but what the platform itself needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot


@dataclass(frozen=True)
class Bundle:
    """``script``: for /bin/sh, run in the bundle's folder as root. It may be run again after it was interrupted at any
    step, says what it does a line at a time, goes on after a step that failed, and ends with a status other than 0 when
    one did. ``files``: what lies beside it, by name; only root reads them.
    """

    script: str
    files: Mapping[str, bytes] = field(default_factory=dict)


class Bundled(Protocol):
    """A provider whose restores are bundles."""

    def bundle(self, wanted: Snapshot) -> Bundle:
        """What brings a target of this platform back to ``wanted``, whatever it is now. Raises HoldfastError."""
