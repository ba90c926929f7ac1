# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots in the archive by the labels of the changes before which they were taken (``core/lkg/links.py``)."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive, Stored


def before_change(archive: Archive, host: str, label: str) -> Stored | None:
    """The snapshot of a host before the change of this label; None when that has never begun there."""
    taken = archive.snapshots(host)
    views = archive.views(taken, texts=False)
    found = links.before_change(
        (links.Labelled(one.id, one.run, links.labels_in(view.notes)) for one, view in zip(taken, views, strict=True)),
        label,
    )
    return next((one for one in taken if one.id == found), None)
