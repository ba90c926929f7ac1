# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host patterns to hosts, by Ansible itself: one short play with the run's inventory when nobody else can tell."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import Unsafe
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import options as run_options
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.results import Events
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.unsafe_yaml import write_vars

PLAYBOOK = "holdfast.ops.resolve_hosts"


class Resolved(NamedTuple):
    """What patterns stand for. ``limit``: the hosts of ``--limit``, None without one.

    ``explicit_localhost``: the inventory holds localhost.
    """

    hosts: dict[str, list[str]]
    limit: Optional[list[str]]
    explicit_localhost: bool


def limit_pattern(limit: str, cwd: str) -> str:
    """A ``--limit`` as one pattern; ``@file`` stands for the lines of the file."""
    parts = []
    for part in limit.split(","):
        text = part.strip()
        if text.startswith("@"):
            try:
                lines = Path(cwd, os.path.expanduser(text[1:])).read_text(encoding="utf-8").split("\n")
            except OSError as error:
                raise HoldfastError(f"cannot read the --limit file {text[1:]}: {error.strerror}") from error
            parts += [line.strip() for line in lines if line.strip()]
        elif text:
            parts.append(text)
    return ",".join(parts)


def patterns_to_ask(patterns: Sequence[str], options: RunOptions) -> list[str]:
    """Everything to resolve for a launch: its patterns, and last the limit where there is one."""
    limit = [limit_pattern(options.limit, options.cwd or os.getcwd())] if options.limit else []
    return [*patterns, *limit]


def from_answers(
    patterns: Sequence[str], options: RunOptions, answers: Sequence[Sequence[str]], explicit_localhost: bool
) -> Resolved:
    """Read the answers to ``patterns_to_ask``, one list of hosts for each."""
    lists = [list(hosts) for hosts in answers]
    limit = lists[len(patterns)] if options.limit else None
    if limit is not None and not limit:
        raise HoldfastError(f"--limit {options.limit} matches no host of the inventory")
    return Resolved(dict(zip(patterns, lists, strict=False)), limit, explicit_localhost)


def resolve(
    patterns: Sequence[str], options: RunOptions, folder: Path, secret_arguments: Sequence[str] = ()
) -> Resolved:
    """Resolve patterns by a play of its own, with its files in ``folder``.

    Raises HoldfastError with what Ansible said when that fails.
    """
    from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.ansible_child import PlayChild, prepare

    asked = patterns_to_ask(patterns, options)
    if not asked and options.inventory and all("," in source for source in options.inventory):
        named = {host for source in options.inventory for host in source.split(",")}
        return Resolved({}, None, LOCALHOST in named)
    path = folder / "patterns.yml"
    write_vars(path, {"holdfast_patterns": [Unsafe(pattern) for pattern in asked]})
    environment = {**run_options.child_environment(options), processes.RUN: f"hosts-{os.getpid()}"}
    config = prepare(folder, PLAYBOOK, environment, options.cwd or os.getcwd())
    chosen = RunOptions(inventory=options.inventory, vault_ids=options.vault_ids).arguments()
    program = run_options.ansible_playbook()
    config.command = [program, *chosen, *secret_arguments, "--extra-vars", f"@{path}", "--", PLAYBOOK]
    events = Events()
    code = PlayChild(config, lambda _pid: None, events.take, lambda: None).run()
    found: dict[str, Any] = events.outputs(False)
    if code or events.stats is None:
        raise HoldfastError(f"the hosts of the inventory cannot be listed: {events.last_words()}")
    lists = [found.get(f"hosts_{index}", []) for index in range(len(asked))]
    return from_answers(patterns, options, lists, bool(found.get("explicit_localhost")))
