# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast breakers``: lists, reports, and what people decide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Call
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_store import Breakers
from holdfast.cli.app import app
from typer.testing import CliRunner, Result


def breakers(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["breakers", *arguments])


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HOLDFAST_STORE", raising=False)


def test_there_is_none_yet(tmp_path: Path) -> None:
    assert breakers("list").output == f"there is no breaker in {tmp_path}/home/breakers.db yet\n"
    assert json.loads(breakers("list", "--json").output) == []
    assert not (tmp_path / "home").exists(), "looking makes nothing"
    shown = breakers("show", "service:jira")
    assert shown.exit_code == 2 and "there is no breaker 'service:jira'" in shown.output
    assert breakers("reset", "service:jira").exit_code == 2


def test_one_that_opened_says_why_and_is_reset() -> None:
    store = Breakers(home.store())
    for _number in range(3):
        store.report("service:jira", Call(True, 1.0, "HTTP\x1b[2J 503"))
    store.report("host:web1", Call(False))
    header, web, jira = breakers("list").output.splitlines()
    assert header.split()[0] == "TARGET" and web.split()[:5] == ["host:web1", "closed", "0", "of", "1"]
    assert "service:jira  open" in jira and "3 of 3 calls failed, the limit is 50 %" in jira
    shown = breakers("show", "service:jira").output
    for part in ("service:jira is open since", "will try again at", "calls in all: 3, 3 failed", "last failure", "UTC",
                 "opens when 50 % of the last 10 calls failed", "from 3 calls on; tries again after 1m"):  # fmt: skip
        assert part in shown, part
    assert "\x1b" not in shown
    data = json.loads(breakers("show", "service:jira", "--json").output)
    assert (data["state"], data["totals"]["failed"]) == ("open", 3)
    assert data["policy"]["permitted_number_of_calls_in_half_open_state"] == 1
    assert breakers("reset", "service:jira").output == "✔ breaker service:jira is closed\n"
    assert store.ask("service:jira").allowed


def test_people_hold_one_open() -> None:
    tripped = breakers("trip", "service:jira", "--reason", "maintenance until noon")
    assert tripped.output == "✔ breaker service:jira is held open until it is reset: maintenance until noon\n"
    assert "maintenance until noon" in Breakers(home.store()).ask("service:jira").message
    assert "forced-open" in breakers("list").output and "when reset" in breakers("list").output
    assert "until 2" in breakers("trip", "service:aws", "--for", "30m").output
    assert [one["state"] for one in json.loads(breakers("list", "--json").output)] == ["open", "forced_open"]


def test_what_cannot_be_meant_is_refused() -> None:
    for arguments in (("trip", "jira"), ("show", "db:x"), ("trip", "service:jira", "--for", "soon")):
        result = breakers(*arguments)
        assert result.exit_code == 2 and result.output.startswith("error: ")


def test_an_address_of_a_controller_is_refused_for_breakers_as_for_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_STORE", "https://controller.example.com/")
    assert "this Holdfast reads stores that are folders" in breakers("list").output
