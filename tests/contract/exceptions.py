# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs from the recordings on purpose, by their numbers. docs/awx-compatibility.md tells people the same."""

from __future__ import annotations

from collections.abc import Mapping

_PAGE = "Data unless a page is asked for; AWX answers with a page, and without HEAD."
_CIRCLE = "Follows from 715."
_RESULTS = tuple(f".results[{number}]" for number in range(3))

EXCEPTIONS: Mapping[int, str] = {
    93: _PAGE,
    94: _PAGE,
    239: "Choices that are neither text nor a list are refused; AWX takes them, and no launch can answer them.",
    240: "A choice that is blank is refused; AWX takes it.",
    604: "An unknown template is told with 400; AWX fails with 500.",
    606: "A template whose required survey answers are missing is refused; AWX launches it without them.",
    610: "Ad hoc commands are shown and not run yet; starting one is refused with 400.",
    715: "An edge that closes a circle is refused when it is made; AWX takes it, and the workflow never ends.",
    720: _CIRCLE,
    722: _CIRCLE,
}
"""Answers that mean something else as a whole."""

PARTS: Mapping[int, tuple[str, tuple[str, ...]]] = {
    13: (
        "AWX's task manager, dispatcher and callback receiver do not exist here, and have no metrics.",
        (
            *(".task_manager", ".dependency_manager", ".workflow_manager", ".dispatcher"),
            *(".subsystem_metrics", ".callback_receiver"),
        ),
    ),
    74: ("Which object's roles come first depends on the order in which they were made.", _RESULTS),
    310: ("A job starts so soon that it may not be pending any more when somebody looks.", (".status",)),
    322: (
        "The Ansible of the recorded server warned of its own configuration before it began.",
        tuple(f"{one}.{key}:" for one in _RESULTS for key in ("event", "event_display", "playbook")),
    ),
    583: ("What a new controller begins with is made in another order.", (".results[2].operation",)),
    588: ("Which object's roles come first depends on the order in which they were made.", _RESULTS),
}
"""Parts of answers that are not compared: why, and how their differences begin."""
