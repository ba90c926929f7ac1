# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare git repository as an archive: what few files hold is read and written here, everything else is done by git.

Starting git for each host would cost more than all the rest, so objects and references are written as git writes them:
whole, beside their place, and then moved there; and a few are read here (``git_loose``). References are changed one
transaction after another under a lock of our own (``flock``), so that a killed writer leaves no lock behind that would
stop the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.git_loose import (
    FOLDER,
    MOMENT,
    NOTHING,
    TREE,
    Entry,
    Loose,
    sync,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import StoreBroken

PATIENCE = 60.0
"""Seconds to wait for others who change references."""
GRACE = 3600
"""Seconds for which something that nothing refers to stays: somebody may be writing what will refer to it."""
_AT_ONCE = 500
_FEW = 16
"""So many objects, and references, are read here before git, which has to be started, is faster."""
_SETTINGS = {"gc.auto": "0", "core.logAllRefUpdates": "false"}
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_DEFAULT_HASH": "sha1",
    "GIT_DEFAULT_REF_FORMAT": "files",
    "GIT_AUTHOR_NAME": "Holdfast",
    "GIT_AUTHOR_EMAIL": "holdfast",
    "GIT_COMMITTER_NAME": "Holdfast",
    "GIT_COMMITTER_EMAIL": "holdfast",
}


class Ref(NamedTuple):
    """A reference: its name, the object, the object behind a tag, and the body of its message."""

    name: str
    oid: str
    peeled: str
    body: str


