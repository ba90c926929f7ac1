# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab leaves that was killed: a folder, control groups without processes, the files of its locks."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from tests.lab import places
from tests.lab.commands import APART, remove_tree, run

REMOVE_GROUPS = """
umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
for group in /sys/fs/cgroup/holdfast-lab-"$1"-*; do
    [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} +
done
"""


def remove(folder: Path) -> None:
    """Remove what is left of the lab of this folder, whose lock the caller holds."""
    if not folder.exists():
        return
    with contextlib.suppress(OSError, ValueError, KeyError):
        number = int(json.loads((folder / "launch.json").read_text(encoding="utf-8"))["number"])
        lock = places.try_lock(places.network_lock(number))
        if lock is not None:  # else another lab has the number by now, and groups of the same name
            run(*APART, "sh", "-c", REMOVE_GROUPS, "remove", str(number))
            places.unlock(places.network_lock(number), lock)
    remove_tree(folder)


def remove_empty() -> None:
    """Remove the folder of all labs after the last one."""
    with contextlib.suppress(OSError):
        places.RUNNING.rmdir()
