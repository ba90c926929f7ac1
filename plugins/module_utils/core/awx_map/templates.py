# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job templates: of items, of their undo, of a bundle that runs as one job, and of the nodes of a workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import names
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.carriers import why_engine
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.degradations import (
    FEATURES,
    item_degradations,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.model import (
    Degradation,
    TemplateSpec,
    rendered,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Bundle,
    Catalog,
    Component,
    Field,
    Item,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import to_spec

ASKED_OF_NODES = frozenset({"inventory", "verbosity"})
"""What a workflow may hand to the jobs of its nodes: its inventory. Nothing that changes what they do."""
ASKED_OF_ENGINES = ASKED_OF_NODES | {"credential", "limit"}
ASKED_OF_ITEMS = ASKED_OF_ENGINES | {"diff_mode", "job_type"}
_PLAYS = "It plays on the hosts of the limit; without a limit, where the job runs."


def job_template_of(item: Item) -> TemplateSpec:
    """The job template of an automated item: its questions are its survey, its hosts the limit."""
    found = item_degradations(item)
    return TemplateSpec(
        name=names.template(names.ITEM, item.name),
        kind=names.ITEM,
        source=item.name,
        playbook=names.playbook(names.ITEM, item.name),
        description=described([item.title, item.description, _PLAYS], found),
        labels=item.labels,
        survey=survey_of(item.fields, names.title(item.name), item.description),
        asks=ASKED_OF_ITEMS,
        degradations=found,
    )


def undo_template_of(item: Item) -> Optional[TemplateSpec]:
    """The job template that undoes an item, None for an item without an undo. It asks what the item asks."""
    compensation = item.compensation
    if compensation is None or compensation.action is None:
        return None
    verified = f"Verified by {_run(compensation.verify)}." if compensation.verify else ""
    says = [f"Undoes {names.template(names.ITEM, item.name)}: {_run(compensation.action)}.", verified, _PLAYS]
    found = item_degradations(item)
    return TemplateSpec(
        name=names.template(names.UNDO, item.name),
        kind=names.UNDO,
        source=item.name,
        playbook=names.playbook(names.UNDO, item.name),
        description=described(says, found),
        labels=item.labels,
        survey=survey_of(item.fields, names.template(names.UNDO, item.name), ""),
        asks=ASKED_OF_ITEMS,
        degradations=found,
    )


def engine_template_of(bundle: Bundle) -> TemplateSpec:
    """The job template that runs a whole bundle, engine and all, in one job."""
    says = (
        "Runs the whole bundle in one job by Holdfast's own engine, as it runs everywhere; nothing is done otherwise."
    )
    kept = "Records, locks and approvals of other runs are seen where jobs share a HOLDFAST_STORE."
    return TemplateSpec(
        name=names.template(names.ENGINE, bundle.name),
        kind=names.ENGINE,
        source=bundle.name,
        playbook=names.playbook(names.ENGINE, bundle.name),
        description=described([bundle.title, bundle.description, says, kept], _limits(bundle)),
        labels=bundle.labels,
        survey=survey_of(bundle.fields, names.title(bundle.name), bundle.description),
        asks=ASKED_OF_ENGINES,
        degradations=_limits(bundle),
    )


def node_template_of(bundle: Bundle, catalog: Catalog, component: Component) -> TemplateSpec:
    """The job template of a component that is no approval: it asks nothing, the workflow answers."""
    item = catalog.items.get(component.item)
    why = why_engine(bundle, catalog, component)
    what = f"Carries out {names.template(names.ITEM, item.name)}." if item is not None else ""
    who = f"The job runs Holdfast's engine, because {why}." if why else ""
    says = [component.description, what, who, f"A node of {names.title(bundle.name)}; launch that."]
    return TemplateSpec(
        name=names.template(names.NODE, bundle.name, component.name),
        kind=names.NODE,
        source=bundle.name,
        component=component.name,
        playbook=names.playbook(names.NODE, bundle.name, component.name),
        description=described(says, ()),
        labels=bundle.labels,
        asks=ASKED_OF_NODES,
        timeout=0 if why else round(component.timeout or 0),
    )


def end_template() -> TemplateSpec:
    """The job template of the node that ends a workflow as failed."""
    says = (
        "Fails always: it stands behind nodes whose failure others only look at, so that it does not count as handled."
    )
    return TemplateSpec(
        name=names.END_FAILED,
        kind=names.END,
        source="",
        playbook=names.END_PLAYBOOK,
        description=says,
        asks=ASKED_OF_NODES,
        allow_simultaneous=True,
    )


# --- parts -------------------------------------------------------------------------------------------------------


def survey_of(fields: Sequence[Field], name: str, description: str) -> dict[str, Any]:
    """The survey_spec of questions as AWX takes it.

    Limits that are no whole numbers and defaults of passwords stay behind: AWX refuses the ones, and nobody should put
    the others into a form. The job fills in what is left out and checks every answer again.
    """
    spec = to_spec(fields, name, description)
    for question in spec.get("spec", ()):
        for limit in ("min", "max"):
            if isinstance(question.get(limit), float):
                del question[limit]
        if question["type"] == "password":
            question.pop("default", None)
    return spec


def described(says: Sequence[str], found: Sequence[Degradation]) -> str:
    """A description of sentences, and then every degradation on a line of its own."""
    text = " ".join(_sentence(each) for each in says if each.strip())
    lines = [f"- {line}" for line in rendered(found)]
    return "\n".join([text, *(["", "Otherwise than in Holdfast:"] if lines else []), *lines])


def _sentence(text: str) -> str:
    words = " ".join(text.split())
    return words if words.endswith((".", "!", "?", ":", ";")) else f"{words}."


def _run(action: Action) -> str:
    return f"{action.kind} {action.name}"


def _limits(bundle: Bundle) -> tuple[Degradation, ...]:
    limits: Mapping[str, bool] = {
        field.name: True
        for field in bundle.fields
        for limit in (field.min, field.max)
        if isinstance(limit, float) and not limit.is_integer()
    }
    return (Degradation("", "survey limits", FEATURES["survey limits"].instead),) if limits else ()
