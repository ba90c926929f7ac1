# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What haproxy_info and deployment_info make of what they read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.modules import deployment_info, haproxy_info

HEAD = "# pxname,svname,qcur,scur,status,weight,check_status,check_rise,check_fall,check_health\n"


def server(line: str) -> dict[str, Any]:
    return haproxy_info.parse(f"{HEAD}web,s1,{line}\nother,s1,0,9,UP,1,L7OK,2,2,3\nweb,BACKEND,0,0,UP,1,,,,\n", "web")[
        "s1"
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0,3,UP,1,L7OK,2,2,3", {"up": True, "maintenance": False, "sessions": 3, "checked": True, "passing": True}),
        ("2,1,UP 1/2,1,L7OK,2,2,2", {"up": True, "sessions": 3, "passing": False}),
        ("0,0,DRAIN,1,L7OK,2,2,2", {"up": False, "maintenance": False, "passing": False}),
        ("0,0,DRAIN,1,* L7OK,2,2,3", {"up": False, "passing": True}),
        ("0,0,DOWN,1,L4CON,2,2,0", {"up": False, "checked": True, "passing": False, "check": "L4CON"}),
        ("0,0,MAINT,1,,,,", {"up": False, "maintenance": True, "checked": False, "passing": False}),
        ("0,0,MAINT (via web/s2),1,,,,", {"up": False, "maintenance": True}),
        ("0,0,no check,1,,,,", {"up": True, "checked": False, "passing": False}),
    ],
)
def test_a_server_as_haproxy_describes_it(line: str, expected: dict[str, Any]) -> None:
    found = server(line)
    assert {key: found[key] for key in expected} == expected


def test_only_servers_of_the_backend_are_found() -> None:
    assert haproxy_info.parse(f"{HEAD}web,FRONTEND,0,0,OPEN,,,,,\nother,s1,0,0,UP,1,,,,\n", "web") == {}


TWO = [{"name": "a", "port": 1, "server": "s"}, {"name": "b", "port": 2, "server": "s-b"}]


def on_disk(root: Path, state: dict[str, Any], **links: str) -> None:
    (root / "state.json").write_text(json.dumps(state), encoding="utf-8")
    for name, version in links.items():
        (root / name.replace("_", "-")).symlink_to(f"releases/{version}")


def test_nothing_there_is_a_host_without_a_version(tmp_path: Path) -> None:
    found = deployment_info.describe(str(tmp_path / "none"), [], [], "")
    assert found["active"] == {"name": "", "port": 0, "server": "", "link": "current", "version": ""}
    assert (found["change"], found["mine"]) == ({}, False)


def test_old_and_new_keep_their_meaning_when_the_active_instance_changes(tmp_path: Path) -> None:
    change = {"instance": "a", "other": "b", "to": "2", "runs": ["r"]}
    on_disk(tmp_path, {"active": "a", "change": change}, current_a="1", current_b="2")
    for active in ("a", "b"):
        (tmp_path / "state.json").write_text(json.dumps({"active": active, "change": change}), encoding="utf-8")
        found = deployment_info.describe(str(tmp_path), TWO, ["r"], "2")
        assert (found["active"]["name"], found["old"]["version"], found["new"]["version"]) == (active, "1", "2")


@pytest.mark.parametrize(
    ("runs", "version", "mine"),
    [
        (["r1"], "9", True),
        (["r2", "r1"], "2", True),
        (["r2"], "2", False),
        ([], "2", True),
        ([], "3", False),
        ([], "", True),
    ],
)
def test_whose_change_it_is(runs: list[str], version: str, mine: bool) -> None:
    assert deployment_info.is_mine({"to": "2", "runs": ["r1"]}, runs, version) is mine


@pytest.mark.parametrize("text", ["[]", "{", ""])
def test_a_broken_state_file_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError):
        deployment_info.describe(str(tmp_path), [], [], "")
