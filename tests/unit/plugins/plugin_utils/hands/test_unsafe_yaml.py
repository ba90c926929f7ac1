# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables for Ansible: what is written is what a play sees, and text from outside stays text.

The files are read by the ``ansible-playbook`` of this very environment: they hold for the ansible-core they run on.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import Unsafe, unsafe
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.unsafe_yaml import dump, write_vars
from hypothesis import given
from hypothesis import strategies as st

TEMPLATE = "{{ lookup('pipe', 'id') }}"
ODD_TEXTS = [
    "", " ", "  two  ", "yes", "No", "on", "true", "null", "~", "1", "1e3", "1.5", "-1", "0x1F", "0o17", "017",
    "1_000", "12:30:45", ".inf", ".nan", "2001-01-01", "2001-12-14t21:59:43.10-05:00", "<<", "=", "!vault",
    "!unsafe x", "&a", "*a", "- a", "a: b", "a #b", "#jinja2: trim_blocks: true", "{a: b}", "[1]", "%YAML", "---",
    "...", "|", ">", "@", "`", "'", '"', "\\", "\\n", "a\nb\n", "\n", "\r\n", "\ttab", "\x00\x01\x07\x1b[31m\x7f",
    "\x80\x85\x9f\xa0", "\u2028\u2029", "\ufeff", "\ufffe\uffff", "é", "日本語", "😀\U0010ffff", "x" * 5000, TEMPLATE,
    "{% raw %}", "{# c #}", "{{", "yes\n", "$fields.x",
]  # fmt: skip
VALUES: dict[str, Any] = {
    "outside": unsafe(ODD_TEXTS),
    "authors": [text for text in ODD_TEXTS if not any(mark in text for mark in ("{{", "{%", "{#", "#jinja2:"))],
    "nested": unsafe({"a": [{"b": TEMPLATE}, [], {}], "none": None}),
    "keys": {**unsafe({text: 1 for text in ODD_TEXTS if text.strip()}), "plain": 2, "k" * 3000: 3},
    "numbers": [0, -3, 10**30, 1.5, 1e-7, 1e300, 1e22, 0.1, -0.0],
    "others": [True, False, None, {}, [], (1, 2)],
}


class Loader(yaml.SafeLoader):
    """Reads ``!unsafe`` text as Unsafe."""


Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))  # type: ignore[no-untyped-call]


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def run_play(folder: Path, tasks: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    play = folder / "play.yml"
    play.write_text(f"- hosts: localhost\n  gather_facts: false\n  tasks:\n{tasks}", encoding="utf-8")
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return subprocess.run(
        [program, "-i", "localhost,", "-c", "local", *arguments, str(play)],
        capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_NOCOLOR": "true"},
    )  # fmt: skip


def test_a_play_sees_what_was_written(tmp_path: Path) -> None:
    write_vars(tmp_path / "vars.yml", {"holdfast": VALUES, "authors_template": "{{ 'rend' ~ 'ered' }}"})
    task = f"""
    - ansible.builtin.copy:
        content: "{{{{ {{'holdfast': holdfast, 'authors_template': authors_template}} | to_json }}}}"
        dest: {tmp_path}/seen.json
        mode: "0600"
"""
    ran = run_play(tmp_path, task, "-e", f"@{tmp_path}/vars.yml", "-e", f"ansible_python_interpreter={sys.executable}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    seen = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    assert seen["authors_template"] == "rendered"
    for name, value in VALUES.items():
        assert seen["holdfast"][name] == as_json(value), name


def test_text_from_outside_is_not_rendered_as_an_argument_either(tmp_path: Path) -> None:
    """The file may be a play as well: task arguments and names."""
    mark = tmp_path / "ran"
    evil = Unsafe(f"{{{{ lookup('pipe', 'touch {mark}') }}}}")
    task = {"name": evil, "ansible.builtin.debug": {"msg": evil}}
    write_vars(tmp_path / "written.yml", [{"name": evil, "hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    ran = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(tmp_path / "written.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "lookup('pipe'" in ran.stdout
    assert not mark.exists()


def test_the_test_above_can_fail(tmp_path: Path) -> None:
    """The same text without the mark is rendered, so what protects is the mark."""
    mark = tmp_path / "ran"
    write_vars(tmp_path / "vars.yml", {"x": f"{{{{ lookup('pipe', 'touch {mark}') }}}}"})
    run_play(tmp_path, '    - ansible.builtin.debug: {msg: "{{ x }}"}\n', "-e", f"@{tmp_path}/vars.yml")
    assert mark.exists()


texts = st.text(st.characters(exclude_categories=("Cs",)))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | texts.map(Unsafe)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | texts.map(Unsafe), inner, max_size=4)
)


def kinds(value: Any) -> Any:
    """The types inside, with Unsafe as text: text that looks like a number loses its mark."""
    if isinstance(value, dict):
        return {key: kinds(child) for key, child in value.items()}
    return (
        [kinds(child) for child in value] if isinstance(value, list) else str if isinstance(value, str) else type(value)
    )


@given(values)
def test_yaml_gives_back_what_was_written(value: Any) -> None:
    text = dump(value)
    again = yaml.load(text, Loader)
    assert text.isascii()
    assert again == value
    assert kinds(again) == kinds(value)


def unmarked(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in unmarked(part)]
    if isinstance(value, list):
        return [text for child in value for text in unmarked(child)]
    return [value] if isinstance(value, str) and not isinstance(value, Unsafe) else []


@given(values.map(unsafe), st.sampled_from(["{{", "{%", "{#"]), texts, texts)
def test_everything_from_outside_that_could_be_a_template_is_marked(value: Any, mark: str, a: str, b: str) -> None:
    again = yaml.load(dump({Unsafe(a + mark + b): [value, Unsafe(b + mark + a)]}), Loader)
    assert not [text for text in unmarked(again) if "{" in text]


def test_what_looks_like_another_type_is_text_without_the_mark() -> None:
    assert dump(unsafe(["yes", "3", "", "no way"])) == '---\n[\n  "yes",\n  "3",\n  "",\n  !unsafe "no way"\n]\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.inf, ".inf"),
        (-math.inf, "-.inf"),
        (math.nan, ".nan"),
        (1e-7, "1.0e-07"),
        (datetime.date(2024, 1, 2), '"2024-01-02"'),
        ("half \udc80", '"half \\ufffd"'),
        (True, "true"),
    ],
)
def test_scalars(value: Any, text: str) -> None:
    assert dump(value) == f"---\n{text}\n"


@pytest.mark.parametrize("value", [b"bytes", {1}, object(), {"a": [object()]}])
def test_what_yaml_cannot_carry_leaves_no_file(tmp_path: Path, value: Any) -> None:
    with pytest.raises(HoldfastError, match="cannot be handed to a play"):
        write_vars(tmp_path / "vars.yml", {"x": value})
    assert list(tmp_path.iterdir()) == []


def test_a_bottomless_value_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(HoldfastError, match="nested more than"):
        dump(loop)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_the_file_is_private_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_vars(tmp_path / "vars.yml", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "vars.yml").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "occupy",
    [lambda path: path.write_text("old"), lambda path: path.symlink_to("elsewhere"), lambda path: path.mkdir()],
)
def test_nothing_that_is_there_is_written_to(tmp_path: Path, occupy: Callable[[Path], Any]) -> None:
    occupy(tmp_path / "vars.yml")
    with pytest.raises(FileExistsError):
        write_vars(tmp_path / "vars.yml", {})
    assert not (tmp_path / "elsewhere").exists()
