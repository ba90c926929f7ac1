# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read and written of a repository without git, beside what git itself says of it."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import git_loose, git_store
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.git_loose import BLOB, COMMIT, FOLDER, NOTHING, Entry
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.git_store import GitStore
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import StoreBroken

WHO = "Me <me> 1 +0000"


@pytest.fixture
def store(tmp_path: Path) -> GitStore:
    made = GitStore(tmp_path / "archive.git", tmp_path)
    made.ensure()
    return made


def commit(store: GitStore, text: str) -> str:
    """A commit with a file in a folder."""
    folder = store.tree([Entry("file", store.write(BLOB, text.encode())), Entry("file~", store.write(BLOB, b"other"))])
    root = store.tree([Entry("folder", folder, FOLDER)])
    made = store.write(COMMIT, f"tree {root}\nauthor {WHO}\ncommitter {WHO}\n\n{text}\n\nbody of {text}\n".encode())
    store.flush()
    return made


def point(store: GitStore, **refs: tuple[str, str]) -> None:
    with store.changing() as change:
        change.apply([{f"refs/{name}/x": moved for name, moved in refs.items()}])


def git(store: GitStore, *words: str) -> str:
    return subprocess.run(
        ["git", f"--git-dir={store.path}", *words], check=True, capture_output=True, text=True
    ).stdout.strip()  # fmt: skip


def no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object, **_named: object) -> bytes:
        raise AssertionError("git was started")

    monkeypatch.setattr(GitStore, "_git", refuse)


