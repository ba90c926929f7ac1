# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of snapshots: what is put in comes out, many write at once, whoever is killed leaves the old state."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check, Evidence
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.links import Labelled
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, Snapshot, decoded
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.retention import Retention
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import archive_key, git_store
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive, Stored, encoded_name, file_of
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive_upkeep import prune, verify
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.git_loose import entries_of
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils.core.lkg.snapshots import IOS, snapshot

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
FORK = multiprocessing.get_context("fork")


def evidence(at: float = 1.0, run: str = "", labels: tuple[str, ...] = ()) -> Evidence:
    return Evidence("me", at, (Check("web", True, "GET http://x"),), run, labels=labels)


def put(archive: Archive, text: str = IOS, **more: object) -> Stored:
    return archive.put([archive.part(snapshot(text, **more))])[0]  # type: ignore[arg-type]


def promoted(
    archive: Archive, at: float, text: str = IOS, host: str = "sw1", run: str = "", labels: tuple[str, ...] = ()
) -> Stored:
    stored = put(archive, text, host=host, at=at, run=run)
    archive.promote([(stored, evidence(at, run, labels))])
    return stored


# --- in and out ------------------------------------------------------------------------------------------------------


def test_a_snapshot_comes_out_as_it_went_in_and_its_view_holds_no_secret(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    files = {
        "/etc/shadow": "root:$6$abc$longhashlonghash:1::::::\n",
        "/etc/~x": decoded(b"caf\xe9\n"),
        "x" * 300: "",
        ".": "a",
    }
    taken = Snapshot("web1.example.com", "rhel", 5.0, {"files": files, "packages": {"bash": {"version": "5.1"}}},
                     {"units": "no answer"}, {"dnf": "4.14"}, {"history": "12"}, "run-1")  # fmt: skip
    stored = archive.put([archive.part(taken)])[0]
    assert archive.snapshots() == [stored] and archive.hosts() == ["web1.example.com"]
    again = Archive(tmp_path)
    assert again.snapshot(stored) == taken
    view = again.view(stored)
    assert "longhash" not in view.items[Place("files", "/etc/shadow")].text and view.secrets == 1
    assert again.views([stored], texts=False)[0].digest == view.digest == stored.digest
    found = subprocess.run(["grep", "-rl", "longhash", tmp_path], capture_output=True, check=False)
    assert found.stdout == b"", "nowhere in the store"
    for name in ("archive.git", "archive.key"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_every_git_can_read_it(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    stored = promoted(archive, 1.0)

    def git(*arguments: str) -> str:
        command = ["git", f"--git-dir={archive.git.path}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert git("ls-tree", "-r", "--name-only", "refs/lkg/sw1").split() == [
        "sw1/content/config.running", "sw1/manifest.json", "sw1/secrets",
    ]  # fmt: skip
    assert "interface GigabitEthernet0/1" in git("show", "refs/lkg/sw1^{commit}:sw1/content/config.running")
    assert json.loads(git("tag", "-l", "--format=%(contents:body)") or "{}") == {}
    assert '"checks":[{"detail":"GET http://x","healthy":true,"name":"web"}]' in git("cat-file", "-p", "refs/lkg/sw1")
    assert git("rev-parse", "refs/lkg/sw1^{commit}").strip() == stored.commit
    assert git("fsck", "--strict", "--full") == ""


def test_an_unchanged_host_adds_no_content(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    first, second = put(archive, at=1.0), put(archive, IOS.replace("36029056", "36029057"), at=2.0)
    assert first.digest == second.digest and first.id != second.id
    trees = archive.git.read([f"{each.commit}:sw1" for each in (first, second)])
    one, two = ({entry.name: entry.oid for entry in entries_of(tree or b"")} for tree in trees)
    assert (
        one["content"] == two["content"]
        and one["secrets"] == two["secrets"]
        and one["manifest.json"] != two["manifest.json"]
    )


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(NAMES)
def test_any_host_name_becomes_a_name_for_git(name: str) -> None:
    ref = f"refs/lkg/{encoded_name(name)}"
    assert subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0
    assert "/" not in encoded_name(name) and encoded_name(name).lower() not in (".git", "git~1")


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_two_items_never_share_a_file(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (file_of(Place(*one)) == file_of(Place(*other))) == (one == other)
    assert len(file_of(Place(*one))) < 256


def test_odd_names_of_hosts_live_side_by_side(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    hosts = ["..", ".lock", "a.lock", "a b", "host@{1}", "ü", "a/b", "-x", "~", "[fe80::1%eth0]"]
    archive.promote([(each, evidence()) for each in archive.put([archive.part(snapshot(host=host)) for host in hosts])])
    assert archive.hosts() == sorted(hosts) == sorted(archive.current())
    assert verify(archive).wrong == ()
    with pytest.raises(HoldfastError, match="empty or too long"):
        put(archive, host="x" * 300)


def test_states_are_found_by_the_words_of_people(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    with pytest.raises(HoldfastError, match="there is no snapshot of sw1"):
        archive.find("sw1")
    old, new = promoted(archive, 1.0), promoted(archive, 100.0, "x\n")
    last = put(archive, "y\n", at=200.0)
    put(archive, host="sw11", at=300.0)
    assert [archive.find("sw1", state) for state in ("lkg", "previous", "last", old.id, new.id[:16])] == [
        new,
        old,
        last,
        old,
        new,
    ]
    with pytest.raises(HoldfastError, match=r"3 snapshots of sw1 begin with '1970'"):
        archive.find("sw1", "1970")
    with pytest.raises(HoldfastError, match="sw11 has no last known good state"):
        archive.find("sw11")
    with pytest.raises(HoldfastError, match="sw11 has no snapshot 'zzz'; name one of lkg, previous, last, "):
        archive.find("sw11", "zzz")


# --- promotion -------------------------------------------------------------------------------------------------------


def test_a_promotion_keeps_its_evidence_and_its_history(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    first, second = promoted(archive, 1.0), promoted(archive, 2.0, "x\n", run="run-2")
    now = archive.current()["sw1"]
    assert (now.snapshot, now.commit, now.evidence.run) == (second.id, second.commit, "run-2")
    assert now.evidence.checks == (Check("web", True, "GET http://x"),)
    assert [each.snapshot for each in archive.history("sw1")] == [second.id, first.id]
    again = archive.promote([(second, evidence(3.0))])[0]
    assert not again.changed and again.before == now == archive.current()["sw1"]
    third = put(archive, "y\n", at=4.0)
    assert archive.promote([(third, evidence(4.0))], check=True)[0].changed
    assert archive.current()["sw1"] == now, "it was only checked"


def test_the_promotions_of_a_change_are_withdrawn_with_it(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    change = Labelled("s", "r1", ("r1/web", "item:site"))
    first = promoted(archive, 1.0)
    second = promoted(archive, 2.0, "x\n", run="r1", labels=change.labels)
    third = promoted(archive, 3.0, "y\n", run="r1", labels=change.labels)
    other = promoted(archive, 9.0, host="sw2", run="r1", labels=change.labels)
    assert [each.snapshot for each in archive.withdraw("sw1", change, check=True)] == [third.id, second.id]
    assert archive.current()["sw1"].snapshot == third.id, "it was only checked"
    assert [each.snapshot for each in archive.withdraw("sw1", change)] == [third.id, second.id]
    assert [each.snapshot for each in archive.history("sw1")] == [first.id]
    assert archive.withdraw("sw1", change) == []
    assert archive.promote([(second, evidence(4.0))])[0].changed
    assert archive.withdraw("sw1", change) == [], "this one is somebody else's"
    assert [each.snapshot for each in archive.history("sw1")] == [second.id, first.id]
    assert len(archive.withdraw("sw2", change)) == 1
    assert {host: each.snapshot for host, each in archive.current().items()} == {"sw1": second.id}
    assert verify(archive).wrong == () and other.id in {each.id for each in archive.snapshots("sw2")}


def test_prune_keeps_what_a_run_that_is_kept_may_fall_back_to(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    change = Labelled("s", "r1", ("r1/web",))
    oldest, older = promoted(archive, 1.0, "1\n"), promoted(archive, 2.0, "2\n")
    good = promoted(archive, 3.0, "3\n", run="gone")
    for at in (4.0, 5.0, 6.0):
        promoted(archive, at, f"{at}\n", run="r1", labels=change.labels)
    prune(archive, Retention(last=0), 100.0, runs=["r1"])
    left = {each.id for each in archive.snapshots("sw1")}
    assert {older.id, good.id} <= left and oldest.id not in left
    assert len(archive.withdraw("sw1", change)) == 3
    assert [each.snapshot for each in archive.history("sw1")] == [good.id, older.id]


def test_without_proof_nothing_moves_and_of_many_none(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    old, new, other = promoted(archive, 1.0), put(archive, "x\n", at=2.0), put(archive, host="b", at=2.0)
    bad = Evidence("me", 2.0, (Check("web", False, "status 500"),))
    with pytest.raises(HoldfastError, match="check 'web' is not healthy: status 500"):
        archive.promote([(other, evidence(2.0)), (new, bad)])
    assert {host: each.snapshot for host, each in archive.current().items()} == {"sw1": old.id}
    archive.promote([(new, evidence(2.0))])
    with pytest.raises(HoldfastError, match="was taken later"):
        archive.promote([(old, evidence(3.0))])
    torn = put(archive, at=4.0, gaps={"vlans": "no answer"})
    with pytest.raises(HoldfastError, match="incomplete"):
        archive.promote([(torn, evidence(4.0))])
    assert archive.promote([(torn, evidence(4.0))], allow_incomplete=True)[0].changed
    with pytest.raises(HoldfastError, match="any more"):
        archive.promote([(new._replace(id="gone"), evidence())])


def test_more_hosts_than_a_command_line_holds(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    stored = archive.put([archive.part(snapshot(f"hostname h{n}\n", host=f"h{n}")) for n in range(120)])
    assert all(each.changed for each in archive.promote([(each, evidence()) for each in stored]))
    assert not any(each.changed for each in archive.promote([(each, evidence()) for each in stored]))
    assert set(archive.current([each.host for each in stored])) == {each.host for each in stored}


# --- many at once, and killed ----------------------------------------------------------------------------------------


def in_a_child(work: Callable[[], None]) -> int:
    """Do something in a process of its own; its exit code, below zero for the signal that ended it."""
    child = FORK.Process(target=work)
    child.start()
    child.join()
    return child.exitcode or 0


def test_a_thousand_hosts_fifty_at_a_time(tmp_path: Path) -> None:
    def work(number: int) -> None:
        archive = Archive(tmp_path)
        hosts = range(number, 1000, 50)
        texts = [f"hostname h{host}\nsnmp-server community secret-{host}\n" for host in hosts]
        mine = [archive.part(snapshot(text, host=f"h{host}")) for host, text in zip(hosts, texts, strict=True)]
        stored = [each for few in range(0, len(mine), 4) for each in archive.put(mine[few : few + 4])]
        archive.promote([(each, evidence()) for each in stored])

    children = [FORK.Process(target=work, args=(number,)) for number in range(50)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 50
    archive = Archive(tmp_path)
    stored = archive.snapshots()
    assert len(stored) == len(archive.current()) == 1000 and archive.git.fsck() == []
    for each, view in zip(stored, archive.views(stored), strict=True):
        assert view.items[Place("config", "running")].text.startswith(f"hostname {each.host}\n")
    assert archive.snapshot(stored[7]).sections["config"]["running"].endswith(f"secret-{stored[7].host[1:]}\n")


def test_many_promote_one_host_and_the_newest_holds(tmp_path: Path) -> None:
    put(Archive(tmp_path), at=0.5)

    def work(number: int) -> None:
        archive = Archive(tmp_path)
        stored = put(archive, f"hostname x{number}\n", at=float(number))
        try:
            archive.promote([(stored, evidence(float(number)))])
        except HoldfastError as error:
            assert "was taken later" in str(error)

    children = [FORK.Process(target=work, args=(number,)) for number in range(1, 21)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 20
    archive = Archive(tmp_path)
    history = archive.history("sw1")
    assert history[0].evidence.at == 20.0
    assert [each.evidence.at for each in history] == sorted((each.evidence.at for each in history), reverse=True)
    assert len(archive.promotions("sw1")) == len(history) and verify(archive).wrong == ()


def _dies_at(step: int) -> None:
    """Kill this process at the n-th time it moves a file into its place or starts git."""
    count = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **named)

        return call

    os.rename = counted(os.rename)  # type: ignore[assignment]
    subprocess.run = counted(subprocess.run)  # type: ignore[assignment]


def test_killed_at_any_step_the_old_state_or_the_new_one_is_there(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    before = promoted(archive, 1.0)
    for step in range(1, 40):

        def work(step: int = step) -> None:
            _dies_at(step)
            promoted(Archive(tmp_path), 10.0 + step, f"hostname new{step}\nenable secret s{step}s{step}s{step}\n")

        code = in_a_child(work)
        after = archive.find("sw1")
        assert after == before if code else after.taken_at == 10.0 + step
        assert archive.snapshot(after).host == "sw1"
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert step > 8, "it was killed at many steps before it came to its end"
    assert verify(archive).wrong == ()


def test_what_a_killed_git_left_behind_stops_nobody(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    promoted(archive, 1.0)
    for name in ("refs/lkg/sw1.lock", "packed-refs.lock"):
        (archive.git.path / name).touch()
    stored = promoted(archive, 2.0, "x\n")
    assert archive.current()["sw1"].snapshot == stored.id
    old, young = (archive.git.path / "refs" / "snapshots" / "sw1" / f"{name}.lock" for name in ("old", "young"))
    old.touch()
    os.utime(old, (1.0, 1.0))
    young.touch()
    prune(archive, Retention(last=1), 100.0)
    assert not old.exists() and young.exists() and verify(archive).wrong == ()


def test_who_holds_the_lock_for_too_long_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path)
    stored = put(archive)
    monkeypatch.setattr(git_store, "PATIENCE", 0.05)
    with archive.git.changing(), pytest.raises(HoldfastError, match="somebody else has changed references"):
        Archive(tmp_path).promote([(stored, evidence())])


@pytest.mark.parametrize("room", [0, 100, 4096])
def test_a_full_disk_leaves_the_old_state(tmp_path: Path, room: int) -> None:
    archive = Archive(tmp_path)
    before = promoted(archive, 1.0)
    text = "hostname x\n" + "".join(f"interface e{n} {os.urandom(9).hex()}\n" for n in range(1000))
    parted = archive.part(snapshot(text, at=2.0))

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        with pytest.raises(HoldfastError, match="archive"):
            archive.put([parted])

    assert in_a_child(work) == 0
    assert archive.snapshots() == [before] and archive.find("sw1") == before
    assert [name for name in os.listdir(archive.git.path / "objects") if name.startswith("tmp_obj")] == []
    assert archive.put([parted])[0].id and verify(archive).wrong == ()


# --- upkeep ----------------------------------------------------------------------------------------------------------


def test_what_was_changed_behind_its_back_is_found(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    stored = promoted(archive, 1.0)
    assert verify(archive) == (1, 1, 1, True, ())
    forged = archive.part(snapshot(IOS.replace("uplink", "forged"), at=1.0))
    other = Archive(tmp_path / "other")
    other.key = archive.key
    bad = other.put([forged._replace(secrets=dict.fromkeys(forged.secrets, "changed"))])[0]
    subprocess.run(["cp", "-r", f"{other.git.path}/objects", f"{archive.git.path}/"], check=True)
    with archive.git.changing() as change:
        change.apply([{f"refs/snapshots/sw1/{bad.id}": (bad.commit, "")}])
    assert any("with its secrets put back it is not what it was" in line for line in verify(archive).wrong)
    path = archive.git.path / "objects" / stored.commit[:2] / stored.commit[2:]
    path.chmod(0o600)
    path.write_bytes(b"torn")
    with pytest.raises(HoldfastError):
        archive.snapshots()
    assert verify(archive).wrong != ()


def test_an_lkg_without_snapshot_is_found(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    stored = promoted(archive, 1.0)
    put(archive, at=2.0)
    with archive.git.changing() as change:
        change.apply([{f"refs/snapshots/sw1/{stored.id}": ("", stored.commit)}])
    assert any("is not in the archive" in line for line in verify(archive).wrong)


def test_prune_never_drops_an_lkg_nor_its_predecessor_nor_what_records_name(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    oldest = promoted(archive, 1.0, "a\n", run="kept-run")
    second = promoted(archive, 2.0, "b\n", run="gone-run")
    previous = promoted(archive, 3.0, "c\n")
    lkg = promoted(archive, 4.0, "d\n")
    loose, newest = put(archive, "e\n", at=5.0), put(archive, "f\n", at=6.0)
    told = prune(archive, Retention(last=1), 100.0, {"kept-run"}, check=True)
    assert [each.id for each in told.dropped] == [second.id, loose.id] and len(archive.snapshots()) == 6
    done = prune(archive, Retention(last=1), 100.0, {"kept-run"})
    assert (done.dropped, done.kept, done.protected) == (told.dropped, 4, 3)
    assert archive.snapshots() == [oldest, previous, lkg, newest]
    assert [each.snapshot for each in archive.history("sw1")] == [lkg.id, previous.id]
    assert verify(archive).wrong == () and archive.snapshot(oldest).sections["config"]["running"] == "a\n"
    assert prune(archive, Retention(age=1000.0), 100.0).dropped == ()
    assert promoted(archive, 7.0, "g\n") == archive.find("sw1"), "packed references are changed as well"
    with pytest.raises(HoldfastError, match="say what to keep"):
        prune(archive, Retention(), 100.0)


def test_an_archive_that_is_not_there_is_empty(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.snapshots() == [] and archive.hosts() == [] and archive.current() == {}
    assert verify(archive).wrong == () and prune(archive, Retention(last=1), 1.0).dropped == ()
    assert not archive.git.exists


# --- the key ---------------------------------------------------------------------------------------------------------


def test_a_lost_key_is_said_and_never_made_anew(tmp_path: Path) -> None:
    stored = put(Archive(tmp_path))
    key = tmp_path / "archive.key"
    saved = key.read_bytes()
    key.unlink()
    archive = Archive(tmp_path)
    with pytest.raises(HoldfastError, match=r"archive\.key is missing"):
        put(archive)
    assert archive.view(stored).secrets == 5, "views need no key"
    assert any("missing" in line for line in verify(archive).wrong)
    key.write_bytes(archive_key.base64.b64encode(b"x" * 32))
    with pytest.raises(HoldfastError, match=r"another archive\.key"):
        Archive(tmp_path).snapshot(stored)
    key.write_bytes(saved)
    assert Archive(tmp_path).snapshot(stored).host == "sw1"


def test_secrets_are_bound_to_their_host_and_the_same_twice(tmp_path: Path) -> None:
    key = archive_key.ArchiveKey(b"k" * 32)
    sealed = key.seal("a", {"m": "hunter2"})
    assert sealed == key.seal("a", {"m": "hunter2"}) and key.open("a", sealed) == {"m": "hunter2"}
    for host, data in (("b", sealed), ("a", sealed[:-1] + b"x"), ("a", b"hunter2")):
        with pytest.raises(HoldfastError, match=f"the secrets of {host}"):
            key.open(host, data)


def test_of_many_who_make_the_key_one_wins(tmp_path: Path) -> None:
    def work() -> None:
        put(Archive(tmp_path), host=f"h{os.getpid()}")

    children = [FORK.Process(target=work) for _number in range(8)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    archive = Archive(tmp_path)
    assert len([archive.snapshot(each) for each in archive.snapshots()]) == 8
    assert sorted(os.listdir(tmp_path)) == ["archive.git", "archive.key"]


def test_a_shared_store_shares_its_archive_with_the_group(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    archive = Archive(tmp_path)
    promoted(archive, time.time())
    assert (tmp_path / "archive.key").stat().st_mode & 0o777 == 0o640
    assert archive.git.path.stat().st_mode & 0o7777 == 0o2770
    assert (archive.git.path / "holdfast.lock").stat().st_mode & 0o777 == 0o660
    for path in archive.git.path.rglob("*"):
        mode = path.stat().st_mode
        assert mode & 0o070 == 0o070 if path.is_dir() else mode & 0o040, path
