# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a bundle and its answers to the graph of one launch: hosts and batches included, nothing left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import check_target, policy_from
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.breaker_rules import breaker_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Bundle,
    Catalog,
    Component,
    Item,
    Need,
    Rollout,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, Problem, ProblemsFound
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import conditions
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import resolve
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import (
    LOCALHOST,
    Edge,
    Graph,
    Node,
    NodeBreaker,
)

ResolveHosts = Callable[[str], Sequence[str]]


def host_patterns(bundle: Bundle, context: Mapping[str, Any]) -> dict[str, DocumentPath]:
    """The host patterns a launch needs resolved, each with the place in the bundle that names it first."""
    found: dict[str, DocumentPath] = {}
    for component in bundle.components:
        path: DocumentPath = ("components", component.name)
        if component.rollout is not None:
            found.setdefault(str(resolve(component.rollout.hosts, context)), (*path, "rollout", "hosts"))
        elif component.hosts:
            found.setdefault(str(resolve(component.hosts, context)), (*path, "hosts"))
    return found


def lock_names(locks: Sequence[Sequence[str]], context: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of locks: their parts, resolved, joined by a colon."""
    return tuple(":".join(str(resolve(part, context)) for part in lock) for lock in locks)


def batches_of(hosts: Sequence[str], steps: Sequence[Any]) -> tuple[tuple[str, ...], ...]:
    """Hosts cut into batches: counts or percentages of all; the last step repeats, as in Ansible's ``serial``.

    A percentage is rounded down but is at least one host. Raises ValueError for a step that is neither, or below 1.
    """
    sizes = [_batch_size(step, len(hosts)) for step in steps] or [len(hosts) or 1]
    batches: list[tuple[str, ...]] = []
    start = 0
    while start < len(hosts):
        size = sizes[min(len(batches), len(sizes) - 1)]
        batches.append(tuple(hosts[start : start + size]))
        start += size
    return tuple(batches)


def _batch_size(step: Any, total: int) -> int:
    text = str(step).strip()
    if text.endswith("%") and text[:-1].isdigit() and int(text[:-1]) > 0:
        return max(1, total * int(text[:-1]) // 100)
    if isinstance(step, bool) or not text.isdigit() or int(text) < 1:
        raise ValueError(f"{step!r} is no batch size: write a count of at least 1 or a percentage such as 25%")
    return int(text)


class _Compiler:
    def __init__(
        self,
        catalog: Catalog,
        context: Mapping[str, Any],
        resolve_hosts: ResolveHosts,
        limit: Optional[frozenset[str]],
    ) -> None:
        self.catalog = catalog
        self.context = context
        self.resolve_hosts = resolve_hosts
        self.limit = limit
        self.problems: list[Problem] = []

    def hosts(self, pattern: str, path: DocumentPath) -> tuple[str, ...]:
        """The hosts of a pattern, within the limit. A pattern that matches nothing at all is a problem."""
        text = str(resolve(pattern, self.context))
        # Ansible takes an empty pattern for all hosts; an answer that was left empty never means these.
        found = tuple(dict.fromkeys(self.resolve_hosts(text))) if text.strip() else ()
        if not found:
            self.problems.append(
                Problem(path, f"host pattern '{text}' matches no host", "name a group or host of the inventory")
            )
        if self.limit is None or text == LOCALHOST:
            return found
        return tuple(host for host in found if host in self.limit)

    def node(self, component: Component, prefix: str, batches: tuple[tuple[str, ...], ...], bundle: Bundle) -> Node:
        item = self.catalog.items.get(component.item) if component.kind == "item" else None
        manual = item is not None and item.mode == "manual"
        return Node(
            name=prefix + component.name,
            kind="manual" if manual else component.kind,
            item=item,
            fields=field_values(item, component, bundle) if item else {},
            batches=batches,
            parents=tuple(edge(need, prefix) for need in component.needs),
            join=component.join,
            when=component.when,
            retries=component.retries,
            timeout=component.timeout,
            locks=lock_names(component.locks, self.context),
            on_lost=component.on_lost,
            approval=component.approval,
            rollout=prefix[:-1],
            breaker=self.breaker(component, item, prefix, bundle),
            fallback_of=component.fallback_of,
            description=component.description or (item.title if item else ""),
        )

    def breaker(self, component: Component, item: Optional[Item], prefix: str, bundle: Bundle) -> Optional[NodeBreaker]:
        """The breaker before a node, its target resolved; one that is none is a problem of the component."""
        use = breaker_of(component, item)
        if use is None:
            return None
        target = ":".join(str(resolve(part, self.context)) for part in use.target)
        wrong = check_target(target)
        if wrong:
            outer: DocumentPath = ("components", prefix[:-1], "rollout") if prefix else ()
            self.problems.append(Problem((*outer, "components", component.name, "breaker", "target"), wrong))
        policy = policy_from(use.policy) if use.policy else None
        return NodeBreaker(target, use.on_open or bundle.on_failure, policy)

    def component(self, component: Component, bundle: Bundle) -> list[Node]:
        path: DocumentPath = ("components", component.name)
        found = len(self.problems)
        if component.rollout is not None:
            nodes = self.rollout(component, component.rollout, bundle, path)
        else:
            hosts = self.hosts(component.hosts, (*path, "hosts")) if component.hosts else (LOCALHOST,)
            nodes = [self.node(component, "", (hosts,), bundle)]
        if len(self.problems) > found and self.never_runs(component):
            del self.problems[found:]
        return nodes

    def never_runs(self, component: Component) -> bool:
        """True when the answers alone make the condition false: what such a node lacks hurts nobody."""
        names = conditions.names(component.when) if component.when else {"outputs"}
        if any(name.split(".")[0] == "outputs" for name in names):
            return False
        return not conditions.evaluate(component.when, self.context)

    def rollout(self, component: Component, rollout: Rollout, bundle: Bundle, path: DocumentPath) -> list[Node]:
        hosts = self.hosts(rollout.hosts, (*path, "rollout", "hosts"))
        batches: tuple[tuple[str, ...], ...] = ()
        try:
            steps = [resolve(step, self.context) for step in rollout.batch]
            flat = [one for step in steps for one in (step if isinstance(step, (list, tuple)) else [step])]
            batches = batches_of(hosts, flat)
        except ValueError as error:
            self.problems.append(Problem((*path, "rollout", "batch"), str(error)))
        outer = self.node(component, "", ((),), bundle)
        inner = [self.node(part, f"{component.name}.", batches, bundle) for part in rollout.components]
        outer.inner = tuple(node.name for node in inner)
        outer.max_failed = self.budget(rollout, len(hosts), path)
        return [outer, *inner]

    def budget(self, rollout: Rollout, total: int, path: DocumentPath) -> int:
        """How many hosts of a rollout may fail."""
        percent = resolve(rollout.max_failed_percent, self.context)
        value = resolve(rollout.max_failed_hosts, self.context)
        try:
            return int(total * float(percent) // 100) if percent is not None else int(value)
        except (TypeError, ValueError):
            wrong = value if percent is None else percent
            self.problems.append(Problem((*path, "rollout", "max_failed_hosts"), f"{wrong!r} is no number of hosts"))
            return 0


def edge(need: Need, prefix: str) -> Edge:
    """The edge that a ``needs`` entry asks for."""
    if need.states:
        return Edge(prefix + need.node, frozenset(need.states), observes=True)
    return Edge(prefix + need.node, states.EDGES[need.edge])


def field_values(item: Item, component: Component, bundle: Bundle) -> dict[str, Any]:
    """Where each question of an item gets its value: the component's word, the bundle's answer, the item's default."""
    asked = {field.name for field in bundle.fields}
    values: dict[str, Any] = {}
    for field in item.fields:
        if field.name in component.fields:
            values[field.name] = component.fields[field.name]
        elif field.name in asked:
            values[field.name] = f"$fields.{field.name}"
        else:
            values[field.name] = field.default
    return values


def compile_graph(
    bundle: Bundle,
    catalog: Catalog,
    context: Mapping[str, Any],
    resolve_hosts: ResolveHosts,
    limit: Optional[frozenset[str]] = None,
) -> Graph:
    """The graph of one launch.

    ``context`` holds the scopes known at launch (``fields``, ``metadata``, ``request``, ``environment``).
    ``resolve_hosts`` gives the hosts of a pattern; ``limit`` narrows them, save for ``localhost``. Raises
    ProblemsFound with every pattern that matches nothing and every batch or budget that is none, or when the limit
    leaves no host at all.
    """
    compiler = _Compiler(catalog, context, resolve_hosts, limit)
    nodes = [node for component in bundle.components for node in compiler.component(component, bundle)]
    _check_limit(nodes, compiler, bundle)
    if compiler.problems:
        raise ProblemsFound(compiler.problems)
    return Graph(
        nodes,
        name=bundle.name,
        on_failure=bundle.on_failure,
        rollback_scope=bundle.rollback_scope,
        host_flow=bundle.host_flow,
        on_cancel=bundle.on_cancel,
        max_parallel=bundle.max_parallel,
        locks=lock_names(bundle.locks, context),
    )


def _check_limit(nodes: Sequence[Node], compiler: _Compiler, bundle: Bundle) -> None:
    """A limit that leaves nothing of what the bundle names is a mistake, not a run without work."""
    if compiler.limit is None or compiler.problems:
        return
    named = [c.name for c in bundle.components if c.rollout is not None or (c.hosts and c.hosts != LOCALHOST)]
    inner = {name: node for node in nodes for name in [node.rollout or node.name] if node.kind == "item"}
    if named and not any(inner[name].hosts for name in named if name in inner):
        compiler.problems.append(
            Problem(("components",), "--limit leaves no host of this bundle", "choose hosts that its patterns match")
        )
