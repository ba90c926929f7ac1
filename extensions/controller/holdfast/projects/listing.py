# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a project may be playbooks, and which inventories: by AWX's rules, so that lists are the same."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_PLAYBOOK = re.compile(r"^\s*-?\s*(?:hosts|(?:ansible\.builtin\.)?(?:include|import_playbook)):")
_INVENTORY = re.compile(r"^[a-zA-Z0-9_.=\[\]]")
_VAULT = "$ANSIBLE_VAULT;"
_SKIPPED = frozenset({"roles", "tasks", "group_vars", "host_vars"})
MOST_INVENTORIES = 50
_LONGEST = 1024 * 1024
"""Bytes of a file that are looked at: what makes it a playbook stands near its beginning."""


def playbooks(project: Path, follow: bool = False) -> list[str]:
    """The paths of what may be a playbook, below the project; ``follow`` goes into folders that are links."""
    found = [path for path in _files(project, follow) if path.endswith((".yml", ".yaml")) and _plays(project / path)]
    return sorted(found, key=str.lower)


def inventories(project: Path) -> list[str]:
    """The paths of what may be an inventory; not all where there are very many."""
    found = []
    for path in _files(project):
        if _lists_hosts(project / path):
            found.append(path)
            if len(found) > MOST_INVENTORIES:
                break
    return sorted(found, key=str.lower)


def _files(project: Path, follow: bool = False) -> Iterator[str]:
    """All files but those in folders that hold neither playbooks nor inventories."""
    for folder, folders, names in os.walk(project, followlinks=follow):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        relative = os.path.relpath(folder, project)
        for name in sorted(names):
            yield name if relative == "." else f"{relative}/{name}"


def _lines(path: Path) -> Iterator[str]:
    try:
        if not path.is_file():
            return
        with path.open(encoding="utf-8", errors="ignore") as file:
            yield from file.read(_LONGEST).splitlines()
    except OSError:
        return


def _plays(path: Path) -> bool:
    for number, line in enumerate(_lines(path)):
        if _PLAYBOOK.match(line) or (number == 0 and line.startswith(_VAULT)):
            return True
    return False


def _lists_hosts(path: Path) -> bool:
    if path.name in ("inventory", "hosts"):
        return True
    if path.suffix == ".ini" or (os.access(path, os.X_OK) and path.is_file()):
        return True
    if path.suffix:
        return False
    return any(number <= 10 and _INVENTORY.match(line) for number, line in zip(range(11), _lines(path), strict=False))
