# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name on the host, and reports what it found to a circuit breaker where one is named.

The module ships to the host, the breaker is asked from the controlling side: hence both a module and an action.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action.normal import ActionModule as AnyModule
from ansible_collections.holdfast.ops.plugins.module_utils.breaker_arguments import REPORTED
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, views
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.keeping import Breakers
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import POLICY_TYPES
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Call
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import breakers


class ActionModule(AnyModule):  # type: ignore[misc]
    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; in check mode nothing is reported, for then not everything was asked."""
        given = self._task.args.get("breaker")
        if not given or self._task.check_mode:
            return dict(super().run(tmp, task_vars))
        try:
            target, policy = self._breaker(given)
            with breakers.used() as keeper:
                found = keeper.get(target)
                rule = model.policy_from(policy, found.policy if found else None) if policy else None
                result = self._asked(keeper, target, rule, tmp, task_vars)
        except HoldfastError as error:
            return {"failed": True, "msg": str(error)}
        return result

    def _breaker(self, given: Any) -> tuple[str, Mapping[str, Any]]:
        if self._task.async_val:
            raise HoldfastError("breaker: a task with async ends before anything is known; leave one of the two out")
        checked = ArgumentSpecValidator({"breaker": REPORTED}).validate({"breaker": given})
        if checked.error_messages:
            raise HoldfastError("; ".join(checked.error_messages))
        said = checked.validated_parameters["breaker"]
        return str(said["target"]), {name: said[name] for name in POLICY_TYPES if said[name] is not None}

    def _asked(
        self, keeper: Breakers, target: str, rule: Any, tmp: Any, task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        try:
            result = dict(super().run(tmp, task_vars))
        except AnsibleConnectionFailure as error:
            keeper.report(target, Call(True, said=f"unreachable: {error}"), rule)
            raise
        if result.get("probes"):
            result["breaker"] = views.facts(keeper.report(target, call_of(result), rule), keeper.now())
        return result


def call_of(result: Mapping[str, Any]) -> Call:
    """What a health check found, as a call: its duration is that of the slowest last answer, not of all attempts."""
    took = max((probe.get("latency") or 0.0 for probe in result["probes"]), default=0.0)
    return Call(bool(result.get("failed")), took, str(result.get("msg", "")))
