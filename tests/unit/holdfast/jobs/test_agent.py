# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys: opened, given to an agent, gone from the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from holdfast.jobs import sockets
from holdfast.jobs.agent import KeyAgent, unlocked
from holdfast.jobs.credentials import SshKey

needs_ssh = pytest.mark.skipif(not shutil.which("ssh-agent") or not shutil.which("ssh-keygen"), reason="needs OpenSSH")


def key(form: PrivateFormat, passphrase: str = "", private: Any = None) -> str:
    private = private or ec.generate_private_key(ec.SECP256R1())
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return str(private.private_bytes(Encoding.PEM, form, lock).decode())


FORMS = [PrivateFormat.OpenSSH, PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL]


@pytest.mark.parametrize("form", FORMS)
def test_a_passphrase_opens_its_key(form: PrivateFormat) -> None:
    locked = key(form, "open sesame")
    text = unlocked(SshKey(locked, "open sesame"))
    assert text != locked
    assert "ENCRYPTED" not in text
    with pytest.raises(HoldfastError, match="Machine: ssh_key_unlock is not the passphrase of ssh_key_data"):
        unlocked(SshKey(locked, "wrong", type_name="Machine"))


def test_keys_without_a_passphrase_stay_as_they_are() -> None:
    text = key(PrivateFormat.OpenSSH)
    assert unlocked(SshKey(text.strip())) == text
    assert unlocked(SshKey(text, "needless")) == text


def agent(keys: list[SshKey], tmp_path: Path) -> KeyAgent:
    private = tmp_path / "private"
    private.mkdir()
    short = sockets.make(private)
    return KeyAgent(keys, short, private, {"PATH": os.environ["PATH"], "A": "1"}, f"ssh-agent for {tmp_path}/")


def listed(socket: str, flag: str = "-l") -> str:
    environment = {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": socket}
    return subprocess.run(["ssh-add", flag], env=environment, capture_output=True, text=True, check=False).stdout


@needs_ssh
def test_an_agent_holds_the_keys_and_no_file_does(tmp_path: Path) -> None:
    keys = [SshKey(key(form, "open"), "open") for form in FORMS]
    running = agent([*keys, SshKey(key(PrivateFormat.OpenSSH, private=ed25519.Ed25519PrivateKey.generate()))], tmp_path)
    try:
        assert len(listed(running.socket).splitlines()) == 4
        assert [path.name for path in (tmp_path / "private").iterdir()] == ["sockets"]
    finally:
        running.stop()
        sockets.remove(tmp_path / "private")
    assert listed(running.socket) == ""
    assert not Path(running.socket).exists()


@needs_ssh
def test_a_signed_certificate_goes_along(tmp_path: Path) -> None:
    for name in ("authority", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    sign = ["ssh-keygen", "-q", "-s", tmp_path / "authority", "-I", "me", "-n", "root", tmp_path / "user.pub"]
    subprocess.run(sign, check=True)
    certificate = (tmp_path / "user-cert.pub").read_text()
    running = agent([SshKey((tmp_path / "user").read_text(), certificate=certificate)], tmp_path)
    try:
        assert "ED25519-CERT" in listed(running.socket)
    finally:
        running.stop()
        sockets.remove(tmp_path / "private")


@needs_ssh
@pytest.mark.parametrize("text", ["no key at all", key(PrivateFormat.OpenSSH, "locked")])
def test_a_key_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    with pytest.raises(HoldfastError, match="credential type Machine: the private key cannot be used: ") as raised:
        agent([SshKey(text, type_name="Machine")], tmp_path)
    assert str(tmp_path) not in str(raised.value)
    assert [path.name for path in (tmp_path / "private").iterdir()] == ["sockets"]
    sockets.remove(tmp_path / "private")


def test_without_openssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(HoldfastError, match="needs OpenSSH"):
        agent([SshKey("x")], tmp_path)
    sockets.remove(tmp_path / "private")


@pytest.mark.parametrize("deep", [False, True])
def test_sockets_have_short_names(tmp_path: Path, deep: bool) -> None:
    private = tmp_path / ("x" * 100 if deep else "y") / "private"
    private.mkdir(parents=True)
    base = sockets.make(private)
    assert len(str(base)) <= max(70, 0 if deep else len(str(private)) + 10)
    assert (private / "sockets" / "cp").stat().st_mode & 0o777 == 0o700
    (base / "cp" / "connection").touch()
    sockets.remove(private)
    assert not base.exists()
    sockets.remove(private)
