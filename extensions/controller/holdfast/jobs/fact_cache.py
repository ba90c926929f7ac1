# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of hosts across jobs: given to a play in files, and taken back where the play has changed them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holdfast.db.base import now
from holdfast.db.models import Host

MOST_BYTES = 10 * 1024 * 1024
"""The facts of a host that are larger are not taken back."""
WRAPPED = "s1_"
"""What the files of ansible-core 2.19 and newer begin with; older ones are called as the host is."""
_PAYLOAD = "__payload__"
_TYPE = "__ansible_type"
_INSIDE = ("value", "iso8601")


class FactCache:
    """The facts of one job's hosts, in a folder of its own."""

    def __init__(self, folder: Path, hosts: Mapping[str, int]) -> None:
        self._folder = folder
        self._hosts = hosts
        self._written: dict[str, tuple[int, int]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What makes Ansible use the folder."""
        return {
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self._folder),
            "ANSIBLE_CACHE_PLUGIN_TIMEOUT": "0",
        }

    def write(self, session: Session) -> None:
        """Write the facts that are known, as older and as newer versions of Ansible read them."""
        home.private_folder(self._folder)
        query = select(Host.name, Host.ansible_facts).where(Host.id.in_(list(self._hosts.values())))
        for name, facts in session.execute(query):
            if not facts:
                continue
            text = json.dumps(facts)
            for file, content in ((name, text), (f"{WRAPPED}{name}", json.dumps({_PAYLOAD: text}))):
                self._write(file, content)

    def _write(self, file: str, content: str) -> None:
        path = self._folder / file
        if path.parent != self._folder or path.exists():
            return
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(content)
        self._written[file] = _state(path)

    def changed(self) -> dict[int, dict[str, Any]]:
        """The facts that the play left, by host, where they are not what was written."""
        found: dict[int, dict[str, Any]] = {}
        for path in self._files():
            host_id = self._host_of(path.name)
            if host_id is not None and _state(path) != self._written.get(path.name):
                facts = _read(path)
                if facts is not None:
                    found[host_id] = facts
        return found

    def cleared(self) -> list[int]:
        """The hosts whose facts the play has thrown away."""
        there = {path.name for path in self._files()}
        gone = {self._host_of(file) for file in self._written if file not in there}
        return sorted(host_id for host_id in gone if host_id is not None)

    def _host_of(self, file: str) -> int | None:
        """The host whose facts are in a file."""
        name = file if file in self._hosts else file.removeprefix(WRAPPED)
        return self._hosts.get(name)

    def _files(self) -> Iterable[Path]:
        return [Path(entry) for entry in os.scandir(self._folder)] if self._folder.is_dir() else []

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


def save(session: Session, changed: Mapping[int, Mapping[str, Any]], cleared: Iterable[int]) -> None:
    """Keep what plays left."""
    moment = now()
    facts_of: dict[int, Mapping[str, Any]] = {**changed, **{host_id: {} for host_id in cleared}}
    values = [
        {"id": host_id, "ansible_facts": dict(facts), "ansible_facts_modified": moment}
        for host_id, facts in facts_of.items()
    ]
    if values:
        session.execute(update(Host), values)


def _state(path: Path) -> tuple[int, int]:
    status = path.stat(follow_symlinks=False)
    return status.st_mtime_ns, status.st_size


def _read(path: Path) -> dict[str, Any] | None:
    try:
        if path.is_symlink() or path.stat().st_size > MOST_BYTES:
            return None
        facts = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(facts, dict) and _PAYLOAD in facts:
            facts = plain(json.loads(facts[_PAYLOAD]))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def plain(value: Any) -> Any:
    """A value without what newer versions of Ansible note about it: where it comes from, whether it is a template."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if _TYPE not in value:
        return {name: plain(one) for name, one in value.items()}
    if "ciphertext" in value:
        return {"__ansible_vault": value["ciphertext"]}
    return next((plain(value[name]) for name in _INSIDE if name in value), None)