def test_what_is_loose_is_found_without_git_and_is_what_git_finds(
    store: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = commit(store, "one")
    point(store, a=(made, ""))
    names = [made, "refs/a/x", f"{made}:folder/file", f"{made}:folder", "refs/a/x:folder/file~"]
    asked = store._asked(names)
    absent = store._asked(["refs/b/x", f"{made}:folder/none", "f" * 40])
    assert None not in asked and absent == [None] * 3
    assert [each.oid for each in store.refs("refs")] == [made]
    no_git(monkeypatch)
    assert store._batch([*names, "refs/b/x"]) == [*asked, None]
    assert store.named(["refs/a/x", "refs/b/x"]).keys() == {"refs/a/x"}


def test_what_is_packed_is_found_by_git_and_what_came_since_too(store: GitStore) -> None:
    old = commit(store, "old")
    point(store, a=(old, ""), b=(old, ""))
    store.tidy()
    git(store, "prune-packed")
    assert not (store.path / "refs/a/x").exists() and store._loose.find(old) is None
    new = commit(store, "new")
    point(store, a=(new, old), c=(new, ""))
    assert [store._loose.ref(f"refs/{name}/x") for name in "abc"] == [new, old, new]
    assert store._loose.find("refs/d/x") == NOTHING
    names = ["refs/a/x", "refs/b/x", "refs/d/x", f"{old}:folder/file", f"{new}:folder/file", f"{old}:none"]
    assert store._batch(names) == store._asked(names)
    assert store.read(names[3:]) == [b"old", b"new", None]
    assert git(store, "for-each-ref", "--format=%(refname) %(objectname)").split() == [
        "refs/a/x", new, "refs/b/x", old, "refs/c/x", new,
    ]  # fmt: skip
    with pytest.raises(StoreBroken, match=rf"refs/b/x .* is at {old}, and not at nothing"):
        point(store, b=(new, ""))


def test_references_are_listed_without_git_and_as_git_lists_them(
    store: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = commit(store, "old")
    point(store, a=(old, ""), b=(old, ""), ab=(old, ""))
    store.tidy()
    point(store, b=(commit(store, "new"), old), c=(old, ""))
    (store.path / "refs/c/y.lock").touch()
    few = [store.refs(prefix) for prefix in ("refs", "refs/a", "refs/d")]
    monkeypatch.setattr(git_store, "_FEW", 0)
    assert few == [store.refs(prefix) for prefix in ("refs", "refs/a", "refs/d")]
    assert [[each.name for each in found] for found in few] == [
        ["refs/a/x", "refs/ab/x", "refs/b/x", "refs/c/x"], ["refs/a/x"], [],
    ]  # fmt: skip
    monkeypatch.setattr(git_store, "_FEW", 16)
    (store.path / "refs/c/x").write_text("f" * 40)
    with pytest.raises(StoreBroken, match="git for-each-ref failed"):
        store.refs("refs/c")


def test_many_are_read_by_one_git(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made = commit(store, "one")
    monkeypatch.setattr(git_loose.Loose, "find", lambda *_given: pytest.fail("it was read here"))
    assert store.read([made] * (git_store._FEW + 1))[0] is not None


@pytest.mark.parametrize("damage", [b"", b"not compressed"])
def test_a_damaged_object_is_for_git_to_tell_of(store: GitStore, damage: bytes) -> None:
    made = commit(store, "one")
    path = store.path / "objects" / made[:2] / made[2:]
    path.chmod(0o600)
    path.write_bytes(damage)
    assert store._loose.find(made) is None
    assert store.read([made]) == [None] and store.fsck() != []


def test_an_object_under_the_name_of_another_is_not_taken_for_it(store: GitStore) -> None:
    one, other = commit(store, "one"), commit(store, "other")
    paths = [store.path / "objects" / name[:2] / name[2:] for name in (one, other)]
    paths[0].chmod(0o600)
    paths[0].write_bytes(paths[1].read_bytes())
    assert store._loose.find(one) is None


def test_of_several_references_all_are_moved_or_none_and_no_lock_is_left(store: GitStore) -> None:
    old, new = commit(store, "old"), commit(store, "new")
    point(store, a=(old, ""), b=(old, ""))
    with pytest.raises(StoreBroken, match=f"refs/b/x .* is at {old}, and not at {new}"):
        point(store, a=(new, old), c=(new, ""), b=(new, new))
    assert [store._loose.ref(f"refs/{name}/x") for name in "abc"] == [old, old, ""]
    assert list(store.path.rglob("refs/**/*.lock")) == []
    point(store, a=(new, old), c=(new, ""), b=("", old))
    assert [store._loose.ref(f"refs/{name}/x") for name in "abc"] == [new, "", new]
    assert store.fsck() == []


def test_a_reference_that_cannot_be_written_leaves_the_old_one(
    store: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = commit(store, "old"), commit(store, "new")
    point(store, a=(old, ""))

    def no_room(_paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(git_loose, "sync", no_room)
    with pytest.raises(StoreBroken, match=r"cannot change references .*: No space left on device"):
        store._loose.move({"refs/a/x": (new, old)})
    assert store._loose.ref("refs/a/x") == old and list(store.path.rglob("refs/**/*.lock")) == []


@pytest.mark.parametrize("damage", [b"", bytes(41), b"ref: refs/b/x\n"])
def test_a_damaged_reference_is_for_git_to_tell_of_and_never_overwritten(store: GitStore, damage: bytes) -> None:
    old = commit(store, "old")
    point(store, a=(old, ""), b=(old, ""))
    path = store.path / "refs/a/x"
    path.write_bytes(damage)
    names = ["refs/a/x", "refs/b/x"]
    assert store._batch(names) == store._asked(names)
    assert "refs/b/x" in store.named(names)
    for was in ("", old):
        with pytest.raises(StoreBroken, match=r"refs/a/x .* is damaged"):
            point(store, a=(old, was))
    assert path.read_bytes() == damage and list(store.path.rglob("refs/**/*.lock")) == []


def test_what_a_killed_writer_of_many_left_is_waited_for_once(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made = commit(store, "one")
    refs = {f"n{number}": (made, "") for number in range(30)}
    for name in refs:
        lock = store.path / f"refs/{name}/x.lock"
        lock.parent.mkdir()
        lock.touch()
    waits: list[float] = []
    monkeypatch.setattr(
        git_store.time, "sleep", lambda seconds, wait=time.sleep: (waits.append(seconds), wait(seconds))
    )
    point(store, **refs)
    assert 0 < sum(waits) <= 2 * git_loose.MOMENT
    assert len(store.refs("refs")) == 30 and list(store.path.rglob("refs/**/*.lock")) == []


def test_somebody_elses_git_may_hold_a_lock_for_a_moment(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made = commit(store, "one")
    point(store, a=(made, ""))
    lock = store.path / "refs/a/x.lock"
    lock.touch()
    threading.Timer(0.2, lock.unlink).start()
    store._loose.move({"refs/a/x": (made, made)})
    lock.touch()
    monkeypatch.setattr(git_loose, "MOMENT", 0.1)
    with pytest.raises(StoreBroken, match=r"somebody else holds .*refs/a/x\.lock"):
        store._loose.move({"refs/a/x": (made, made)})
    assert lock.exists(), "it is not ours"


def test_what_lies_at_the_place_of_a_reference_is_seen_before_any_is_moved(store: GitStore) -> None:
    made = commit(store, "one")
    (store.path / "refs/a/x").mkdir(parents=True)
    point(store, a=(made, ""))
    assert store._loose.ref("refs/a/x") == made
    (store.path / "refs/c/x/y").mkdir(parents=True)
    with pytest.raises(StoreBroken, match="cannot change references"):
        point(store, b=(made, ""), c=(made, ""))
    assert store._loose.ref("refs/b/x") == ""
