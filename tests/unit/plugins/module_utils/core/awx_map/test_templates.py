# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates, nodes, edges, playbooks: what becomes of catalogs, and that nothing is left out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import (
    NodeSpec,
    TemplateSpec,
    awx_map_of,
    job_template_of,
    names,
    undo_template_of,
    workflow_of,
    wrappers,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.degradations import (
    FEATURES,
    degradations_of,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.model import Degradation, rendered
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.whole import node_objects
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Catalog
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import check_spec, check_spec_strict, from_spec

from .conftest import REPOSITORY, catalog_in, catalog_of

#: what AWX takes for the beginning of a playbook (awx/main/utils/ansible.py, as a fact about its lists)
LOOKS_LIKE_A_PLAYBOOK = re.compile(r"^\s*-?\s*(hosts|(ansible\.builtin\.)?import_playbook):", re.MULTILINE)


def named(specs: Any) -> dict[str, Any]:
    return {spec.name: spec for spec in specs}


# --- templates ---------------------------------------------------------------------------------------------------


def test_the_shipped_catalog() -> None:
    mapped = awx_map_of(catalog_in(REPOSITORY / "workflows"))
    templates = named(mapped.templates)
    deploy = templates["Deploy service"]
    assert deploy.playbook == "playbooks/items/deploy-service.yml"
    assert deploy.survey["spec"][0]["variable"] == "version"
    assert deploy.fields()["ask_limit_on_launch"] is True
    assert "Verified by role holdfast.ops.health_check." in templates["Deploy service (undo)"].description
    assert "Health check (undo)" not in templates, "its waiver says that there is nothing to undo"
    workflows = named(mapped.workflows)
    assert list(workflows) == ["Integrated maintenance", "Rolling deploy"]
    assert templates["Rolling deploy (engine)"].survey == workflows["Rolling deploy"].survey
    assert mapped.collections() == ("holdfast.ops",)
    assert {"deployment", "health", "load-balancer", "notification", "patching"} <= set(mapped.labels)


def test_every_automated_item_and_every_bundle_is_mapped(real_catalog: Catalog) -> None:
    mapped = awx_map_of(real_catalog)
    found = [names.named(spec.name) for spec in mapped.templates]
    assert [(spec.kind, spec.source, spec.component) for spec in mapped.templates] == found
    automated = {item.name for item in real_catalog.items.values() if item.mode == "automated"}
    undone = {name for name in automated if undo_template_of(real_catalog.items[name])}
    assert {one.name for one in found if one and one.kind == names.ITEM} == automated
    assert {one.name for one in found if one and one.kind == names.UNDO} == undone
    assert {one.name for one in found if one and one.kind == names.ENGINE} == set(real_catalog.bundles)
    assert {workflow.bundle for workflow in mapped.workflows} == set(real_catalog.bundles)
    assert len(named(mapped.templates)) == len(mapped.templates)
    assert set(mapped.by_hand) == set(real_catalog.items) - automated


def test_awx_takes_every_survey(real_catalog: Catalog) -> None:
    mapped = awx_map_of(real_catalog)
    surveys = [spec.survey for spec in (*mapped.templates, *mapped.workflows) if spec.survey]
    assert surveys
    for survey in surveys:
        assert check_spec(survey) == check_spec_strict(survey) == []


def test_a_survey_has_the_fields_again() -> None:
    item = catalog_in(REPOSITORY / "tests/catalog/examples").items["every-key"]
    survey = job_template_of(item).survey
    kept = [field if field.max != 1.5 else replace(field, max=None) for field in item.fields]  # AWX: whole numbers only
    assert [replace(again, label=again.label or again.name) for again in from_spec(survey)] == kept


def test_no_password_stands_in_a_survey() -> None:
    questions = [{"name": "token", "type": "password", "default": "hush"}]
    catalog = catalog_of("it: {item: look}", presentation={"fields": questions})
    assert "hush" not in str(awx_map_of(catalog).workflows[0].survey)


def test_only_what_a_job_asks_may_be_given_to_it(real_catalog: Catalog) -> None:
    for spec in awx_map_of(real_catalog).templates:
        assert "ask_variables_on_launch" not in spec.fields(), "answers only: a variable could be a connection"
        if spec.kind == names.NODE:
            assert not spec.survey
            assert not spec.fields()["ask_limit_on_launch"]


def test_one_bundle_brings_its_items_only() -> None:
    catalog = catalog_of("it: {item: look}")
    mapped = awx_map_of(catalog, ["it"])
    assert sorted(named(mapped.templates)) == ["It (engine)", "It: it", "Look"]
    with pytest.raises(HoldfastError, match=r"no bundle 'itt' \(did you mean 'it'"):
        awx_map_of(catalog, ["itt"])


# --- nodes and edges ---------------------------------------------------------------------------------------------


def node(nodes: tuple[NodeSpec, ...], identifier: str) -> NodeSpec:
    return next(one for one in nodes if one.identifier == identifier)


def test_the_rolling_deployment_as_a_workflow() -> None:
    catalog = catalog_in(REPOSITORY / "workflows")
    nodes = workflow_of(catalog.bundles["rolling-deploy"], catalog).nodes
    assert [(one.identifier, one.all_parents_must_converge, one.success, one.failure) for one in nodes] == [
        ("before", False, ("in_place", "beside", "recreate"), ()),
        ("preflight", False, ("in_place", "beside", "recreate"), ()),
        ("in_place", True, ("smoke",), ("tell_rollback", "(failed)")),
        ("beside", True, ("smoke",), ("tell_rollback", "(failed)")),
        ("recreate", True, ("smoke",), ("tell_rollback", "(failed)")),
        ("smoke", False, ("tell_success",), ("tell_rollback", "(failed)")),
        ("tell_success", False, (), ()),
        ("tell_rollback", False, (), ()),
        ("(failed)", False, (), ()),
    ]
    assert {one.always for one in nodes} == {()}
    assert node(nodes, "in_place").template == "Rolling deploy: in_place"


@pytest.mark.parametrize(
    ("need", "edges"),
    [
        ("a", {"success": True}),
        ("{node: a, edge: failure}", {"failure": True}),
        ("{node: a, edge: always}", {"always": True}),
        ("{node: a, states: [successful]}", {"success": True}),
        ("{node: a, states: [successful, skipped]}", {"success": True}),
        ("{node: a, states: [failed, error]}", {"failure": True, "watched": True}),
        ("{node: a, states: [failed, skipped]}", {"always": True, "watched": True}),
        ("{node: a, states: [successful, failed]}", {"always": True, "watched": True}),
    ],
)
def test_edges(need: str, edges: dict[str, bool]) -> None:
    catalog = catalog_of(f"a: {{item: look}}\nb: {{item: look, needs: [{need}]}}")
    nodes = workflow_of(catalog.bundles["it"], catalog).nodes
    parent = nodes[0]
    for kind in ("success", "failure", "always"):
        assert ("b" in getattr(parent, kind)) is edges.get(kind, False)
    assert (names.END_NODE in parent.failure) is edges.get("watched", False)
    assert (names.END_NODE in [one.identifier for one in nodes]) is edges.get("watched", False)


def test_a_handled_failure_stays_handled() -> None:
    catalog = catalog_of(
        "a: {item: look}\nb: {item: look, needs: [{node: a, states: [failed]}]}\n"
        "c: {item: look, needs: [{node: a, edge: failure}]}"
    )
    nodes = workflow_of(catalog.bundles["it"], catalog).nodes
    assert [one.identifier for one in nodes] == ["a", "b", "c"]


def test_people_are_asked_by_approvals() -> None:
    catalog = catalog_of(
        "a: {approval: {timeout: 3d, message: 'Is it fine?'}, description: Look}\n"
        "b: {item: by-hand, needs: [a], timeout: 1h}"
    )
    objects = node_objects(workflow_of(catalog.bundles["it"], catalog))
    assert [one.get("approval_node") for one in objects] == [
        {"name": "It: a", "description": "Look. Is it fine?", "timeout": 259200},
        {"name": "It: b", "description": "Move the cable. Asked is them.", "timeout": 3600},
    ]
    assert all("unified_job_template" not in one for one in objects)


def test_timeouts_are_whose_they_are() -> None:
    catalog = catalog_of("a: {item: look, timeout: 5m}\nb: {item: look, timeout: 5m, retries: {count: 1}}")
    templates = named(workflow_of(catalog.bundles["it"], catalog).templates)
    assert templates["It: a"].timeout == 300
    assert templates["It: b"].timeout == 0, "the engine ends an attempt, and makes the next"


def test_every_edge_leads_to_a_node_that_comes_later(real_catalog: Catalog) -> None:
    for workflow in awx_map_of(real_catalog).workflows:
        order = [one.identifier for one in workflow.nodes]
        for one in workflow.nodes:
            for child in (*one.success, *one.failure, *one.always):
                assert order.index(child) > order.index(one.identifier)


# --- playbooks ---------------------------------------------------------------------------------------------------


def test_every_template_has_a_playbook_that_awx_lists(real_catalog: Catalog) -> None:
    mapped = awx_map_of(real_catalog)
    playbooks = mapped.playbooks()
    assert set(playbooks) == {spec.playbook for spec in mapped.templates}
    for path, plays in playbooks.items():
        assert {"roles", "tasks", "group_vars", "host_vars"}.isdisjoint(path.split("/")), "AWX looks for none there"
        assert plays
        assert all("hosts" in play or "import_playbook" in play for play in plays)


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for child in value.values() for text in _texts(child)}
    if isinstance(value, list):
        return {text for child in value for text in _texts(child)}
    return {value} if isinstance(value, str) else set()


