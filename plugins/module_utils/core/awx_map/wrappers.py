# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of a project, as data: AWX runs nothing but playbooks that stand in a project.

Each begins with a task that takes in the answers on the controlling side and writes what has to run into a file that
only its owner can read: values from outside stand there marked ``!unsafe``, so none of them is ever rendered as a
template. No value of a document or an answer stands in the playbooks themselves.
"""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import names
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.carriers import why_engine
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Bundle,
    Catalog,
    Component,
    Item,
)

NODE_MODULE = "holdfast.ops.awx_node"
WORKFLOW_MODULE = "holdfast.ops.workflow"
BEGUN = "holdfast_begun"
"""The variable with what the first task found out."""
ANSWERS = "holdfast_answers"
"""The variable with the answers for the engine."""
DONE = "holdfast_done"
"""The fact of a host that came through."""
PROJECT = "{{ playbook_dir }}/../.."
EVERYWHERE = "localhost:all"
"""So that a limit and an empty inventory leave something to play on; the tasks connect to none of these hosts."""
# While the syntax is checked there are no variables of hosts.
_HOSTS_OF_NODE = f"{{{{ hostvars['localhost'].{BEGUN}.hosts if hostvars is defined else 'localhost' }}}}"

Play = dict[str, Any]


def item_plays(item: Item) -> list[Play]:
    """The playbook of an item."""
    return _alone(names.ITEM, item.name, item.action, None)


def undo_plays(item: Item) -> list[Play]:
    """The playbook that undoes an item and verifies that."""
    compensation = item.compensation
    if compensation is None:
        return []
    return _alone(names.UNDO, item.name, compensation.action, compensation.verify)


def engine_plays(bundle: Bundle) -> list[Play]:
    """The playbook that runs a whole bundle in one job."""
    tasks = [_begin(names.ENGINE, bundle.name), _answers(), _run(names.bundle_document(bundle.name))]
    return [_local(names.template(names.ENGINE, bundle.name), tasks)]


def node_plays(bundle: Bundle, catalog: Catalog, component: Component) -> list[Play]:
    """The playbook of one component of a bundle."""
    name = names.template(names.NODE, bundle.name, component.name)
    begin, end = _begin(names.NODE, bundle.name, component.name), _end(bundle.name, component.name)
    if why_engine(bundle, catalog, component):
        run = _run(names.part_document(bundle.name, component.name))
        runs = f"{BEGUN}.runs"
        tasks = [begin, {**_answers(), "when": runs}, {**run, "when": runs, "register": "holdfast_run"}]
        end[NODE_MODULE]["run"] = "{{ holdfast_run.path }}"
        return [_local(name, [*tasks, {**end, "when": runs}])]
    action = catalog.items[component.item].action
    done = {"name": "Note that the host came through", "ansible.builtin.set_fact": {DONE: True}}
    play = _play(name, _HOSTS_OF_NODE, action, "tasks")
    play["tasks"].append(done)
    begin_play = _local(f"{name}, answers", [begin])
    end_play = _local(f"{name}, result", [{**end, "when": f"{BEGUN}.runs"}])
    return [begin_play, play, end_play]


def end_plays() -> list[Play]:
    """The playbook that fails always."""
    says = "A node before this one failed. Others look at that failure, and nothing handles it."
    fail = {"name": "Fail", "ansible.builtin.fail": {"msg": says}}
    return [_local(names.END_FAILED, [{**fail, "run_once": True}])]


# --- parts -------------------------------------------------------------------------------------------------------


def _alone(kind: str, name: str, action: Optional[Action], verify: Optional[Action]) -> list[Play]:
    """The plays of an item by itself: on the hosts of the limit; without a limit, where the job runs."""
    title, hosts = names.template(kind, name), "{{ ansible_limit | default('localhost') }}"
    begin = [_begin(kind, name)]
    actions = [(title, action, "tasks"), (f"{title}, verification", verify, "verify")]
    wanted = [(shown, each, key) for shown, each, key in actions if each is not None]
    if any(each.kind == "playbook" for _shown, each, _key in wanted):
        begin.append(_answers())
    plays = [_local(f"{title}, answers", begin)]
    for shown, each, key in wanted:
        plays.append(_imported(shown, each) if each.kind == "playbook" else _play(shown, hosts, each, key))
    return plays


def _local(name: str, tasks: list[dict[str, Any]]) -> Play:
    return {"name": name, "hosts": EVERYWHERE, "gather_facts": False, "tasks": tasks}


def _play(name: str, hosts: str, action: Optional[Action], key: str) -> Play:
    """A play of what the first task wrote down for an action."""
    if action is None:
        raise TypeError(f"{name} has nothing to play; whoever asks for a play has looked before")
    play: Play = {"name": name, "hosts": hosts, "gather_facts": action.gather_facts}
    if action.become is not None:
        play["become"] = action.become
    task = {"name": f"{action.kind.capitalize()} {action.name}", "ansible.builtin.include_tasks": _begun(key)}
    return {**play, "tasks": [task]}


def _imported(name: str, action: Action) -> Play:
    by_path = action.name.endswith((".yml", ".yaml")) and not action.name.startswith(("/", "~"))
    return {"name": name, "import_playbook": f"../../{action.name}" if by_path else action.name}


def _once(name: str, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, module: arguments, "vars": {"ansible_connection": "local"}, "run_once": True}


def _begin(kind: str, name: str, component: str = "") -> dict[str, Any]:
    arguments = {"project": PROJECT, "kind": kind, "name": name, **({"component": component} if component else {})}
    return {**_once("Take in the answers", NODE_MODULE, arguments), "register": BEGUN}


def _end(bundle: str, component: str) -> dict[str, Any]:
    arguments = {"state": "end", "project": PROJECT, "kind": names.NODE, "name": bundle, "component": component}
    return _once("Say how it ended", NODE_MODULE, arguments)


def _answers() -> dict[str, Any]:
    load = _once("Load the answers", "ansible.builtin.include_vars", {"file": _begun("variables")})
    return {**load, "no_log": True}


def _run(document: str) -> dict[str, Any]:
    arguments = {
        "workflow": f"{PROJECT}/{document}",
        "fields_from": ANSWERS,
        "catalog": [f"{PROJECT}/catalog"],
    }
    return _once("Run it", WORKFLOW_MODULE, arguments)


def _begun(key: str) -> str:
    return f"{{{{ {BEGUN}.{key} }}}}"
