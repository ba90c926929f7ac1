# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What children are given from the command line: options that may be written down, and secrets that may not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import (
    RunOptions,
    RunSecrets,
    absolute_sources,
)

from holdfast.cli import screen
from holdfast.cli.answers import ask_text, mapping

PROMPT = "prompt"


@dataclass
class Given:
    """The options of ``holdfast run`` that are Ansible's own, as they were typed."""

    inventory: Sequence[str] = ()
    limit: str = ""
    vault_ids: Sequence[str] = ()
    vault_password_files: Sequence[str] = ()
    ask_vault: bool = False
    ask_connection: bool = False
    ask_become: bool = False
    remote_user: str = ""
    become: bool = False
    become_method: str = ""
    become_user: str = ""
    connection: str = ""
    private_key: str = ""
    forks: int | None = None
    timeout: int | None = None
    verbosity: int = 0
    diff: bool = False
    extra: Sequence[str] = field(default_factory=list)

    def options(self) -> RunOptions:
        """The options that may be written down; paths are made absolute."""
        cwd = os.getcwd()
        return RunOptions(
            inventory=absolute_sources(tuple(self.inventory), cwd),
            limit=self.limit,
            connection=self.connection,
            remote_user=self.remote_user,
            private_key_file=_absolute(self.private_key),
            timeout=self.timeout,
            become=self.become,
            become_method=self.become_method,
            become_user=self.become_user,
            vault_ids=tuple(self._vault_files()),
            forks=self.forks,
            verbosity=self.verbosity,
            diff=self.diff,
            cwd=cwd,
        )

    def _vault_files(self) -> list[str]:
        """``label@file`` for every vault password that stands in a file."""
        sources = [_vault(text) for text in self.vault_ids]
        found = [f"{label}@{_absolute(source)}" for label, source in sources if source != PROMPT]
        return found + [f"default@{_absolute(path)}" for path in self.vault_password_files]

    def secrets(self) -> RunSecrets:
        """The secrets, of which the person is asked for those that Ansible would ask for."""
        prompted = [label for label, source in map(_vault, self.vault_ids) if source == PROMPT]
        prompted += ["default"] if self.ask_vault else []
        if (prompted or self.ask_connection or self.ask_become) and not screen.can_ask():
            raise HoldfastError("there is no terminal at which a password can be asked for; name a file instead")
        vault = tuple((label, ask_text(f"Vault password ({label}): ", hidden=True)) for label in prompted)
        connection = ask_text("SSH password: ", hidden=True) if self.ask_connection else ""
        become = ""
        if self.ask_become:
            default = " [the SSH password]" if connection else ""
            become = ask_text(f"BECOME password{default}: ", hidden=True) or connection
        return RunSecrets(vault, connection, become, extra_variables(self.extra))


def _vault(text: str) -> tuple[str, str]:
    """Label and source of a vault id; a bare source has the label ``default``."""
    label, at, source = text.rpartition("@")
    return (label or "default", source) if at else ("default", text)


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path)) if path else ""


def extra_variables(texts: Sequence[str]) -> dict[str, Any]:
    """Variables from ``-e``: NAME=VALUE, a JSON or YAML mapping, or ``@file``; later ones win."""
    found: dict[str, Any] = {}
    for text in texts:
        if text.startswith(("@", "{")):
            found.update(mapping(text, "-e"))
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise HoldfastError(f"-e {text}: write it as NAME=VALUE, as a mapping in JSON, or as @FILE")
        found[name.strip()] = value
    return found
