# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items under a guard in runs of a bundle over hosts of the lab: links in the record, and every way back."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

from tests.lab.lab import Lab
from tests.lab.stage import Stage

pytestmark = pytest.mark.slow

FILE = "/etc/site.conf"
CATALOG = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: change-site}
presentation:
  fields: [{name: said, required: true}, {name: breaks, default: none}, {name: takes, type: integer, default: 0}]
fulfillment:
  automated:
    module: ansible.builtin.shell
    with:
      cmd: >-
        echo "$SAID" > /etc/site.conf; sleep {{ holdfast.fields.takes }};
        {{ 'systemctl stop shopfront' if inventory_hostname == holdfast.fields.breaks else 'true' }}
    become: true
outputs: [{name: rc, type: integer}]
guard:
  lkg:
    timer: 90
    sections: [files, units]
    options: {files: [/etc/site.conf]}
    probes: [{name: shopfront, url: 'http://127.0.0.1:8080/health', retries: 3, delay: 0.3}]
    reason: the shop is open
---
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {name: site}
presentation:
  fields: [{name: said, required: true}, {name: breaks, default: none}, {name: takes, type: integer, default: 0}]
orchestration: {on_failure: rollback, rollback_scope: run}
components:
  sites:
    rollout:
      hosts: app1:app2
      components:
        change: {item: change-site, on_lost: fail}
""".replace("$SAID", "{{ holdfast.fields.said }}")


@pytest.fixture
def stage(lab_as_new: Lab, tmp_path: Path) -> Stage:
    """The catalog, and the file of before on both hosts."""
    made = Stage(lab_as_new, tmp_path, clients=2)
    (made.catalog / "site.yml").write_text(CATALOG)
    for host in ("app1", "app2"):
        done = lab_as_new.ssh(host, f"echo old > {FILE}; chmod 0640 {FILE}")
        assert done.returncode == 0, done.stderr
    return made


def files(stage: Stage) -> list[str]:
    return [stage.lab.ssh(host, "cat", FILE).stdout.strip() for host in ("app1", "app2")]


def in_state(stage: Stage, host: str, snapshot: str) -> str:
    """The file in a snapshot of the archive."""
    archive = Archive(stage.home)
    return str(archive.snapshot(archive.find(host, snapshot)).sections["files"][FILE]).strip()


def assert_nothing_armed(stage: Stage) -> None:
    for host in ("app1", "app2"):
        assert stage.lab.ssh(host, "ls /etc/systemd/system | grep holdfast").stdout == ""


def test_good_changes_are_promoted_and_one_that_breaks_the_application_takes_the_others_back(stage: Stage) -> None:
    good = stage.run("site", said="new")
    assert (good.status, good.record.state) == (0, "successful"), good.words
    links = good.outputs("sites.change", "lkg")
    for host in ("app1", "app2"):
        assert (links[host]["state"], links[host]["verified"]) == ("promoted", True)
        assert in_state(stage, host, links[host]["before"]) == "old"
        assert in_state(stage, host, links[host]["after"]) == in_state(stage, host, "lkg") == "new"
        stored = Archive(stage.home).find(host, links[host]["before"])
        assert stored.run == good.record.run["id"]
    assert [batch["rc"] for batch in good.record.outputs["sites.change"].values()] == [0, 0]
    shown = stage.holdfast("runs", "show", "last")
    assert links["app2"]["diff"] in shown and links["app1"]["before"] in shown
    assert files(stage) == ["new", "new"]

    bad = stage.run("site", said="newer", breaks="app2")
    assert (bad.status != 0, bad.record.state) == (True, "rolled_back"), bad.words
    links = bad.outputs("sites.change", "lkg")
    assert [(links[host]["state"], links[host]["verified"]) for host in ("app1", "app2")] == [
        ("promoted", True), ("restored", True),
    ]  # fmt: skip
    said = bad.message("sites.change", "app2")
    assert "app2: health checks failed after " in said and "It is as it was before, verified." in said
    assert dict(bad.done("undo")).keys() == {"sites.change"}
    assert sorted(host for _node, hosts in bad.done("undo") for host in hosts) == ["app1", "app2"]
    assert files(stage) == ["new", "new"]
    assert stage.lab.ssh("app2", "systemctl is-active shopfront").stdout.strip() == "active"
    assert in_state(stage, "app1", links["app1"]["before"]) == "new"
    for host in ("app1", "app2"):
        assert in_state(stage, host, "lkg") == "new", "what was taken back is no last known good state"
    assert_nothing_armed(stage)


def test_a_run_that_was_killed_in_the_middle_of_a_change_takes_it_back_and_its_timer_with_it(stage: Stage) -> None:
    with stage.start("site", said="new", takes=60) as running:
        running.wait_for("the change", lambda: stage.lab.ssh("app1", "cat", FILE).stdout.strip() == "new")
        running.kill_supervisor()
    assert stage.lab.ssh("app1", "ls /etc/systemd/system | grep -c 'holdfast.*timer$'").stdout.strip() == "1"
    outcome = stage.resume()
    assert outcome.record.state == "rolled_back", outcome.words
    assert outcome.outputs("sites.change", "lkg") == {}, "nobody lived to tell"
    assert outcome.done("undo") == [("sites.change", ("app1",))]
    assert files(stage) == ["old", "old"]
    assert_nothing_armed(stage)
