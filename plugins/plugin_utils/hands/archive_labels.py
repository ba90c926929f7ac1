# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots in the archive by the labels of the changes before which they were taken (``core/lkg/links.py``)."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive, Stored


class Try(NamedTuple):
    """One try of a change: the snapshot before it, of which change it is, and the timer that guarded it."""

    before: Stored
    change: links.Labelled
    timer: str


def tries(archive: Archive, host: str, label: str) -> list[Try]:
    """Every try of the change of this label, the oldest first; none when it has never begun on the host."""
    taken = archive.snapshots(host)
    notes = {one.id: view.notes for one, view in zip(taken, archive.views(taken, texts=False), strict=True)}
    labelled = [links.Labelled(one.id, one.run, links.labels_in(notes[one.id])) for one in taken]
    known = {one.id: one for one in taken}
    return [Try(known[one.id], one, links.timer_in(notes[one.id])) for one in links.tries(labelled, label)]
