# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that makes everything in AWX, and what people read who import it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Task = dict[str, Any]


def plays(collection: str) -> list[dict[str, Any]]:
    """The plays of ``import.yml``, with the modules of a collection: awx.awx, or ansible.controller."""
    tasks = [
        _inventory(),
        *_places(collection),
        _labels(collection),
        _job_templates(collection),
        _workflows(collection),
    ]
    return [
        {
            "name": "Create the templates of the catalog",
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars_files": ["awx/settings.yml", "awx/objects.yml"],
            "tasks": [*tasks, _outdated(), _nodes(collection), _edges(collection)],
        }
    ]


def _v(expression: str) -> str:
    return f"{{{{ {expression} }}}}"


def _same(*names: str) -> dict[str, str]:
    """Arguments that have the names of what the loop is at."""
    return {name: _v(f"item.{name}") for name in names}


_ORGANIZATION = _v("awx_organization")
_INVENTORY = _v("awx_inventory | default(omit, true)")


def _inventory() -> Task:
    """Say at once what AWX would say at the first node: without an inventory a template cannot be a node."""
    says = (
        "awx_inventory must name an inventory, for AWX makes no node of a template without one: -e awx_inventory=NAME"
    )
    check = {
        "that": ["awx_inventory | length > 0 or awx_workflow_nodes | length == 0"],
        "fail_msg": says,
        "quiet": True,
    }
    return {"name": "Inventory", "ansible.builtin.assert": check}


def _places(collection: str) -> list[Task]:
    """Organization and project."""
    project = {
        "name": _v("awx_project"),
        "organization": _ORGANIZATION,
        "scm_type": _v("'git' if awx_scm_url else 'manual'"),
        "scm_url": _v("awx_scm_url | default(omit, true)"),
        "scm_branch": _v("awx_scm_branch | default(omit, true)"),
        "local_path": _v("omit if awx_scm_url else awx_local_path"),
        "update_project": _v("awx_scm_url | length > 0"),
    }
    return [
        {"name": "Organization", f"{collection}.organization": {"name": _ORGANIZATION}},
        {"name": "Project", f"{collection}.project": project},
    ]


def _looped(name: str, module: str, arguments: Task, over: str, label: str) -> Task:
    return {"name": name, module: arguments, "loop": _v(over), "loop_control": {"label": _v(label)}}


def _labels(collection: str) -> Task:
    arguments = {"name": _v("item"), "organization": _ORGANIZATION}
    return _looped("Labels", f"{collection}.label", arguments, "awx_labels", "item")


def _job_templates(collection: str) -> Task:
    asks = [f"ask_{name}_on_launch" for name in
            ("inventory", "credential", "limit", "verbosity", "diff_mode", "job_type")]  # fmt: skip
    arguments = {
        **_same("name", "description"),
        "organization": _ORGANIZATION,
        "project": _v("awx_project"),
        **_same("playbook", "job_type"),
        "inventory": _INVENTORY,
        "credentials": _v("awx_credentials"),
        "execution_environment": _v("awx_execution_environment | default(omit, true)"),
        **_same("verbosity", "timeout", "allow_simultaneous", *asks, "survey_enabled", "survey_spec", "labels"),
    }
    return _looped("Job templates", f"{collection}.job_template", arguments, "awx_job_templates", "item.name")


def _workflows(collection: str) -> Task:
    asks = ("ask_inventory_on_launch", "ask_limit_on_launch", "ask_variables_on_launch")
    arguments = {
        **_same("name", "description"),
        "organization": _ORGANIZATION,
        "inventory": _INVENTORY,
        **_same("allow_simultaneous", *asks, "survey_enabled", "survey_spec", "labels"),
    }
    module = f"{collection}.workflow_job_template"
    return _looped("Workflow templates", module, arguments, "awx_workflow_job_templates", "item.name")


_NODE = {
    "workflow_job_template": _v("item.workflow"),
    "organization": _ORGANIZATION,
    "identifier": _v("item.identifier"),
}
_NODE_LABEL = "item.workflow ~ ', ' ~ item.identifier"


