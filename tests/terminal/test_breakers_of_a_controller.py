# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two machines that share no file and ask one controller for breakers: what one learns stops the other."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.served import Served, controller

from .conftest import House

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 11) or importlib.util.find_spec("fastapi") is None, reason="the controller cannot run here"
)
HOSTS = [f"f{number}" for number in range(1, 6)]
FARMING = """
farm:
  rollout:
    hosts: farm
    batch: 1
    max_failed_hosts: 5
    components:
      work:
        item: fail
        breaker: {target: group:farm, wait_duration_in_open_state: 1h}
"""
PLAY = """
- hosts: f1:f2
  gather_facts: false
  tasks:
    - name: Ask whether the farm may be called
      holdfast.ops.circuit_breaker: {target: "group:farm"}
      when: inventory_hostname == 'f1'
    - name: Call it
      ansible.builtin.debug: {msg: "{{ 'reached ' ~ inventory_hostname }}"}
      when: inventory_hostname == 'f1'
    - name: Check what is healthy
      holdfast.ops.health_check:
        probes: [{argv: ["true"]}]
        breaker: {target: "service:repository"}
      when: inventory_hostname == 'f2'
"""


CREDENTIAL_TYPE = {
    "name": "Breakers of Holdfast",
    "kind": "cloud",
    "inputs": {
        "fields": [
            {"id": "url", "type": "string", "label": "Address of the controller"},
            {"id": "token", "type": "string", "label": "Token", "secret": True},
        ],
        "required": ["url", "token"],
    },
    "injectors": {"env": {"HOLDFAST_BREAKERS_URL": "{{ url }}", "HOLDFAST_BREAKERS_TOKEN": "{{ token }}"}},
}
"""As docs/breakers.md gives it for AAP."""
LOCAL = json.dumps({"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"})


def machine(folder: Path, served: Served) -> House:
    """A machine with a home of its own, whose breakers are the controller's."""
    folder.mkdir()
    house = House(folder)
    with house.inventory.open("a") as file:
        file.write("\n".join(["[farm]", *HOSTS, ""]))
    house.bundle("farming", FARMING)
    (folder / "play.yml").write_text(PLAY)
    house.environment.update(HOLDFAST_BREAKERS_URL=served.url, HOLDFAST_BREAKERS_TOKEN=served.token)
    return house


def started(house: House) -> list[str]:
    """The hosts on which something was started, over all runs of a machine."""
    return [host for run in house.runs() for one in house.record(run).executions.values() for host in one["hosts"]]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with controller(tmp_path / "controller", catalog=False) as found:
        yield found


def test_what_one_machine_learns_stops_the_other(served: Served, tmp_path: Path) -> None:
    first, second = machine(tmp_path / "first", served), machine(tmp_path / "second", served)
    done = first.launch("farming")
    assert done.returncode != 0 and started(first) == HOSTS[:3], done.stdout
    assert "3 of 3 calls failed" in " ".join(done.stdout.split())
    shown = served.call("GET", "/api/v2/holdfast/breakers/group:farm/")
    assert (shown["state"], shown["totals"]["failed"]) == ("open", 3)
    assert "breaker group:farm is open since" in " ".join(second.launch("farming").stdout.split())
    assert started(second) == [], "its first host is not touched"
    played = second.ansible(playbook=str(tmp_path / "second" / "play.yml"))
    assert "breaker group:farm is open since" in played.stdout and "reached f1" not in played.stdout
    assert served.call("GET", "/api/v2/holdfast/breakers/service:repository/")["totals"]["calls"] == 1
    for house in (first, second):
        assert not (house.folder / "home" / "breakers.db").exists(), "the own store has none"
        for path in house.folder.rglob("*"):
            assert not path.is_file() or served.token.encode() not in path.read_bytes(), path
    assert served.token not in json.dumps([done.stdout, played.stdout, played.stderr]) + served.log.read_text()
    served.call("POST", "/api/v2/holdfast/breakers/group:farm/reset/", {"why": "repaired"})
    assert "reached f1" in second.ansible(playbook=str(tmp_path / "second" / "play.yml")).stdout


def test_without_the_controller_nothing_is_let_through_and_a_run_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with controller(tmp_path / "controller", catalog=False) as served:
        house = machine(tmp_path / "first", served)
    played = house.ansible(playbook=str(tmp_path / "first" / "play.yml"))
    assert played.returncode != 0 and "reached f1" not in played.stdout
    assert played.stdout.count("refuses connections; see that the controller runs") >= 2, played.stdout
    begun = house.start("farming")
    assert begun.stdout is not None
    before: list[str] = []
    for line in begun.stdout:
        before.append(line)
        if "waiting: " in line:
            break
    assert f"{served.url}/api/v2/holdfast/breakers/group:farm/ask/ refuses connections" in before[-1], before
    assert started(house) == []
    with controller(tmp_path / "controller", catalog=False, port=served.port):
        rest = begun.communicate(timeout=120)[0]
        assert started(house) == HOSTS[:3], rest


def test_a_job_asks_the_controller_of_its_credential_and_otherwise_the_store_of_its_own(
    served: Served, tmp_path: Path
) -> None:
    with controller(tmp_path / "other", catalog=False) as other:

        def made(path: str, **body: Any) -> int:
            return int(other.call("POST", f"/api/v2/{path}/", body)["id"])

        def ended(*credentials: int) -> tuple[str, str]:
            """How a job ended, and all that is kept of it."""
            job = made(f"job_templates/{template}/launch", credentials=credentials)
            found = other.wait(f"/api/v2/jobs/{job}/")
            events = other.call("GET", f"/api/v2/jobs/{job}/job_events/?page_size=200")["results"]
            return found["status"], json.dumps([found, events])

        (other.projects / "plays").mkdir(parents=True)
        (other.projects / "plays" / "play.yml").write_text(PLAY)
        inventory = made("inventories", name="farm", organization=1, variables=LOCAL)
        for name in HOSTS[:2]:
            made("hosts", name=name, inventory=inventory)
        project = made("projects", name="plays", organization=1, local_path="plays")
        template = made(
            "job_templates",
            name="ask",
            inventory=inventory,
            project=project,
            playbook="play.yml",
            ask_credential_on_launch=True,
        )
        inputs = {"url": served.url, "token": served.token}
        kind = made("credential_types", **CREDENTIAL_TYPE)
        credential = made("credentials", name="breakers", organization=1, credential_type=kind, inputs=inputs)
        served.call("POST", "/api/v2/holdfast/breakers/group:farm/trip/", {"why": "it burns"})
        state, kept = ended(credential)
        assert state == "failed" and "breaker group:farm is held open by admin since" in kept, kept
        assert served.url in kept and served.token not in kept + other.log.read_text()
        assert served.call("GET", "/api/v2/holdfast/breakers/service:repository/")["totals"]["calls"] == 1
        assert other.call("GET", "/api/v2/holdfast/breakers/")["count"] == 0
        assert ended()[0] == "successful", "its own store has no open breaker"
        other.call("POST", "/api/v2/holdfast/breakers/group:farm/trip/", {"why": "it burns here too"})
        state, kept = ended()
        assert state == "failed" and "it burns here too" in kept
