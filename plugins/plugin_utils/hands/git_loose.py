# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies loose in a git repository, each object and each reference in a file of its own, without starting git.

Git takes some milliseconds to start, as long as a few dozen of these files take. The formats are git's: objects as in
gitrepository-layout(5), references beside ``packed-refs`` and locked by ``NAME.lock``. What has been packed into packs
is git's to find.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import StoreBroken

BLOB, TREE, COMMIT, TAG = b"blob", b"tree", b"commit", b"tag"
FILE, FOLDER = b"100644", b"40000"
MOMENT = 1.0
"""Seconds within which somebody else's git is done with a reference."""
_HASH = re.compile(rb"[0-9a-f]{40}")
NOTHING = ("", b"")
"""Stands for an object of which it is certain that there is none."""


_WRITERS = 16


class Entry(NamedTuple):
    """One entry of a tree."""

    name: str
    oid: str
    mode: bytes = FILE


def entries_of(tree: bytes) -> list[Entry]:
    """The entries of a tree, by its content."""
    found, at = [], 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _space, name = tree[at:end].partition(b" ")
        found.append(Entry(os.fsdecode(name), tree[end + 1 : end + 21].hex(), mode))
        at = end + 21
    return found


def sync(paths: Sequence[str]) -> None:
    """Bring files onto the disk; several at once, for a file system writes down together what waits together."""
    if len(paths) == 1:
        _sync(paths)
    elif paths:
        count = min(_WRITERS, len(paths))
        with ThreadPoolExecutor(count) as writers:
            list(writers.map(_sync, [paths[first::count] for first in range(count)]))


def _sync(paths: Sequence[str]) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


class Loose:
    """The loose part of the repository in a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    # --- objects -----------------------------------------------------------------------------------------------------

    def find(self, name: str) -> tuple[str, bytes] | None:
        """Hash and content of an object, by its hash, a reference, or ``COMMIT:path``; ``NOTHING`` where none is.

        None when git has to look: some of what leads to it is packed, or is not what its name says.
        """
        oid, _colon, path = name.partition(":")
        if oid.startswith("refs/"):
            try:
                oid = self.ref(oid)
            except StoreBroken:
                return None
            if not oid:
                return NOTHING
        for part in path.split("/") if path else ():
            oid = self._below(oid, part)
        found = self._object(oid)
        return found and (oid, found[1])

    def _below(self, oid: str, name: str) -> str:
        """The object of this name in a tree, or in the tree of a commit; "" when that cannot be said."""
        kind, data = self._object(oid) or NOTHING
        if kind == COMMIT:
            return self._below(data[5:45].decode("ascii", "replace"), name)
        if kind != TREE:
            return ""
        return next((entry.oid for entry in entries_of(data) if entry.name == name), "")

    def _object(self, oid: str) -> tuple[bytes, bytes] | None:
        """Kind and content; None for one that is not here, or is damaged."""
        try:
            with open(f"{self._path}/objects/{oid[:2]}/{oid[2:]}", "rb") as file:
                whole = zlib.decompress(file.read())
        except (OSError, zlib.error):
            return None
        if hashlib.sha1(whole, usedforsecurity=False).hexdigest() != oid:
            return None
        head, _end, data = whole.partition(b"\0")
        return head.partition(b" ")[0], data

    # --- references --------------------------------------------------------------------------------------------------

    def ref(self, name: str) -> str:
        """The object that a reference names; "" when there is none. Raises StoreBroken when it is damaged."""
        return self._own(name) or self._in(self._packed(), name)

    def _own(self, name: str) -> str:
        """What the file of a reference says."""
        try:
            said = Path(self._path, name).read_bytes().strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return ""
        except OSError as error:
            raise StoreBroken(f"cannot read {name} of the archive {self._path}: {error.strerror}") from error
        if not _HASH.fullmatch(said):
            raise StoreBroken(f"{name} of the archive {self._path} is damaged; see: holdfast lkg verify")
        return said.decode()

    def names(self, prefix: str) -> Iterator[str]:
        """The references below a prefix (whole path components), in no order."""
        seen = set()
        for folder, _folders, files in os.walk(f"{self._path}/{prefix}"):
            for file in files:
                if not file.endswith(".lock"):
                    name = os.path.relpath(f"{folder}/{file}", self._path)
                    seen.add(name)
                    yield name
        for line in self._packed().decode("utf-8", "replace").splitlines():
            _oid, _space, name = line.partition(" ")
            if name.startswith(f"{prefix}/") and name not in seen:
                yield name

    @staticmethod
    def _in(packed: bytes, name: str) -> str:
        at = packed.find(b" %s\n" % name.encode())
        return packed[max(0, at - 40) : at].decode("ascii", "replace") if at > 0 else ""

    def _packed(self) -> bytes:
        """The references that were packed. Their own files go only after that, so this is to be read after those."""
        try:
            return Path(self._path, "packed-refs").read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise StoreBroken(f"cannot read packed-refs of the archive {self._path}: {error.strerror}") from error

    def move(self, moves: Mapping[str, tuple[str, str]]) -> None:
        """Make references name other objects: name -> (new object, old one or "").

        As git does it: each is locked by a file beside it that already says what is to be, and all of them are looked
        at under their locks before the first is moved. Raises StoreBroken; what can be known before is, and then none
        has been moved.
        """
        locks: dict[str, str] = {}
        try:
            for name, (new, _old) in moves.items():
                self._lock(name, new, locks)
            self._compare({name: old for name, (_new, old) in moves.items()})
            sync(list(locks))
            for lock, path in list(locks.items()):
                os.rename(lock, path)
                del locks[lock]
        except OSError as error:
            raise StoreBroken(f"cannot change references of the archive {self._path}: {error.strerror}") from error
        finally:
            for lock in locks:
                with contextlib.suppress(OSError):
                    os.unlink(lock)

    def _compare(self, wanted: Mapping[str, str]) -> None:
        """Raises StoreBroken unless each reference names this object, "" for none."""
        found = {name: self._own(name) for name in wanted}
        packed = b"" if all(found.values()) else self._packed()
        for name, old in wanted.items():
            now = found[name] or self._in(packed, name)
            if now != old:
                raise StoreBroken(
                    f"{name} of the archive {self._path} is at {now or 'nothing'}, and not at {old or 'nothing'}"
                )

    def _lock(self, name: str, new: str, locks: dict[str, str]) -> None:
        path = f"{self._path}/{name}"
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.rmdir(path)  # an empty folder at its place is what git leaves of references that were below it
        descriptor = self._opened(f"{path}.lock", name)
        locks[f"{path}.lock"] = path
        with os.fdopen(descriptor, "wb") as file:
            if home.is_shared(self._path):
                os.fchmod(descriptor, 0o660)
            file.write(b"%s\n" % new.encode())

    def _opened(self, lock: str, name: str) -> int:
        """The file of a lock, made by us; somebody else's git may hold it for a moment, or remove its empty folder."""
        until = time.monotonic() + MOMENT
        while True:
            try:
                return os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileNotFoundError:
                home.store_folder(self._path, *name.split("/")[:-1])
            except FileExistsError:
                time.sleep(0.01)
            if time.monotonic() > until:
                raise StoreBroken(f"somebody else holds {lock}")
