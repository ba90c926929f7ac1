# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection lies whose roles and playbooks a run needs."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home

DEFAULT = ("~/.ansible/collections", "/usr/share/ansible/collections")
MARKS = ("MANIFEST.json", "galaxy.yml")
"""Files that only a whole collection has; the Python package holds parts of one."""


def require_collection() -> Path:
    """The folder of the collection that Ansible will use; raises HoldfastError with the command to install it."""
    own = home.collections_path()
    if own is not None:
        return own / "ansible_collections" / "holdfast" / "ops"
    searched = list(dict.fromkeys(_search_path()))
    for folder in searched:
        found = Path(folder).expanduser() / "ansible_collections" / "holdfast" / "ops"
        if any((found / mark).is_file() for mark in MARKS):
            return found
    raise HoldfastError(
        "Ansible would not find the collection holdfast.ops, which holds the roles and playbooks; install it from a "
        "checkout: ansible-galaxy collection build, then ansible-galaxy collection install holdfast-ops-*.tar.gz "
        f"(searched: {', '.join(searched)})"
    )


def _search_path() -> Iterator[str]:
    given = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or _configured()
    yield from (part for part in given.split(os.pathsep) if part) if given else DEFAULT


def _configured() -> str:
    """The search path that the ansible.cfg in use sets, or ""."""
    places = [os.environ.get("ANSIBLE_CONFIG", ""), "ansible.cfg", "~/.ansible.cfg", "/etc/ansible/ansible.cfg"]
    for place in places:
        path = Path(place).expanduser()
        if place and path.is_file():
            parser = configparser.ConfigParser(interpolation=None, strict=False)
            try:
                parser.read(path, encoding="utf-8")
            except (configparser.Error, OSError, UnicodeDecodeError):
                return ""
            known = ("collections_path", "collections_paths")
            return next((parser.get("defaults", key) for key in known if parser.has_option("defaults", key)), "")
    return ""
