# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sections a snapshot is about, and what was chosen when it was taken.

Whoever compares or restores a snapshot later must read the same things again. So what was chosen is written into its
notes, which are no part of the state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, View

OPTIONS = "options"
_T = TypeVar("_T")


def notes(options: Mapping[str, Any]) -> dict[str, str]:
    """The notes of a snapshot that a provider with these options takes."""
    try:
        return {OPTIONS: json.dumps(dict(options), sort_keys=True)}
    except (TypeError, ValueError) as error:
        raise HoldfastError(f"options must be plain data: {error}") from error


def sections_of(taken: Union[Snapshot, View]) -> tuple[str, ...]:
    """The sections that a snapshot is about, in the order of their names, those that could not be read too."""
    return tuple(sorted({*taken.sections, *taken.gaps}))


def options_of(taken: Union[Snapshot, View]) -> dict[str, Any]:
    """What was chosen when a snapshot was taken."""
    return dict(json.loads(taken.notes.get(OPTIONS, "{}")))


def narrowed(view: View, sections: Sequence[str]) -> View:
    """A view of these sections alone."""
    items = {place: item for place, item in view.items.items() if place.section in sections}
    read = tuple(name for name in view.sections if name in sections)
    return replace(view, items=items, sections=read, gaps=_of(view.gaps, sections))


def only(snapshot: Snapshot, sections: Sequence[str]) -> Snapshot:
    """A snapshot of these sections alone."""
    return replace(snapshot, sections=_of(snapshot.sections, sections), gaps=_of(snapshot.gaps, sections))


def _of(found: Mapping[str, _T], sections: Sequence[str]) -> dict[str, _T]:
    return {name: value for name, value in found.items() if name in sections}


def common(before: View, after: View) -> tuple[str, ...]:
    """The sections that both are about."""
    there = sections_of(after)
    return tuple(name for name in sections_of(before) if name in there)
