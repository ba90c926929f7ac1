# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows from a terminal: what they do, what they refuse, what they say."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states

from .conftest import House, left_over, outputs_of, played

ROLL = """
before: {item: say, hosts: web}
roll:
  needs: [before]
  rollout:
    hosts: web
    batch: 2
    components:
      drain: {item: noop}
      change: {item: CHANGE, needs: [drain]}
"""
ROLLBACK = {"on_failure": "rollback", "rollback_scope": "batch"}
TEMPLATE = "{{ lookup('pipe', 'id') }}"


def test_a_rollout_runs_batch_by_batch(house: House) -> None:
    done = house.launch(house.bundle("roll", ROLL.replace("CHANGE", "noop")))
    assert done.returncode == 0, done.stdout
    record = house.record()
    assert record.state == states.SUCCESSFUL
    assert [(entry["node"], entry["hosts"]) for entry in record.executions.values()] == [
        ("before", ["w1", "w2", "w3"]),
        ("roll.drain", ["w1", "w2"]),
        ("roll.change", ["w1", "w2"]),
        ("roll.drain", ["w3"]),
        ("roll.change", ["w3"]),
    ]
    assert left_over(house.the_run()) == []


def test_a_failed_batch_is_undone_and_the_next_never_begins(house: House) -> None:
    done = house.launch(house.bundle("roll", ROLL.replace("CHANGE", "fail"), orchestration=ROLLBACK))
    assert done.returncode == 2
    assert house.record().state == states.ROLLED_BACK
    assert "roll.change failed on w1, w2: ansible.builtin.fail: it broke on purpose" in done.stdout
    assert "undone: roll.drain on w1, w2" in done.stdout
    assert "w3" in done.stdout.partition("not touched")[2]
    assert not any("w3" in entry["hosts"] for entry in house.record().executions.values() if entry["node"] != "before")


def test_text_from_a_host_stays_text_two_nodes_later(house: House) -> None:
    components = """
    one: {item: say}
    two: {item: say, needs: [one], fields: {text: $outputs.one.stdout}}
    three: {item: say, needs: [two], fields: {text: $outputs.two.stdout}}
    """
    name = house.bundle(
        "chain",
        "\n".join(line[4:] for line in components.splitlines()),
        presentation={"fields": [{"name": "text", "label": "Text"}]},
    )
    done = house.launch(name, text=TEMPLATE)
    assert done.returncode == 0, done.stdout
    assert outputs_of(house.record(), "three") == {"stdout": TEMPLATE}
    everything = "".join(path.read_text() for path in house.the_run().path.rglob("*") if path.is_file())
    assert "uid=" not in everything + done.stdout


def test_answers_given_to_the_action_are_templates_of_its_author(house: House) -> None:
    name = house.bundle("one", "one: {item: say}", presentation={"fields": [{"name": "text", "label": "Text"}]})
    play = house.folder / "own.yml"
    task = {"holdfast.ops.workflow": {"workflow": name, "fields": {"text": "{{ 'a' ~ 'b' }}"}}, "register": "done"}
    words = "it ended {{ done.state }} as {{ done.run }} in {{ done.path }}, "
    words += "having said {{ done.outputs.one[0].stdout }}"
    told = {"ansible.builtin.debug": {"msg": words}}
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task, told]}]))
    done = house.ansible(playbook=str(play))
    assert done.returncode == 0, done.stdout
    assert outputs_of(house.record(), "one") == {"stdout": "ab"}
    run = house.the_run()
    assert f"it ended successful as {run.id} in {run.path}, having said ab" in done.stdout


def test_limit_narrows_every_node_and_the_first_host_need_not_be_reachable(house: House) -> None:
    house.inventory.write_text("dead ansible_host=127.0.0.1 ansible_port=1\n" + house.inventory.read_text())
    name = house.bundle("roll", ROLL.replace("CHANGE", "noop"))
    done = house.launch(name, "--limit", "w2:dead")
    assert done.returncode == 0, done.stdout
    assert {tuple(entry["hosts"]) for entry in house.record().executions.values()} == {("w2",)}


def test_a_limit_that_leaves_nothing_is_refused(house: House) -> None:
    done = house.launch(house.bundle("roll", ROLL.replace("CHANGE", "noop")), "--limit", "d1")
    assert done.returncode == 2
    assert "--limit leaves no host of this bundle" in done.stdout + done.stderr
    assert house.runs() == []