def test_no_text_of_a_document_stands_in_a_playbook() -> None:
    evil = "{{ lookup('pipe', 'id') }}"
    catalog = catalog_of(
        f'it: {{item: tell, description: "{evil}", fields: {{text: "{evil}"}}, when: "\'{{ x }}\' == \'lookup\'"}}',
        metadata={"name": "it", "title": evil, "description": evil},
    )
    texts = {text for plays in awx_map_of(catalog).playbooks().values() for text in _texts(plays)}
    assert not any("lookup" in text for text in texts)


def test_an_item_plays_on_the_limit_or_here() -> None:
    catalog = catalog_of("it: {item: change}")
    plays = wrappers.undo_plays(catalog.items["change"])
    assert [play["hosts"] for play in plays] == ["localhost:all", *["{{ ansible_limit | default('localhost') }}"] * 2]
    assert [task["name"] for play in plays for task in play["tasks"]] == [
        "Take in the answers",
        "Role example.test.unchange",
        "Module ansible.builtin.ping",
    ]


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("example.test.play", "example.test.play"),
        ("playbooks/undo.yml", "../../playbooks/undo.yml"),
        ("/srv/x.yml", "/srv/x.yml"),
    ],
)
def test_a_playbook_is_imported(name: str, imported: str) -> None:
    item = catalog_of("it: {item: look}").items["look"]
    assert item.action is not None
    plays = wrappers.item_plays(replace(item, action=replace(item.action, kind="playbook", name=name)))
    assert plays[-1] == {"name": "Look", "import_playbook": imported}
    assert plays[0]["tasks"][1]["no_log"] is True, "loaded answers may be secret"


