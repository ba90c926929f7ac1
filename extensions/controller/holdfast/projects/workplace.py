# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private folders for what fetches projects: keys and passwords lie there, and what runs is found by them.

The guard knows of each: what a killed controller leaves of it is ended, and its secrets are removed, at once.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home

from holdfast.context import Controller
from holdfast.jobs.leftovers import cleanup_leftovers


@contextlib.contextmanager
def workplace(controller: Controller, kind: str) -> Iterator[Path]:
    """A folder of its own for as long as the context lasts; its path marks the processes (see ``Programs``)."""
    folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=home.private_folder(_root(controller))))
    guard = controller.services["jobs"].runner.guard
    guard.watch(folder.name, folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        guard.forget(folder.name)


def clean(controller: Controller) -> None:
    """End and remove what an earlier process left."""
    cleanup_leftovers(_root(controller))


def _root(controller: Controller) -> Path:
    return controller.settings.folder / "updates"
