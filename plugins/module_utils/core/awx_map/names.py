# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that things of the catalog have in AWX, and the way back.

A name follows from the catalog's own name alone, so that an export, a second export and a sync agree on it, and no two
things get the same: ``rolling-deploy`` is the workflow template ``Rolling deploy``, the job template ``Rolling deploy
(engine)`` runs it as one job, ``Rolling deploy: in_place`` is one of its nodes, and the item ``drain`` is the job
template ``Drain``, undone by ``Drain (undo)``.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

ITEM = "item"
UNDO = "undo"
NODE = "node"
ENGINE = "engine"
END = "end"
WORKFLOW = "workflow"

END_FAILED = "Holdfast: end as failed"
"""The job template of the node that keeps a failure from counting as handled."""
END_NODE = "(failed)"
"""The identifier of that node; no component can have this name."""
END_PLAYBOOK = "playbooks/end_failed.yml"

_SUFFIXES = {UNDO: " (undo)", ENGINE: " (engine)"}
_MARKER = "holdfast_node_"
_DASH = re.compile(r"(?<!-)-(?=[a-z0-9_])")
_WORDS = re.compile(r"[A-Z][a-z0-9_ -]*")
_COMPONENT = re.compile(r"[a-z][a-z0-9_-]*")


class Named(NamedTuple):
    """What a template stands for: its kind, the name in the catalog, and of a node the component."""

    kind: str
    name: str
    component: str = ""


def title(name: str) -> str:
    """A catalog's name as people read it: ``rolling-deploy`` is ``Rolling deploy``; an underscore stays one.

    Only a dash between words becomes a space: AWX cuts spaces at the end of a name.
    """
    return name[:1].upper() + _DASH.sub(" ", name[1:])


def name_of(title_: str) -> str:
    """The catalog's name that ``title`` was made of."""
    return title_[:1].lower() + title_[1:].replace(" ", "-")


def template(kind: str, name: str, component: str = "") -> str:
    """The name of a template of this kind."""
    if kind == END:
        return END_FAILED
    return f"{title(name)}: {component}" if component else title(name) + _SUFFIXES.get(kind, "")


def named(template_name: str, workflow: bool = False) -> Optional[Named]:
    """What a template's name stands for, None for a name that this mapping never gives.

    Job templates and workflow templates have names of their own each; ``workflow`` says which one it is.
    """
    if template_name == END_FAILED:
        return None if workflow else Named(END, "")
    words, colon, component = template_name.partition(": ")
    kind = WORKFLOW if workflow else ITEM
    if colon:
        kind = NODE
    for each, suffix in _SUFFIXES.items():
        if not colon and words.endswith(suffix):
            kind, words = each, words[: -len(suffix)]
    wrong = not _WORDS.fullmatch(words) or (colon and not _COMPONENT.fullmatch(component))
    return None if wrong or (workflow and kind != WORKFLOW) else Named(kind, name_of(words), component)


def playbook(kind: str, name: str, component: str = "") -> str:
    """The path in the project of the playbook that a template of this kind plays."""
    if kind == END:
        return END_PLAYBOOK
    # A dot never stands in a name, and AWX looks for no playbooks in folders called tasks or roles.
    return f"playbooks/{_FOLDERS[kind]}/{name}{'.' + component if component else ''}.yml"


_FOLDERS = {ITEM: "items", UNDO: "undo", NODE: "nodes", ENGINE: "bundles"}


def item_document(name: str) -> str:
    """The path in the project of an item's document."""
    return f"catalog/items/{name}.yml"


def bundle_document(name: str) -> str:
    """The path in the project of a bundle's document."""
    return f"catalog/bundles/{name}.yml"


def part_document(bundle: str, component: str) -> str:
    """The path in the project of the document with which the engine runs one component."""
    return f"parts/{bundle}.{component}.yml"


def marker(node: str) -> str:
    """The job artifact in which a node leaves its state and its outputs: a name that is a variable's.

    Names have no capital letters, so ``_D_`` can stand for a dash.
    """
    return _MARKER + node.replace("-", "_D_")


def marked(variable: str) -> Optional[str]:
    """The node whose marker a variable is, None when it is none."""
    return variable[len(_MARKER) :].replace("_D_", "-") if variable.startswith(_MARKER) else None
