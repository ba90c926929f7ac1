# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy what belongs to the repository, tracked or new but not ignored: `python scripts/copy_tree.py DESTINATION`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def copy_tree(destination: Path) -> None:
    """Copy the repository's files as they are in the work tree to `destination`, which must not exist yet."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        source, target = REPOSITORY / name, destination / name
        if not source.exists() and not source.is_symlink():
            continue  # deleted, and not committed yet
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


if __name__ == "__main__":
    copy_tree(Path(sys.argv[1]))
