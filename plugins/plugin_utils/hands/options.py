# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every child play is given from the command that started the run: inventory, connection, privileges, secrets.

Options are plain and may be written down; secrets come through a pipe, live in files that only their owner can read,
and go when the run ends.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.unsafe_yaml import write_vars

_FLAGS = (
    ("connection", "--connection"),
    ("remote_user", "--user"),
    ("private_key_file", "--private-key"),
    ("ssh_common_args", "--ssh-common-args"),
    ("ssh_extra_args", "--ssh-extra-args"),
    ("scp_extra_args", "--scp-extra-args"),
    ("sftp_extra_args", "--sftp-extra-args"),
    ("become_method", "--become-method"),
    ("become_user", "--become-user"),
)
_SWITCHES = (
    ("become", "--become"),
    ("diff", "--diff"),
    ("flush_cache", "--flush-cache"),
    ("force_handlers", "--force-handlers"),
)


@dataclass(frozen=True)
class RunOptions:
    """Options of ``ansible-playbook`` for every child play; empty means that Ansible's own default holds.

    ``inventory`` are sources (paths made absolute, or host lists with a comma); ``limit`` is kept for people and for
    resolving hosts, a child gets its slice instead. ``vault_ids`` are ``label@file``. ``timeout`` is the connection's,
    in seconds. ``cwd`` is where relative paths count from, ``config_file`` the ansible.cfg in use, ``environment``
    more variables for the children.
    """

    inventory: tuple[str, ...] = ()
    limit: str = ""
    connection: str = ""
    remote_user: str = ""
    private_key_file: str = ""
    ssh_common_args: str = ""
    ssh_extra_args: str = ""
    scp_extra_args: str = ""
    sftp_extra_args: str = ""
    timeout: Optional[int] = None
    become: bool = False
    become_method: str = ""
    become_user: str = ""
    vault_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    forks: Optional[int] = None
    verbosity: int = 0
    diff: bool = False
    flush_cache: bool = False
    force_handlers: bool = False
    module_path: tuple[str, ...] = ()
    cwd: str = ""
    config_file: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without what is at its default."""
        default = RunOptions()
        return {k: v for k, v in asdict(self).items() if v != getattr(default, k)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunOptions:
        """The options that ``to_dict`` wrote; raises HoldfastError for a key it does not know."""
        known = {entry.name for entry in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise HoldfastError(f"unknown run options: {', '.join(unknown)}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)

    def over(self, earlier: RunOptions) -> RunOptions:
        """These options, with those of an earlier launch where these say nothing."""
        return RunOptions.from_dict({**earlier.to_dict(), **self.to_dict()})

    def arguments(self) -> list[str]:
        """The arguments of ``ansible-playbook`` that these options stand for; limit and secrets are not among them."""
        found: list[str] = []
        for source in self.inventory:
            found += ["--inventory", source]
        for name, flag in _FLAGS:
            value = getattr(self, name)
            if value:
                # one word with '=', so that a value that begins with a dash is still a value
                found.append(f"{flag}={value}")
        found += [flag for name, flag in _SWITCHES if getattr(self, name)]
        if self.timeout is not None:
            found.append(f"--timeout={self.timeout}")
        if self.forks is not None:
            found.append(f"--forks={self.forks}")
        for label in self.vault_ids:
            found += ["--vault-id", label]
        for tag in self.tags:
            found.append(f"--tags={tag}")
        for tag in self.skip_tags:
            found.append(f"--skip-tags={tag}")
        for path in self.module_path:
            found.append(f"--module-path={path}")
        if self.verbosity:
            found.append("-" + "v" * self.verbosity)
        return found


@dataclass
class RunSecrets:
    """Secrets of a run: only ever in memory, in the pipe to the supervisor, and in files of mode 0600.

    ``vault`` are pairs of label and password; ``variables`` are the operator's connection variables
    (``ansible_...``), which may hold passwords.
    """

    vault: tuple[tuple[str, str], ...] = ()
    connection_password: str = ""
    become_password: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the pipe."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunSecrets:
        """The secrets that came through the pipe."""
        return cls(
            vault=tuple((str(label), str(text)) for label, text in data.get("vault", ())),
            connection_password=str(data.get("connection_password") or ""),
            become_password=str(data.get("become_password") or ""),
            variables=dict(data.get("variables") or {}),
        )

    def texts(self) -> list[str]:
        """Every secret text, to be masked wherever something is shown."""
        hidden = [value for name, value in self.variables.items() if isinstance(value, str) and "pass" in name]
        found = [text for _label, text in self.vault] + [self.connection_password, self.become_password, *hidden]
        return [text for text in found if text]


class SecretFiles:
    """The secrets of a run as files for its children, in one folder that ``remove`` empties."""

    def __init__(self, folder: Path, secrets: RunSecrets) -> None:
        self.folder = folder
        self._arguments: list[str] = []
        for number, (label, text) in enumerate(secrets.vault):
            self._arguments += ["--vault-id", f"{label}@{self._write(f'vault-{number}', text)}"]
        if secrets.connection_password:
            path = self._write("connection", secrets.connection_password)
            self._arguments.append(f"--connection-password-file={path}")
        if secrets.become_password:
            self._arguments.append(f"--become-password-file={self._write('become', secrets.become_password)}")
        if secrets.variables:
            path = home.private_folder(folder) / "variables.yml"
            write_vars(path, dict(secrets.variables))
            self._arguments += ["--extra-vars", f"@{path}"]

    def _write(self, name: str, text: str) -> Path:
        path = home.private_folder(self.folder) / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        return path

    def arguments(self) -> list[str]:
        """The arguments that point children at the files."""
        return list(self._arguments)

    def remove(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def absolute_sources(sources: tuple[str, ...], cwd: str) -> tuple[str, ...]:
    """Inventory sources with their paths made absolute; a host list (with a comma) stays as it is."""
    return tuple(source if "," in source else os.path.join(cwd, os.path.expanduser(source)) for source in sources)


def ansible_playbook() -> str:
    """The ``ansible-playbook`` beside this interpreter, else the first on PATH; raises when there is none."""
    beside = Path(sys.executable).with_name("ansible-playbook")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("ansible-playbook")
    if not found:
        raise HoldfastError("ansible-playbook was found neither beside this Python nor on PATH: install ansible-core")
    return found


def child_environment(options: RunOptions) -> dict[str, str]:
    """What every child's environment has beyond that of the supervisor."""
    found = {**options.environment, "ANSIBLE_NOCOLOR": "1", "PYTHONUNBUFFERED": "1"}
    found.update(collections_environment({**os.environ, **options.environment}))
    if options.config_file:
        found["ANSIBLE_CONFIG"] = options.config_file
    return found


def collections_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``ANSIBLE_COLLECTIONS_PATH`` with this collection's folder first; {} when Ansible finds it by itself."""
    own = home.collections_path()
    if own is None:
        return {}
    given = environ.get("ANSIBLE_COLLECTIONS_PATH") or ""
    rest = [entry for entry in given.split(os.pathsep) if entry and entry != str(own)]
    if not given:
        rest = [os.path.expanduser("~/.ansible/collections"), "/usr/share/ansible/collections"]
    return {"ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([str(own), *rest])}
