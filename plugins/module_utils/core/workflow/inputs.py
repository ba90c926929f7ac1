# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node sees: the scopes of its condition and of its play, and the check of what it reports back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import resolve, unsafe
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import UNDO, Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "float": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
    "dict": (dict,),
}


class ExecutionInputs(NamedTuple):
    """What the launcher needs: the action, its arguments and the variable ``holdfast``; ``verify`` runs after it.

    Every string that came from outside (answers, outputs, hosts) is marked ``Unsafe`` in arguments and scopes.
    ``plays_module``: the action is a playbook that was written for one module, whose result counts as reported.
    """

    action: Action
    args: dict[str, Any]
    scopes: dict[str, Any]
    verify: Optional[Action] = None
    verify_args: Mapping[str, Any] = {}
    plays_module: bool = False


def visible_outputs(graph: Graph, record: Record, node: Node, batch: int) -> dict[str, dict[str, Any]]:
    """The outputs a node sees in a batch.

    Of the bundle's nodes by name; of nodes inside rollouts as ``rollout.node``, there a later batch overwrites key by
    key; and of itself and its siblings in a rollout by short name, what they reported in the same batch.
    """
    found: dict[str, dict[str, Any]] = {}
    siblings: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys((*record.outputs, *record.secret_outputs)):
        other = graph.nodes.get(name)
        if other is None:
            continue
        if other.rollout and other.rollout == node.rollout:
            siblings[other.short] = _reported(record, name, [str(batch)])
            continue
        batches = sorted({*record.outputs.get(name, ()), *record.secret_outputs.get(name, ())}, key=int)
        if other.rollout:
            found.setdefault(other.rollout, {})[other.short] = _reported(record, name, batches)
        else:
            found[name] = _reported(record, name, batches)
    return {**found, **siblings}


def _reported(record: Record, name: str, batches: list[str]) -> dict[str, Any]:
    """What a node reported in these batches, the secret included."""
    values: dict[str, Any] = {}
    for batch in batches:
        values.update(record.outputs.get(name, {}).get(batch, {}))
        values.update(record.secret_outputs.get(name, {}).get(batch, {}))
    return values


def secret_names(node: Node) -> frozenset[str]:
    """The outputs of a node that its item declares secret."""
    return frozenset(output.name for output in node.item.outputs if output.secret) if node.item else frozenset()


def condition_scopes(
    graph: Graph, record: Record, node: Node, batch: int, context: Mapping[str, Any]
) -> dict[str, Any]:
    """The scopes of a ``when`` and of a component's ``fields``: the launch's own values and what nodes reported."""
    return {**context, "outputs": visible_outputs(graph, record, node, batch)}


def declared_names(node: Node) -> frozenset[str]:
    """The outputs that a node's item declares."""
    return frozenset(output.name for output in node.item.outputs) if node.item else frozenset()


def check_outputs(node: Node, outputs: Mapping[str, Any]) -> str:
    """What is wrong with reported outputs, or "". Undeclared ones are nobody's business and pass."""
    declared = {output.name: output.type for output in node.item.outputs} if node.item else {}
    wrong = []
    for name, value in outputs.items():
        wanted = declared.get(name)
        if wanted is None:
            continue
        fits = isinstance(value, _TYPES[wanted]) and not (isinstance(value, bool) and wanted in ("integer", "float"))
        if not fits:
            wrong.append(f"output '{name}' is promised as {wanted}, but the play set {type(value).__name__}")
    return "; ".join(wrong)


def execution_inputs(graph: Graph, record: Record, execution: Execution, context: Mapping[str, Any]) -> ExecutionInputs:
    """Everything the launcher needs for an execution; raises HoldfastError for what cannot be resolved."""
    node = graph.nodes[execution.node]
    item = node.item
    if item is None or item.action is None:
        raise HoldfastError(f"node {node.name} has nothing to run")
    action, verify = item.action, None
    if execution.action == UNDO:
        compensation = item.compensation
        if compensation is None or compensation.action is None:
            raise HoldfastError(f"node {node.name} has nothing to undo it with")
        action, verify = compensation.action, compensation.verify
    seen = condition_scopes(graph, record, node, execution.batch, context)
    scopes: dict[str, Any] = {
        **seen,
        "fields": {name: unsafe(resolve(value, seen)) for name, value in node.fields.items()},
        "launch": {"fields": context.get("fields", {})},
        "metadata": {"name": item.name, "version": item.version, "title": item.title, "bundle": graph.name},
        "request": {**context.get("request", {}), **_request(record, execution)},
    }
    args = {name: resolve(value, scopes) for name, value in action.args.items()}
    verify_args = {name: resolve(value, scopes) for name, value in verify.args.items()} if verify else {}
    shown = {name: unsafe(value) for name, value in scopes.items() if name != "secrets"}
    return ExecutionInputs(action, args, shown, verify, verify_args)


def _request(record: Record, execution: Execution) -> dict[str, Any]:
    """What a play may know of its run; ``because`` says why a rollback began, ``rolled_back`` names its hosts."""
    rollbacks = record.rollbacks
    return {
        "run": record.run["id"],
        "origin": record.run.get("origin") or record.run["id"],
        "requested_by": record.run.get("requested_by", ""),
        "node": execution.node,
        "action": execution.action,
        "attempt": execution.attempt,
        "batch": execution.batch + 1,
        "hosts": list(execution.hosts),
        "because": str(rollbacks[0]["because"]) if rollbacks else "",
        "rolled_back": _rolled_back(record),
    }


def _rolled_back(record: Record) -> list[str]:
    """The hosts on which something was undone with success, as far as the rollback has come."""
    if not record.rollbacks:
        return []
    return sorted({host for node in record.nodes.values() for host, s in node.undo.items() if s == states.SUCCESSFUL})
