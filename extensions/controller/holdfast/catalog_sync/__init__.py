# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalog in the controller: items as job templates, bundles as workflow job templates, kept in step with it."""

from __future__ import annotations

from holdfast.context import Controller


def attach(controller: Controller) -> None:
    """Sync the catalog now, and again whenever one of its files has changed."""
    from holdfast.catalog_sync.sync import CatalogSync
    from holdfast.catalog_sync.watch import Watch

    sync = CatalogSync(controller)
    watch = Watch(sync)
    controller.services["catalog"] = sync
    watch.look()
    controller.on_begin.append(watch.start)
    controller.on_end.append(watch.stop)
