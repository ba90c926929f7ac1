# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab decides before it touches the machine; runs everywhere."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.lab import members, places, repository, requirements, rootfs
from tests.lab.addresses import Plan
from tests.lab.commands import LabError


@pytest.mark.parametrize(
    ("route", "free"),
    [
        ("default", True),
        ("0.0.0.0/0", True),
        ("192.0.2.0/24", True),
        ("198.18.6.0/24", True),
        ("198.18.7.0/25", False),
        ("198.19.7.12", False),
        ("198.18.0.0/15", False),
    ],
)
def test_a_plan_is_free_unless_the_machine_has_routes_there(route: str, free: bool) -> None:
    assert Plan(7).free([route]) is free


def test_plans_of_different_numbers_share_nothing() -> None:
    plans = [Plan(number) for number in range(256)]
    assert len({network for plan in plans for network in plan.networks}) == 512
    names = [name for plan in plans for name in plan.interfaces]
    assert len(set(names)) == 512
    assert max(len(name) for name in names) <= 15, "Linux takes no longer names"


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("ID=debian\n", ["debian"]),
        ('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', ["ubuntu", "debian"]),
        ('ID="rhel"\nID_LIKE="fedora"\n', ["rhel", "fedora"]),
        ("", []),
    ],
)
def test_the_family_of_a_machine_stands_in_os_release(tmp_path: Path, text: str, family: list[str]) -> None:
    (tmp_path / "os-release").write_text(text, encoding="utf-8")
    assert requirements.family(str(tmp_path / "os-release")) == family


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert requirements.lacking() == ["The lab needs root: it makes network namespaces, mounts and containers."]


def test_another_family_is_told_which_one_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "family", lambda: ["rhel", "fedora"])
    assert requirements.lacking() == ["The lab needs a machine of the Debian family; this one says it is rhel fedora."]


@pytest.mark.parametrize("name", ["", "../etc", "Lab", "-x", "a" * 32, "a/b"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(LabError, match="a lab cannot be called"):
        places.lab_folder(name)


def test_a_lock_has_one_owner_and_its_file_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    mine = places.try_lock(path)
    assert mine is not None
    assert places.try_lock(path) is None
    places.unlock(path, mine)
    assert not path.exists()
    again = places.try_lock(path)
    assert again is not None
    os.close(again)


def test_the_cache_is_kept_under_what_goes_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rootfs.keys()
    assert rootfs.keys() == before
    monkeypatch.setattr(rootfs, "PACKAGES", (*rootfs.PACKAGES, "nano"))
    after = rootfs.keys()
    assert after["debian"] != before["debian"]
    assert after["rhel"] != before["rhel"], "it lies on the other"
    assert after["router"] != before["router"], "so does it"
    assert after["appliance"] not in (before["appliance"], after["router"])


def test_advisories_are_told_with_what_they_ask_for() -> None:
    told = ET.fromstring(repository.updateinfo(list(repository.STATES[1].advisories)))
    security = told.find("update[@type='security']")
    assert security is not None
    assert security.findtext("id") == "LABSA-2026:0002"
    assert security.findtext("reboot_suggested") == "True"
    package = security.find("pkglist/collection/package")
    assert package is not None
    assert package.attrib == {
        "name": "shopfront",
        "version": "2",
        "release": "1.el9",
        "epoch": "0",
        "arch": "noarch",
    }
    bugfix = told.find("update[@type='bugfix']")
    assert bugfix is not None
    assert bugfix.find("reboot_suggested") is None


def test_everybody_has_an_address_and_a_group(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    who = members.hosts(Plan(3), ["app1", "app2"])
    assert [member.variables["ansible_host"] for member in who] == ["198.18.3.11", "198.18.3.12"]
    lasts = [member.last for member in [*who, *members.all_routers(Plan(3))]]
    assert len(set(lasts)) == 5
    assert not {1, 2, 3, 21}.intersection(lasts)
