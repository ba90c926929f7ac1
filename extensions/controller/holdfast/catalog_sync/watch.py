# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks now and then whether a file of the catalog has changed."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import SUFFIXES

from holdfast.catalog_sync.sync import CatalogSync

log = logging.getLogger("holdfast.catalog")
EVERY = 5.0
"""Seconds between two looks."""
State = frozenset[tuple[str, int, int]]


class Watch:
    """Syncs when the state of the catalog's files is another one than at the last look."""

    def __init__(self, sync: CatalogSync) -> None:
        self._sync = sync
        self._seen: State | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Sync if anything changed. What is wrong with the catalog is logged, and what is sound is synced."""
        state = frozenset(_files(self._sync.folders))
        if state == self._seen:
            return
        try:
            self._sync.sync()
        except HoldfastError as error:
            log.error("the catalog was not synced: %s", error)
        self._seen = state  # not after a fault of another kind: the next look tries again

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._work, name="catalog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(30.0)

    def _work(self) -> None:
        while not self._stopped.wait(EVERY):
            try:
                self.look()
            except Exception:  # a catalog that cannot be synced must not stop the controller
                log.exception("the catalog could not be synced")


def _files(folders: tuple[Path, ...]) -> Iterator[tuple[str, int, int]]:
    for folder in folders:
        for base, below, names in os.walk(folder):
            below[:] = [name for name in below if not name.startswith(".")]
            for name in names:
                if name.endswith(SUFFIXES):
                    path = os.path.join(base, name)
                    try:
                        found = os.stat(path)
                    except OSError:
                        continue
                    yield path, found.st_mtime_ns, found.st_size
