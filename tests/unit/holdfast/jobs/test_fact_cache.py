# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts that go from one job to the next, in the files of older and of newer versions of Ansible."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from holdfast.db.models import Host
from holdfast.jobs import fact_cache
from holdfast.jobs.fact_cache import FactCache

from tests.unit.holdfast.jobs.world import World

KNOWN = {"colour": "blue", "sizes": [1, 2]}


def _older(folder: Path, host: str, facts: Any) -> None:
    (folder / host).write_text(json.dumps(facts))


def _newer(folder: Path, host: str, facts: Any) -> None:
    (folder / f"s1_{host}").write_text(json.dumps({"__payload__": json.dumps(facts)}))


@pytest.fixture
def cache(world: World, tmp_path: Path) -> FactCache:
    """One with the facts of the host ``one``."""
    with world.controller.database.writing() as session:
        for name, key in world.hosts.items():
            session.get_one(Host, key).ansible_facts = KNOWN if name == "one" else {}
    found = FactCache(tmp_path / "facts", world.hosts)
    with world.controller.database.reading() as session:
        found.write(session)
    return found


def test_what_is_known_is_given_to_every_version(cache: FactCache, tmp_path: Path) -> None:
    folder = tmp_path / "facts"
    assert sorted(path.name for path in folder.iterdir()) == ["one", "s1_one"]
    assert json.loads((folder / "one").read_text()) == KNOWN
    assert json.loads(json.loads((folder / "s1_one").read_text())["__payload__"]) == KNOWN
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert (cache.changed(), cache.cleared()) == ({}, [])


@pytest.mark.parametrize("write", [_older, _newer])
def test_what_a_play_left_is_taken_back(
    world: World, cache: FactCache, tmp_path: Path, write: Callable[[Path, str, Any], None]
) -> None:
    write(tmp_path / "facts", "two", {"colour": "red"})
    write(tmp_path / "facts", "one", {"colour": "green and large"})
    write(tmp_path / "facts", "stranger", {"colour": "grey"})
    changed = cache.changed()
    assert changed == {world.hosts["two"]: {"colour": "red"}, world.hosts["one"]: {"colour": "green and large"}}
    with world.controller.database.writing() as session:
        fact_cache.save(session, changed, cache.cleared())
    with world.controller.database.reading() as session:
        assert session.get_one(Host, world.hosts["two"]).ansible_facts == {"colour": "red"}
        assert session.get_one(Host, world.hosts["three"]).ansible_facts_modified is None


@pytest.mark.parametrize("file", ["one", "s1_one"])
def test_what_a_play_threw_away_is_gone(world: World, cache: FactCache, tmp_path: Path, file: str) -> None:
    (tmp_path / "facts" / file).unlink()
    assert cache.cleared() == [world.hosts["one"]]


def test_what_ansible_notes_about_values_is_left_out(world: World, cache: FactCache, tmp_path: Path) -> None:
    tagged = {"value": "blue", "tags": [{"__ansible_type": "TrustedAsTemplate"}], "__ansible_type": "_AnsibleTaggedStr"}
    moment = {"iso8601": "2030-01-01", "__ansible_type": "AnsibleSerializableDate"}
    vault = {"ciphertext": "$ANSIBLE_VAULT;1", "__ansible_type": "EncryptedString"}
    _newer(tmp_path / "facts", "two", {"a": tagged, "b": [tagged, {"c": moment}], "d": vault, "e": None})
    assert cache.changed() == {
        world.hosts["two"]: {
            "a": "blue",
            "b": ["blue", {"c": "2030-01-01"}],
            "d": {"__ansible_vault": "$ANSIBLE_VAULT;1"},
            "e": None,
        }
    }


def test_what_is_no_file_of_facts_is_passed_over(cache: FactCache, tmp_path: Path) -> None:
    folder = tmp_path / "facts"
    (folder / "two").write_text("[1, 2]")
    (folder / "s1_three").write_text('{"__payload__": 5}')
    secret = tmp_path / "secret"
    secret.write_text('{"a": 1}')
    (folder / "three").symlink_to(secret)
    assert cache.changed() == {}
