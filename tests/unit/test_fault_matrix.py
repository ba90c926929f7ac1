# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix in docs/ and the tests that answer its cells tell the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import matrix
from tests.lab.matrix import BREAK, CUT, Answer


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """What the tests of the lab declare, collected by a pytest of its own."""
    pytest.importorskip("asyncssh", reason="without asyncssh the tests of the IOS double cannot be collected")
    file = tmp_path_factory.mktemp("matrix") / "declared.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.matrix", "--declared", str(file)],
        cwd=matrix.REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return [Answer(*one) for one in json.loads(file.read_text(encoding="utf-8"))]


def test_the_committed_table_names_exactly_the_cells_that_tests_declare(declared: list[Answer]) -> None:
    proved = dict.fromkeys((one.test for one in declared), matrix.PASSED)
    right = "python -m tests.lab.matrix writes it anew, once the tests that it names have passed"
    assert matrix.TABLE.read_text(encoding="utf-8") == matrix.render(declared, proved), right


def test_every_platform_that_the_lab_has_is_answered_in_every_column(declared: list[Answer]) -> None:
    platforms = [name for name, platform in matrix.PLATFORMS.items() if platform.kind != matrix.NONE]
    wanted = {(platform, fault) for platform in platforms for fault in matrix.FAULTS}
    assert wanted - {(one.platform, one.fault) for one in declared} == set()


def test_a_cell_is_proved_only_when_all_of_its_tests_passed() -> None:
    found = [Answer("rhel", CUT, True, "a"), Answer("rhel", CUT, False, "b"), Answer("windows", BREAK, True, "c")]
    passed = dict.fromkeys("abc", matrix.PASSED)
    assert matrix.word("rhel", CUT, found, passed) == "whole"
    assert matrix.word("rhel", CUT, found, {**passed, "b": matrix.FAILED}) == "-"
    assert matrix.word("rhel", CUT, found, {"a": matrix.PASSED}) == "-"
    assert matrix.word("rhel", BREAK, found, passed) == "-"
    assert matrix.word("windows", BREAK, found, passed) == "*whole, double*"
    assert matrix.word("rhel", CUT, found[1:], passed) == "bare"
    page = matrix.render(found, passed)
    assert "| RHEL | whole | - |" in page and "- cut management: `a`, `b`" in page
    assert "| Junos | - | - |" in page


@pytest.mark.parametrize("wrong", [("rhel", "flood"), ("vax", CUT), ("juniper_junos", CUT), ("rhel",)])
def test_there_are_no_other_cells(wrong: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="there is no cell"):
        matrix.cell(*wrong)


def test_what_a_test_comes_to_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(matrix, "RESULTS", tmp_path / "results")
    item = request.node
    item.add_marker(matrix.cell("frr", CUT, BREAK))
    for when, outcome, kept in [("setup", "passed", None), ("call", "skipped", None), ("call", "passed", "passed"),
                                ("teardown", "passed", "passed"), ("teardown", "failed", "failed")]:  # fmt: skip
        matrix.record(item, pytest.TestReport(item.nodeid, item.location, {}, outcome, None, when))  # type: ignore[arg-type]
        assert matrix.outcomes().get(item.nodeid) == kept, (when, outcome)
    assert [(one.platform, one.fault, one.whole) for one in matrix.answers(item)] == [
        ("frr", BREAK, False), ("frr", CUT, False),
    ]  # fmt: skip
