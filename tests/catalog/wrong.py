# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One wrong document for every named difference: the schema accepts it, the validator says what is wrong.

Each case is a bundle (or an item) on top of the same four items; ``says`` is what the one problem must hold.
"""

from __future__ import annotations

from typing import NamedTuple

ITEMS = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: work}
presentation:
  fields:
    - {name: pool, type: choice, choices: [web, api], default: web}
    - {name: port, type: integer, default: 80, min: 1}
outputs:
  - {name: url}
  - {name: key, secret: true}
  - {name: count, type: integer}
fulfillment: {automated: {role: holdfast.ops.work}}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: asks}
presentation: {fields: [{name: title, required: true}]}
fulfillment: {automated: {role: holdfast.ops.asks}}
compensation: {none: It only asks.}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: by-hand}
fulfillment: {mode: manual, manual: {instructions: Do it.}}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: guarded}
fulfillment: {automated: {role: holdfast.ops.guarded}}
guard: lkg
"""
BUNDLE = """
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {name: wrong}
presentation:
  fields:
    - {name: size, type: integer, required: true}
    - {name: name, required: true}
    - {name: maybe}
    - {name: token, type: password}
    - {name: many, type: multiselect, choices: [a, b], required: true}
"""
ITEM = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: wrong}
"""


class Case(NamedTuple):
    """A wrong document: the difference it belongs to, what follows the head above, and what is said, with its path."""

    difference: str
    text: str
    says: str
    head: str = BUNDLE


def _components(*lines: str, more: str = "") -> str:
    return more + "components:\n" + "".join(f"  {line}\n" for line in lines)


def _rollout(*lines: str) -> str:
    inner = "".join(f"        {line}\n" for line in lines)
    return f"web:\n    rollout:\n      hosts: all\n      components:\n{inner}"


A = "a: {item: work}"
CASES = (
    Case(
        "unknown-component",
        _components(A, "b: {item: work, needs: [aa]}"),
        "components.b.needs[0]: unknown component 'aa' (did you mean 'a'?)",
    ),
    Case(
        "unknown-component",
        _components(A, _rollout("b: {item: work, needs: [a]}")),
        "components.web.rollout.components.b.needs[0]: unknown component 'a' "
        "('a' is outside this rollout: let the rollout 'web' need it)",
    ),
    Case(
        "unknown-component",
        _components(_rollout("b: {item: work}"), "c: {item: work, needs: [b]}"),
        "components.c.needs[0]: unknown component 'b' ('b' is inside the rollout 'web': need 'web')",
    ),
    Case(
        "needed-twice",
        _components(A, "b: {item: work, needs: [a, {node: a, edge: failure}], join: any}"),
        "components.b.needs[1]: 'a' is needed twice",
    ),
    Case("cycle", _components("a: {item: work, needs: [b]}", "b: {item: work, needs: [a]}"), "cycle: a → b → a"),
    Case("cycle", _components("a: {item: work, needs: [a]}"), "components.a.needs[0]: cycle: a → a"),
    Case(
        "never-runs",
        _components(A, "b: {item: work, needs: [{node: a, states: [timed_out]}]}"),
        "components.b: can never run: 'a' can never end timed_out",
    ),
    Case(
        "never-runs",
        _components('a: {item: work, when: "1 > 2"}', "b: {item: work, needs: [a]}"),
        "components.b: can never run: it needs 'a', which never runs",
    ),
    Case(
        "never-runs",
        _components(A, "b: {item: work, needs: [{node: a, edge: failure}]}", "c: {item: work, needs: [a, b]}"),
        "components.c: can never run: its needs ask for ends of 'a' that exclude each other",
    ),
    Case(
        "never-runs",
        _components("a: {approval: {}}", "b: {item: work, needs: [{node: a, states: [unreachable, lost]}]}"),
        "components.b: can never run: 'a' can never end lost or unreachable",
    ),
    Case("unknown-item", _components("a: {item: wrk}"), "components.a.item: unknown item 'wrk' (did you mean 'work'?)"),
    Case(
        "no-field",
        _components("a: {item: work, fields: {prt: 1}}"),
        "components.a.fields.prt: the item 'work' has no field 'prt' (did you mean 'port'?)",
    ),
    Case("no-value", _components("a: {item: asks}"), "the item 'asks' requires the field 'title', which has no value"),
    Case(
        "may-be-missing",
        _components("a: {item: asks, fields: {title: $fields.maybe}}"),
        "components.a.fields.title: the required field 'title' may be left without a value",
    ),
    Case(
        "may-be-missing",
        _components("a: {item: work, hosts: $fields.maybe}"),
        "components.a.hosts: a host pattern may be left without a value (make the bundle's field 'maybe' required",
    ),
    Case(
        "answer-type",
        _components("a: {item: work, fields: {port: $fields.name}}"),
        "a value of type text cannot be the answer to 'port', a question of type integer (it takes: integer)",
    ),
    Case(
        "answer-type",
        _components(A, "b: {item: work, needs: [a], fields: {pool: $outputs.a.count}}"),
        "components.b.fields.pool: a value of type integer cannot be the answer to 'pool'",
    ),
    Case(
        "answer-type",
        _components("a: {item: work, hosts: $fields.many}"),
        "components.a.hosts: a value of type multiselect cannot be a host pattern",
    ),
    Case(
        "empty-answer",
        _components("a: {item: work, fields: {port: null}}"),
        "components.a.fields.port: must be the answer to 'port', a question of type integer, not nothing",
    ),
    Case("answer-refused", _components("a: {item: work, fields: {pool: db}}"), "components.a.fields.pool: "),
    Case("answer-refused", _components("a: {item: work, fields: {port: 0}}"), "components.a.fields.port: "),
    Case(
        "default-refused",
        "presentation: {fields: [{name: a, type: integer, default: 5, max: 4}]}\n"
        "fulfillment: {automated: {role: a.b.c}}\n",
        "presentation.fields[0].default: ",
        ITEM,
    ),
    Case(
        "limits",
        "presentation: {fields: [{name: a, type: integer, min: 5, max: 4}]}\nfulfillment: {automated: {role: a.b.c}}\n",
        "presentation.fields[0].max: max 4 is less than min 5",
        ITEM,
    ),
    Case(
        "choice-twice",
        "presentation: {fields: [{name: a, type: choice, choices: [b, b]}]}\nfulfillment: {automated: {role: a.b.c}}\n",
        "presentation.fields[0].choices[1]: the choice 'b' is there twice",
        ITEM,
    ),
    Case(
        "name-twice",
        "presentation: {fields: [{name: a}, {name: a}]}\nfulfillment: {automated: {role: a.b.c}}\n",
        "presentation.fields[1].name: the field 'a' is there twice",
        ITEM,
    ),
    Case(
        "name-twice",
        "outputs: [{name: a}, {name: a}]\nfulfillment: {automated: {role: a.b.c}}\n",
        "outputs[1].name: the output 'a' is there twice",
        ITEM,
    ),
    Case(
        "manual-outputs",
        "outputs: [{name: a}]\nfulfillment: {mode: manual, manual: {instructions: Do it.}}\n",
        "outputs: a manual item reports nothing",
        ITEM,
    ),
    Case(
        "manual-hosts",
        _components("a: {item: by-hand, hosts: all}"),
        "components.a.hosts: the item 'by-hand' is done by hand and runs on no hosts",
    ),
    Case(
        "no-compensation",
        _components(A, "b: {item: work}", more="orchestration: {on_failure: rollback}\n"),
        "components.a.item: the item 'work' (also used by 'b') has no compensation, and 'on_failure: rollback'",
    ),
    Case("no-compensation", _components(A, more="orchestration: {on_cancel: rollback}\n"), "'on_cancel: rollback'"),
    Case("condition", _components('a: {item: work, when: "fields.size >"}'), "components.a.when: is no expression"),
    Case("condition", _components('a: {item: work, when: "pool == 1"}'), "components.a.when: unknown name 'pool'"),
    Case(
        "unknown-field",
        _components('a: {item: work, when: "fields.sise > 1"}'),
        "components.a.when: fields.sise: unknown field 'sise' (did you mean 'size'?)",
    ),
    Case(
        "secret-in-clear",
        _components('a: {item: work, when: "secrets.x == 1"}'),
        "components.a.when: secrets.x: a secret would be shown in clear here",
    ),
    Case(
        "secret-in-clear",
        _components(A, "b: {item: work, needs: [a], when: outputs.a.key == 'x'}"),
        "components.b.when: outputs.a.key: output 'a.key' is secret and would be shown in clear here",
    ),
    Case(
        "unknown-scope",
        _components("a: {item: work, fields: {port: $field.size}}"),
        "components.a.fields.port: '$field.size': unknown scope 'field' (did you mean 'fields'?",
    ),
    Case(
        "scope-not-here",
        _components(A, "b: {item: work, needs: [a], hosts: $outputs.a.url}"),
        "components.b.hosts: $outputs.a.url: 'outputs' cannot be used here (only what is known before the run",
    ),
    Case(
        "scope-not-here",
        "fulfillment: {automated: {role: a.b.c, with: {x: [{y: $outputs.a.b}]}}}\n",
        "fulfillment.automated.with.x[0].y: $outputs.a.b: 'outputs' cannot be used here",
        ITEM,
    ),
    Case(
        "secret-in-clear",
        _components(A, more="orchestration: {locks: [[x, $fields.token]]}\n"),
        "orchestration.locks[0][1]: $fields.token: field 'token' is a password and would be shown in clear here",
    ),
    Case(
        "secret-in-clear",
        _components("web: {rollout: {hosts: all, batch: $secrets.x, components: {a: {item: work}}}}"),
        "components.web.rollout.batch: $secrets.x: a secret would be shown in clear here",
    ),
    Case(
        "reference-incomplete",
        _components(A, "b: {item: work, needs: [a], fields: {pool: $outputs.a}}"),
        "components.b.fields.pool: $outputs.a: the output of 'a' needs a name behind it ($outputs.a.NAME)",
    ),
    Case(
        "reference-malformed",
        _components("a: {item: work, fields: {pool: $fields.name and more}}"),
        "components.a.fields.pool: '$fields.name and more' is a malformed reference",
    ),
    Case("whole-scope", _components("a: {item: work, hosts: $fields}"), "'$fields' names a whole scope"),
    Case(
        "unknown-field",
        _components("a: {item: work, hosts: $fields.nme}"),
        "components.a.hosts: $fields.nme: unknown field 'nme' (did you mean 'name'?)",
    ),
    Case(
        "reference-parts",
        _components("a: {item: work, hosts: $fields.name.first}"),
        "components.a.hosts: $fields.name.first: field 'name' has no parts (write fields.name)",
    ),
    Case(
        "reference-component",
        _components(A, "b: {item: work, needs: [a], fields: {pool: $outputs.aa.url}}"),
        "components.b.fields.pool: $outputs.aa.url: unknown component 'aa' (did you mean 'a'?)",
    ),
    Case(
        "unknown-output",
        _components(A, "b: {item: work, needs: [a], fields: {pool: $outputs.a.ulr}}"),
        "components.b.fields.pool: $outputs.a.ulr: 'a' has no output 'ulr' (did you mean 'url'?)",
    ),
    Case(
        "unknown-output",
        _components(_rollout("in: {item: work}"), "b: {item: work, needs: [web], fields: {pool: $outputs.web.on.url}}"),
        "components.b.fields.pool: $outputs.web.on.url: 'web' has no component 'on'",
    ),
    Case(
        "not-before",
        _components(A, "b: {item: work, fields: {pool: $outputs.a.url}}"),
        "components.b.fields.pool: $outputs.a.url: 'a' does not come before 'b' (add it to the 'needs' of 'b')",
    ),
    Case(
        "breaker-target",
        _components("a: {item: work, breaker: {target: [db, x]}}"),
        "components.a.breaker.target: 'db:x' is no target of a breaker",
    ),
    Case(
        "breaker-policy",
        _components("a: {item: work, breaker: {target: 'host:x', sliding_window_size: 20000}}"),
        "components.a.breaker: sliding_window_size must be at most 10000 calls",
    ),
    Case(
        "breaker-fallback",
        _components("a: {item: work, breaker: {target: 'host:x', on_open: fallback}}"),
        "components.a.breaker: 'on_open: fallback' names no component (say which: fallback: NAME)",
    ),
    Case(
        "breaker-fallback",
        _components("a: {item: work, breaker: {target: 'host:x', fallback: b}}", "b: {item: work}"),
        "components.a.breaker.fallback: belongs to 'on_open: fallback'",
    ),
    Case(
        "breaker-itself",
        _components(_rollout("a: {item: work, breaker: {target: 'host:x', on_open: fallback, fallback: web}}")),
        "components.web.rollout.components.a.breaker.fallback: nothing can take over from itself",
    ),
    Case(
        "breaker-by-hand",
        _components("a: {item: by-hand, breaker: {target: 'host:x'}}"),
        "components.a.breaker: the item 'by-hand' is done by hand and asks no breaker",
    ),
    Case(
        "breaker-by-hand",
        "fulfillment: {mode: manual, manual: {instructions: Do it.}}\nbreaker: {target: 'host:x'}\n",
        "breaker: a manual item asks no breaker",
        ITEM,
    ),
    Case(
        "guard-what",
        "fulfillment: {mode: manual, manual: {instructions: Do it.}}\nguard: lkg\n",
        "guard: a manual item is under no guard (people look after what they do)",
        ITEM,
    ),
    Case(
        "guard-what",
        "fulfillment: {automated: {playbook: holdfast.ops.work}}\nguard: {lkg: {timer: 60}}\n",
        "guard: a playbook chooses hosts of its own, so no guard can play it (run a role or a module)",
        ITEM,
    ),
    Case(
        "guard-output",
        "fulfillment: {automated: {role: holdfast.ops.work}}\noutputs: [{name: lkg}]\nguard: lkg\n",
        "outputs[0].name: the guard reports an output 'lkg' of its own (give yours another name)",
        ITEM,
    ),
    Case(
        "unknown-field",
        "fulfillment: {automated: {role: holdfast.ops.work}}\nguard: {lkg: {probes: [{name: a, url: $fields.url}]}}\n",
        "guard.lkg.probes[0].url: $fields.url: unknown field 'url'",
        ITEM,
    ),
    Case(
        "unknown-field",
        "fulfillment: {automated: {role: holdfast.ops.work, with: {x: $fields.url}}}\nguard: lkg\n",
        "fulfillment.automated.with.x: $fields.url: unknown field 'url'",
        ITEM,
    ),
    Case(
        "guard-hosts",
        _components("a: {item: guarded}"),
        "components.a.item: the item 'guarded' is under a guard, and nothing guards localhost, where Holdfast itself "
        "runs (say on which hosts: hosts: PATTERN)",
    ),
    Case(
        "guard-hosts",
        _components("a: {item: guarded, hosts: localhost}"),
        "components.a.hosts: the item 'guarded' is under a guard, and nothing guards localhost",
    ),
    Case(
        "fallback-needs",
        _components(
            "a: {item: work, breaker: {target: 'host:x', on_open: fallback, fallback: b}}",
            "b: {item: work, needs: [c]}",
            "c: {item: work}",
        ),
        "components.b.needs: a fallback has no needs: it takes over from 'a' when its breaker refuses",
    ),
    Case(
        "ambiguous",
        _components(A, _rollout("a: {item: work}", "b: {item: work, needs: [a], fields: {pool: $outputs.a.url}}")),
        "$outputs.a.url: 'a' is ambiguous",
    ),
)
