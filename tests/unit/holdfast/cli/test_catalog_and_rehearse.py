# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast catalog`` and ``holdfast rehearse``: what they print and with which status they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from holdfast.cli.app import app
from typer.testing import CliRunner, Result

HEAD = "apiVersion: holdfast.ops/v1\nkind: Rehearsal\n"


def holdfast(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_without_a_command_there_is_help() -> None:
    assert "rehearse" in holdfast().output
    assert holdfast("--version").output.startswith("holdfast ")


def test_validate_says_what_was_checked(catalog: Path) -> None:
    done = holdfast("catalog", "validate", str(catalog))
    assert done.exit_code == 0
    assert "1 item and 1 bundle" in done.output


def test_validate_says_everything_at_once(catalog: Path) -> None:
    text = (catalog / "walk.yml").read_text()
    wrong = text.replace("item: step, needs: [drain]", "item: stepp, needs: [drian]").replace("on_failure", "on_failur")
    (catalog / "walk.yml").write_text(wrong)
    done = holdfast("catalog", "validate", str(catalog))
    assert done.exit_code == 2
    for part in (f"{catalog}/walk.yml:10: ", "did you mean 'drain'?", "did you mean 'step'?", "'on_failure'?"):
        assert part in done.stderr
    assert "problems" in done.stderr


def test_validate_of_nothing_is_an_error(tmp_path: Path) -> None:
    done = holdfast("catalog", "validate", str(tmp_path / "nowhere"))
    assert done.exit_code == 2
    assert "nowhere" in done.stderr


@pytest.mark.usefixtures("catalog")
def test_list_and_show() -> None:
    rows = [line.split(maxsplit=3) for line in holdfast("catalog", "list").output.splitlines()]
    assert ["walk", "1.0.0", "-", "Walk a pool"] in rows
    assert "step" in holdfast("catalog", "list", "--items").output
    shown = holdfast("catalog", "show", "walk").output
    for part in ("version (text; required", "token (password)", "deploy  ← drain", "rollback, scope batch"):
        assert part in shown
    assert "role example.test.unstep" in holdfast("catalog", "show", "step").output


@pytest.mark.usefixtures("catalog")
def test_show_of_an_unknown_name_has_the_nearest() -> None:
    done = holdfast("catalog", "show", "wlak")
    assert done.exit_code == 2
    assert "did you mean 'walk'?" in done.stderr


@pytest.mark.parametrize("kind", ["item", "bundle"])
def test_schema_is_the_one_in_the_documentation(kind: str) -> None:
    file = Path(__file__).parents[4] / "docs" / "schema" / f"catalog-{kind}.schema.json"
    assert json.loads(holdfast("catalog", "schema", kind).output) == json.loads(file.read_text())
    assert holdfast("catalog", "schema", "thing").exit_code == 2


@pytest.mark.usefixtures("catalog")
class TestRehearse:
    def test_as_expected(self, tmp_path: Path) -> None:
        done = self.play(tmp_path, "fields: {version: '2'}\nhosts: {web: [a]}\nresults: {before: failed}\n"
                         "expect: {state: rolled_back}")  # fmt: skip
        assert "✔ one" in done.output
        assert done.exit_code == 0

    def test_otherwise(self, tmp_path: Path) -> None:
        done = self.play(tmp_path, "fields: {version: '2'}\nhosts: {web: [a]}\nresults: {before: failed}\n"
                         "expect: {state: successful}")  # fmt: skip
        assert done.exit_code == 1
        assert "✘ one" in done.output
        assert f"{tmp_path}/one.yml:8: expect.state: expected successful" in done.output
        assert "1 of 1 went otherwise" in done.output

    def test_one_of_several_by_its_name(self, tmp_path: Path) -> None:
        assert self.play(tmp_path, "expect: {refused: value missing}", "--only", "one").exit_code == 0
        assert self.play(tmp_path, "expect: {refused: value missing}", "--only", "two").exit_code == 2

    @staticmethod
    def play(folder: Path, text: str, *arguments: str) -> Result:
        file = folder / "one.yml"
        file.write_text(f"{HEAD}metadata: {{name: one}}\nbundle: walk\n{text}\n")
        return holdfast("rehearse", str(folder), *arguments)
