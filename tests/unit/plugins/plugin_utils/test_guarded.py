# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard asks of the world is asked of the provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Declaration, Reads, Usual
from ansible_collections.holdfast.ops.plugins.plugin_utils import _lkg as lkg
from ansible_collections.holdfast.ops.plugins.plugin_utils._guarded import GuardWorld
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

SECRET = "Sup3rS3cret"


class Host(Usual):
    """A host and its provider at once."""

    declaration = Declaration("fake", ("rhel",), (Reads("files", "files"),), "at once", True)
    timer = None

    def __init__(self) -> None:
        self.text, self.prepared, self.boots = f"password={SECRET}\n", "", ""

    def read(self, _device: Any, _section: str) -> Mapping[str, Any]:
        return {"/etc/app": self.text}

    def restore(self, _device: Any, wanted: Snapshot, difference: Any) -> Sequence[str]:
        done = ["discarded"] if self.prepared else []
        if difference.changes:
            done.append(f"wrote password={SECRET}")
        self.text, self.prepared = wanted.sections["files"]["/etc/app"], ""
        return done


class Switch(Host):
    """A host that boots something else than what runs."""

    def keep(self, _device: Any) -> Sequence[str]:
        self.boots = self.text
        return ["saved"]


def world(host: Host, folder: Path, said: list[str]) -> GuardWorld:
    subject = lkg.Subject("h1", "rhel", host, {}, SimpleNamespace())  # type: ignore[arg-type]
    return GuardWorld(this=subject, archive=Archive(folder), sections=(), play=lambda _limit: "", health={"probes": []},
                      asks=SimpleNamespace(), show=said.append)  # type: ignore[arg-type]  # fmt: skip


def test_what_was_only_prepared_goes_although_nothing_differs(tmp_path: Path) -> None:
    host, said = Host(), list[str]()
    made = world(host, tmp_path, said)
    before = made.read()
    made.keep(before)
    assert (list(made.restore(before)), said) == ([], [])
    host.prepared = "something"
    assert list(made.restore(before)) == ["discarded"] and host.prepared == ""


def test_what_differs_is_put_back_and_its_secrets_are_not_said(tmp_path: Path) -> None:
    host, said = Host(), list[str]()
    made = world(host, tmp_path, said)
    before = made.read()
    made.keep(before)
    host.text = "password=other\n"
    assert len(made.restore(before)) == 1 and made.difference(before, made.read()).same
    assert said and said[0].startswith("wrote password=$encrypted$") and SECRET not in "".join(said)


@pytest.mark.parametrize(("host", "done"), [(Host(), []), (Switch(), ["saved"])])
def test_a_host_that_boots_something_else_is_made_to_boot_this(host: Host, done: list[str], tmp_path: Path) -> None:
    said: list[str] = []
    assert world(host, tmp_path, said).make_lasting() is bool(done)
    assert said == done and host.boots == (host.text if done else "")
