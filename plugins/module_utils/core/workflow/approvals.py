# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of approvals: who may vote, when it is decided, what silence means. Manual items follow them too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Approval
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Decision, Expire
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record


def policy(node: Node) -> Approval:
    """The node's approval; a manual item is confirmed by one person, at any time."""
    return node.approval or Approval()


def deadline(node: Node, now: float) -> Optional[float]:
    """When silence decides (seconds since the epoch), or None."""
    timeout = policy(node).timeout
    return None if timeout is None else now + timeout


def expired(asked: Mapping[tuple[str, int], Optional[float]], now: float) -> list[Decision]:
    """The questions whose time is over."""
    return [Expire(name, batch) for (name, batch), due in asked.items() if due is not None and now >= due]


def at_timeout(node: Node) -> tuple[str, str]:
    """State and explanation of a question nobody answered in time."""
    rule = policy(node)
    waited = f"nobody decided within {durations.render(rule.timeout or 0.0)}"
    if rule.on_timeout == "approve":
        return states.SUCCESSFUL, f"{waited}; approved by on_timeout"
    return states.TIMED_OUT, f"{waited}; denied by on_timeout"


def _approvers(record: Record, name: str, batch: int) -> list[str]:
    votes = record.seen(name).votes
    return [vote["by"] for vote in votes if vote["batch"] == batch and vote["verdict"] == "approved"]


def askers(record: Record) -> list[str]:
    """Everybody who asked for this run, or for one that it goes on from."""
    return [*record.run.get("asked_before", ()), str(record.run.get("requested_by", ""))]


def may_vote(node: Node, record: Record, by: str, batch: int) -> None:
    """Raise HoldfastError when ``by`` may not approve: asked for the run under four eyes, or approved before."""
    if policy(node).four_eyes and by in askers(record):
        raise HoldfastError(f"'{node.name}' needs four eyes: {by} asked for this run and may not approve it")
    if by in _approvers(record, node.name, batch):
        raise HoldfastError(f"{by} has approved '{node.name}' before; it still waits for somebody else")


def quorum_met(node: Node, record: Record, batch: int) -> bool:
    """True when enough people have approved."""
    return len(_approvers(record, node.name, batch)) >= policy(node).quorum


def told_by(record: Record, name: str, batch: int) -> str:
    """Who approved, for people."""
    return f"approved by {', '.join(_approvers(record, name, batch))}"
