# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws of the house: who may import whom, and what every file is like."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
OPS = "ansible_collections.holdfast.ops.plugins"
CORE = f"{OPS}.module_utils.core"
HANDS = f"{OPS}.plugin_utils.hands"
HEADER = (
    "# Copyright: Holdfast contributors",
    "# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
#: long functions and files are hard to hold in one's head; documentation strings do not count
MOST_LINES_OF_A_FUNCTION = 40
MOST_LINES_OF_A_FILE = 400
SOURCES = ("plugins", "extensions/controller", "demo", "scripts")


def _files(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    return sorted(path for path in found if "__pycache__" not in path.parts)


def _is_revision(path: Path) -> bool:
    """Whether a file was written by Alembic: the schema of a database as the models had it, never edited."""
    return path.parent.parent.name == "migrations" and path.name[:1].isdigit()


def _ids(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of all that a file imports, in functions too; relative imports begin with a dot."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the list of the standard library needs Python 3.10")
@pytest.mark.parametrize("path", _files("plugins/module_utils/core"), ids=_ids)
def test_the_core_imports_the_standard_library_and_itself(path: Path) -> None:
    allowed = (*sys.stdlib_module_names, CORE)
    assert [found for found in _imports(path) if not _within(found[1], *allowed)] == []


#: doing something, or asking the clock, is for the hands
IO_MODULES = ("asyncio", "multiprocessing", "os", "pathlib", "shutil", "socket", "sqlite3", "subprocess", "tempfile",
              "threading", "time", "urllib")  # fmt: skip


@pytest.mark.parametrize("path", _files("plugins/module_utils/core"), ids=_ids)
def test_the_core_does_nothing_and_has_no_clock(path: Path) -> None:
    assert [found for found in _imports(path) if _within(found[1], *IO_MODULES)] == []


@pytest.mark.parametrize("path", _files("plugins/plugin_utils/hands", "extensions/controller/holdfast"), ids=_ids)
def test_hands_and_programs_start_ansible_and_never_import_it(path: Path) -> None:
    assert [found for found in _imports(path) if _within(found[1], "ansible")] == []


@pytest.mark.parametrize("path", _files("plugins"), ids=_ids)
def test_nobody_imports_upward(path: Path) -> None:
    above = ["holdfast"]
    if "plugin_utils" in path.parts:
        above += [f"{OPS}.action", f"{OPS}.modules"]
    if "modules" in path.parts or "module_utils" in path.parts:
        above += [f"{OPS}.action", f"{OPS}.plugin_utils"]
    assert [found for found in _imports(path) if _within(found[1], *above)] == []


@pytest.mark.parametrize("path", _files("plugins", "extensions/controller"), ids=_ids)
def test_imports_are_absolute(path: Path) -> None:
    assert [found for found in _imports(path) if found[1].startswith(".")] == [], (
        "what is sent to a host needs full names"
    )


@pytest.mark.parametrize("path", _files(*SOURCES, "tests"), ids=_ids)
def test_every_file_names_its_licence(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = (
        text.removeprefix(text.partition("\n")[0] + "\n").splitlines() if text.startswith("#!") else text.splitlines()
    )
    comments = [line for line in lines[:6] if line.startswith("#") and "coding:" not in line]
    assert not text or tuple(comments[:3]) == HEADER


def _is_documentation(node: ast.stmt) -> bool:
    """Tell whether a statement is a documentation string, of Python's or of Ansible's kind."""
    value = node.value if isinstance(node, (ast.Expr, ast.Assign)) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _only_declares(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a function is one call and nothing else: data, which is as long as what it declares."""
    body = [one for one in node.body if not _is_documentation(one)]
    return len(body) == 1 and isinstance(body[0], (ast.Expr, ast.Return)) and isinstance(body[0].value, ast.Call)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", [one for one in _files(*SOURCES) if not _is_revision(one)], ids=_ids)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    documentation = sum(_lines(node) for node in tree.body if _is_documentation(node))
    too_long = {}
    if len(text.splitlines()) - documentation > MOST_LINES_OF_A_FILE:
        too_long["the file"] = len(text.splitlines()) - documentation
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not _only_declares(node):
            length = _lines(node) - (_lines(node.body[0]) if _is_documentation(node.body[0]) else 0)
            if length > MOST_LINES_OF_A_FUNCTION:
                too_long[f"{node.name}, line {node.lineno}"] = length
    assert too_long == {}
