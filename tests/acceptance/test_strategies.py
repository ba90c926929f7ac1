# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other strategies: a surge, in which nobody leaves, and recreate, in which everybody does."""

from __future__ import annotations

import pytest

from .conftest import Stage, assert_nothing_lost, by_command, executions

pytestmark = pytest.mark.slow


def test_a_surge_loses_nothing_and_never_has_fewer_servers(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    stage.begin_at("1")
    outcome, watch = stage.go("2", launch=by_command, max_surge=1)
    said = capfd.readouterr().out
    assert (outcome.status, outcome.state) == (0, "successful"), said
    assert "beside.enter" in said
    assert_nothing_lost(outcome)
    assert set(outcome.versions.values()) == {"2"}
    assert watch.least_up == 3
    watch.assert_drained("app1", "app2", "app3")
    servers = stage.lab.servers()
    assert [servers[f"{name}-b"]["status"] for name in stage.lab.names] == ["UP"] * 3
    assert [servers[name]["status"] for name in stage.lab.names] == ["MAINT"] * 3
    assert [len(found) for found in stage.lab.processes().values()] == [1, 1, 1]


def test_recreate_brings_every_server_to_the_version_at_once(stage: Stage) -> None:
    stage.begin_at("1")
    outcome, watch = stage.go("2", strategy="recreate")
    assert (outcome.status, outcome.state) == (0, "successful")
    assert set(outcome.versions.values()) == {"2"}
    assert outcome.report.versions["2"] > 0
    assert outcome.untouched == []
    assert [done.hosts for done in executions(stage.record(outcome)) if done.node == "recreate.deploy"] == [
        stage.lab.names
    ]
    assert watch.least_up == 0
    assert [stage.lab.servers()[name]["status"] for name in stage.lab.names] == ["UP"] * 3
