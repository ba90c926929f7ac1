# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This checkout is the collection holdfast.ops, for whoever imports this, and for every program that it starts."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def _collections_root() -> Path:
    """Return the folder that holds `ansible_collections/holdfast/ops`; make one of links where there is none."""
    if REPOSITORY.parts[-3:] == ("ansible_collections", "holdfast", "ops"):
        return REPOSITORY.parents[2]
    for root in (REPOSITORY / ".venv" / "collections", REPOSITORY / ".cache" / "collections"):
        link = root / "ansible_collections" / "holdfast" / "ops"
        if link.is_dir() and link.resolve() == REPOSITORY:
            return root
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(REPOSITORY)
    return root


def _make_importable(root: Path) -> None:
    """Start Ansible's loader, where Ansible is installed, before anything imports from the collection.

    The order matters: after a plain import of `ansible_collections.*` Ansible's loader finds none of its metadata.
    """
    paths = [str(root), *filter(None, [os.environ.get("ANSIBLE_COLLECTIONS_PATH")])]
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = os.pathsep.join(paths)
    if str(root) not in sys.path:
        sys.path.append(str(root))
    try:
        from ansible.plugins.loader import init_plugin_loader
        from ansible.utils.collection_loader import AnsibleCollectionConfig
    except ImportError:  # the core's own tests also run on a Python without Ansible
        return
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader([str(root)])


_make_importable(_collections_root())
