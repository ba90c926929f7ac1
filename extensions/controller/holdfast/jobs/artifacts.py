# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nodes of a workflow hand on to those after them."""

from __future__ import annotations

from typing import Any

from holdfast.db.models import WorkflowJobNode

NO_LOG = "_ansible_no_log"
"""The artifact that says of the others that nobody shall see them."""
SLICE = "job_slice"
"""The artifact by which a node of a sliced job knows its part."""


def handed_on(row: WorkflowJobNode) -> tuple[dict[str, Any], set[str]]:
    """The artifacts that a node gives to its job as variables, and which of them are not to be shown."""
    kept = row.ancestor_artifacts or {}
    given = {name: value for name, value in kept.items() if name not in (NO_LOG, SLICE)}
    return given, set(given) if NO_LOG in kept else set()
