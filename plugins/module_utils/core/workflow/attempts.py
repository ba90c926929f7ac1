# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further attempts: which hosts of an execution that ended badly get one."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, UNDO, Execution, HostResult
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.live import Live


def hosts_again(
    live: Live,
    execution: Execution,
    results: Mapping[str, HostResult],
    bad: list[str],
    run_is_over: bool,
    interrupted: bool = False,
) -> list[str]:
    """The hosts that get another attempt: by the node's policy, and only while the run still wants it.

    ``bad`` are the hosts that ended badly; ``run_is_over`` says that the whole run is being rolled back;
    ``interrupted`` that the execution fell with whoever conducted it, which uses up none of its retries.
    """
    node = live.graph.nodes[execution.node]
    cancel = live.record.cancel
    free = interrupted and node.on_lost == "retry"
    if not bad or (_spent(live, execution) > node.retries.count and not free):
        return []
    if cancel is not None and (execution.action == DO or not cancel["rollback"]):
        return []
    if execution.action == UNDO:
        return bad
    if run_is_over or (node.rollout and execution.batch in live.record.seen(node.rollout).breached):
        return []
    if node.on_lost == "fail" and any(results[host].state == states.LOST for host in bad):
        return []
    return _still_in(live, node, list(execution.hosts) if node.retries.only == "all" else bad)


def _spent(live: Live, execution: Execution) -> int:
    """The attempts made so far, this one included; those that fell with whoever conducted them do not count."""
    before = execution.id.rpartition("/")[0]
    earlier = (live.record.executions.get(f"{before}/{number}", {}) for number in range(1, execution.attempt))
    return execution.attempt - sum(1 for entry in earlier if entry.get("interrupted"))


def _still_in(live: Live, node: Node, hosts: list[str]) -> list[str]:
    """Those of the hosts that have not left the run, or the node's rollout, meanwhile."""
    left = {*live.gone, *(live.record.seen(node.rollout).dropped if node.rollout else ())}
    return [host for host in hosts if host not in left] if left else hosts
