# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's rollouts, launched and watched with ``awx`` as the documentation says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.acceptance.controlled import WORKFLOW, bring_inventory
from tests.contract.clients import Clients
from tests.served import controller

from lab import HAPROXY_MISSING, PATH, Lab, collections_path  # isort: skip


@pytest.mark.slow
def test_a_bundle_is_launched_and_monitored(clients: Clients, tmp_path: Path) -> None:
    if not shutil.which("haproxy", path=PATH):
        pytest.skip(HAPROXY_MISSING)
    with (
        Lab(tmp_path / "lab") as lab,
        controller(tmp_path / "home", ANSIBLE_COLLECTIONS_PATH=collections_path()) as served,
    ):
        bring_inventory(served, lab.inventory)
        launch = ("workflow_job_templates", "launch", WORKFLOW, "--inventory", "Lab", "--monitor", "--extra_vars")
        good = clients.awx(served, *launch, json.dumps({"pool": "app1", "version": "2"}))
        assert good.returncode == 0, good.stdout
        first, *others = lab.names
        versions = {first: "2", **dict.fromkeys(others, "1")}
        assert lab.versions() == versions
        ended = re.findall(r"↳ \d+ - (.+) (\w+)\n", good.stdout)
        assert {status for _name, status in ended} == {"successful"}
        assert len([name for name, _status in ended if name.endswith("deploy")]) == 1

        bad = clients.awx(served, *launch, json.dumps({"pool": "app", "version": "3"}))
        assert bad.returncode == 1, bad.stdout
        assert lab.versions() == versions
        job = served.call("GET", "/api/v2/workflow_jobs/?order_by=-id")["results"][0]
        assert (job["status"], "rolled back" in job["job_explanation"] or "rolled_back" in job["job_explanation"]) == (
            "failed",
            True,
        ), job["job_explanation"]

        refused = clients.awx(served, *launch, json.dumps({"pool": "app"}))
        assert refused.returncode != 0
        assert "'version' value missing" in refused.stdout
