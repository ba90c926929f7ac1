# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people tell a run while it goes: files in its inbox.

Who said it is the owner of the file, and nothing in the file. So only a regular file with a single name counts, and
it must name the run it was written for. Root can be anybody; where that matters, use a controller.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import stat
import time
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

VERSION = 1
KINDS = ("approve", "deny", "cancel")
_LARGEST = 65536


class Word(NamedTuple):
    """What somebody said. ``kind``: approve, deny or cancel; ``batch`` counts from 0; ``rollback``: of a cancel."""

    kind: str
    by: str
    node: str = ""
    batch: Optional[int] = None
    reason: str = ""
    rollback: Optional[bool] = None


class Taken(NamedTuple):
    """A file found in an inbox: its word, or why it is refused."""

    path: Path
    word: Optional[Word]
    refused: str = ""


def user_name(uid: int) -> str:
    """The name of a user id, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def me() -> str:
    """The person this process acts for: the name of its user."""
    return user_name(os.getuid())


def folder(store: Path, run_id: str) -> Path:
    """The inbox of a run; raises HoldfastError when the store has no such run."""
    path = store / "inbox" / run_id
    if not run_id or "/" in run_id or run_id.startswith(".") or not path.is_dir():
        raise HoldfastError(f"there is no run '{run_id}' in {store}; HOLDFAST_STORE says where runs are kept")
    return path


def put(inbox: Path, run_id: str, word: Word) -> Path:
    """Put a word into a run's inbox, complete from the moment it can be seen."""
    if word.kind not in KINDS:
        raise HoldfastError(f"'{word.kind}' is nothing a run can be told; it takes {', '.join(KINDS)}")
    name = f"{time.time_ns()}-{secrets.token_hex(4)}.json"
    hidden = inbox / f".{name}"
    facts = {key: value for key, value in word._asdict().items() if key != "by"}
    try:
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"version": VERSION, "run": run_id, **facts}, file)
        os.rename(hidden, inbox / name)
    except OSError as error:
        raise HoldfastError(f"cannot put anything into the inbox of run {run_id}: {error.strerror or error}") from error
    return inbox / name


def look(inbox: Path, run_id: str) -> list[Taken]:
    """Everything in an inbox, the oldest first. The files stay: remove each once its word is in the journal."""
    try:
        names = sorted(name for name in os.listdir(inbox) if not name.startswith("."))
    except OSError:
        return []
    return [_read(inbox / name, run_id) for name in names]


def answer(taken: Taken, refused: str) -> None:
    """Tell whoever put a file what came of it (``refused`` is why not, or ""), and take the file away."""
    path = taken.path.with_name(f".{taken.path.name}.answer")
    with contextlib.suppress(OSError):
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(json.dumps({"version": VERSION, "refused": refused}), encoding="utf-8")
        fresh.chmod(0o644)
        fresh.rename(path)
    with contextlib.suppress(OSError):
        taken.path.unlink()


def wait_for_answer(path: Path, patience: float) -> Optional[str]:
    """What came of a file that was put: "" when it counted, why it was refused, or None when nobody answered.

    ``patience`` is in seconds.
    """
    answered = path.with_name(f".{path.name}.answer")
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(answered.read_text(encoding="utf-8"))["refused"])
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.1)


def _read(path: Path, run_id: str) -> Taken:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return Taken(path, None, f"it cannot be opened as a plain file ({error.strerror})")
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            return Taken(path, None, "it is no regular file with a single name")
        data = json.loads(os.read(descriptor, _LARGEST))
        return Taken(path, _word(data, run_id, user_name(facts.st_uid)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Taken(path, None, str(error) or type(error).__name__)
    finally:
        os.close(descriptor)


def _word(data: Any, run_id: str, by: str) -> Word:
    if not isinstance(data, dict) or data.get("version") != VERSION or data.get("kind") not in KINDS:
        raise ValueError("it does not say what it wants in a form this Holdfast reads")
    if data.get("run") != run_id:
        raise ValueError("it was written for another run")
    batch, rollback = data.get("batch"), data.get("rollback")
    return Word(
        kind=str(data["kind"]),
        by=by,
        node=str(data.get("node") or ""),
        batch=int(batch) if batch is not None else None,
        reason=str(data.get("reason") or ""),
        rollback=bool(rollback) if rollback is not None else None,
    )