def outdated_nodes(collection: str) -> list[Task]:
    """The tasks of ``awx/outdated_nodes.yml``: nodes that an earlier import made and this one does not.

    Also those that no longer wait for all their parents, which the module cannot tell a node that is there.
    """
    query = (
        f"query('{collection}.controller_api', 'workflow_job_template_nodes', return_all=true, query_params={{"
        "'workflow_job_template__name': awx_workflow.name, "
        "'workflow_job_template__organization__name': awx_organization})"
    )
    own = "awx_workflow_nodes | selectattr('workflow', '==', awx_workflow.name)"
    return [
        {
            "name": "Remove outdated nodes",
            f"{collection}.workflow_job_template_node": {
                "workflow_job_template": _v("awx_workflow.name"),
                "organization": _ORGANIZATION,
                "identifier": _v("item.identifier"),
                "state": "absent",
            },
            "loop": _v(query),
            "loop_control": {"label": _v("item.identifier")},
            "when": "item.identifier not in awx_wanted or "
            "(item.all_parents_must_converge and item.identifier not in awx_converging)",
            "vars": {
                "awx_wanted": _v(f"{own} | map(attribute='identifier') | list"),
                "awx_converging": _v(
                    f"{own} | selectattr('all_parents_must_converge') | map(attribute='identifier') | list"
                ),
            },
        }
    ]


def _outdated() -> Task:
    return {
        "name": "Nodes of earlier imports",
        "ansible.builtin.include_tasks": "awx/outdated_nodes.yml",
        "loop": _v("awx_workflow_job_templates"),
        "loop_control": {"loop_var": "awx_workflow", "label": _v("awx_workflow.name")},
    }


def _nodes(collection: str) -> Task:
    arguments = {
        **_NODE,
        "unified_job_template": _v("item.unified_job_template | default(omit)"),
        "lookup_organization": _v("awx_organization if item.unified_job_template is defined else omit"),
        "approval_node": _v("item.approval_node | default(omit)"),
        **_same("all_parents_must_converge"),
    }
    module = f"{collection}.workflow_job_template_node"
    return _looped("Nodes", module, arguments, "awx_workflow_nodes", _NODE_LABEL)


def _edges(collection: str) -> Task:
    arguments = {**_NODE, **_same("success_nodes", "failure_nodes", "always_nodes")}
    module = f"{collection}.workflow_job_template_node"
    return _looped("Edges", module, arguments, "awx_workflow_nodes", _NODE_LABEL)


def readme(collection: str, differences: Sequence[tuple[str, list[str]]]) -> str:
    """The text of the project's README: how to import it, and what AWX does otherwise."""
    parts = [_README.format(collection=collection)]
    for name, lines in differences:
        parts.append("\n".join([f"### {name}", "", *(f"- {line}" for line in lines), ""]))
    return "\n".join(parts)


_README = """\
# A catalog of Holdfast for AWX and AAP

`holdfast export awx` wrote this project. Change the catalog and export again rather than these files.

## Import

1. Put the folder where AWX finds it: into a git repository, or below AWX's folder of projects.
2. Look at `awx/settings.yml`: organization, project (`awx_scm_url`, or `awx_local_path` for a folder), inventory,
   credentials and execution environment. Each can be given anew with `-e`. Workflows need an inventory that exists;
   who launches one may choose another.
3. Say where AWX is, and import:

   ```console
   $ export CONTROLLER_HOST=https://awx.example.com CONTROLLER_OAUTH_TOKEN=...
   $ ansible-playbook import.yml
   ```

   It uses the modules of `{collection}`. A second import changes what has changed; nodes that are no more are removed,
   templates that are no more stay.

Jobs need the collections of `collections/requirements.yml`: AWX installs them with a git project when the organization
has a Galaxy credential; for a manual project they have to be in the execution environment. What runs the engine also
needs `ansible-runner` there, which execution environments have. Nodes have no prompt for credentials: give them by
`awx_credentials`.

## What there is

| here | in AWX |
|---|---|
| `playbooks/items/NAME.yml` | the job template of an item, with its survey; it plays on the hosts of the limit |
| `playbooks/undo/NAME.yml` | `Name (undo)`: undoes an item |
| `playbooks/nodes/BUNDLE.COMPONENT.yml` | `Bundle: component`, a node of the workflow template `Bundle`, which asks |
| `playbooks/bundles/NAME.yml` | `Name (engine)`: the whole bundle in one job, with all that AWX cannot do |
| `catalog/`, `parts/` | the documents by which the jobs know questions, conditions and arguments |
| `import.yml`, `awx/` | makes the templates |

## What AWX does otherwise

"""
