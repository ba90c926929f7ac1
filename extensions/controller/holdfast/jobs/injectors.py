# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials -> what a job is given of them, by the rules of AWX.

AWX types passwords at the prompts of Ansible. A job here has no terminal; Ansible reads them from files that only the
owner can read, named in the arguments. It takes the blanks off both ends of what such a file holds. Private keys of
machine and source control credentials go to an ssh-agent (see ``agent``), as they do in AWX: only so a key also opens
jump hosts and what plays start themselves. Network modules ask no agent, their key is a file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home

from holdfast.jobs import cloud
from holdfast.jobs.agent import unlocked
from holdfast.jobs.credentials import CredentialValue, Injection, SshKey, safe_environment
from holdfast.jobs.templates import Templates

DEFAULT_USER = "root"
"""AWX never leaves the remote user to the account that the controller runs under."""
_TEMPLATE = re.compile(r"\{\{[^}]+\}\}|\{%[^%]+%\}")
_ASKPASS = """#!/bin/sh
case "$1" in
[Uu]sername*) exec cat {username} ;;
*) exec cat {password} ;;
esac
"""


def inject(credentials: Sequence[CredentialValue], folder: Path, inventory_update: bool = False) -> Injection:
    """Write the secret files of a job's credentials into ``folder`` and return what the job is to be given.

    Raises HoldfastError for credentials that contradict each other and for templates that cannot be rendered.
    """
    work = _Injecting(home.private_folder(folder))
    for credential in credentials:
        work.secrets += credential.secrets()
        special = _SPECIAL.get(credential.kind)
        if special is not None:
            special(work, credential)
        work.inject(credential, inventory_update)
    return Injection(
        env=work.env,
        safe_env=work.safe_env,
        extra_vars=work.extra_vars,
        arguments=("-u", work.username or DEFAULT_USER, *work.arguments),
        passwords=work.passwords,
        keys=tuple(work.keys),
        secrets=tuple(dict.fromkeys(work.secrets)),
    )


class _Injecting:
    """An injection in the making."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = 0
        self.username = ""
        self.env: dict[str, str] = {}
        self.safe_env: dict[str, str] = {}
        self.extra_vars: dict[str, Any] = {}
        self.arguments: list[str] = []
        self.passwords: dict[str, str] = {}
        self.keys: list[SshKey] = []
        self.secrets: list[str] = []

    def write(self, text: str, mode: int = 0o600) -> str:
        """Write a private file of a name of its own; returns its path."""
        self._files += 1
        path = self._folder / f"file-{self._files}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        return str(path)

    def set(self, env: dict[str, str]) -> None:
        """Set variables of the environment that are known to AWX by name."""
        self.env.update(env)
        self.safe_env.update(safe_environment(env))

    def inject(self, credential: CredentialValue, inventory_update: bool) -> None:
        """Do what the type of a credential says by its injectors, or by its name when AWX has built it in."""
        if not credential.injectors:
            if credential.managed:
                self.set(cloud.variables(credential, self.write, inventory_update))
            return
        templates = Templates(credential, self.write)
        env, safe = templates.environment()
        self.env.update(env)
        self.safe_env.update(safe)
        if not inventory_update:
            self.extra_vars.update(templates.extra_vars())

    def machine(self, credential: CredentialValue) -> None:
        """User, password, key and privilege escalation of a machine credential."""
        self.username = _plain(credential, "username")
        self._password(credential, "password", "ssh_password", "--connection-password-file")
        for name, flag in (("become_method", "--become-method"), ("become_username", "--become-user")):
            value = _plain(credential, name)
            if value:
                self.arguments += [flag, value]
        self._password(credential, "become_password", "become_password", "--become-password-file")
        self.key(credential)

    def _password(self, credential: CredentialValue, name: str, known_as: str, flag: str) -> None:
        text = credential.text(name)
        if text:
            self.passwords[known_as] = text
            self.arguments += [flag, self.write(text)]

    def key(self, credential: CredentialValue) -> None:
        """The private key of a credential, for the agent."""
        if credential.has("ssh_key_data"):
            key = _key(credential)
            if key.passphrase:
                self.passwords["ssh_key_unlock" if credential.kind == "ssh" else "scm_key_unlock"] = key.passphrase
            self.keys.append(key)

    def vault(self, credential: CredentialValue) -> None:
        """The password of a vault."""
        label = credential.text("vault_id")
        known_as = f"vault_password.{label}" if label else "vault_password"
        if label and known_as in self.passwords:
            raise HoldfastError(f"multiple vault credentials were specified with --vault-id {label}@prompt")
        text = credential.text("vault_password")
        if text:
            self.passwords[known_as] = text
            self.arguments += ["--vault-id", f"{label or 'default'}@{self.write(text)}"]

    def network(self, credential: CredentialValue) -> None:
        """What network modules read from the environment."""
        authorize = bool(credential.get("authorize", False))
        env = {
            "ANSIBLE_NET_USERNAME": credential.text("username"),
            "ANSIBLE_NET_PASSWORD": credential.text("password"),
            "ANSIBLE_NET_AUTHORIZE": str(int(authorize)),
        }
        if credential.has("ssh_key_data"):
            env["ANSIBLE_NET_SSH_KEYFILE"] = self.write(unlocked(_key(credential)))
        if authorize:
            env["ANSIBLE_NET_AUTH_PASS"] = credential.text("authorize_password")
        self.set(env)

    def source_control(self, credential: CredentialValue) -> None:
        """User, password and key for a repository; git asks a program for what AWX types at its prompts."""
        self.key(credential)
        for name in ("username", "password"):
            self.passwords[f"scm_{name}"] = credential.text(name)
        if credential.has("password"):
            paths = {name: self.write(credential.text(name)) for name in ("username", "password")}
            quoted = {name: "'" + path.replace("'", "'\\''") + "'" for name, path in paths.items()}
            self.set({"GIT_ASKPASS": self.write(_ASKPASS.format(**quoted), 0o700), "GIT_TERMINAL_PROMPT": "0"})


_SPECIAL = {
    "ssh": _Injecting.machine,
    "vault": _Injecting.vault,
    "net": _Injecting.network,
    "scm": _Injecting.source_control,
}


def _key(credential: CredentialValue) -> SshKey:
    return SshKey(
        credential.text("ssh_key_data"),
        credential.text("ssh_key_unlock"),
        credential.text("ssh_public_key_data"),
        credential.type_name,
    )


def _plain(credential: CredentialValue, name: str) -> str:
    """A field that becomes an argument: Ansible would render a template in it."""
    text = credential.text(name)
    if _TEMPLATE.search(text):
        where = f"credential type {credential.type_name}, field {name}"
        raise HoldfastError(f"{where}: Inline Jinja variables are not allowed.")
    return text
