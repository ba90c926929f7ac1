# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a killed controller left of its jobs: processes, secrets, sockets."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes

from holdfast.jobs import sockets


def mark_of(folder: Path) -> str:
    """What the processes of a job carry, made of its folder: another controller on this machine has a job-7 too."""
    place = hashlib.sha256(os.fsencode(os.path.abspath(folder))).hexdigest()
    return f"{folder.name}-{place[:12]}"


def clean_up(folder: Path) -> processes.Ended:
    """End what still runs of a job and remove its folder; returns what was found. Harmless for a job long gone."""
    mark = mark_of(folder)
    ended = processes.end(mark, folder, mark)
    sockets.remove(folder / "private")
    shutil.rmtree(folder, ignore_errors=True)
    return ended


def cleanup_leftovers(root: Path, keys: Iterable[str] | None = None) -> dict[str, processes.Ended]:
    """Clean up after jobs whose folders lie in ``root`` under their keys; all of them when no keys are given.

    To be called by a controller that has just started, for jobs that no living process of it runs.
    """
    wanted = sorted(entry.name for entry in root.iterdir()) if keys is None and root.is_dir() else keys or ()
    return {key: clean_up(root / key) for key in wanted if (root / key).is_dir()}
