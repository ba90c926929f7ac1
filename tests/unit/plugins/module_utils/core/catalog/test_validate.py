# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is accepted, what is not said twice, and that nothing at all makes the validator stumble."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.validate import Document, validate
from hypothesis import given
from hypothesis import strategies as st

ITEM = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: work}
presentation: {fields: [{name: pool}, {name: ratio, type: float}, {name: many, type: multiselect, choices: [a, b]}]}
outputs:
  - {name: url}
  - {name: count, type: integer}
  - {name: all, type: list}
  - {name: facts, type: dict}
  - {name: ok, type: boolean}
fulfillment: {automated: {role: holdfast.ops.work}}
"""
BUNDLE = """
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {name: bundle}
presentation: {fields: [{name: zone}, {name: some, type: multiselect, choices: [a]}, {name: token, type: password}]}
"""


def said(text: str, *others: str) -> list[str]:
    documents = [Document(yaml.safe_load(one), f"file{n}") for n, one in enumerate((BUNDLE + text, ITEM, *others))]
    return [problem.render() for problem in validate(documents)[1]]


ACCEPTED = {
    "a denied approval is a failure": "a: {approval: {timeout: 1h, on_timeout: approve}}\n"
    "  b: {item: work, needs: [{node: a, edge: failure}]}",
    "any join with one edge that can be met": "a: {item: work, when: '1 == 2'}\n  b: {item: work}\n"
    "  c: {item: work, needs: [a, b], join: any}",
    "waiting for what is skipped": "a: {item: work, when: 'false'}\n"
    "  b: {item: work, needs: [{node: a, states: [skipped]}]}",
    "success and recovery meet": "a: {item: work}\n  b: {item: work, needs: [{node: a, edge: failure}]}\n"
    "  c: {item: work, needs: [a, b], join: any}\n  d: {item: work, needs: [c]}",
    "always after both ends": "a: {item: work}\n  b: {item: work, needs: [{node: a, edge: failure}]}\n"
    "  c: {item: work, needs: [{node: a, edge: always}, b]}",
    "outputs from afar": "a: {item: work}\n  b: {approval: {}, needs: [a]}\n"
    "  c: {item: work, needs: [b], fields: {pool: $outputs.a.url, ratio: $outputs.a.count, many: $outputs.a.all}}",
    "parts of outputs and answers": "a: {item: work}\n"
    "  b: {item: work, needs: [a], fields: {pool: $outputs.a.facts.x.y},\n"
    "      when: \"fields.some[0] == 'a' and outputs.a.ok\"}",
    "a sibling, one before the rollout, and one inside from outside": "a: {item: work}\n"
    "  web: {needs: [a], rollout: {hosts: all, components: {in: {item: work},\n"
    "    last: {item: work, needs: [in], fields: {pool: $outputs.in.url, ratio: $outputs.a.count}}}}}\n"
    "  z: {item: work, needs: [web], fields: {pool: $outputs.web.last.url}}",
    "a password for a question, an escape, a template": "a: {item: work, fields: {pool: $fields.token}}\n"
    "  b: {item: work, fields: {pool: $$fields.nothing}}\n"
    "  c: {item: work, fields: {pool: '{{ holdfast.fields.zone }}'}}",
}


@pytest.mark.parametrize("components", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(components: str) -> None:
    assert said(f"components:\n  {components}\n") == []


CONTRADICTION = (
    "components: {a: {item: work}, b: {item: work, needs: [{node: a, edge: failure}]}, c: {item: work, needs: [a, b]}}"
)


def test_hosts_on_their_own_ways_may_end_differently() -> None:
    assert len(said(CONTRADICTION)) == 1
    assert said("orchestration: {host_flow: per_host}\n" + CONTRADICTION) == []


def test_what_never_runs_is_told_of_every_component_behind() -> None:
    chain = "a: {item: work, when: 'false'}, b: {item: work, needs: [a]}, c: {item: work, needs: [b]}"
    assert [line.split(": ")[1] for line in said(f"components: {{{chain}}}")] == ["components.b", "components.c"]


def test_overlapping_cycles_are_all_drawn_and_what_waits_for_them_is_told() -> None:
    found = said(
        "components: {a: {item: work, needs: [b]}, b: {item: work, needs: [a, c]}, c: {item: work, needs: [b]},"
        " d: {item: work, needs: [c]}}"
    )
    assert sorted(line.split(": ", 2)[2].split(" (")[0] for line in found) == [
        "can never run: it waits for components in a cycle",
        "cycle: a → b → a",
        "cycle: b → c → b",
    ]


def test_a_damaged_document_is_not_blamed_twice() -> None:
    broken = ITEM.replace("work}", "broken}").replace("{name: url}", "{nme: url}")
    components = "components: {a: {item: broken}, b: {item: broken, needs: [a], fields: {pool: $outputs.a.url, x: 1}}}"
    assert [line.split(":")[0] for line in said(components, broken)] == ["file2", "file2"]
    fields = "presentation: {fields: [{nme: zone}]}\ncomponents: {a: {item: work, hosts: $fields.zone}}"
    problems = validate(
        [Document(yaml.safe_load(ITEM)), Document(yaml.safe_load(BUNDLE.split("presentation", maxsplit=1)[0] + fields))]
    )[1]
    assert {problem.path[0] for problem in problems} == {"presentation"}


def test_every_problem_of_every_document_at_once() -> None:
    found = said(
        "orchestration: {on_failure: rolback, max_parallel: 0}\n"
        "components: {a: {item: wrk, needs: [z], timeout: 5}, b: {item: work, when: 'x >'}}",
        ITEM.replace("name: work", "name: more").replace("holdfast.ops.work", "work"),
    )
    assert [line.split(": ")[1] for line in found] == [
        "components.a.item",
        "components.a.needs[0]",
        "components.a.timeout",
        "components.b.when",
        "orchestration.max_parallel",
        "orchestration.on_failure",
        "fulfillment.automated.role",
    ]


def test_nesting_without_end_is_a_problem() -> None:
    deep: Any = "x"
    for _level in range(300):
        deep = [deep]
    document = yaml.safe_load(ITEM)
    document["fulfillment"]["automated"]["with"] = {"deep": deep}
    assert ["nested" in problem.message for problem in validate([Document(document)])[1]] == [True]


TEXTS = """a b c work $fields.zone $outputs.a.url $outputs.web.a.url $outputs $fields. false all any failure always
skipped timed_out 5m 25% node fields.zone=='x' 1==2"""
WORDS = st.sampled_from(TEXTS.split())
VALUES = st.recursive(
    WORDS | st.integers(-2, 3) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
BODY = st.fixed_dictionaries(
    {"item": st.just("work")},
    optional={
        "needs": st.lists(
            st.sampled_from(["a", "b", "c", "web"]) | st.builds(dict, node=WORDS, edge=WORDS), max_size=3
        ),
        "join": st.sampled_from(["all", "any"]),
        "when": WORDS,
        "hosts": WORDS,
        "fields": st.dictionaries(st.sampled_from(["pool", "ratio", "many"]), VALUES, max_size=2),
        "locks": VALUES,
        "timeout": VALUES,
    },
)
ROLLOUT = st.builds(
    dict, rollout=st.builds(dict, hosts=WORDS, batch=VALUES, components=st.dictionaries(WORDS, BODY, max_size=3))
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "web"]), BODY | ROLLOUT | VALUES, max_size=4), VALUES)
def test_nothing_makes_the_validator_stumble(components: Any, orchestration: Any) -> None:
    document = {**yaml.safe_load(BUNDLE), "components": components, "orchestration": orchestration}
    for problem in validate([Document(yaml.safe_load(ITEM)), Document(document)])[1]:
        assert problem.render()
