# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs launched through a served controller: what is kept of them, cancelling, waiting, and what a crash leaves."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the controller is not installed")

from tests.served import FINAL, Served, controller

SITE = """---
- hosts: all
  gather_facts: false
  tasks:
    - name: say
      ansible.builtin.debug:
        msg: "{{ who }} of {{ tower_job_template_name }} as {{ awx_user_name }} knows {{ token }}"
    - name: keep
      ansible.builtin.set_stats: {data: {greeting: "hello {{ who }}"}}
      run_once: true
    - name: break
      ansible.builtin.fail: {msg: on purpose}
      when: inventory_hostname == breaks
"""
SLEEP = """---
- hosts: all
  gather_facts: false
  tasks: [{name: sleep, ansible.builtin.command: "sleep {{ naptime }}"}]
"""
FACTS = """---
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact: {colour: blue, cacheable: true}
      when: colour is not defined
    - ansible.builtin.debug: {var: colour}
"""
LOCAL = json.dumps({"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"})
SURVEY = {
    "name": "",
    "description": "",
    "spec": [{"question_name": "Token", "variable": "token", "type": "password", "required": True}],
}


class House:
    """A controller with an inventory of three hosts and templates of the plays above."""

    def __init__(self, served: Served) -> None:
        self.served = served
        folder = served.projects / "plays"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("site.yml", SITE), ("sleep.yml", SLEEP), ("facts.yml", FACTS)):
            (folder / name).write_text(text)
        self.inventory = self.made("inventories", name="Inv", organization=1, variables=LOCAL)
        for name in ("h1", "h2", "h3"):
            self.made("hosts", name=name, inventory=self.inventory, enabled=name != "h3")
        self.project = self.made("projects", name="Plays", organization=1, local_path="plays")
        self._numbers = iter(range(1000))

    def made(self, path: str, **body: Any) -> int:
        return int(self.served.call("POST", f"/api/v2/{path}/", body)["id"])

    def get(self, path: str) -> Any:
        return self.served.call("GET", f"/api/v2/{path}")

    def template(self, playbook: str, **more: Any) -> int:
        body = {"name": f"{playbook} {next(self._numbers)}", "playbook": playbook, **more}
        body = {"inventory": self.inventory, "project": self.project, "ask_variables_on_launch": True, **body}
        return self.made("job_templates", **body)

    def launch(self, template: int, **body: Any) -> int:
        return self.made(f"job_templates/{template}/launch", **body)

    def wait(self, job: int) -> dict[str, Any]:
        return self.served.wait(f"/api/v2/jobs/{job}/", every=0.05)

    def until(self, job: int, *states: str) -> None:
        deadline = time.monotonic() + 60
        while (status := self.get(f"jobs/{job}/")["status"]) not in states:
            assert status not in FINAL, f"job {job} is {status}"
            assert time.monotonic() < deadline, f"job {job} is still {status}"
            time.sleep(0.05)

    def sleeping(self, template: int, seconds: int = 300, **more: Any) -> int:
        """A job whose sleep has begun."""
        job = self.launch(template, extra_vars={"naptime": seconds}, **more)
        deadline = time.monotonic() + 60
        while not _processes(f"sleep {seconds}"):
            assert time.monotonic() < deadline, "it never slept"
            time.sleep(0.05)
        return job

    def cancel(self, job: int) -> None:
        self.served.call("POST", f"/api/v2/jobs/{job}/cancel/")


