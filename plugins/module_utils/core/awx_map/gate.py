# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's job decides when AWX has started it: does the node run, or is it skipped?

AWX starts a node by the status of jobs. Every job leaves a *marker*, an artifact that all jobs after it see: in which
state its node is, and what it reported. By the markers of its parents a job knows what AWX does not: that a parent was
skipped, or was broken off.

=============  =================================================================================================
marker         means
=============  =================================================================================================
``started``    the job did its work and never came to its end: the node ended badly
``successful`` the node ended well
``skipped``    the job ended well, but the node was skipped
none           the job never came to its first task, or AWX never started it; approvals never leave one
=============  =================================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import names
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog, Component, Need
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import conditions
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states

STARTED = "started"
"""The marker of a job that is at work, or that failed."""
SUCCESS, FAILURE, ALWAYS = "success", "failure", "always"
_GOOD = frozenset({states.SUCCESSFUL, states.SKIPPED})


class Verdict(NamedTuple):
    """Whether a node runs, and why not."""

    runs: bool
    why: str = ""


def marker_of(state: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a job leaves behind."""
    return {"state": state, "outputs": dict(outputs)}


def markers_in(variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The markers among the variables of a job, by node."""
    found: dict[str, dict[str, Any]] = {}
    for variable, value in variables.items():
        node = names.marked(variable)
        if node and isinstance(value, Mapping) and isinstance(value.get("state"), str):
            outputs = value.get("outputs")
            found[node] = marker_of(value["state"], outputs if isinstance(outputs, Mapping) else {})
    return found


def edge_states(need: Need) -> frozenset[str]:
    """The end states of the parent that meet a need."""
    return frozenset(need.states) if need.states else states.EDGES[need.edge]


def edge_of(need: Need) -> str:
    """The edge of AWX that comes nearest to a need; AWX shows a skipped node of ours as successful."""
    wanted = edge_states(need)
    if not wanted & states.BAD:
        return SUCCESS
    return ALWAYS if wanted & _GOOD else FAILURE


class Gate:
    """Decides for the nodes of one bundle, by the markers that a job finds; ``scopes`` are those of conditions."""

    def __init__(
        self,
        bundle: Bundle,
        catalog: Catalog,
        markers: Mapping[str, Mapping[str, Any]],
        scopes: Mapping[str, Any],
    ) -> None:
        self._components = {component.name: component for component in bundle.components}
        self._catalog = catalog
        self._markers = markers
        self._scopes = scopes
        self._starts: dict[str, Optional[bool]] = {}

    def decide(self, name: str) -> Verdict:
        """Whether a node runs, now that AWX has started it."""
        component = self._components[name]
        unmet = self._unmet(component)
        if unmet:
            return Verdict(False, unmet)
        if component.when and not conditions.evaluate(component.when, self._scopes):
            return Verdict(False, f"the condition is false: {component.when}")
        return Verdict(True)

    def _unmet(self, component: Component) -> str:
        """Why the needs of a component are not met, "" when they are, as far as a job can know."""
        met = {need: self._meets(need, component.join) for need in component.needs}
        if component.join == "all" or not met:
            return next((self._says(need) for need, holds in met.items() if holds is False), "")
        if any(met.values()) or (None in met.values() and not self._explained(component)):
            return ""
        return "; ".join(self._says(need) for need in component.needs)

    def _meets(self, need: Need, join: str) -> Optional[bool]:
        """Whether a need is met; None when only AWX knows, which hangs on what people said."""
        state, wanted = self._state(need.node), edge_states(need)
        if state is None and join == "all" and not self._is_asked(need.node):
            state = STARTED  # had AWX not started it, AWX would not have started this one either
        if state == STARTED:
            return bool(wanted & states.BAD)
        if state is None:
            either = states.SUCCESSFUL in wanted and bool(wanted & states.BAD)
            return True if either and self._was_started(need.node) else None
        return state in wanted

    def _state(self, name: str) -> Optional[str]:
        """The state of a node, ``started`` for any bad end; None when it hangs on what people said."""
        marker = self._markers.get(name)
        if marker is not None:
            return str(marker["state"])
        if self._is_asked(name):
            # AWX asks all the same where here nobody would have been asked.
            return None if self.decide(name).runs else states.SKIPPED
        started = self._was_started(name)
        return None if started is None else STARTED if started else states.SKIPPED

    def _is_asked(self, name: str) -> bool:
        """Whether a node is people's: AWX carries it out, so it leaves no marker."""
        component = self._components[name]
        item = self._catalog.items.get(component.item)
        return component.approval is not None or (item is not None and item.mode == "manual")

    def _explained(self, component: Component) -> bool:
        """Whether AWX started an ``any`` join for a parent of which all is known."""
        return any(self._led(need) for need in component.needs if self._state(need.node) is not None)

    # --- what AWX did, as far as markers tell

    def _was_started(self, name: str) -> Optional[bool]:
        """Whether AWX started a node; one that left no marker then ended before its first task. None: not known."""
        if name not in self._starts:
            component = self._components[name]
            led = [self._led(need) for need in component.needs]
            decides = any if component.join == "any" else all
            known = [True if one is None else one for one in led]
            sure = [False if one is None else one for one in led]
            starts = not led or decides(sure) or self._let_on(name)
            self._starts[name] = True if starts else None if decides(known) else False
        return self._starts[name]

    def _let_on(self, name: str) -> bool:
        """Whether an ``all`` join behind a node has run: AWX starts none of which it has not started every parent."""
        return any(
            component.join == "all"
            and component.name in self._markers
            and name in [one.node for one in component.needs]
            for component in self._components.values()
        )

    def _led(self, need: Need) -> Optional[bool]:
        """Whether AWX went along the edge of a need; None when it is not known."""
        marker, edge = self._markers.get(need.node), edge_of(need)
        if marker is not None:
            return edge in (ALWAYS, FAILURE if marker["state"] == STARTED else SUCCESS)
        started = self._was_started(need.node)
        if started is not True:
            return started
        if self._is_asked(need.node):
            return True if edge == ALWAYS else None
        return edge != SUCCESS

    def _says(self, need: Need) -> str:
        state = self._state(need.node)
        how = {None: "hangs on what people said", STARTED: "ended badly"}.get(state, f"is {state}")
        wanted = " or ".join(sorted(edge_states(need))) if need.states else f"its {need.edge}"
        return f"{need.node} {how}, and this needs {wanted}"
