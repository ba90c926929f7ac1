# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs from AWX on purpose, by the number of the recording. docs/awx-compatibility.md tells it to people."""

from __future__ import annotations

from collections.abc import Mapping

EXCEPTIONS: Mapping[int, str] = {
    93: "what is not asked for as a page is answered as data; AWX prefers a page here",
    94: "what is not asked for as a page is answered as data; AWX prefers a page here",
    239: "choices that are no text and no list are refused: AWX takes them and no launch can answer them",
    604: "an unknown template is told with 400, not with an internal error",
    606: "a template whose required survey answers are missing is refused: AWX launches it without them",
    715: "an edge that closes a circle is refused when it is made: AWX takes it, and the workflow never ends",
    720: "follows from 715: the workflow has no circle and ends",
    722: "follows from 715: a workflow that has ended cannot be cancelled",
}

PARTS: Mapping[int, tuple[str, ...]] = {
    13: (
        *(".task_manager_", ".dependency_manager_", ".workflow_manager_", ".dispatcher_"),
        *(".subsystem_metrics_", ".callback_receiver_"),
    ),
    74: (".results[0].related", ".results[1].related", ".results[2].related"),
    310: (".status",),
    322: tuple(f".results[{number}].{key}:" for number in range(3) for key in ("event", "event_display", "playbook")),
    583: (".results[2].operation",),
    588: (".results[0].related", ".results[1].related", ".results[2].related"),
}
"""Beginnings of differences that do not count in a recording."""
