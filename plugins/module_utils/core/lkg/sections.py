# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sections a snapshot is about, and what was chosen when it was taken.

A section without a single item leaves no trace among the items of a view, and yet it says something: that there was
nothing. And whoever compares or restores a snapshot later must read the same things again. Both are written into its
notes, which are no part of the state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, View

SECTIONS, OPTIONS = "sections", "options"


def notes(sections: Sequence[str], options: Mapping[str, Any]) -> dict[str, str]:
    """What is noted with a snapshot of these sections, by a provider with these options."""
    try:
        return {SECTIONS: " ".join(sections), OPTIONS: json.dumps(dict(options), sort_keys=True)}
    except (TypeError, ValueError) as error:
        raise HoldfastError(f"options must be plain data: {error}") from error


def sections_of(taken: Union[Snapshot, View]) -> tuple[str, ...]:
    """The sections that a snapshot is about, those that could not be read too."""
    if SECTIONS in taken.notes:
        return tuple(taken.notes[SECTIONS].split())
    found = taken.sections if isinstance(taken, Snapshot) else [place.section for place in taken.items]
    return tuple(sorted({*found, *taken.gaps}))


def options_of(taken: Union[Snapshot, View]) -> dict[str, Any]:
    """What was chosen when a snapshot was taken."""
    return dict(json.loads(taken.notes.get(OPTIONS, "{}")))


def narrowed(view: View, sections: Sequence[str]) -> View:
    """A view of these sections alone."""
    items = {place: item for place, item in view.items.items() if place.section in sections}
    return replace(view, items=items, gaps={name: why for name, why in view.gaps.items() if name in sections})


def only(snapshot: Snapshot, sections: Sequence[str]) -> Snapshot:
    """A snapshot of these sections alone; those in which there was nothing are there, and empty."""
    read = [name for name in sections_of(snapshot) if name in sections and name not in snapshot.gaps]
    found = {name: snapshot.sections.get(name, {}) for name in read}
    return replace(snapshot, sections=found, gaps={n: why for n, why in snapshot.gaps.items() if n in sections})


def common(before: View, after: View) -> tuple[str, ...]:
    """The sections that both are about."""
    there = sections_of(after)
    return tuple(name for name in sections_of(before) if name in there)
