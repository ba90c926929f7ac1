# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breakers in real runs: the third failing host of ten opens one, and everybody at the store sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import outcome, states
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_store import Breakers
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch

from .conftest import House

CONTROLLER = Path(__file__).parents[2] / "extensions" / "controller"
TERMINALS = 10
ROLLOUT = """
farm:
  rollout:
    hosts: farm
    batch: 1
    max_failed_hosts: 10
    components:
      work:
        item: fail
        breaker: {target: group:farm, wait_duration_in_open_state: 1h, on_open: fallback, fallback: by_hand}
by_hand: {item: noop}
"""


def as_terminals_see_it(house: House) -> list[str]:
    """The state of the breaker, asked at ten terminals at once."""
    path = os.pathsep.join(filter(None, [str(CONTROLLER), os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", "holdfast.cli", "breakers", "show", "group:farm", "--json"]
    asked = [
        subprocess.Popen(command, env={**house.environment, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True)
        for _number in range(TERMINALS)
    ]
    return [json.loads(one.communicate(timeout=120)[0])["state"] for one in asked]


def test_the_third_failing_host_of_ten_opens_it_and_seven_are_never_touched(house: House) -> None:
    hosts = [f"f{number}" for number in range(1, 11)]
    with house.inventory.open("a") as file:
        file.write("\n".join(["[farm]", *hosts, ""]))
    house.bundle("farming", ROLLOUT)
    done = house.launch("farming")
    assert done.returncode == 0, done.stdout
    record, run = house.record(), house.the_run()
    graph = Launch.from_data(run.launch()).graph(run.id)
    started = [(one["node"], host) for one in record.executions.values() for host in one["hosts"]]
    assert started == [("farm.work", "f1"), ("farm.work", "f2"), ("farm.work", "f3"), ("by_hand", "localhost")]
    assert record.state == states.SUCCESSFUL, "its fallback has done it"
    assert record.node("farm").batches[0] == states.FAILED
    words = " ".join(done.stdout.split())
    assert "farm.work is refused on f4: breaker group:farm is open since" in words
    assert "3 of 3 calls failed" in words and "it broke on purpose" in words and "it will try again at" in words
    assert outcome.not_reached(graph, record)["farm"] == hosts[3:]
    found = Breakers(house.folder / "home").need("group:farm")
    assert found.totals == (3, 3, 0, 1)
    assert as_terminals_see_it(house) == ["open"] * TERMINALS
    again = house.launch("farming")
    assert again.returncode == 0 and "by_hand" in again.stdout
    assert len(house.record(house.runs()[1]).executions) == 1, "another run is refused before its first host"