def _processes(words: str) -> list[int]:
    """The processes whose command line is exactly this."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if entry.read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace") == words:
                found.append(int(entry.parent.name))
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with controller(tmp_path_factory.mktemp("house"), catalog=False) as served:
        yield House(served)


def test_what_is_kept_of_a_job(house: House) -> None:
    template = house.template("site.yml", survey_enabled=True, extra_vars="who: everybody")
    house.served.call("POST", f"/api/v2/job_templates/{template}/survey_spec/", SURVEY)
    job = house.wait(house.launch(template, extra_vars={"token": "t0psecr3t", "breaks": "h2"}))
    assert (job["status"], job["failed"]) == ("failed", True)
    assert job["artifacts"] == {"greeting": "hello everybody"}
    assert job["host_status_counts"] == {"ok": 1, "failures": 1}
    assert job["playbook_counts"] == {"play_count": 1, "task_count": 3}
    assert job["elapsed"] > 0
    assert job["launched_by"]["name"] == "admin"
    summaries = house.get(f"jobs/{job['id']}/job_host_summaries/")["results"]
    assert {one["host_name"]: one["failed"] for one in summaries} == {"h1": False, "h2": True}
    events = house.get(f"jobs/{job['id']}/job_events/?page_size=200")["results"]
    assert [one["counter"] for one in events] == list(range(1, len(events) + 1))
    kinds = [one["event"] for one in events]
    assert (kinds[0], kinds[-1]) == ("playbook_on_start", "playbook_on_stats")
    assert kinds.count("runner_on_failed") == 1
    output = house.served.call("GET", f"/api/v2/jobs/{job['id']}/stdout/?format=json")["content"]
    name = house.get(f"job_templates/{template}/")["name"]
    assert f"everybody of {name} as admin knows" in output
    everything = json.dumps([job, events, output])
    assert "t0psecr3t" not in everything
    assert house.get(f"job_templates/{template}/")["status"] == "failed"
    again = house.wait(house.made(f"jobs/{job['id']}/relaunch", hosts="failed"))
    assert (again["limit"], again["host_status_counts"]) == ("h2", {"failures": 1})


def test_a_job_is_cancelled_within_three_seconds(house: House) -> None:
    job = house.sleeping(house.template("sleep.yml"), 301)
    begin = time.monotonic()
    house.cancel(job)
    shown = house.wait(job)
    assert time.monotonic() - begin < 3
    assert (shown["status"], shown["failed"]) == ("canceled", True)
    assert shown["canceled_on"] is not None
    assert _processes("sleep 301") == []


def test_the_next_of_a_template_begins_when_the_one_before_ends(house: House) -> None:
    template = house.template("sleep.yml")
    first = house.sleeping(template, 302)
    second = house.launch(template, extra_vars={"naptime": 0})
    waiting = house.get(f"jobs/{second}/")
    assert (waiting["status"], waiting["job_explanation"]) == ("pending", f"waiting for job-{first} to finish")
    house.cancel(first)
    ended, begun = house.wait(first), house.wait(second)
    assert begun["status"] == "successful"
    assert 0 <= _seconds(begun["started"]) - _seconds(ended["finished"]) < 1


def _seconds(moment: str) -> float:
    import datetime as dt

    return dt.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def test_a_job_that_takes_too_long_is_ended(house: House) -> None:
    job = house.wait(house.launch(house.template("sleep.yml", timeout=2), extra_vars={"naptime": 303}))
    assert (job["status"], job["failed"]) == ("failed", True)
    assert job["job_explanation"] == "Job terminated due to timeout"
    assert _processes("sleep 303") == []


def test_facts_last_from_one_job_to_the_next(house: House) -> None:
    template = house.template("facts.yml", use_fact_cache=True)
    first = house.wait(house.launch(template, limit="h1"))
    assert first["status"] == "successful", first["job_explanation"]
    host = house.get("hosts/?name=h1")["results"][0]
    assert house.get(f"hosts/{host['id']}/ansible_facts/")["colour"] == "blue"
    second = house.wait(house.launch(template))
    events = house.get(f"jobs/{second['id']}/job_events/?event=runner_on_skipped")["results"]
    assert "h1" in {one["event_data"]["host"] for one in events}


def test_what_a_killed_controller_left(tmp_path: Path) -> None:
    with controller(tmp_path, catalog=False) as served:
        house = House(served)
        template = house.template("sleep.yml")
        running = house.sleeping(template, 304)
        behind = house.launch(template, extra_vars={"naptime": 0})
        os.kill(served.pid, signal.SIGKILL)
    with controller(tmp_path, catalog=False) as served:
        house.served = served
        job = house.wait(running)
        assert (job["status"], job["event_processing_finished"]) == ("error", True)
        assert "killed" in job["job_explanation"]
        assert house.wait(behind)["status"] == "successful"
        assert _processes("sleep 304") == []
        last = house.get(f"job_templates/{template}/")
        assert (last["status"], last["summary_fields"]["last_job"]["id"]) == ("successful", behind)


def test_what_a_stopped_controller_leaves(tmp_path: Path) -> None:
    with controller(tmp_path, catalog=False) as served:
        house = House(served)
        template = house.template("sleep.yml")
        running = house.sleeping(template, 305)
        behind = house.launch(template, extra_vars={"naptime": 0})
        begin = time.monotonic()
    assert time.monotonic() - begin < 8
    assert _processes("sleep 305") == []
    with controller(tmp_path, catalog=False) as served:
        house.served = served
        job = house.get(f"jobs/{running}/")
        assert (job["status"], job["event_processing_finished"]) == ("failed", True)
        assert job["job_explanation"]
        assert house.wait(behind)["status"] == "successful"
