# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of runs, nodes, hosts and executions, and every transition that is allowed, as data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

PENDING = "pending"
WAITING = "waiting"
RUNNING = "running"
SUCCESSFUL = "successful"
FAILED = "failed"
ERROR = "error"
CANCELED = "canceled"
SKIPPED = "skipped"
TIMED_OUT = "timed_out"
LOST = "lost"
UNREACHABLE = "unreachable"
ROLLED_BACK = "rolled_back"
ROLLBACK_FAILED = "rollback_failed"

BAD = frozenset({FAILED, ERROR, CANCELED, TIMED_OUT, LOST, UNREACHABLE})
"""Ends that are no success. Unlike in AWX, every one of them counts in an ALL join."""

ENDED = BAD | {SUCCESSFUL, SKIPPED}
STATES = ENDED | {PENDING, WAITING, RUNNING}
RUN_ENDED = frozenset({SUCCESSFUL, FAILED, ERROR, CANCELED, LOST, ROLLED_BACK, ROLLBACK_FAILED})

EDGES: Mapping[str, frozenset[str]] = {
    "success": frozenset({SUCCESSFUL}),
    "failure": BAD,
    "always": BAD | {SUCCESSFUL},
}
"""Which ends of a parent satisfy an edge. A skipped parent satisfies none, as AWX's do_not_run."""

TRANSITIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        PENDING: ENDED | {WAITING, RUNNING},
        WAITING: frozenset({RUNNING, SUCCESSFUL, FAILED, TIMED_OUT, CANCELED, SKIPPED}),
        RUNNING: ENDED | {WAITING},
    }
)
"""From each state of a host, a batch of a node or an undo to the states that may follow; an end is final."""

RUN_TRANSITIONS: Mapping[str, frozenset[str]] = {
    PENDING: frozenset({WAITING, RUNNING}) | RUN_ENDED,
    WAITING: frozenset({RUNNING}) | RUN_ENDED,
    RUNNING: RUN_ENDED,
}

SHOWN_TO_AWX: Mapping[str, str] = {
    TIMED_OUT: FAILED,
    UNREACHABLE: FAILED,
    ROLLED_BACK: FAILED,
    LOST: ERROR,
    ROLLBACK_FAILED: ERROR,
}
"""States that AWX clients do not know, and the one they are shown; the detail stands in ``job_explanation``."""


class BadTransition(HoldfastError):
    """A state was asked to become one that may not follow it; the caller and the record disagree."""


def check(before: str, after: str, what: str, table: Mapping[str, frozenset[str]] = TRANSITIONS) -> None:
    """Raise BadTransition unless ``after`` may follow ``before``; ``what`` names the subject for people."""
    if after not in table.get(before, frozenset()):
        raise BadTransition(f"{what} is {before} and cannot become {after}")


def worst(states: list[str]) -> str:
    """One word for several ends: the bad end they share, ``failed`` when they differ, else success or skipped.

    ``states`` holds ends only. No state at all, or only skipped ones, is ``skipped``.
    """
    seen = set(states)
    bad = seen & BAD
    if bad:
        return bad.pop() if len(bad) == 1 else FAILED
    return SUCCESSFUL if SUCCESSFUL in seen else SKIPPED
