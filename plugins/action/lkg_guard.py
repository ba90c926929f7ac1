# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes a host under a guard. What is decided stands in ``core/lkg/guard.py``."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import guard_words as words
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard import Guard
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard_words import GuardFailure, Plan
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import AT_COMMIT, Unanswered
from ansible_collections.holdfast.ops.plugins.module_utils.lkg_arguments import LKG_GUARD
from ansible_collections.holdfast.ops.plugins.plugin_utils import _command_line as command_line
from ansible_collections.holdfast.ops.plugins.plugin_utils import _lkg as lkg
from ansible_collections.holdfast.ops.plugins.plugin_utils._archive import ArchiveAction
from ansible_collections.holdfast.ops.plugins.plugin_utils._change import Played, What, play_change
from ansible_collections.holdfast.ops.plugins.plugin_utils._guarded import GuardWorld, this_machine
from ansible_collections.holdfast.ops.plugins.plugin_utils._reached import Reached
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes

SHORTEST = 60
_PATIENCE = 10
"""Seconds that a host has to begin to answer."""


class ActionModule(ArchiveAction):
    _requires_connection = True
    argument_spec = LKG_GUARD

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        what = self._what(arguments)
        host = self.host(arguments, task_vars)
        this = lkg.subject(self, task_vars, host, arguments["platform"], arguments["options"])
        world = self._world(this, what, arguments, task_vars)
        plan = Plan(
            host=host,
            token=f"holdfast-{int(time.time())}-{secrets.token_hex(3)}",
            seconds=arguments["timer"],
            settle=arguments["settle"],
            grace=arguments["grace"],
            left_over=arguments["left_over"],
            promote=arguments["promote"],
        )
        world.notes = links.notes(arguments["labels"], plan.token)
        declared = this.provider.declaration
        result = self._guarded(Guard(world, plan, declared.armed == AT_COMMIT), world)
        timer = {"token": plan.token, "seconds": plan.seconds, "how": declared.reverts}
        return {**result, "host": host, "platform": this.platform, "timer": timer, **_told(result, host, world.played)}

    def _guarded(self, guard: Guard, world: GuardWorld) -> dict[str, Any]:
        """The guard, to its end, and what the task reports of it."""
        check = bool(self._task.check_mode)
        result: dict[str, Any] = {}
        try:
            with self._impatient():
                state = guard.check() if check else guard.run()
            result = {"changed": check or self._has_changed(guard, world), "state": state}
        except Unanswered as error:  # nothing has been begun: unreachable is what it is
            raise AnsibleConnectionFailure(str(error)) from error
        except GuardFailure as failure:
            result = {"changed": failure.state != words.UNCHANGED, **world.hidden(failure.as_result())}
        if guard.differs is not None:
            result["differences"] = guard.differs.as_data()
            if self._task.diff:
                result["diff"] = {"prepared": "\n".join(guard.differs.render()) + "\n"}
        kept = {when: world.kept[name].as_data() if name else {} for when, name in
                (("before", guard.before), ("after", guard.after))}  # fmt: skip
        checks = [{"name": one.name, "healthy": one.healthy, "detail": one.detail} for one in world.asked]
        told = {"checks": checks, "left_over": guard.left_over, "said": world.said}
        return {**result, **kept, **world.hidden(told)}

    @staticmethod
    def _has_changed(guard: Guard, world: GuardWorld) -> bool:
        return world.kept[guard.before].digest != world.kept[guard.after].digest

    def _what(self, arguments: dict[str, Any]) -> What:
        """The change, once the arguments make sense."""
        role, tasks, module = arguments["role"], arguments["tasks"], arguments["module"]
        if len([one for one in (role, tasks, module) if one]) != 1:
            raise HoldfastError("say what the change is: a role (role), a file of tasks (tasks) or a module (module)")
        if arguments["timer"] < SHORTEST:
            raise HoldfastError(f"timer: {arguments['timer']} s are too short to prove anything; {SHORTEST} at least")
        if arguments["settle"] < 0 or arguments["grace"] < 0:
            raise HoldfastError("settle and grace are seconds, 0 or more")
        if tasks:
            try:
                tasks = str(self._find_needle("tasks", tasks))
            except AnsibleError as error:
                raise HoldfastError(
                    f"tasks: there is no file {tasks} where Ansible looks for tasks: {error}"
                ) from error
        returns = tuple(arguments["returns"])
        return What(role, tasks, arguments["vars"], arguments["gather_facts"], module, returns)

    def _world(self, this: lkg.Subject, what: What, arguments: dict[str, Any], task_vars: dict[str, Any]) -> GuardWorld:
        inventory_host = str(task_vars["inventory_hostname"])
        return GuardWorld(
            this=this,
            archive=self.archive(),
            sections=arguments["sections"],
            play=lambda limit: play_change(self, inventory_host, what, limit, task_vars),
            health={name: command_line.plain(arguments[name]) for name in ("probes", "retries", "delay")},
            asks=this_machine(self, task_vars) if arguments["probes_from"] == "controller" else this.device,
            show=lambda text: self._display.display(f"    {inventory_host} | {text}"),
            run=os.environ.get(processes.RUN, ""),
            reason=arguments["reason"],
        )

    @contextlib.contextmanager
    def _impatient(self) -> Iterator[None]:
        """Within this block a host that falls silent is noticed, and no connection is shared with anybody else."""
        with Reached(self).impatient(_PATIENCE, keeps=True):
            yield


def _told(result: Mapping[str, Any], host: str, played: Played) -> dict[str, Any]:
    """What the change reported, told on as if its tasks stood here, and how its host stands."""
    before, after = (str(result.get(when, {}).get("id", "")) for when in ("before", "after"))
    link = links.link(host, str(result["state"]), before, after)
    told: dict[str, Any] = {"outputs": {**played.of_host, links.OUTPUT: link}}
    if played.reported:
        told["ansible_stats"] = {"data": dict(played.reported), "per_host": False, "aggregate": played.adds_up}
    return told
