# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job is to run, and the files and arguments that ``ansible-playbook`` gets for it.

::

    <folder>/                removed when the job has ended
        executions/          how the processes of the job are found again (see the hands' ``processes``)
        private/             credentials/ inventory/ variables, sockets, what ansible-runner writes
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import Unsafe
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.unsafe_yaml import write_vars

from holdfast.jobs.credentials import Injection

CHECK = "check"
MAX_VERBOSITY = 5
_KEY = re.compile(r"[\w.-]+")
_FQCN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){2,}")
_LIMIT_FILE = re.compile(r"(?:^|[,:\s])\s*(@[^,:\s]*)")
_SCRIPT = '#!/bin/sh\nexec cat "$0.json"\n'


@dataclass(frozen=True)
class JobSpec:
    """One job. ``key`` names it everywhere ("job-17"); ``folder`` is its own and goes with it.

    ``playbook`` is a path inside ``project``, the name of a collection's playbook, or an absolute path inside
    ``folder`` (one that the controller wrote). Jobs of other kinds give a whole ``command`` instead.

    ``inventory`` is what an inventory script would print. ``extra_vars`` reach the play as text that is never a
    template, but those that ``trusted_vars`` holds with the same value, and all of them with ``trust_all_vars``
    (AWX's ALLOW_JINJA_IN_EXTRA_VARS: the template's own variables, or "always"). ``secrets`` are texts to be masked
    beside those of the credentials, such as password answers. ``timeout`` is in seconds, 0 for none.
    """

    key: str
    folder: Path
    project: Path
    playbook: str = ""
    command: tuple[str, ...] = ()
    inventory: Mapping[str, Any] = field(default_factory=dict)
    extra_vars: Mapping[str, Any] = field(default_factory=dict)
    trusted_vars: Mapping[str, Any] = field(default_factory=dict)
    trust_all_vars: bool = False
    secrets: tuple[str, ...] = ()
    limit: str = ""
    job_tags: str = ""
    skip_tags: str = ""
    start_at_task: str = ""
    forks: int = 0
    timeout: int = 0
    verbosity: int = 0
    job_type: str = "run"
    diff_mode: bool = False
    become_enabled: bool = False
    force_handlers: bool = False
    extra_arguments: tuple[str, ...] = ()
    collections_path: tuple[Path, ...] = ()
    roles_path: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise HoldfastError(f"{self.key!r} cannot be the key of a job: letters, digits, '_', '.' and '-' can")

    @property
    def private(self) -> Path:
        """The folder of everything that must go with the job."""
        return self.folder / "private"


def write_command(spec: JobSpec, injection: Injection, program: str) -> list[str]:
    """Write the files of a job into its private folder; returns the command that runs it."""
    home.private_folder(spec.private)
    if spec.command:
        return list(spec.command)
    command = [program, *_options(spec, injection)]
    if injection.extra_vars:
        command += ["-e", f"@{_write_vars(spec.private / 'credential_vars.yml', injection.extra_vars, {})}"]
    command += [*spec.extra_arguments, "-i", str(_write_inventory(spec))]
    trusted = spec.extra_vars if spec.trust_all_vars else spec.trusted_vars
    if spec.extra_vars:
        command += ["-e", f"@{_write_vars(spec.private / 'extra_vars.yml', spec.extra_vars, trusted)}"]
    return [*command, _playbook(spec)]


def _options(spec: JobSpec, injection: Injection) -> list[str]:
    """The options of ``ansible-playbook``, spelled as AWX spells them."""
    switches = (
        ("--check", spec.job_type == CHECK),
        ("--become", spec.become_enabled),
        ("--diff", spec.diff_mode),
        (f"--forks={spec.forks}", spec.forks > 0),
        ("--force-handlers", spec.force_handlers),
        ("-" + "v" * min(spec.verbosity, MAX_VERBOSITY), spec.verbosity > 0),
        (f"--skip-tags={spec.skip_tags}", bool(spec.skip_tags)),
        (f"--start-at-task={spec.start_at_task}", bool(spec.start_at_task)),
    )
    found = [*injection.arguments, *(text for text, wanted in switches if wanted)]
    if spec.limit:
        found += ["-l", _limit(spec.limit)]
    return [*found, "-t", spec.job_tags] if spec.job_tags else found


def _limit(limit: str) -> str:
    """A limit lists hosts; Ansible would also read them from a file, and show its lines when they name none."""
    file = _LIMIT_FILE.search(limit)
    if file:
        raise HoldfastError(f"the limit {limit!r} names a file ({file[1]}); a limit lists hosts, groups and patterns")
    return limit


def _write_vars(path: Path, values: Mapping[str, Any], trusted: Mapping[str, Any]) -> Path:
    write_vars(path, {k: v if k in trusted and trusted[k] == v else _unsafe(v) for k, v in values.items()})
    return path


def _unsafe(value: Any) -> Any:
    """The value with all text in it marked: none of it is a template."""
    if isinstance(value, str):
        return Unsafe(value)
    if isinstance(value, Mapping):
        return {key: _unsafe(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_unsafe(child) for child in value]
    return value


def _write_inventory(spec: JobSpec) -> Path:
    """The inventory as a script, which is how AWX gives it: so values are what a script's values are to Ansible."""
    path = home.private_folder(spec.private / "inventory") / "hosts"
    for name, mode, text in ((path, 0o700, _SCRIPT), (Path(f"{path}.json"), 0o600, json.dumps(dict(spec.inventory)))):
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    return path


def _playbook(spec: JobSpec) -> str:
    """The playbook as an argument; raises HoldfastError for one that is not there, or not in its project."""
    name = spec.playbook
    if _FQCN.fullmatch(name) and not name.endswith((".yml", ".yaml")):
        return name
    inside = spec.folder if os.path.isabs(name) else spec.project
    root, path = os.path.realpath(inside), os.path.realpath(inside / name)
    if os.path.commonpath((root, path)) != root or path == root:
        raise HoldfastError(f"the playbook {name!r} leads out of its project")
    if not os.path.isfile(path):
        raise HoldfastError(f"the project has no playbook {name!r}")
    return f"./{name}" if name.startswith("-") else name
