# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who carries a node out, and the bundles that the engine gets for one."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import carriers, parts
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.whole import awx_map_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Catalog, Component

from .conftest import catalog_of, sound


def component(catalog: Catalog, name: str) -> Component:
    return next(one for one in catalog.bundles["it"].components if one.name == name)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{item: look}", ""),
        ("{item: look, hosts: web, when: 1 == 1, timeout: 5m}", ""),
        ("{item: change}", ""),
        ("{approval: {}}", ""),
        ("{item: by-hand}", ""),
        ("{item: look, retries: {count: 1}}", carriers.RETRIES),
        ("{item: look, locks: [[pool]]}", carriers.LOCKS),
        ("{item: play}", carriers.PLAYBOOK),
        ("{item: report}", ""),
        ("{rollout: {hosts: web, components: {one: {item: look}}}}", carriers.ROLLOUT),
    ],
)
def test_what_one_play_can_do_ansible_does(body: str, why: str) -> None:
    catalog = catalog_of(f"it: {body}")
    assert carriers.why_engine(catalog.bundles["it"], catalog, component(catalog, "it")) == why


def test_an_undo_takes_the_engine() -> None:
    catalog = catalog_of("it: {item: change}\nlook: {item: look}", orchestration={"on_failure": "rollback"})
    assert carriers.why_engine(catalog.bundles["it"], catalog, component(catalog, "it")) == carriers.UNDO
    assert carriers.why_engine(catalog.bundles["it"], catalog, component(catalog, "look")) == ""


def test_an_output_must_not_pass_for_an_answer() -> None:
    catalog = catalog_of("it: {item: report}", presentation={"fields": [{"name": "url"}]})
    assert carriers.why_engine(catalog.bundles["it"], catalog, component(catalog, "it")) == carriers.NAMES


READERS = """
a: {item: report}
b: {item: report, needs: [a]}
c: {item: tell, needs: [b], fields: {text: $outputs.a.url}}
d: {item: look, needs: [c], when: outputs.b.url == 'x'}
e:
  needs: [d]
  rollout:
    hosts: web
    components:
      z: {item: tell, when: "outputs.b.ready"}
      f: {item: report}
      g: {item: tell, needs: [f], fields: {text: $outputs.f.url}}
h: {item: tell, needs: [e], fields: {text: $outputs.e.f.url}}
"""


@pytest.mark.parametrize(
    ("name", "read"),
    [("a", ""), ("c", "a"), ("d", "b"), ("e", "b"), ("h", "e")],
)
def test_whose_outputs_a_component_reads(name: str, read: str) -> None:
    catalog = catalog_of(READERS)
    assert carriers.outputs_read(catalog.bundles["it"], component(catalog, name)) == frozenset(read)


def test_a_part_means_what_the_whole_meant() -> None:
    catalog = catalog_of(READERS)
    part = parts.part_of(catalog.bundles["it"], catalog, component(catalog, "e"))
    assert part.handed == ("b",)
    assert [one.name for one in part.bundle.components] == ["b", "e"]
    assert [need.node for need in part.bundle.components[1].needs] == ["b"]
    assert part.bundle.fields[-1].name == parts.handed_in("b") == "reported_b"
    assert [output.name for output in part.items[0].outputs] == ["url", "ready"], "the secret one stays where it is"


def test_a_rollout_is_handed_in_with_its_parts() -> None:
    catalog = catalog_of(READERS.replace("{item: tell, needs: [e],", "{item: tell, needs: [e], retries: {count: 1},"))
    part = parts.part_of(catalog.bundles["it"], catalog, component(catalog, "h"))
    stand_in = part.bundle.components[0]
    assert stand_in.rollout is not None
    assert [(one.name, one.item) for one in stand_in.rollout.components] == [("f", "e-f-reported")]


def test_every_part_of_every_catalog_is_sound(real_catalog: Catalog) -> None:
    documents = awx_map_of(real_catalog).documents()
    items = [one for path, found in documents.items() if path.startswith("catalog/items/") for one in found]
    parts_ = {path: found for path, found in documents.items() if path.startswith("parts/")}
    assert parts_
    for found in parts_.values():
        own = {one["metadata"]["name"] for one in found if one["kind"] == "CatalogItem"}
        sound([*found, *(one for one in items if one["metadata"]["name"] not in own)])


SECRETS = """
a: {item: report}
b: {item: tell, needs: [a], fields: {text: $outputs.a.key}}
c: {needs: [b], rollout: {hosts: web, components: {d: {item: tell, fields: {text: $outputs.a.key}}}}}
"""


def test_secret_outputs_cannot_travel() -> None:
    catalog = catalog_of(SECRETS)
    problems = parts.problems_of(catalog.bundles["it"], catalog)
    assert [problem.render().split(" (")[0] for problem in problems] == [
        "components.b: reads 'a.key', which is a secret output of another component",
        "components.c.rollout.components.d: reads 'a.key', which is a secret output of another component",
    ]
    mapped = awx_map_of(catalog)
    assert mapped.workflows == ()
    assert list(mapped.refused) == ["it"]
    assert "It (engine)" in [spec.name for spec in mapped.templates]
    assert "It: a" not in [spec.name for spec in mapped.templates]
