# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML with lines: what is wrong is a Problem with file and line, whatever is in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import yaml_lines
from hypothesis import given
from hypothesis import strategies as st

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
MERGE_BOMB = "a0: &a0 {k0: 1, l0: 2}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 12)}], k{n}: 1}}\n" for n in range(1, 8)
)
WRONG: list[tuple[str, str, int, str]] = [
    ("a tab", "a:\n\tb: 1\n", 2, "replace the tab"),
    ("no YAML", "a: [1, 2\nb: 3\n", 2, "is not YAML"),
    ("a duplicate key", "a: 1\nb: 2\na: 3\n", 3, "a: the key 'a' is there twice (it stands in line 1 already"),
    ("a duplicate key in one line", "x: {a: 1, a: 2}\n", 1, "x.a: the key 'a' is there twice"),
    ("an anchor in itself", "a: &x\n  b: [*x]\n", 1, "a.b[0]: an anchor contains itself"),
    ("a bomb of aliases", BOMB, 1, "values when its aliases are followed"),
    ("a bomb of merges", MERGE_BOMB, 1, "values when its aliases are followed"),
    ("too deep", "[" * 5000 + "]" * 5000, 1, "is nested more than 60 levels deep"),
    ("too deep and unfinished", "[" * 5000, 1, "is nested more than 60 levels deep"),
    ("Python", "a: !!python/object/apply:os.system [id]\n", 1, "the tag !!python/object/apply:os.system"),
    ("a vault", "a: b\nc: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n", 2, "refer to them as $secrets.NAME"),
    ("a set", "a: !!set {b}\n", 1, "the tag !!set"),
    ("binary", "a: !!binary aGk=\n", 1, "the tag !!binary"),
    ("a key that is a list", "a: 1\n? [b, c]\n: 2\n", 2, "a key must be text"),
    ("an unknown alias", "a: 1\nb: *nothing\n", 2, "is not YAML"),
    ("a number nobody can read", f"a: {'9' * 5000}\n", 1, "is no value that can be read"),
    ("a wrong merge", "a: 1\n<<: 5\n", 2, "is no value that can be read"),
    ("a control character", "a: 1\nb: \x07\n", 2, "is not YAML"),
    ("the second of two documents", "a: 1\n---\nb: [\n", 4, "is not YAML"),
]


@pytest.mark.parametrize(("text", "line", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    file = tmp_path / "x.yml"
    file.write_text(text, "utf-8")
    problems = yaml_lines.read_documents(file)[1]
    assert [(problem.file, problem.line) for problem in problems] == [(str(file), line)]
    assert said in problems[0].render()
    with pytest.raises(ProblemsFound, match=r"x\.yml"):
        yaml_lines.load_documents(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def said(file: Path) -> str:
        documents, problems = yaml_lines.read_documents(file)
        assert documents == []
        return "\n".join(problem.render() for problem in problems)

    assert said(tmp_path / "none.yml") == f"{tmp_path}/none.yml: (document): cannot be read: No such file or directory"
    assert "cannot be read" in said(tmp_path)
    latin = tmp_path / "latin.yml"
    latin.write_bytes("a: 1\nb: Größe\n".encode("latin-1"))
    assert said(latin) == f"{latin}:2: (document): is not UTF-8 (save the file as UTF-8)"
    large = tmp_path / "large.yml"
    large.write_text("# " + "x" * yaml_lines.MAX_BYTES)
    assert "is larger than" in said(large)


TEXT = """\
---
apiVersion: x
base: &base
  one: 1
  two: [a, b]
list:
  - first
  - key: value
    other: {inner: 5}
merged:
  <<: *base
  one: 2
on: true
---
---
second: 2020-01-31
third: 0b11
"""
LINES: list[tuple[tuple[Any, ...], int]] = [
    ((), 2),
    (("apiVersion",), 2),
    (("base", "two", 1), 5),
    (("list", 1), 8),
    (("list", 1, "other", "inner"), 9),
    (("list", 1, "missing"), 8),
    (("list", 7), 6),
    (("merged", "one"), 12),
    (("merged", "two"), 5),
    (("true",), 13),
    (("nowhere", "at", "all"), 2),
    (("apiVersion", "deeper"), 2),
]


@pytest.mark.parametrize(("path", "line"), LINES)
def test_lines_of_paths(path: tuple[Any, ...], line: int) -> None:
    (first, _second), problems = yaml_lines.parse_documents(TEXT, "x.yml", "folder")
    assert problems == []
    assert (first.file, first.folder) == ("x.yml", "folder")
    assert first.line_of(path) == line


def test_what_is_read_is_plain_data() -> None:
    first, second = yaml_lines.parse_documents(TEXT)[0]
    assert first.data["merged"] == {"one": 2, "two": ["a", "b"]}
    assert first.data[True] is True
    assert second.data == {"second": "2020-01-31", "third": 3}, "dates stay text"
    assert yaml_lines.parse_documents("") == ([], [])


@given(st.text(alphabet="ab: \n\t-[]{}&*!|>'\"#?%@`,0.<\x00\ufffe\u2028é", max_size=60))
def test_no_text_is_answered_by_a_traceback(text: str) -> None:
    documents, problems = yaml_lines.parse_documents(text, "x.yml")
    for document in documents:
        assert document.line_of(("a", 0, "b")) >= 1
    assert all(problem.file == "x.yml" and problem.line >= 1 for problem in problems)


@given(st.binary(max_size=60))
def test_no_bytes_are_answered_by_a_traceback(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.yml"
    file.write_bytes(raw)
    yaml_lines.read_documents(file)
