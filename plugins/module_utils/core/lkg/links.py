# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a guarded change to its snapshots: the labels by which they are found later, and what is told of them.

An undo must find the snapshot of before although nobody may have lived to tell its id. So the labels of a change, and
the name of its timer, are noted with that snapshot, which lies in the archive before the host is touched: where none
has the label of a change, that change has never begun.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import guard_words as words

GUARD, RESTORE = "holdfast.ops.lkg_guard", "holdfast.ops.lkg_restore"
OUTPUT = "lkg"
"""The name under which a workflow is told how a guard left each host."""
LABELS, TIMER = "labels", "timer"
VERIFIED = frozenset({words.PROMOTED, words.KEPT, words.RESTORED, words.REVERTED})
"""The ends of a guard in which the state of the host is proved: healthy, or what it was before."""


class Labelled(NamedTuple):
    """A snapshot of before, or a promotion, by its id; and what was noted with it: its run and its change's labels."""

    id: str
    run: str
    labels: tuple[str, ...]


def notes(labels: Sequence[str], token: str) -> dict[str, str]:
    """What is noted with the snapshot of before: the labels of the change and the timer that guards it."""
    return {LABELS: json.dumps(list(labels)), TIMER: token} if labels else {TIMER: token}


def labels_in(noted: Mapping[str, str]) -> tuple[str, ...]:
    """The labels in the notes of a snapshot."""
    return tuple(json.loads(noted.get(LABELS, "[]")))


def timer_in(noted: Mapping[str, str]) -> str:
    """The timer in the notes of a snapshot, "" for one that no guard took before its change."""
    return str(noted.get(TIMER, ""))


def tries(taken: Iterable[Labelled], label: str) -> list[Labelled]:
    """The snapshots that were taken before a change; ``taken`` come the oldest first. None: it never began.

    A change may have been tried several times in its run: the first try found the host as it was. What an earlier run
    did under the same label is another change, so only the newest run counts that has one; of changes outside of runs,
    which are told apart by their first labels, only the last.
    """
    known = [one for one in taken if label in one.labels]
    return [one for one in known if _of_one_change(one, known[-1])]


def own_promotions(history: Iterable[Labelled], change: Labelled) -> int:
    """How many of the promotions of a host, the newest first, are of a change, each try of which may have made one.

    Where it is taken back they say nothing true any more. What others have promoted since is theirs.
    """
    return len(list(takewhile(lambda one: _of_one_change(one, change), history)))


def _of_one_change(one: Labelled, other: Labelled) -> bool:
    return bool(one.labels) and (one.run, one.labels[:1]) == (other.run, other.labels[:1])


def link(host: str, state: str, before: str, after: str) -> dict[str, Any]:
    """How a guard left a host, and by which snapshots that can be looked at; ids are "" where there are none.

    ``diff`` is the command that shows what the change did.
    """
    shown = f"holdfast lkg diff {host}@{before} {host}@{after}" if before and after else ""
    return {"state": state, "verified": state in VERIFIED, "before": before, "after": after, "diff": shown}
