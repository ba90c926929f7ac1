# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab leaves that was killed: a folder, control groups without processes, the files of its locks."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

from tests.lab import places
from tests.lab.commands import APART, remove_tree, run

DYING = 5.0
"""Seconds for which a process that was killed may hold on to a lock: not all that it has goes at once."""

REMOVE_GROUPS = """
umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit
for group in /sys/fs/cgroup/"$1".*; do
    [ -d "$group" ] || continue
    echo 1 > "$group/cgroup.kill"
    for _try in $(seq 100); do
        grep -q "populated 0" "$group/cgroup.events" && break
        sleep 0.1
    done
    find "$group" -depth -type d -exec rmdir {} +
done
"""


def remove(folder: Path) -> None:
    """Remove what is left of the lab of this folder, whose lock the caller holds. Raises LabError."""
    if not folder.exists():
        return
    run(*APART, "sh", "-c", REMOVE_GROUPS, "remove", places.groups(folder.name))
    with contextlib.suppress(OSError, ValueError, KeyError):
        number = int(json.loads((folder / "launch.json").read_text(encoding="utf-8"))["number"])
        path = places.network_lock(number)
        deadline = time.monotonic() + DYING
        while (lock := places.try_lock(path)) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if lock is not None:  # else another lab has the number by now
            places.unlock(path, lock)
    remove_tree(folder)


def remove_empty() -> None:
    """Remove the folder of all labs after the last one."""
    with contextlib.suppress(OSError):
        places.RUNNING.rmdir()
