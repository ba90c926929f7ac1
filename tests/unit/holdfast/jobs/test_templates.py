# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom credential types: what their injectors may say, and what an error shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from holdfast.jobs.credentials import CredentialValue, Injection
from holdfast.jobs.injectors import inject
from holdfast.jobs.templates import problem_of_name

FIELDS: list[dict[str, Any]] = [
    {"id": "user", "type": "string"},
    {"id": "pw", "type": "string", "secret": True},
    {"id": "key", "type": "string", "secret": True, "format": "ssh_private_key"},
    {"id": "flag", "type": "boolean"},
]
INPUTS = {"user": "ann", "pw": "hunter2", "key": "KEY"}


def run(folder: Path, injectors: dict[str, Any], inputs: dict[str, Any] | None = None, **more: Any) -> Injection:
    given = CredentialValue(
        "cloud", "My Type", INPUTS if inputs is None else inputs, input_fields=FIELDS, injectors=injectors
    )
    return inject([given], folder / "c", **more)


def test_environment_and_how_it_is_shown(tmp_path: Path) -> None:
    found = run(tmp_path, {"env": {"A_USER": "{{ user }}", "A_URL": "x://{{user}}:{{ pw }}", "FLAG": "{{ flag }}"}})
    assert found.env == {"A_USER": "ann", "A_URL": "x://ann:hunter2", "FLAG": "False"}
    assert found.safe_env == {"A_USER": "ann", "A_URL": "x://ann:**********", "FLAG": "False"}
    assert set(found.secrets) == {"hunter2", "KEY"}


def test_one_file(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        {
            "file": {"template": "[x]\nkey={{ key }}user={{ user }}"},
            "env": {"CONF": "{{ tower.filename }}", "CONF_2": "{{ awx.filename }}"},
        },
    )
    path = Path(found.env["CONF"])
    assert path.read_text() == "[x]\nkey=KEY\nuser=ann"
    assert path.stat().st_mode & 0o777 == 0o600
    assert found.env["CONF_2"] == found.safe_env["CONF"] == str(path)


def test_several_files(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        {
            "file": {"template.cert": "C", "template.key_file": "{{ key }}"},
            "extra_vars": {"files": ["{{ tower.filename.cert }}", "{{ tower.filename.key_file }}"]},
        },
    )
    assert [Path(path).read_text() for path in found.extra_vars["files"]] == ["C", "KEY\n"]


def test_extra_vars_are_rendered_at_any_depth(tmp_path: Path) -> None:
    injectors = {"extra_vars": {"{{ user }}_x": {"list": ["{{ pw }}", {"a": "{% if flag %}1{% else %}0{% endif %}"}]}}}
    assert run(tmp_path, injectors).extra_vars == {"ann_x": {"list": ["hunter2", {"a": "0"}]}}
    inputs = {**INPUTS, "flag": True}
    other = run(tmp_path / "2", injectors, inputs)
    assert other.extra_vars["ann_x"]["list"][1] == {"a": "1"}
    assert run(tmp_path / "3", injectors, inventory_update=True).extra_vars == {}


def test_empty_fields_render_as_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, {"env": {"X": "<{{ user }}{{ pw }}>"}}, {"user": "", "pw": None}).env == {"X": "<>"}


@pytest.mark.parametrize("name", ["PATH", "ANSIBLE_CONFIG", "JOB_ID", "HOLDFAST_RUN", "AWX_PRIVATE_DATA_DIR"])
def test_names_that_may_not_be_set_are_left_out(tmp_path: Path, name: str) -> None:
    assert problem_of_name(name)
    assert run(tmp_path, {"env": {name: "x", "FINE": "y"}}).env == {"FINE": "y"}


def test_awxs_words_for_forbidden_names() -> None:
    assert problem_of_name("ANSIBLE_X") == (
        "Environment variable ANSIBLE_X may affect Ansible configuration so its use is not allowed in credentials."
    )
    assert problem_of_name("PATH") == "Environment variable PATH is not allowed to be used in credentials."
    assert problem_of_name("HOLDFAST_STORE")
    assert problem_of_name("MY_PATH") == problem_of_name("HOLDFAST_BREAKERS_TOKEN") == ""


@pytest.mark.parametrize(
    ("injectors", "said"),
    [
        ({"env": {"X": "{{ pw"}}, "injector env, X: the template cannot be rendered: TemplateSyntaxError"),
        ({"file": {"template": "{{ pw | int + x }}"}}, "injector file, template: the template cannot be rendered"),
        ({"extra_vars": {"v": {"w": "{{ user.a.b }}"}}}, "injector extra_vars, w: .*UndefinedError"),
        ({"env": {"X": "{{ user.__class__.__mro__ }}"}}, "injector env, X: .*SecurityError"),
        ({"env": {"X": "{{ ''.join(['a', 0]) }}"}}, "injector env, X: .*TypeError"),
        ({"env": {"X": "{{ {}[pw].x }}"}}, r"injector env, X: .*UndefinedError: .*\$encrypted\$"),
    ],
)
def test_errors_say_where_and_show_no_secret(tmp_path: Path, injectors: dict[str, Any], said: str) -> None:
    with pytest.raises(HoldfastError, match=f"credential type My Type, {said}") as raised:
        run(tmp_path, injectors)
    assert "hunter2" not in str(raised.value)


def test_templates_reach_nothing_of_this_process(tmp_path: Path) -> None:
    for template in ("{{ cycler.__init__.__globals__.os.environ }}", "{{ tower.__class__ }}", "{{ user.__class__ }}"):
        try:
            text = run(tmp_path / str(hash(template)), {"env": {"X": template}}).env["X"]
        except HoldfastError:
            continue
        assert os.environ["PATH"] not in text
        assert "class" not in text
