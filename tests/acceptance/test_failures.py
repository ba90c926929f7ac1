# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong: no draining, and a version that turns out bad only on the second server."""

from __future__ import annotations

import pytest

from .conftest import Stage, assert_nothing_lost, executions, undone

pytestmark = pytest.mark.slow

BAD_ON_APP2 = "4"
APP2_UNDONE = [("in_place.deploy", ("app2",)), ("in_place.drain", ("app2",))]
APP1_UNDONE = [("in_place.restore", ("app1",)), ("in_place.deploy", ("app1",)), ("in_place.drain", ("app1",))]


def test_without_draining_the_same_rollout_loses_requests(stage: Stage) -> None:
    """The negative control: nothing else keeps the clients from harm, and they do notice."""
    stage.begin_at("1")
    bundle = stage.variant("without-draining")
    steps = bundle["components"]["in_place"]["rollout"]["components"]
    del steps["drain"], steps["restore"], steps["deploy"]["needs"]
    stage.keep(bundle)
    outcome, watch = stage.go("2", bundle="without-draining", pool="app1")
    assert (outcome.status, outcome.state) == (0, "successful")
    assert outcome.versions == {"app1": "2", "app2": "1", "app3": "1"}
    assert watch.drains == []
    assert outcome.report.lost


def test_a_second_batch_that_fails_undoes_the_whole_run_where_the_scope_says_so(stage: Stage) -> None:
    """The third drain is that of app1, before its deploy is undone."""
    stage.begin_at("2")
    stage.variant("scope-run", rollback_scope="run")
    outcome, watch = stage.go(BAD_ON_APP2, bundle="scope-run")
    assert (outcome.status, outcome.state) == (2, "rolled_back")
    assert_nothing_lost(outcome)
    assert set(outcome.versions.values()) == {"2"}
    assert outcome.untouched == ["app3"]
    record = stage.record(outcome)
    assert undone(record) == APP2_UNDONE + APP1_UNDONE
    assert not any("app3" in done.hosts for done in executions(record) if done.node.startswith("in_place"))
    watch.assert_drained("app1", "app2", "app1")
    assert watch.least_up == 2
    assert [stage.lab.servers()[host]["status"] for host in stage.lab.names] == ["UP"] * 3
    assert stage.notices.heard[-1] == "App is rolled back from 4 to 2"
