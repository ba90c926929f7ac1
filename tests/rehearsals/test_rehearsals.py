# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rehearsal file of this folder: a file for every feature of the engine, and known trouble elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.rehearsal_files import Rehearsed, rehearse_file

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.yml"))


def played() -> list[Rehearsed]:
    return [one for file in FILES for one in rehearse_file(file)]


@pytest.mark.parametrize("rehearsed", played(), ids=lambda one: f"{Path(one.file).stem}: {one.name}")
def test_goes_as_expected(rehearsed: Rehearsed) -> None:
    assert not rehearsed.problems, "\n".join(problem.render() for problem in rehearsed.problems)


def test_names_are_unique() -> None:
    names = [one.name for one in played()]
    assert len(names) == len(set(names))
