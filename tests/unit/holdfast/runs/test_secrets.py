# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that nodes of a bundle report: given on to those that need them, also after a restart, and never in clear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Bundle,
    Catalog,
    Component,
    Item,
    Need,
    Output,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from holdfast.db import models as m

from .theater import Result, Theater

SECRET = "wryneck-4711"


def launch() -> Launch:
    """A node that reports a token, and one whose play is given it."""
    makes = Item(
        name="makes",
        version="1.0.0",
        action=Action(kind="role", name="a.b.makes"),
        outputs=(Output(name="token", type="string", secret=True), Output(name="shown", type="string")),
    )
    takes = Item(
        name="takes", version="1.0.0", action=Action(kind="role", name="a.b.takes", args={"it": "$outputs.one.token"})
    )
    one = Component(name="one", kind="item", item="makes")
    two = Component(name="two", kind="item", item="takes", needs=(Need(node="one"),))
    bundle = Bundle(name="secretive", version="1.0.0", components=(one, two))
    return Launch(bundle=bundle, catalog=Catalog(items={"makes": makes, "takes": takes}, bundles={}))


@pytest.mark.parametrize("crash", [False, True])
def test_a_secret_is_given_on(tmp_path: Path, crash: bool) -> None:
    given: list[Any] = []

    def script(theater: Theater, job: Any) -> Result:
        begun = theater.bundles._begun.get(job.execution_id) or theater.bundles._begin_again(job)
        given.append(begun.inputs.args)
        assert not job.execution_id.startswith("wf1/two/") or SECRET in begun.secrets
        return Result(outputs={"token": SECRET, "shown": f"it is {SECRET}"})

    theater = Theater(tmp_path, script)
    with theater.controller.database.writing() as session:
        job = m.WorkflowJob(name="secretive", status="pending")
        session.add(job)
        session.flush()
        theater.workflows._begin_bundle(session, job, launch())
        key = job.id
    theater.step()
    theater.step()
    if crash:
        theater.crash()
    theater.play()
    assert theater.job(key).status == "successful"
    assert given[-1] == {"it": SECRET}
    theater.database.close()
    for file in (tmp_path / "controller").glob("*.db*"):
        assert SECRET.encode() not in file.read_bytes(), file.name