class GitStore:
    """The repository in a folder; made on first need."""

    def __init__(self, path: Path, store: Path) -> None:
        self.path = path
        self._store = store
        self._objects = f"{path}/objects"
        self._loose = Loose(path)
        self._fresh: dict[str, str] = {}

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return (self.path / "HEAD").is_file()

    def ensure(self) -> None:
        """Make it, unless there is one; of several who do so at once one wins, and all have the same."""
        if self.exists:
            return
        home.store_folder(self._store)
        shared = home.is_shared(self._store)
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            kind = f"--shared={'0660' if shared else 'umask'}"
            self._git(
                ["init", "--bare", "--quiet", "--template=", "--initial-branch=main", kind, str(fresh)], bare=False
            )
            fresh.chmod(home.SHARED if shared else home.PRIVATE)
            for name, value in _SETTINGS.items():
                self._git(["config", "--file", str(fresh / "config"), name, value], bare=False)
            with contextlib.suppress(OSError):
                os.rename(fresh, self.path)
            if not self.exists:
                raise StoreBroken(f"cannot make the archive {self.path}")
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    # --- objects -----------------------------------------------------------------------------------------------------

    def write(self, kind: bytes, data: bytes) -> str:
        """Write an object and return its name; one that is there is kept, and counts as new from now on."""
        whole = b"%s %d\0" % (kind, len(data)) + data
        name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        path = f"{self._objects}/{name[:2]}/{name[2:]}"
        try:
            os.utime(path)
        except OSError:  # it is not there, or somebody else's: then ours takes its place, which is the same
            if path not in self._fresh:
                self._write(path, zlib.compress(whole, 1))
        return name

    def _write(self, path: str, data: bytes) -> None:
        fresh = f"{self._objects}/tmp_obj_{os.getpid()}_{secrets.token_hex(6)}"
        self._fresh[path] = fresh
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, self._mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except OSError as error:
            self._discard()
            raise StoreBroken(f"cannot write to the archive {self.path}: {error.strerror or error}") from error
        if len(self._fresh) >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Bring the objects that were written onto the disk, and then into their places: each is whole or not there."""
        try:
            sync(list(self._fresh.values()))
            for path, fresh in self._fresh.items():
                try:
                    os.rename(fresh, path)
                except FileNotFoundError:
                    home.store_folder(Path(self._objects), os.path.basename(os.path.dirname(path)))
                    os.rename(fresh, path)
        except OSError as error:
            self._discard()
            raise StoreBroken(f"cannot write to the archive {self.path}: {error.strerror or error}") from error
        self._fresh.clear()

    def _discard(self) -> None:
        for fresh in self._fresh.values():
            with contextlib.suppress(OSError):
                os.unlink(fresh)
        self._fresh.clear()

    @cached_property
    def _mode(self) -> int:
        return 0o440 if home.is_shared(self.path) else 0o400

    def tree(self, entries: Sequence[Entry]) -> str:
        """Write a tree; git wants its entries in the order of their bytes, with a slash after the names of folders."""
        ordered = sorted(entries, key=lambda each: os.fsencode(each.name) + (b"/" if each.mode == FOLDER else b""))
        lines = [each.mode + b" " + os.fsencode(each.name) + b"\0" + bytes.fromhex(each.oid) for each in ordered]
        return self.write(TREE, b"".join(lines))

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        """The contents of objects (a hash, or ``COMMIT:path``), None for what is not there."""
        return [found and found[1] for found in self._batch(names)]

    def _batch(self, names: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """Hash and content of each object, by its hash, a reference, or ``COMMIT:path``."""
        if not names or not self.exists:
            return [None for _name in names]
        if len(names) > _FEW:
            return self._asked(names)
        found = {name: self._loose.find(name) for name in names}
        packed = [name for name, each in found.items() if each is None]
        found.update(zip(packed, self._asked(packed) if packed else (), strict=True))
        return [None if each == NOTHING else each for each in map(found.get, names)]

    def _asked(self, names: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """The same by git; one process for all."""
        out = self._git(["cat-file", "--batch"], "".join(f"{name}\n" for name in names).encode())
        found: list[tuple[str, bytes] | None] = []
        at = 0
        for _name in names:
            end = out.index(b"\n", at)
            facts = out[at:end].rsplit(b" ", 2)
            at = end + 1
            if len(facts) < 3 or not facts[2].isdigit():
                found.append(None)
                continue
            size = int(facts[2])
            found.append((facts[0].decode(), out[at : at + size]))
            at += size + 1
        return found

    # --- references --------------------------------------------------------------------------------------------------

    def refs(self, prefix: str) -> list[Ref]:
        """The references below a prefix (whole path components), in the order of their names."""
        if not self.exists:
            return []
        names = sorted(islice(self._loose.names(prefix), _FEW + 1))
        found = self.named(names) if len(names) <= _FEW else {}
        if len(found) == len(names):
            return [found[name] for name in names]
        form = "--format=%(refname) %(objectname) %(*objectname) %(contents:body)"
        out = self._git(["for-each-ref", form, prefix]).decode("utf-8", "replace")
        return [Ref(*line.split(" ", 3)) for line in out.split("\n") if line]

    def named(self, names: Sequence[str]) -> dict[str, Ref]:
        """These references, as far as there are any; how many others there are does not matter."""
        found = {}
        for name, each in zip(names, self._batch(names), strict=True):
            if each is not None:
                head, _end, body = each[1].decode("utf-8", "replace").rpartition("\n\n")
                peeled = head.partition("\n")[0].removeprefix("object ") if head.startswith("object ") else ""
                found[name] = Ref(name, each[0], peeled, body.strip())
        return found

    @contextlib.contextmanager
    def changing(self) -> Iterator[Change]:
        """The only one who changes references, until the end of the block."""
        self.ensure()
        descriptor = _locked(self.path / "holdfast.lock", home.is_shared(self.path))
        try:
            yield Change(self, descriptor)
        finally:
            os.close(descriptor)

    def _git(self, arguments: Sequence[str], given: bytes = b"", bare: bool = True, keep: Sequence[int] = ()) -> bytes:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", f"--git-dir={self.path}", *arguments] if bare else ["git", *arguments]
        try:
            done = subprocess.run(
                command,
                input=given,
                capture_output=True,
                env={**environment, **_ENVIRONMENT},
                pass_fds=keep,
                check=False,
            )
        except FileNotFoundError:
            raise HoldfastError("git is not installed; the archive of snapshots is a git repository") from None
        except OSError as error:
            raise StoreBroken(f"cannot start git: {error.strerror}") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip() or f"status {done.returncode}"
            raise StoreBroken(f"git {arguments[0]} failed in the archive {self.path}: {said}")
        return done.stdout

    # --- upkeep ------------------------------------------------------------------------------------------------------

    def fsck(self) -> list[str]:
        """What git finds wrong with the repository."""
        try:
            self._git(["fsck", "--full", "--strict", "--no-dangling", "--no-progress"])
        except StoreBroken as error:
            return str(error).splitlines()
        return []

    def tidy(self) -> None:
        """Pack everything, and remove what nothing has referred to for an hour."""
        with self.changing() as change:
            for path in (self.path / "refs").rglob("*.lock"):  # of killed writers; no reference has such a name
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > PATIENCE:
                        path.unlink()
            self._git(["pack-refs", "--all"], keep=[change.descriptor])
        self._git(["repack", "-A", "-d", "-l", "-q", f"--unpack-unreachable={GRACE}.seconds.ago"])
        self._git(["prune", f"--expire={GRACE}.seconds.ago"])


class Change:
    """The right to change references."""

    def __init__(self, store: GitStore, descriptor: int) -> None:
        self._store = store
        self.descriptor = descriptor

    def apply(self, transactions: Sequence[Mapping[str, tuple[str, str]]]) -> None:
        """Change references, one transaction after the other: name -> (new object, old one); "" is none.

        A transaction happens as a whole or, when one of its references is not what was said, not at all.
        """
        self._store.flush()
        for transaction in filter(None, transactions):
            self._unlock(transaction)
            if all(new for new, _old in transaction.values()):
                self._store._loose.move(transaction)
            else:
                self._by_git(transaction)

    def _by_git(self, transaction: Mapping[str, tuple[str, str]]) -> None:
        """Where something is deleted, which may be packed."""
        changes = [_line(name, new, old) for name, (new, old) in transaction.items()]
        given = "".join(f"{line}\n" for line in ("start", *changes, "prepare", "commit")).encode()
        self._store._git(["update-ref", "--stdin"], given, keep=[self.descriptor])

    def _unlock(self, names: Iterable[str]) -> None:
        """Remove what a killed writer left. Nobody of ours is at work now; somebody else's git is done in a moment."""
        left = [self._store.path / f"{name}.lock" for name in (*names, "packed-refs")]
        until = time.monotonic() + MOMENT
        while left := [path for path in left if path.exists()]:
            if time.monotonic() > until:
                for path in left:
                    path.unlink(missing_ok=True)
                return
            time.sleep(0.05)


def _line(name: str, new: str, old: str) -> str:
    if not new:
        return f"delete {name} {old}"
    return f"update {name} {new} {old}" if old else f"create {name} {new}"


def _locked(path: Path, shared: bool) -> int:
    """A file that only we have locked, as a descriptor; the group may lock a shared one, whatever our umask is."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if shared and os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, 0o660)
    except OSError as error:
        raise StoreBroken(f"cannot open {path}: {error.strerror}") from error
    until = time.monotonic() + PATIENCE
    pause = 0.001
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError as error:
            if time.monotonic() > until:
                os.close(descriptor)
                raise StoreBroken(
                    f"somebody else has changed references in {path.parent} for {PATIENCE:g} seconds: {error.strerror}"
                ) from error
        time.sleep(pause)
        pause = min(0.05, pause * 2)
