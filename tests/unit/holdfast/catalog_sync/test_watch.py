# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalog is synced when it has changed, and again after a fault that was not the catalog's."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from holdfast.catalog_sync.watch import Watch


class Sync:
    """Notes how often it was called; raises what it is given."""

    def __init__(self, folder: Path, *faults: Exception) -> None:
        self.folders = (folder,)
        self.calls = 0
        self._faults = list(faults)

    def sync(self) -> None:
        self.calls += 1
        if self._faults:
            raise self._faults.pop(0)


def test_a_change_is_synced_once(tmp_path: Path) -> None:
    sync = Sync(tmp_path)
    watch = Watch(sync)  # type: ignore[arg-type]
    watch.look()
    watch.look()
    assert sync.calls == 1
    (tmp_path / "one.yml").write_text("---\n")
    watch.look()
    assert sync.calls == 2


def test_what_is_wrong_with_the_catalog_waits_for_a_change(tmp_path: Path) -> None:
    sync = Sync(tmp_path, HoldfastError("wrong"))
    watch = Watch(sync)  # type: ignore[arg-type]
    watch.look()
    watch.look()
    assert sync.calls == 1


def test_a_database_that_was_busy_is_tried_again(tmp_path: Path) -> None:
    sync = Sync(tmp_path, OSError("database is locked"))
    watch = Watch(sync)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="locked"):
        watch.look()
    watch.look()
    watch.look()
    assert sync.calls == 2
