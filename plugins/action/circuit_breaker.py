# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a circuit breaker before a call, reports to it after the call, and opens, closes, disables or resets it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.breaker_arguments import CIRCUIT_BREAKER
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, rules, telling, views
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import POLICY_TYPES, Breaker
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils._action import HoldfastAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home, inbox
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_store import Breakers

Change = Callable[[Breaker, float], "tuple[Breaker, dict[str, Any]]"]


class ActionModule(HoldfastAction):
    argument_spec = CIRCUIT_BREAKER

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        target, state = arguments["target"], arguments["state"]
        given = {name: arguments[name] for name in POLICY_TYPES if arguments[name] is not None}
        with Breakers(home.store()) as breakers:
            before = breakers.get(target) or model.new(target)
            policy = model.policy_from(given, before.policy) if given else None
            change = _STATES[state](arguments, str(task_vars.get("inventory_hostname", "")))
            if change is None:
                now = time.time()
                after, told = before, {}
            elif self._task.check_mode:
                now = time.time()
                after, told = change(rules.with_policy(before, policy, now) if policy else before, now)
            else:
                now, after, told = breakers.change(target, lambda breaker, at: _kept(change, breaker, at), policy)
        changed = (after.state, after.policy) != (before.state, before.policy)
        return {"changed": changed, "breaker": views.facts(after, now), **told}


def _kept(change: Change, breaker: Breaker, now: float) -> tuple[Breaker, tuple[float, Breaker, dict[str, Any]]]:
    after, told = change(breaker, now)
    return after, (now, after, told)


def _allow(_arguments: Mapping[str, Any], host: str) -> Change:
    by = f"{inbox.me()} for {host}" if host else inbox.me()

    def change(breaker: Breaker, now: float) -> tuple[Breaker, dict[str, Any]]:
        after, answer = rules.ask(breaker, now, by)
        permit = {"allowed": answer.allowed, "trial": answer.trial, "asked": now}
        told: dict[str, Any] = {"allowed": answer.allowed, "permit": permit}
        if not answer.allowed:
            retry = {} if answer.retry_at is None else {"retry_at": telling.moment(answer.retry_at)}
            told.update(failed=True, msg=answer.message, **retry)
        return after, told

    return change


def _report(arguments: Mapping[str, Any], _host: str) -> Optional[Change]:
    outcome, permit = arguments["outcome"], arguments["permit"] or {}
    if outcome is None:
        raise HoldfastError("state: report needs outcome: success or failure")
    if permit.get("allowed") is False:
        return None  # the call was refused, so there is nothing to tell of the target
    try:
        trial, asked = int(permit.get("trial", 0)), float(permit.get("asked", 0.0))
    except (TypeError, ValueError) as error:
        raise HoldfastError("permit must be the one that state: allow returned, whole") from error
    given = arguments["duration"]

    def change(breaker: Breaker, now: float) -> tuple[Breaker, dict[str, Any]]:
        took = given if given is not None else max(0.0, now - asked) if asked else 0.0
        return rules.report(breaker, now, rules.Call(outcome == "failure", took, arguments["reason"], trial)), {}

    return change


def _status(_arguments: Mapping[str, Any], _host: str) -> Optional[Change]:
    return None


def _by_hand(rule: Callable[..., Breaker]) -> Callable[[Mapping[str, Any], str], Change]:
    """A change that people ask for; asking again for what is there already changes nothing."""

    def made(arguments: Mapping[str, Any], _host: str) -> Change:
        more = {"wait": arguments["wait"]} if rule is rules.trip else {}

        def change(breaker: Breaker, now: float) -> tuple[Breaker, dict[str, Any]]:
            return rule(breaker, now, arguments["reason"], inbox.me(), **more), {}

        return change

    return made


_STATES: Mapping[str, Callable[[Mapping[str, Any], str], Optional[Change]]] = {
    "allow": _allow,
    "report": _report,
    "status": _status,
    "open": _by_hand(rules.trip),
    "closed": _by_hand(rules.close),
    "disabled": _by_hand(rules.disable),
    "reset": _by_hand(rules.reset),
}