# --- degradations ------------------------------------------------------------------------------------------------

EVERYTHING = """
a: {item: report, retries: {count: 1}, locks: [[x]]}
b: {needs: [a], when: outputs.a.ready, rollout: {hosts: web, components: {look: {approval: {quorum: 2}}}}}
c: {approval: {four_eyes: true, timeout: 1h, on_timeout: approve}, needs: [a, b], when: 1 == 1}
d: {item: by-hand, needs: [{node: c, states: [failed, skipped]}]}
e: {item: change, needs: [a, d], join: any}
f: {item: tell, needs: [a], fields: {text: $secrets.x}}
g: {item: file, needs: [a], breaker: {target: service:files}}
"""


def everything() -> Catalog:
    catalog = catalog_of(
        EVERYTHING.replace("g: {item: file", "g: {item: look"),
        orchestration={"on_failure": "rollback", "on_cancel": "rollback", "host_flow": "per_host", "max_parallel": 2},
        presentation={"fields": [{"name": "x", "type": "float", "max": 0.5}, {"name": "y", "type": "password"}]},
    )
    look = catalog.items["look"]
    assert look.action is not None
    by_path = replace(look, action=replace(look.action, kind="playbook", name="mine.yml"))
    return replace(catalog, items={**catalog.items, "look": by_path})


def test_every_degradation_is_found_where_it_is() -> None:
    catalog = everything()
    found = degradations_of(catalog.bundles["it"], catalog)
    where: dict[str, list[str]] = {}
    for one in found:
        where.setdefault(one.feature, []).append(one.component)
    assert where == {
        "rollout": ["b"],
        "when": ["b"],
        "when of people's work": ["c"],
        "join": ["c"],
        "states": ["d"],
        "after a skipped node": ["d"],
        "retries": ["a"],
        "rollback": [""],
        "rollback on cancel": [""],
        "per-host flow": [""],
        "locks": [""],
        "breakers": ["g"],
        "max_parallel": [""],
        "quorum": ["b.look"],
        "four eyes": ["c"],
        "approve on timeout": ["c"],
        "approval in an any join": ["e"],
        "approval in a rollout": ["b.look"],
        "work by hand": ["d"],
        "outputs": ["b"],
        "secrets": ["f"],
        "masking": [""],
        "survey limits": [""],
        "playbooks by path": ["g"],
        "resume": [""],
        "limit": [""],
    }
    assert list(where) == list(FEATURES), "in the order of the table, and all of it"


def test_a_plain_bundle_loses_only_what_every_one_loses() -> None:
    catalog = catalog_of("a: {item: look, hosts: web}\nb: {item: look, needs: [{node: a, edge: failure}]}")
    assert [one.feature for one in degradations_of(catalog.bundles["it"], catalog)] == ["resume", "limit"]


def test_descriptions_tell_every_degradation(real_catalog: Catalog) -> None:
    mapped = awx_map_of(real_catalog)
    for spec in (*mapped.workflows, *mapped.templates):
        assert isinstance(spec, TemplateSpec) or spec.degradations
        for line in rendered(spec.degradations):
            assert f"\n- {line}" in spec.description


def test_one_feature_is_told_once() -> None:
    found = [Degradation("a", "when", "x"), Degradation("b", "when", "x"), Degradation("", "resume", "y")]
    assert rendered(found) == ["when (a, b): x", "resume: y"]
