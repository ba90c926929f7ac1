# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eighteen times ``kill -9``: a served controller is killed at any moment while workflows run, and started again."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import random
import signal
import threading
import urllib.error
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.served import FINAL, Served, controller

SEEDS, KILLS = 2, 9
LONGEST = 3.0
"""Seconds that a controller lives at most after it has answered for the first time."""
STEP = "echo begin {{ awx_job_id }} >> TRACE; sleep 0.2; echo end {{ awx_job_id }} >> TRACE"
OF_ITEM, OF_PLAY = (STEP.replace("TRACE", f"{{{{ {name} }}}}") for name in ("holdfast.fields.trace", "trace"))
CATALOG = f"""
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {{name: step}}
presentation: {{fields: [{{name: trace, label: Trace, required: true}}]}}
fulfillment:
  mode: automated
  automated: {{module: ansible.builtin.shell, with: {{cmd: "{OF_ITEM}"}}}}
compensation:
  automated: {{module: ansible.builtin.shell, with: {{cmd: "{OF_ITEM}"}}}}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {{name: break}}
fulfillment: {{mode: automated, automated: {{module: ansible.builtin.fail, with: {{msg: on purpose}}}}}}
compensation: {{none: it does nothing}}
---
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {{name: forth}}
presentation: {{fields: [{{name: trace, label: Trace, required: true}}]}}
components:
  a: {{item: step}}
  b: {{item: step, needs: [a]}}
  c: {{item: step, needs: [a]}}
  z: {{item: step, needs: [b, c]}}
---
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {{name: back}}
presentation: {{fields: [{{name: trace, label: Trace, required: true}}]}}
orchestration: {{on_failure: rollback}}
components: {{a: {{item: step}}, b: {{item: step, needs: [a]}}, z: {{item: break, needs: [b]}}}}
"""
PLAYBOOK = f"""---
- hosts: all
  gather_facts: false
  tasks: [{{ansible.builtin.shell: "{OF_PLAY}"}}]
"""
LOCAL = "{ansible_connection: local, ansible_python_interpreter: '{{ ansible_playbook_python }}'}"


class Life:
    """A controller that is killed again and again, and what was launched on all of its lives."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.home = folder / "home"
        self.trace = folder / "trace"
        self.trace.touch()
        self.random = random.Random(seed)
        self.catalog = folder / "catalog"
        self.catalog.mkdir()
        (self.catalog / "kills.yml").write_text(CATALOG)
        self.launched: list[str] = []
        """Addresses of the jobs whose launch was answered."""
        with self.serve() as served:
            self.launches = self._prepare(served)

    def serve(self) -> contextlib.AbstractContextManager[Served]:
        """The next life."""
        return controller(self.home, HOLDFAST_CATALOG=str(self.catalog))

    def _prepare(self, served: Served) -> list[str]:
        """A template, a drawn workflow and two bundles: where each is launched."""

        def make(path: str, **fields: Any) -> int:
            return int(served.call("POST", f"/api/v2/{path}/", fields)["id"])

        folder = served.projects / "kills"
        folder.mkdir(parents=True)
        (folder / "step.yml").write_text(PLAYBOOK)
        project = make("projects", name="Kills", organization=1, local_path="kills")
        inventory = make("inventories", name="Kills", organization=1)
        make(f"inventories/{inventory}/hosts", name="here", variables=LOCAL)
        more = {"allow_simultaneous": True, "ask_variables_on_launch": True}
        step = make(
            "job_templates", name="Drawn step", project=project, inventory=inventory, playbook="step.yml", **more
        )
        flow = make("workflow_job_templates", name="Drawn", organization=1, **more)
        nodes = [
            make(f"workflow_job_templates/{flow}/workflow_nodes", unified_job_template=step, identifier=name)
            for name in "abz"
        ]
        for parent, child in itertools.pairwise(nodes):
            served.call("POST", f"/api/v2/workflow_job_template_nodes/{parent}/always_nodes/", {"id": child})
        bundles = [
            served.only(f"/api/v2/workflow_job_templates/?name__iexact={name}")["id"] for name in ("forth", "back")
        ]
        workflows = [f"/api/v2/workflow_job_templates/{one}/launch/" for one in (flow, *bundles)]
        return [f"/api/v2/job_templates/{step}/launch/", *workflows]

    def live(self) -> None:
        """Serve, launch something, and be killed at any moment of it or after."""
        with self.serve() as served:
            served.token  # noqa: B018 - asked for before the clock runs
            killer = threading.Timer(self.random.uniform(0, LONGEST), os.kill, (served.pid, signal.SIGKILL))
            killer.start()
            for path in self.random.sample(self.launches, k=self.random.choice((1, 2))):
                self._launch(served, path)
            killer.join()

    def _launch(self, served: Served, path: str) -> None:
        with contextlib.suppress(urllib.error.URLError, http.client.HTTPException, ConnectionError):
            job = served.call("POST", path, {"extra_vars": {"trace": str(self.trace)}})
            self.launched.append(job["url"])

    def counted(self, word: str) -> Counter[int]:
        """How often the plays of each job said a word."""
        lines = (line.split() for line in self.trace.read_text().splitlines())
        return Counter(int(number) for said, number in lines if said == word)


@pytest.fixture
def lives(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Life, Served]]:
    """After all the kills: the last controller, which nobody kills, once everything has ended."""
    life = Life(tmp_path, request.param)
    for _unused in range(KILLS):
        life.live()
    with life.serve() as served:
        for address in life.launched:
            served.wait(address)
        yield life, served


def everything(served: Served, path: str) -> list[dict[str, Any]]:
    """All rows of a list."""
    rows, following = [], f"/api/v2/{path}"
    while following:
        page = served.call("GET", following)
        rows += page["results"]
        following = page["next"]
    return rows


@pytest.mark.parametrize("lives", range(SEEDS), indirect=True, ids=str)
def test_nothing_is_lost_and_nothing_runs_twice(lives: tuple[Life, Served]) -> None:
    life, served = lives
    assert len(life.launched) >= KILLS / 2, "it was killed before it could be asked for anything"
    jobs = everything(served, "jobs/?page_size=200&order_by=id")
    workflows = everything(served, "workflow_jobs/?page_size=200&order_by=id")

    # Nothing is open: what was launched without an answer has ended as well.
    assert {job["status"] for job in (*jobs, *workflows)} <= set(FINAL)
    # No play begins twice, none that had ended is repeated, and who ended well had really run.
    begun, ended = life.counted("begin"), life.counted("end")
    assert set(begun.values()) <= {1} and set(ended.values()) <= {1}
    assert {job["id"] for job in jobs if job["status"] == "successful"} <= set(ended)
    interrupted = [job for job in jobs if job["status"] == "error"]
    assert all("killed" in job["job_explanation"] for job in interrupted)
    assert {job["status"] for job in jobs if job["name"] != "back: z"} <= {"successful", "error", "failed"}

    for job in workflows:
        nodes = served.call("GET", f"/api/v2/workflow_jobs/{job['id']}/workflow_nodes/?page_size=200")["results"]
        states = {one["identifier"]: one["summary_fields"].get("job", {}).get("status") for one in nodes}
        if job["name"] == "Drawn":
            # A drawn node that was interrupted is in error, and its edges are taken, to the last node.
            assert set(states.values()) <= {"successful", "error"} and states["z"] in ("successful", "error")
            assert job["status"] == ("successful" if states["z"] == "successful" else "failed")
        else:
            # A node of a bundle is done again, so that it ends as if nobody had killed anything.
            assert job["status"] == ("successful" if job["name"].lower() == "forth" else "failed"), states
