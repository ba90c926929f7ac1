# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs and workflows of the controller beside the same playbooks run bare: one, a burst, a chain, a fan-out."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.served import BIN, Refused, Served, controller

PLAYBOOK = "- hosts: all\n  gather_facts: false\n  tasks: [{debug: {msg: done}}]\n"
ALLOWED = 1.3
AWX = {"one": 2.5, "a burst of 20": 5.1, "a chain of 5": 3.0, "a fan-out of 10 with a join": 4.3}
ROUNDS = 3


def prepare(served: Served) -> int:
    """A job template that plays a trivial playbook on localhost; gives its id."""
    folder = served.home / "projects" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trivial.yml").write_text(PLAYBOOK)
    project = served.call("POST", "/api/v2/projects/", {"name": "Bench", "organization": 1, "local_path": "bench"})
    inventory = served.call("POST", "/api/v2/inventories/", {"name": "Bench", "organization": 1})
    host = {"name": "localhost", "variables": "ansible_connection: local"}
    served.call("POST", f"/api/v2/inventories/{inventory['id']}/hosts/", host)
    template = {
        "name": "Trivial", "project": project["id"], "inventory": inventory["id"], "playbook": "trivial.yml",
        "allow_simultaneous": True,
    }  # fmt: skip
    return int(served.call("POST", "/api/v2/job_templates/", template)["id"])


def launched(served: Served, template: int) -> int:
    """Launch, wait for the end, and give the id of the job."""
    job = served.call("POST", f"/api/v2/job_templates/{template}/launch/", {})
    _wait(served, job["url"])
    return int(job["id"])


def cancel_all(served: Served) -> None:
    """Cancel what waits or runs, so that the controller ends soon."""
    while jobs := served.call("GET", "/api/v2/jobs/?status__in=pending,waiting,running&page_size=200")["results"]:
        for job in jobs:
            try:
                served.call("POST", f"{job['url']}cancel/")
            except Refused:
                continue  # it has ended meanwhile
        time.sleep(0.2)


def _wait(served: Served, url: str, every: float = 0.05) -> dict[str, Any]:
    while True:
        job: dict[str, Any] = served.call("GET", url)
        if job["finished"]:
            if job["status"] != "successful":
                raise SystemExit(f"{url} {job['status']}: {job['job_explanation']}")
            return job
        time.sleep(every)


def _until(job: dict[str, Any], began: float) -> float:
    """Seconds until the moment at which a job says that it finished."""
    return dt.datetime.fromisoformat(job["finished"].replace("Z", "+00:00")).timestamp() - began


def _one(served: Served, template: int) -> float:
    began = time.time()
    job = served.call("POST", f"/api/v2/job_templates/{template}/launch/", {})
    return _until(_wait(served, job["url"]), began)


def _burst(served: Served, template: int) -> float:
    began = time.time()
    jobs = [served.call("POST", f"/api/v2/job_templates/{template}/launch/", {}) for _number in range(20)]
    return max(_until(_wait(served, job["url"], 0.2), began) for job in jobs)


def _workflow(served: Served, template: int, name: str, layers: list[int]) -> int:
    workflow = served.call("POST", "/api/v2/workflow_job_templates/", {"name": name, "organization": 1})
    before: list[int] = []
    for width in layers:
        rows = []
        for _place in range(width):
            node = {"unified_job_template": template, "all_parents_must_converge": True}
            made = served.call("POST", f"/api/v2/workflow_job_templates/{workflow['id']}/workflow_nodes/", node)
            rows.append(int(made["id"]))
            for parent in before:
                served.call("POST", f"/api/v2/workflow_job_template_nodes/{parent}/success_nodes/", {"id": rows[-1]})
        before = rows
    return int(workflow["id"])


def _run_workflow(served: Served, workflow: int) -> float:
    began = time.time()
    job = served.call("POST", f"/api/v2/workflow_job_templates/{workflow}/launch/", {})
    return _until(_wait(served, job["url"], 0.2), began)


def _bare(folder: Path, layers: list[int], at_once: int) -> float:
    (folder / "trivial.yml").write_text(PLAYBOOK)
    command = [str(BIN / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(folder / "trivial.yml")]
    environment = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "0"}

    def play(_place: int) -> None:
        subprocess.run(command, env=environment, capture_output=True, check=True)

    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        for width in layers:
            list(pool.map(play, range(width)))
    return time.perf_counter() - began


def report() -> None:
    """Print every ratio; the best of three rounds counts, bare and ours in turns."""
    print("jobs and workflows beside the same playbooks run bare (launch to finished)")
    at_once = max(4, 4 * (os.cpu_count() or 1))
    with controller(HOLDFAST_JOB_SLOTS=str(at_once)) as served:
        template = prepare(served)
        chain = _workflow(served, template, "Chain", [1] * 5)
        fan = _workflow(served, template, "Fan", [1, 10, 1])
        cases: list[tuple[str, Callable[[], float], list[int]]] = [
            ("one", lambda: _one(served, template), [1]),
            ("a burst of 20", lambda: _burst(served, template), [20]),
            ("a chain of 5", lambda: _run_workflow(served, chain), [1] * 5),
            ("a fan-out of 10 with a join", lambda: _run_workflow(served, fan), [1, 10, 1]),
        ]
        for name, run, layers in cases:
            pairs = [(_bare(served.home, layers, at_once), run()) for _round in range(ROUNDS)]
            bare, ours = (min(one) for one in zip(*pairs, strict=True))
            print(
                f"  {name}: {ours:.2f} s, bare {bare:.2f} s: {ours / bare:.2f} x (allowed {ALLOWED}, AWX {AWX[name]})"
            )
