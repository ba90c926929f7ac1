# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything of a catalog in AWX at once: its templates, and the files of the project that they play."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import names, parts, wrappers
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.carriers import walk, why_engine
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.model import JOB, TemplateSpec, WorkflowSpec
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.templates import (
    engine_template_of,
    job_template_of,
    undo_template_of,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.workflows import workflow_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.document import bundle_document, item_document
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action, Bundle, Catalog, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem, ProblemsFound, did_you_mean

_OF_ANSIBLE = ("ansible.builtin", "ansible.legacy")
OURS = "holdfast.ops"


@dataclass(frozen=True)
class AwxMap:
    """What a catalog becomes.

    ``templates`` are all job templates, ``workflows`` the workflow templates. ``refused`` are bundles that cannot be
    workflows, each with the reasons; they have their template that runs the engine. ``by_hand`` are items that only
    people do: they have no job template.
    """

    catalog: Catalog
    templates: tuple[TemplateSpec, ...]
    workflows: tuple[WorkflowSpec, ...]
    refused: Mapping[str, tuple[Problem, ...]]
    by_hand: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, each once, in order."""
        found = {label for template in self.templates for label in template.labels}
        return tuple(sorted(found.union(*(workflow.labels for workflow in self.workflows))))

    def playbooks(self) -> dict[str, list[wrappers.Play]]:
        """The playbooks of the project by path."""
        return {spec.playbook: self._plays(spec) for spec in self.templates}

    def _plays(self, spec: TemplateSpec) -> list[wrappers.Play]:
        if spec.kind == names.END:
            return wrappers.end_plays()
        if spec.kind in (names.ITEM, names.UNDO):
            item = self.catalog.items[spec.source]
            return wrappers.item_plays(item) if spec.kind == names.ITEM else wrappers.undo_plays(item)
        bundle = self.catalog.bundles[spec.source]
        if spec.kind == names.ENGINE:
            return wrappers.engine_plays(bundle)
        component = next(one for one in bundle.components if one.name == spec.component)
        return wrappers.node_plays(bundle, self.catalog, component)

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """The documents of the project by path: the catalog, and the parts that the engine runs."""
        found = {names.item_document(item.name): [item_document(item)] for item in self.catalog.items.values()}
        for bundle in self.catalog.bundles.values():
            found[names.bundle_document(bundle.name)] = [bundle_document(bundle)]
        for workflow in self.workflows:
            bundle = self.catalog.bundles[workflow.bundle]
            for component in bundle.components:
                if why_engine(bundle, self.catalog, component):
                    part = parts.part_of(bundle, self.catalog, component)
                    path = names.part_document(bundle.name, component.name)
                    found[path] = [bundle_document(part.bundle), *(item_document(item) for item in part.items)]
        return found

    def collections(self) -> tuple[str, ...]:
        """The collections that the playbooks need, Holdfast's own among them."""
        names_ = {action.name for item in self.catalog.items.values() for action in _actions(item)}
        found = {".".join(name.split(".")[:2]) for name in names_ if not name.endswith((".yml", ".yaml"))}
        return tuple(sorted({*found, OURS} - {*_OF_ANSIBLE}))


def awx_map_of(catalog: Catalog, bundles: Optional[Collection[str]] = None) -> AwxMap:
    """What a sound catalog becomes in AWX; with ``bundles`` only these and the items they use.

    Raises HoldfastError for the name of a bundle that does not exist.
    """
    chosen = catalog if bundles is None else _chosen(catalog, bundles)
    templates: list[TemplateSpec] = []
    for _name, item in sorted(chosen.items.items()):
        if item.mode != "manual":
            undo = undo_template_of(item)
            templates += [job_template_of(item), *([undo] if undo else [])]
    workflows, refused = [], {}
    for _name, bundle in sorted(chosen.bundles.items()):
        templates.append(engine_template_of(bundle))
        try:
            workflow = workflow_of(bundle, chosen)
        except ProblemsFound as found:
            refused[bundle.name] = found.problems
            continue
        workflows.append(workflow)
        templates += workflow.templates
    once = {spec.name: spec for spec in templates}
    by_hand = tuple(sorted(item.name for item in chosen.items.values() if item.mode == "manual"))
    return AwxMap(chosen, tuple(once.values()), tuple(workflows), refused, by_hand)


def _chosen(catalog: Catalog, bundles: Iterable[str]) -> Catalog:
    kept: dict[str, Bundle] = {}
    used: set[str] = set()
    for name in bundles:
        if name not in catalog.bundles:
            raise HoldfastError(f"the catalog has no bundle '{name}' ({did_you_mean(name, catalog.bundles)})")
        kept[name] = catalog.bundles[name]
        used |= {component.item for component, _name in walk(kept[name].components)}
    return Catalog({name: catalog.items[name] for name in sorted(used & set(catalog.items))}, kept)


def _actions(item: Item) -> list[Action]:
    undo = item.compensation
    inner = item.guard.action if item.guard is not None else None
    actions = (item.action, inner, undo.action if undo else None, undo.verify if undo else None)
    return [action for action in actions if action is not None]


# --- objects, as the modules of awx.awx take them ----------------------------------------------------------------


def template_object(spec: TemplateSpec) -> dict[str, Any]:
    """A job template for ``awx.awx.job_template``."""
    return {**spec.fields(), "survey_spec": dict(spec.survey), "labels": list(spec.labels)}


def workflow_object(spec: WorkflowSpec) -> dict[str, Any]:
    """A workflow template for ``awx.awx.workflow_job_template``."""
    return {**spec.fields(), "survey_spec": dict(spec.survey), "labels": list(spec.labels)}


def node_objects(spec: WorkflowSpec) -> list[dict[str, Any]]:
    """The nodes of a workflow for ``awx.awx.workflow_job_template_node``."""
    found = []
    for node in spec.nodes:
        what: dict[str, Any] = {"unified_job_template": node.template}
        if node.kind != JOB:
            approval = {"name": node.template, "description": node.description, "timeout": node.timeout}
            what = {"approval_node": approval}
        found.append(
            {
                "workflow": spec.name,
                "identifier": node.identifier,
                **what,
                "all_parents_must_converge": node.all_parents_must_converge,
                "success_nodes": list(node.success),
                "failure_nodes": list(node.failure),
                "always_nodes": list(node.always),
            }
        )
    return found
