# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action ``circuit_breaker`` in plays: it outlives them, refuses at once, and leaves a way by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_store import Breakers

JIRA = "service:jira"
BLOCK = """
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - holdfast.ops.circuit_breaker:
            target: service:jira
            minimum_number_of_calls: 2
            wait_duration_in_open_state: 300
          register: jira
        - ansible.builtin.command:
            argv: [/bin/sh, -c, "echo called >> {{ calls }}; exit {{ status }}"]
          changed_when: true
        - holdfast.ops.circuit_breaker:
            name: service:jira
            state: report
            outcome: success
            permit: "{{ jira.permit }}"
      rescue:
        - holdfast.ops.circuit_breaker:
            target: service:jira
            state: report
            outcome: failure
            permit: "{{ jira.permit }}"
            reason: "{{ ansible_failed_result.msg }}"
        - ansible.builtin.debug:
            msg: "by hand: {{ ansible_failed_result.msg }}"
"""


class Plays:
    """Plays that share one home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Breakers(folder / "home")

    def play(self, text: str, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook on three hosts of one machine, one host after the other."""
        (self.folder / "play.yml").write_text(text, encoding="utf-8")
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "play.yml",
            "-i",
            "web1,web2,web3",
            *arguments,
        ]
        environ = {**os.environ, "HOLDFAST_HOME": str(self.folder / "home"), "ANSIBLE_NOCOLOR": "1"}
        given = {"calls": f"{self.folder}/calls", "ansible_python_interpreter": sys.executable}
        return subprocess.run(
            [*command, "-c", "local", "--forks=1", "-e", json.dumps({**given, **variables})],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> int:
        """How often the service was called."""
        path = self.folder / "calls"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture()
def plays(tmp_path: Path) -> Plays:
    return Plays(tmp_path)


def tasks(*arguments: dict[str, Any]) -> str:
    """A play of tasks that may fail."""
    steps = []
    for given in arguments:
        check = given.pop("check_mode", False)
        module = {"holdfast.ops.circuit_breaker": {"target": JIRA, **given}}
        steps.append({**module, "check_mode": check, "ignore_errors": True})
    return yaml.safe_dump([{"hosts": "web1", "gather_facts": False, "tasks": steps}])


def told(done: subprocess.CompletedProcess[str]) -> list[str]:
    """How each task ended: ok, changed, or what it said when it failed."""
    lines = [line for line in done.stdout.splitlines() if line.startswith(("ok:", "changed:", "fatal:"))]
    return [
        json.loads(line.split("=> ")[1])["msg"] if line.startswith("fatal") else line.split(":")[0] for line in lines
    ]


def test_an_open_one_refuses_and_the_rescue_goes_by_hand(plays: Plays) -> None:
    first = plays.play(BLOCK, status=1)
    assert first.returncode == 0, first.stdout
    assert plays.calls() == 3, "the three hosts had asked before the first of them failed"
    found = plays.store.need(JIRA)
    assert found.state == model.OPEN and found.totals == (3, 3, 0, 0)
    assert "non-zero return code" in found.why
    second = plays.play(BLOCK, status=0)
    assert second.returncode == 0 and plays.calls() == 3, "nobody called it again"
    words = " ".join(second.stdout.split())
    assert "by hand: breaker service:jira is open since" in words and "it will try again at" in words
    assert plays.store.need(JIRA).totals == (3, 3, 0, 3), "what was refused is not reported as a failure"


def test_success_closes_what_is_half_open(plays: Plays) -> None:
    plays.store.trip(JIRA, "it was down", "alice", wait=0.01)
    done = plays.play(BLOCK.replace("hosts: all", "hosts: web1"), status=0)
    assert done.returncode == 0 and plays.calls() == 1, done.stdout
    found = plays.store.need(JIRA)
    assert found.state == model.CLOSED and found.why == "1 of 1 trial calls succeeded"
    assert [turn.state for turn in found.history] == [model.OPEN, model.HALF_OPEN, model.CLOSED]


def test_people_decide_and_what_cannot_be_meant_is_refused(plays: Plays) -> None:
    by_hand = {"state": "open", "reason": "maintenance"}
    done = plays.play(
        tasks(
            {**by_hand, "check_mode": True},
            {},
            by_hand,
            by_hand,
            {"check_mode": True},
            {"state": "status"},
            {"state": "reset"},
            {"state": "disabled", "failure_rate_threshold": 80},
            {},
            {"target": "jira"},
            {"state": "report"},
            {"failure_rate_threshold": 0},
        )
    )
    checked, closed, opened, again, refused, status, reset, disabled, allowed, *wrong = told(done)
    assert (checked, closed) == ("changed", "ok"), "check mode opens nothing"
    assert (opened, again) == ("changed", "ok")
    assert "is held open by" in refused and "maintenance" in refused
    assert (status, reset, disabled, allowed) == ("ok", "changed", "changed", "ok")
    assert ["is no target of a breaker" in wrong[0], "needs outcome" in wrong[1]] == [True, True]
    assert wrong[2] == "failure_rate_threshold must be more than 0"
    found = plays.store.need(JIRA)
    assert found.state == model.DISABLED and found.policy.failure_rate_threshold == 80
    assert found.totals.refused == 0, "check mode counts nothing"


HEALTH = """
- hosts: web1
  gather_facts: false
  tasks:
    - holdfast.ops.health_check: &check
        probes: [{argv: [/bin/sh, -c, exit 4]}]
        retries: 1
        breaker: {target: service:jira, minimum_number_of_calls: 1}
      check_mode: true
    - holdfast.ops.health_check: *check
      ignore_errors: true
    - holdfast.ops.health_check: *check
      vars: {ansible_connection: ssh, ansible_ssh_executable: "false"}
      ignore_unreachable: true
"""


def test_a_health_check_opens_it(plays: Plays) -> None:
    plays.play(HEALTH)
    found = plays.store.need(JIRA)
    assert found.state == model.OPEN and "exit code 4, expected 0" in found.why
    assert found.totals == (2, 2, 0, 0), "nothing in check mode; a host that cannot be reached is not healthy"
    assert found.last_failure and "unreachable" in found.last_failure[1]
