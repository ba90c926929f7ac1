# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of Ansible: what reaches the children, and what is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from holdfast.cli import options, screen
from holdfast.cli.options import Given, extra_variables


def test_everything_reaches_the_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = Given(
        inventory=["hosts.yml", "a,b,"],
        limit="web",
        vault_ids=["prod@secrets/prod", "plain"],
        vault_password_files=["pw"],
        remote_user="bob",
        become=True,
        become_user="root",
        become_method="sudo",
        connection="ssh",
        private_key="key",
        forks=7,
        timeout=9,
        verbosity=2,
        diff=True,
    )
    made = given.options()
    assert made.inventory == (str(tmp_path / "hosts.yml"), "a,b,")
    assert made.limit == "web"
    assert made.cwd == str(tmp_path)
    assert made.arguments() == [
        "--inventory", f"{tmp_path}/hosts.yml", "--inventory", "a,b,",
        "--connection=ssh", "--user=bob", f"--private-key={tmp_path}/key", "--become-method=sudo", "--become-user=root",
        "--become", "--diff", "--timeout=9", "--forks=7",
        "--vault-id", f"prod@{tmp_path}/secrets/prod", "--vault-id", f"default@{tmp_path}/plain",
        "--vault-id", f"default@{tmp_path}/pw", "-vv",
    ]  # fmt: skip


def test_passwords_are_asked_for_and_never_among_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["vault", "ssh", ""])
    monkeypatch.setattr(screen, "can_ask", lambda: True)
    monkeypatch.setattr(options, "ask_text", lambda _prompt, hidden: next(typed) if hidden else "shown")
    given = Given(vault_ids=["prod@prompt"], ask_connection=True, ask_become=True)
    secrets = given.secrets()
    assert secrets.vault == (("prod", "vault"),)
    assert secrets.connection_password == "ssh"
    assert secrets.become_password == "ssh", "nothing typed means the SSH password, as in Ansible"
    assert given.options().vault_ids == ()


@pytest.mark.parametrize("given", [Given(ask_connection=True), Given(ask_become=True), Given(vault_ids=["prompt"])])
def test_without_a_terminal_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, given: Given) -> None:
    monkeypatch.setattr(screen, "can_ask", lambda: False)
    with pytest.raises(HoldfastError, match="no terminal"):
        given.secrets()


def test_extra_variables(tmp_path: Path) -> None:
    file = tmp_path / "vars.yml"
    file.write_text("b: [1]\n")
    assert extra_variables(["a=1=2", '{"a": true}', f"@{file}"]) == {"a": True, "b": [1]}
    with pytest.raises(HoldfastError, match="NAME=VALUE"):
        extra_variables(["nothing"])
