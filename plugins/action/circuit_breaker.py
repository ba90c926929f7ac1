# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a circuit breaker before a call, reports to it after the call, and opens, closes, disables or resets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.breaker_arguments import CIRCUIT_BREAKER
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import (
    keeping,
    model,
    rules,
    telling,
    views,
    words,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import POLICY_TYPES
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.words import Heard, Word
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils._action import HoldfastAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import breakers, inbox


class ActionModule(HoldfastAction):
    argument_spec = CIRCUIT_BREAKER

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        target = arguments["target"]
        word = _WORDS[arguments["state"]](arguments, str(task_vars.get("inventory_hostname", "")))
        given = {name: arguments[name] for name in POLICY_TYPES if arguments[name] is not None}
        with breakers.used() as keeper:
            if word is not None and not given and not self._task.check_mode:
                heard = keeper.say(target, word)
            else:
                heard = self._weighed(keeper, target, word, given)
        told = {} if heard.answer is None else _told(heard.answer, heard.at)
        return {"changed": heard.changed, "breaker": views.facts(heard.breaker, heard.at), **told}

    def _weighed(self, keeper: keeping.Breakers, target: str, word: Optional[Word], given: Mapping[str, Any]) -> Heard:
        """What comes of a word, or would in check mode, where one has to look at the breaker first."""
        found = keeper.get(target) or model.new(target)
        policy = model.policy_from(given, found.policy) if given else None
        if word is None:
            return Heard(found, keeper.now())
        if self._task.check_mode:
            return words.hear(found, keeper.now(), word, policy)
        return keeper.say(target, word, policy)


def _told(answer: rules.Answer, at: float) -> dict[str, Any]:
    """What the task that asked returns; a refusal fails it."""
    permit = {"allowed": answer.allowed, "trial": answer.trial, "asked": at}
    told: dict[str, Any] = {"allowed": answer.allowed, "permit": permit}
    if not answer.allowed:
        retry = {} if answer.retry_at is None else {"retry_at": telling.moment(answer.retry_at)}
        told.update(failed=True, msg=answer.message, **retry)
    return told


def _allow(_arguments: Mapping[str, Any], host: str) -> Word:
    return Word(words.ASK, f"{inbox.me()} for {host}" if host else inbox.me())


def _report(arguments: Mapping[str, Any], _host: str) -> Optional[Word]:
    outcome, permit = arguments["outcome"], arguments["permit"] or {}
    if outcome is None:
        raise HoldfastError("state: report needs outcome: success or failure")
    if permit.get("allowed") is False:
        return None  # the call was refused, so there is nothing to tell of the target
    try:
        trial, asked = int(permit.get("trial", 0)), float(permit.get("asked", 0.0))
    except (TypeError, ValueError) as error:
        raise HoldfastError("permit must be the one that state: allow returned, whole") from error
    took = arguments["duration"]
    call = rules.Call(outcome == "failure", took or 0.0, arguments["reason"], trial)
    return Word(words.REPORT, calls=(call,), asked=asked if took is None else 0.0)


def _status(_arguments: Mapping[str, Any], _host: str) -> Optional[Word]:
    return None


def _by_hand(kind: str) -> Callable[[Mapping[str, Any], str], Word]:
    """A word by which people decide; one that says what is so already changes nothing."""

    def said(arguments: Mapping[str, Any], _host: str) -> Word:
        return Word(kind, inbox.me(), arguments["reason"], arguments["wait"] if kind == words.TRIP else None)

    return said


_WORDS: Mapping[str, Callable[[Mapping[str, Any], str], Optional[Word]]] = {
    "allow": _allow,
    "report": _report,
    "status": _status,
    "open": _by_hand(words.TRIP),
    "closed": _by_hand(words.CLOSE),
    "disabled": _by_hand(words.DISABLE),
    "reset": _by_hand(words.RESET),
}
