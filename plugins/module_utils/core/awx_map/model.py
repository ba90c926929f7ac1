# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalog becomes in AWX, as values. Field names are those of AWX's API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

JOB = "job"
APPROVAL = "approval"

_ASKS = ("inventory", "credential", "limit", "verbosity", "diff_mode", "job_type")


@dataclass(frozen=True)
class Degradation:
    """Something that AWX does otherwise than Holdfast.

    ``component`` is where it shows (empty: in the whole bundle), ``feature`` a key of ``degradations.FEATURES``,
    ``instead`` what AWX does.
    """

    component: str
    feature: str
    instead: str


def rendered(found: Iterable[Degradation]) -> list[str]:
    """Lines for people: each feature once, with all the components it shows in."""
    places: dict[tuple[str, str], list[str]] = {}
    for one in found:
        places.setdefault((one.feature, one.instead), []).extend([one.component] if one.component else [])
    lines = []
    for (feature, instead), where in places.items():
        shown = f" ({', '.join(dict.fromkeys(where))})" if where else ""
        lines.append(f"{feature}{shown}: {instead}")
    return lines


@dataclass(frozen=True)
class TemplateSpec:
    """A job template. ``kind`` is one of ``names``; ``source`` names the item or bundle, ``component`` its part.

    ``asks`` are prompts on launch without the words ask and on_launch. ``survey`` is a survey_spec, ``{}`` for none.
    ``timeout`` is in seconds, 0 for none.
    """

    name: str
    kind: str
    source: str
    playbook: str
    component: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    survey: Mapping[str, Any] = field(default_factory=dict)
    asks: frozenset[str] = frozenset()
    job_type: str = "run"
    verbosity: int = 0
    timeout: int = 0
    allow_simultaneous: bool = False
    degradations: tuple[Degradation, ...] = ()

    def fields(self) -> dict[str, Any]:
        """The fields of the API that the catalog decides on; survey and labels have end points of their own."""
        return {
            "name": self.name,
            "description": self.description,
            "job_type": self.job_type,
            "playbook": self.playbook,
            "verbosity": self.verbosity,
            "timeout": self.timeout,
            "allow_simultaneous": self.allow_simultaneous,
            "survey_enabled": bool(self.survey),
            **{f"ask_{name}_on_launch": name in self.asks for name in _ASKS},
        }


@dataclass(frozen=True)
class NodeSpec:
    """A node of a workflow template. ``kind`` is job or approval.

    A job node runs the job template ``template``; an approval has ``template`` for its name, with ``description`` and
    ``timeout`` (seconds, 0 for none). ``item`` names the item it carries out, if it is one. The edges name the nodes
    they lead to.
    """

    identifier: str
    kind: str
    template: str
    item: str = ""
    description: str = ""
    timeout: int = 0
    all_parents_must_converge: bool = False
    success: tuple[str, ...] = ()
    failure: tuple[str, ...] = ()
    always: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkflowSpec:
    """A workflow template with its nodes in an order in which parents come first, and the job templates they need."""

    name: str
    bundle: str
    description: str
    labels: tuple[str, ...]
    survey: Mapping[str, Any]
    nodes: tuple[NodeSpec, ...]
    templates: tuple[TemplateSpec, ...]
    degradations: tuple[Degradation, ...]

    def fields(self) -> dict[str, Any]:
        """The fields of the API that the catalog decides on."""
        return {
            "name": self.name,
            "description": self.description,
            "allow_simultaneous": False,
            "survey_enabled": bool(self.survey),
            "ask_inventory_on_launch": True,
            "ask_limit_on_launch": False,
            "ask_variables_on_launch": False,
        }
