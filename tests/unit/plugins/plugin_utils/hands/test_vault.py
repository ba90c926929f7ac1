# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written in the form of ansible-vault is held against the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import archive_key, vault

ANSIBLE_VAULT = Path(sys.executable).with_name("ansible-vault")


def ansible_vault(*arguments: object, folder: Path) -> None:
    environment = {**os.environ, "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "HOME": str(folder)}
    subprocess.run([ANSIBLE_VAULT, *map(str, arguments)], check=True, capture_output=True, env=environment)


@pytest.mark.parametrize("text", [b"", b"x", b"0123456789abcdef", "schlüssel\n".encode() * 50])
def test_what_is_encrypted_is_decrypted(text: bytes) -> None:
    assert vault.decrypt(vault.encrypt(text, b"pw", "me"), [b"other", b"pw"], "it") == text


def test_a_wrong_password_and_damage_are_told_apart() -> None:
    data = vault.encrypt(b"x", b"pw", "me")
    with pytest.raises(HoldfastError, match=r"it is encrypted with ansible-vault \(label me\), and none of 1"):
        vault.decrypt(data, [b"no"], "it")
    with pytest.raises(HoldfastError, match="no vault password was given"):
        vault.decrypt(data, [], "it")
    with pytest.raises(HoldfastError, match="it is damaged"):
        vault.decrypt(data[:-3] + b"\n", [b"pw"], "it")
    with pytest.raises(HoldfastError, match="known here"):
        vault.decrypt(b"$ANSIBLE_VAULT;9;X\n", [b"pw"], "it")


@pytest.mark.skipif(not ANSIBLE_VAULT.exists(), reason="ansible-vault is not installed beside this Python")
def test_ansible_vault_opens_what_we_wrote_and_we_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password, store = tmp_path / "password", tmp_path / "store"
    password.write_text("correct horse\n")
    monkeypatch.setenv(archive_key.PASSWORD_FILE, str(password))
    made = archive_key.load(store, make=True)
    key = store / archive_key.NAME
    assert key.read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;holdfast\n")
    ansible_vault("decrypt", "--vault-password-file", password, key, folder=tmp_path)
    assert archive_key.load(store).marks == made.marks, "a plain key is taken as well"
    password.write_text("another one\n")
    ansible_vault("encrypt", "--vault-password-file", password, key, folder=tmp_path)
    assert key.read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    assert archive_key.load(store).marks == made.marks
    monkeypatch.delenv(archive_key.PASSWORD_FILE)
    assert archive_key.load(store, [b"wrong", b"another one"]).marks == made.marks
    with pytest.raises(HoldfastError, match="HOLDFAST_VAULT_PASSWORD_FILE"):
        archive_key.load(store)


def test_a_password_comes_from_a_file_or_a_program(tmp_path: Path) -> None:
    file, program = tmp_path / "file", tmp_path / "program"
    file.write_text("pw\n")
    program.write_text("#!/bin/sh\necho from a program\n")
    program.chmod(0o700)
    assert archive_key.password_from(file) == b"pw"
    assert archive_key.password_from(program) == b"from a program"
    (tmp_path / "empty").touch()
    for name in ("empty", "missing"):
        with pytest.raises(HoldfastError, match="vault password"):
            archive_key.password_from(tmp_path / name)
    (tmp_path / archive_key.NAME).write_text("nonsense")
    with pytest.raises(HoldfastError, match="holds no key"):
        archive_key.load(tmp_path)