def test_an_empty_inventory_plays_on_localhost(house: House) -> None:
    house.bundle("local", "one: {item: noop}\ntwo: {item: noop, needs: [one]}")
    done = house.ansible("-e", "workflow=local", inventory=False)
    assert done.returncode == 0, done.stdout
    assert {tuple(entry["hosts"]) for entry in house.record().executions.values()} == {("localhost",)}


def test_the_plan_touches_nothing(house: House) -> None:
    name = house.bundle("roll", ROLL.replace("CHANGE", "noop"), orchestration=ROLLBACK)
    done = house.launch(name, "--check")
    assert done.returncode == 0, done.stdout
    assert "batch 1: w1, w2" in done.stdout
    assert house.runs() == []


def test_checked_nodes_drive_nothing(house: House) -> None:
    components = "first: {item: fail}\nsecond: {item: noop, needs: [first]}\nthird: {item: wait, needs: [second]}"
    done = house.launch(house.bundle("checked", components), "--check", "-e", "check_nodes=true")
    assert done.returncode == 2
    assert "check of first: failed on localhost" in done.stdout
    assert "check of second: successful on localhost" in done.stdout
    assert "check of third: successful on localhost" in done.stdout
    assert house.runs() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-e", "workflow=rol"], "no workflow 'rol' (did you mean 'roll'?)"),
        (["-e", "workflow=./nowhere.yml"], "no workflow file ./nowhere.yml"),
        ([], "which workflow?"),
        (["-e", "workflow=roll", "-e", '{"fields": {"txt": 1}}'], "fields.txt: there is no question 'txt'"),
        (["-e", "workflow=roll", "-e", '{"fields": [1]}'], "fields must be a mapping"),
        (["-e", "workflow=nowhere"], "components.a.hosts: host pattern 'moon' matches no host"),
        (["-e", "workflow=broken"], "components.b.needs[0]"),
        (["-e", "resume=20200101-000000-000-abcdef"], "there is no run '20200101-000000-000-abcdef'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_touched(house: House, arguments: list[str], said: str) -> None:
    house.bundle("roll", ROLL.replace("CHANGE", "noop"))
    house.bundle("nowhere", "a: {item: noop, hosts: moon}")
    house.bundle("broken", "a: {item: noop}\nb: {item: noop, needs: [bb]}")
    done = house.ansible(*arguments)
    assert done.returncode == 2
    assert said in done.stdout + done.stderr
    assert house.runs() == []


def test_an_unreachable_host_is_told_with_what_to_do_next(house: House) -> None:
    house.inventory.write_text(
        house.inventory.read_text() + "[far]\nf1 ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\n"
    )
    done = house.launch(house.bundle("far", "reach: {item: ping, hosts: 'far,w1'}"))
    assert done.returncode == 2
    assert house.record().node("reach").hosts == {"f1": states.UNREACHABLE, "w1": states.SUCCESSFUL}
    run = house.the_run()
    assert "reach unreachable on f1" in done.stdout
    assert "Connection refused" in done.stdout
    assert f"(-e resume={run.id})" in done.stdout + done.stderr


def test_a_handled_failure_is_no_failure_of_the_run(house: House) -> None:
    done = house.launch(house.bundle("handled", "a: {item: fail}\nb: {item: noop, needs: [{node: a, edge: failure}]}"))
    assert done.returncode == 0, done.stdout
    assert played(house.record()) == [("a", states.FAILED), ("b", states.SUCCESSFUL)]


def test_a_failed_run_goes_on_where_it_stopped(house: House) -> None:
    components = "a: {item: noop}\nb: {item: FAIL, needs: [a]}\nc: {item: noop, needs: [b]}"
    flag = house.folder / "flag"
    (house.folder / "catalog" / "needs-flag.yml").write_text(
        "apiVersion: holdfast.ops/v1\nkind: CatalogItem\nmetadata: {name: needs-flag}\n"
        "fulfillment: {mode: automated, automated: {module: ansible.builtin.command,"
        f" with: {{argv: [test, -e, {flag}]}}}}}}\n"
        "compensation: {none: it only looks}\n"
    )
    house.launch(house.bundle("flagged", components.replace("FAIL", "needs-flag")))
    first = house.the_run()
    assert played(house.record(first)) == [("a", states.SUCCESSFUL), ("b", states.FAILED)]
    flag.touch()
    done = house.ansible("-e", f"resume={first.id}")
    assert done.returncode == 0, done.stdout
    second = house.runs()[1]
    record = house.record(second)
    assert record.run["resumed_from"] == first.id
    fresh = [entry["node"] for entry in record.executions.values() if not entry.get("copied")]
    assert fresh == ["b", "c"]
    again = house.ansible("-e", f"resume={first.id}")
    assert again.returncode == 2
    assert f"was resumed as run {second.id}" in again.stdout + again.stderr


def test_options_of_the_command_line_reach_the_plays(house: House) -> None:
    show = house.folder / "show.yml"
    show.write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.set_stats:\n        aggregate: false\n"
        "        data: {seen: '{{ ansible_forks }} {{ ansible_run_tags }} {{ marker }} {{ ansible_user }}"
        " {{ ansible_verbosity }} {{ other is defined }}'}\n      tags: [mine]\n"
        "    - ansible.builtin.fail: {msg: this has another tag}\n      tags: [another]\n"
    )
    vault = house.folder / "pw"
    vault.write_text("swordfish")
    encrypted = house.folder / "group_vars" / "web.yml"
    encrypted.parent.mkdir()
    encrypted.write_text("marker: from the vault\n")
    program = Path(house.command()[0]).with_name("ansible-vault")
    os.spawnve(os.P_WAIT, str(program), [str(program), "encrypt", "--vault-id", f"prod@{vault}", str(encrypted)],
               house.environment)  # fmt: skip
    (house.folder / "catalog" / "show.yml").write_text(
        "apiVersion: holdfast.ops/v1\nkind: CatalogItem\nmetadata: {name: show}\n"
        f"fulfillment: {{mode: automated, automated: {{playbook: {show}}}}}\n"
        "outputs: [{name: seen}]\ncompensation: {none: it only looks}\n"
    )
    done = house.launch(
        house.bundle("shown", "one: {item: show, hosts: w1}"),
        "--forks", "3", "--tags", "mine", "--vault-id", f"prod@{vault}", "-v",
        "-e", "ansible_user=somebody", "-e", "other=not passed on",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert outputs_of(house.record(), "one")["seen"] == "3 ['mine'] from the vault somebody 1 False"
    assert "one | " in done.stdout


def test_no_secret_is_left_anywhere(house: House) -> None:
    secret = "correct-horse-battery"
    shout = house.folder / "shout.yml"
    shout.write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.fail: {msg: 'the token {{ token }} and {{ ansible_password }} are wrong'}\n"
    )
    (house.folder / "catalog" / "shout.yml").write_text(
        "apiVersion: holdfast.ops/v1\nkind: CatalogItem\nmetadata: {name: shout}\n"
        "presentation: {fields: [{name: token, label: Token, type: password}]}\n"
        f"fulfillment: {{mode: automated, automated: {{playbook: {shout}, with: {{token: $fields.token}}}}}}\n"
        "compensation: {none: it only talks}\n"
    )
    name = house.bundle(
        "secret", "one: {item: shout, hosts: w1}",
        presentation={"fields": [{"name": "token", "label": "Token", "type": "password", "required": True}]},
    )  # fmt: skip
    extra = house.folder / "extra.yml"
    extra.write_text(json.dumps({"ansible_password": f"{secret}-2", "fields": {"token": secret}}))
    done = house.launch(name, "-e", f"@{extra}")
    assert done.returncode == 2
    assert "the token $encrypted$ and $encrypted$ are wrong" in done.stdout.replace("$encrypted$-2", "$encrypted$")
    run = house.the_run()
    everything = [path for path in house.store.store.rglob("*") if path.is_file()]
    assert everything
    assert [path for path in everything if secret in path.read_text(errors="replace")] == []
    assert all(not stat.S_IMODE(path.stat().st_mode) & 0o077 for path in run.path.rglob("*"))
    again = house.ansible("-e", f"resume={run.id}")
    assert "secret answers are not stored; give again: token" in again.stdout + again.stderr
