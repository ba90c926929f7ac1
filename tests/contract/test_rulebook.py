# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-rulebook launches what its rules say, and goes on with what came of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.contract.clients import Clients
from tests.contract.stage import Stage

RULES = [
    {
        "name": "Rules of the contract",
        "hosts": "all",
        "sources": [
            {
                "eda.builtin.generic": {
                    "payload": [{"alarm": "disk"}, {"alarm": "fire"}],
                    "event_delay": 1,
                    "shutdown_after": 25,
                }
            }
        ],
        "rules": [
            {
                "name": "a job",
                "condition": 'event.alarm == "disk"',
                "action": {
                    "run_job_template": {
                        "name": "Hello",
                        "organization": "Default",
                        "job_args": {"extra_vars": {"who": "a rule"}},
                        "set_facts": True,
                        "delay": 0,
                    }
                },
            },
            {
                "name": "a workflow",
                "condition": 'event.alarm == "fire"',
                "action": {"run_workflow_template": {"name": "Flow", "organization": "Default"}},
            },
            {
                "name": "what came of the job",
                "condition": 'fact.greeting == "hi a rule"',
                "action": {"debug": {"msg": "THE JOB SAID {{ event.greeting }}"}},
            },
        ],
    }
]


@pytest.mark.slow
def test_rules_launch_jobs_and_workflows(clients: Clients, stage: Stage, tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("ansible-rulebook needs Java 17")
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(RULES, sort_keys=False))
    (tmp_path / "hosts").write_text("localhost\n")
    jobs = f"/api/v2/jobs/?unified_job_template={stage.hello}&order_by=-id"
    flows = f"/api/v2/workflow_jobs/?unified_job_template={stage.flow}&order_by=-id"
    before = stage.served.call("GET", flows)["count"]
    done = clients.run(
        stage.served,
        [
            *(clients.bin / "ansible-rulebook", "--rulebook", "rules.yml", "-i", "hosts", "--verbose"),
            *("--controller-url", stage.served.url, "--controller-token", stage.served.token),
        ],
        cwd=tmp_path,
        more={"EDA_JOB_TEMPLATE_REFRESH_DELAY": "1"},
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "THE JOB SAID hi a rule" in done.stdout, done.stdout[-4000:]
    launched = [job for job in stage.served.call("GET", jobs)["results"] if "a rule" in job["extra_vars"]]
    assert [job["status"] for job in launched] == ["successful"]
    assert "ansible_eda" in launched[0]["extra_vars"]
    runs = stage.served.call("GET", flows)
    assert runs["count"] == before + 1
    assert stage.served.wait(runs["results"][0]["url"])["status"] == "successful"
