# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold in a graph of components: names that exist, no cycles, nothing that can never run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Component, Item, Need
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.parse import Places
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, Problem, did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import conditions
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import find_cycle

MAX_CYCLES = 20
"""So many cycles of one graph are drawn; a graph may have more of them than anybody could read."""

Ends = frozenset[str]
_NEVER_ON_HOSTS = frozenset({states.LOST, states.UNREACHABLE})


def allowed(need: Need) -> Ends:
    """The ends of the parent that meet an edge."""
    return frozenset(need.states) if need.states else states.EDGES[need.edge]


def is_never(when: str) -> bool:
    """Whether a condition names nothing and is false, whatever happens."""
    if not when or conditions.check(when) or conditions.names(when):
        return False
    try:
        return not conditions.evaluate(when, {})
    except Exception:  # a condition that cannot even be evaluated is told elsewhere
        return False


def possible_ends(component: Component, item: Item | None) -> Ends:
    """Every end that a component may come to when it can run at all. Any may be skipped: a limit may leave no host."""
    ends: Ends = states.ENDED
    manual = item is not None and item.mode == "manual"
    if component.approval is not None:
        ends -= _NEVER_ON_HOSTS
        if component.approval.timeout is None or component.approval.on_timeout == "approve":
            ends -= {states.TIMED_OUT}
    elif component.rollout is None:
        ends -= _NEVER_ON_HOSTS if manual else frozenset()
        ends -= {states.TIMED_OUT} if component.timeout is None else frozenset()
    return ends


class GraphRules:
    """The rules of one graph: the bundle's, or that inside a rollout.

    ``elsewhere`` says for a name that this graph does not have why it cannot be needed from here, or "".
    ``per_host``: hosts go on each by its own, so a component may end in several ways at once.
    """

    def __init__(
        self,
        components: Sequence[Component],
        places: Places,
        items: Mapping[str, Item],
        elsewhere: Callable[[str], str],
        per_host: bool = False,
    ) -> None:
        self.nodes = {component.name: component for component in components}
        self.places = places
        self.items = items
        self.elsewhere = elsewhere
        self.per_host = per_host
        self.problems: list[Problem] = []

    def check(self) -> list[Problem]:
        """Everything that is wrong with the graph."""
        for component in self.nodes.values():
            self._needs(component)
        in_cycles = self._cycles()
        order, stuck = self._order()
        self._never(order, {name for name in stuck if name not in in_cycles})
        return self.problems

    def _say(self, path: DocumentPath, message: str, hint: str = "") -> None:
        self.problems.append(Problem(path, message, hint))

    def _known_needs(self, component: Component) -> list[Need]:
        return [need for need in component.needs if need.node in self.nodes]

    # --- names

    def _needs(self, component: Component) -> None:
        seen: set[str] = set()
        for need in component.needs:
            path = self.places.of(need)
            if need.node and need.node not in self.nodes:
                elsewhere = self.elsewhere(need.node)
                hint = elsewhere or did_you_mean(need.node, set(self.nodes) - {component.name})
                self._say(path, f"unknown component '{need.node}'", hint)
            elif need.node in seen:
                self._say(path, f"'{need.node}' is needed twice", "one edge with 'states' can name several ends")
            seen.add(need.node)

    # --- cycles

    def _cycles(self) -> set[str]:
        parents = {name: [need.node for need in self._known_needs(node)] for name, node in self.nodes.items()}
        found: set[str] = set()
        for _attempt in range(MAX_CYCLES):
            cycle = find_cycle(parents)
            if not cycle:
                break
            found.update(cycle)
            child, parent = cycle[1], cycle[0]
            parents[child] = [name for name in parents[child] if name != parent]
            need = next(need for need in self.nodes[child].needs if need.node == parent)
            drawn = " → ".join(cycle)
            self._say(self.places.of(need), f"cycle: {drawn}", "take one of these edges away")
        return found

    def _order(self) -> tuple[list[str], list[str]]:
        """Names in topological order, and those that wait for a cycle or are in one."""
        missing = {name: len(self._known_needs(node)) for name, node in self.nodes.items()}
        children: dict[str, list[str]] = {name: [] for name in self.nodes}
        for name, node in self.nodes.items():
            for need in self._known_needs(node):
                children[need.node].append(name)
        ready = deque(name for name, count in missing.items() if count == 0)
        order = []
        while ready:
            name = ready.popleft()
            order.append(name)
            for child in children[name]:
                missing[child] -= 1
                if missing[child] == 0:
                    ready.append(child)
        return order, [name for name, count in missing.items() if count > 0]

    # --- what can never run

    def _never(self, order: Sequence[str], behind_cycles: set[str]) -> None:
        for name in sorted(behind_cycles):
            self._say(self.places.of(self.nodes[name]), "can never run: it waits for components in a cycle")
        ends: dict[str, Ends] = {}
        facts: dict[str, dict[str, Ends]] = {}
        tracked = self._contested()
        for name in order:
            node = self.nodes[name]
            why = self._unmet(node, ends)
            if not why:
                facts[name] = self._facts(node, facts, tracked)
                contested = [parent for parent, left in facts[name].items() if not left]
                if contested:
                    why = f"its needs ask for ends of '{contested[0]}' that exclude each other"
            if why:
                self._say(self.places.of(node), f"can never run: {why}")
                facts[name] = {}
            never = bool(why) or is_never(node.when)
            ends[name] = frozenset({states.SKIPPED}) if never else possible_ends(node, self.items.get(node.item))

    def _unmet(self, node: Component, ends: Mapping[str, Ends]) -> str:
        """Why the edges can never be met, or ""; edges from components that do not exist are met, so to speak."""
        reasons = []
        for need in node.needs:
            possible = ends.get(need.node)
            if possible is None or allowed(need) & possible:
                reasons.append("")
            elif possible == {states.SKIPPED}:
                reasons.append(f"it needs '{need.node}', which never runs")
            else:
                reasons.append(f"'{need.node}' can never end {' or '.join(sorted(allowed(need)))}")
        bad = [reason for reason in reasons if reason]
        if not bad or (node.join == "any" and len(bad) < len(reasons)):
            return ""
        return bad[0] if node.join == "all" or len(bad) == 1 else "; ".join(bad)

    def _contested(self) -> set[str]:
        """Parents of which different children want ends that exclude each other: only these can contradict."""
        if self.per_host:
            return set()
        wanted: dict[str, set[Ends]] = {}
        for node in self.nodes.values():
            for need in node.needs:
                wanted.setdefault(need.node, set()).add(allowed(need))
        return {parent for parent, sets in wanted.items() if any(not (a & b) for a in sets for b in sets)}

    def _facts(self, node: Component, facts: Mapping[str, Mapping[str, Ends]], tracked: set[str]) -> dict[str, Ends]:
        """What must be true of contested components when this one runs: the ends they may have come to."""
        branches = []
        for need in self._known_needs(node):
            branch = dict(facts.get(need.node, {})) if states.SKIPPED not in allowed(need) else {}
            if need.node in tracked:
                branch[need.node] = allowed(need) & branch.get(need.node, states.ENDED)
            branches.append(branch)
        if not branches or (node.join == "any" and len(branches) < len(node.needs)):
            return {}
        merged: dict[str, Ends] = branches[0]
        for branch in branches[1:]:
            if node.join == "all":
                merged = {n: merged.get(n, states.ENDED) & branch.get(n, states.ENDED) for n in {**merged, **branch}}
            else:
                merged = {n: merged[n] | branch[n] for n in merged if n in branch}
        return merged
