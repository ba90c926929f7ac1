# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host patterns of a bundle to hosts of an inventory in the database.

A pattern that is just the name of a group or host is looked up; whatever says more is left to Ansible itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import hosts
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.hosts import Resolved
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def resolve(patterns: Sequence[str], limit: str, script: Mapping[str, Any], folder: Path) -> Resolved:
    """The hosts of patterns in an inventory, given as its script prints it. ``folder`` is for Ansible's own files.

    Raises HoldfastError for a limit that matches nothing, and with what Ansible says about a pattern it cannot read.
    """
    members = _members(script)
    asked = [*patterns, *([limit] if limit else [])]
    if all(_NAME.fullmatch(pattern) for pattern in asked):
        found = {pattern: members.get(pattern, []) for pattern in asked}
        if limit and not found[limit]:
            raise HoldfastError(f"--limit {limit} matches no host of the inventory")
        chosen = found[limit] if limit else None
        return Resolved({one: found[one] for one in patterns}, chosen, LOCALHOST in members)
    return _ask_ansible(patterns, limit, script, folder)


def _members(script: Mapping[str, Any]) -> dict[str, list[str]]:
    """The hosts that each name stands for: those of a group and of the groups in it, or the host itself."""
    known = {name: group for name, group in script.items() if name != "_meta"}
    everybody = list(script.get("_meta", {}).get("hostvars", {}))
    found: dict[str, list[str]] = {host: [host] for host in everybody}

    def hosts_of(name: str, around: frozenset[str]) -> list[str]:
        group = known.get(name, {})
        hosts = list(group.get("hosts", ()))
        for child in group.get("children", ()):
            if child not in around:
                hosts += hosts_of(child, around | {child})
        return list(dict.fromkeys(hosts))

    for name in known:
        found[name] = hosts_of(name, frozenset({name}))
    grouped = {host for name in known if name != "all" for host in found[name]}
    found["all"] = everybody
    found["ungrouped"] = [host for host in everybody if host not in grouped]
    return found


def _ask_ansible(patterns: Sequence[str], limit: str, script: Mapping[str, Any], folder: Path) -> Resolved:
    work = Path(tempfile.mkdtemp(prefix="hosts-", dir=folder))
    try:
        source = work / "inventory.sh"
        source.write_text('#!/bin/sh\nexec cat "$0.json"\n', encoding="utf-8")
        os.chmod(source, 0o700)
        (work / "inventory.sh.json").write_text(json.dumps(dict(script)), encoding="utf-8")
        return hosts.resolve(patterns, RunOptions(inventory=(str(source),), limit=limit, cwd=str(work)), work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
