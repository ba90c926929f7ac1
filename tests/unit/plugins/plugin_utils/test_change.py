# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The child play of a guard: what it is given of the play around it, and what it is not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.holdfast.ops.plugins.plugin_utils import _change as change
from ansible_collections.holdfast.ops.plugins.plugin_utils._change import What, extra_sources, play_of

ROLE = What("acme.site.firewall", "", {}, True)
CLIARGS = {"connection": "ssh", "remote_user": "admin", "extra_vars": ()}


@pytest.fixture(autouse=True)
def command_line(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The command line of the parent."""
    given = dict(CLIARGS)
    monkeypatch.setattr(change.context, "CLIARGS", given)
    return given


def action(become: bool = False, **task: Any) -> Any:
    """As much of an action as the play is made of."""
    keywords = {"connection": "ssh", "remote_user": "admin", "port": None, **task}
    escalation = SimpleNamespace(become=become, become_user="root", become_method="sudo")
    return SimpleNamespace(_play_context=escalation, _task=SimpleNamespace(**keywords))


def test_a_role_is_included_whatever_the_tags() -> None:
    play = play_of(action(), ROLE)
    assert play == {
        "gather_facts": True,
        "become": False,
        "tasks": [
            {
                "name": "acme.site.firewall",
                "ansible.builtin.include_role": {"name": "acme.site.firewall"},
                "tags": ["always"],
            }
        ],
    }


def test_a_file_of_tasks_is_named_by_its_last_part() -> None:
    play = play_of(action(), What("", "/srv/site/change.yml", {}, False))
    assert play["gather_facts"] is False
    assert play["tasks"][0]["name"] == "change.yml"
    assert play["tasks"][0]["ansible.builtin.include_tasks"] == {"file": "/srv/site/change.yml"}


def test_privileges_are_those_of_the_task() -> None:
    play = play_of(action(become=True), ROLE)
    assert (play["become"], play["become_user"], play["become_method"]) == (True, "root", "sudo")


def test_what_the_play_says_of_its_connection_goes_along_and_what_the_command_said_does_not() -> None:
    play = play_of(action(connection="ansible.netcommon.network_cli", port=2222), ROLE)
    assert (play["connection"], play["port"], "remote_user" in play) == ("ansible.netcommon.network_cli", 2222, False)


def test_extra_variables_go_along_in_their_order(command_line: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("x: 1\n")
    command_line["extra_vars"] = ("a=1 b='two words'", f"@{tmp_path}/more.yml", '{"c": {"d": [1, 2]}}', "")
    assert extra_sources(DataLoader()) == [
        {"a": "1", "b": "two words"},
        f"{tmp_path}/more.yml",
        {"c": {"d": [1, 2]}},
    ]
