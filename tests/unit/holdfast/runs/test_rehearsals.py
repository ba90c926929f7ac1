# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rehearsal, played by the controller: the verdicts are those of the terminal's engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import outcome
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal import Performance
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.views import node_state

from .rehearsals import Rehearsed, played_by_core, played_by_runs, rehearsals

ALL = rehearsals()


def seen(rehearsed: Rehearsed, performance: Performance) -> dict[str, Any]:
    """Everything that can be said of how a rehearsal went."""
    record, graph = performance.record, rehearsed.graph()
    return {
        "state": record.state,
        "explanation": record.run.get("explanation"),
        "order": performance.order,
        "nodes": {name: node_state(graph, record, name) for name in graph.nodes},
        "hosts": {name: dict(node.hosts) for name, node in record.nodes.items() if node.hosts},
        "batches": {name: dict(node.batches) for name, node in record.nodes.items() if node.batches},
        "undone": outcome.undone(record),
        "not undone": outcome.not_undone(record),
        "untouched": outcome.untouched(graph, record),
        "refused": performance.refused,
        "outputs": record.outputs,
        "breakers": performance.breakers,
    }


@pytest.mark.parametrize("rehearsed", ALL, ids=lambda one: one.name)
def test_same_verdict_as_the_core(rehearsed: Rehearsed, tmp_path: Path) -> None:
    expected = seen(rehearsed, played_by_core(rehearsed))
    found = seen(rehearsed, played_by_runs(rehearsed, tmp_path))
    assert found == expected


def test_there_are_many() -> None:
    assert len(ALL) > 50
