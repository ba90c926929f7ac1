# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program needs to reach a source: user name and password, or a key, in files that only it can read.

Nothing secret is ever an argument, a variable or part of an address.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from holdfast.jobs.agent import unlocked
from holdfast.jobs.credentials import SshKey
from holdfast.projects.urls import Source

_ANSWER = """#!/bin/sh
# git asks for a user name or a password: only the host that they are for gets them.
case "$1" in
  *//{host}\\'*|*@{host}\\'*) ;;
  *) exit 1 ;;
esac
case "$1" in
  Username*) exec cat {folder}/username ;;
  *) exec cat {folder}/password ;;
esac
"""


@dataclass(frozen=True)
class Credential:
    """A credential for a source, in clear."""

    username: str = ""
    password: str = ""
    ssh_key: str = ""
    passphrase: str = ""

    def secrets(self) -> list[str]:
        """What must not be seen anywhere."""
        return [text for text in (self.password, self.ssh_key, self.passphrase) if text]


def for_git(source: Source, credential: Credential, private: Path, known_hosts: Path) -> dict[str, str]:
    """Write what git needs into a private folder; returns the variables that lead git to it."""
    if source.is_ssh:
        return {"GIT_SSH_COMMAND": shlex.join(_ssh(credential, private, known_hosts)), "GIT_SSH_VARIANT": "ssh"}
    username, password = source.username or credential.username, source.password or credential.password
    if not (username or password):
        return {}
    write(private / "username", username or "git")
    write(private / "password", password)
    host = source.host.replace("'", "")
    answer = _ANSWER.format(host=f'"{host}"', folder=shlex.quote(str(private)))
    write(private / "answer", answer, 0o700)
    return {"GIT_ASKPASS": str(private / "answer")}


def _ssh(credential: Credential, private: Path, known_hosts: Path) -> list[str]:
    """ssh with the key of the credential and no other one; a host that is new is remembered, a changed one refused."""
    command = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
    key = "none"
    if credential.ssh_key:
        write(private / "key", unlocked(SshKey(credential.ssh_key, credential.passphrase, type_name="Source Control")))
        key = str(private / "key")
    command += ["-o", f"IdentityFile={key}", "-o", f"UserKnownHostsFile={known_hosts}"]
    return [*command, "-o", "GlobalKnownHostsFile=/etc/ssh/ssh_known_hosts", "-o", "StrictHostKeyChecking=accept-new"]


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that nobody else can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
