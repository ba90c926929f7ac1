# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes, stores, journals, locks and inboxes: what lies on disk between two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home, inbox
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import Locks, file_name
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import (
    Journal,
    RunsStore,
    StoreBroken,
    new_run_id,
    read_changes,
)


def change(number: int, last: bool = True) -> dict[str, object]:
    return {"at": float(number), "type": "run", "note": f"line {number} – ü", **({"last": True} if last else {})}


# --- homes -----------------------------------------------------------------------------------------------------


def test_home_and_store_follow_the_environment(tmp_path: Path) -> None:
    assert home.home({"HOLDFAST_HOME": str(tmp_path)}) == tmp_path
    assert home.home({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "holdfast"
    assert home.home({}) == Path("~/.local/state/holdfast").expanduser()
    assert home.store({"HOLDFAST_HOME": str(tmp_path)}) == tmp_path
    assert home.store({"HOLDFAST_HOME": str(tmp_path), "HOLDFAST_STORE": "/srv/h"}) == Path("/srv/h")
    with pytest.raises(HoldfastError, match="folders"):
        home.store({"HOLDFAST_STORE": "https://controller/api"})
    for odd in ("/a,b", "/a:b"):
        with pytest.raises(HoldfastError, match="as a limit"):
            home.store({"HOLDFAST_STORE": odd})


def test_every_folder_made_is_private(tmp_path: Path) -> None:
    folder = home.private_folder(tmp_path / "a" / "b")
    assert {p.stat().st_mode & 0o777 for p in (folder, folder.parent)} == {0o700}


def test_a_store_that_its_group_may_write_shares_locks_and_inboxes_but_no_records(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    store = RunsStore(tmp_path)
    run = store.create(1.0)
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert run.inbox.stat().st_mode & 0o7777 == 0o3770
    locks = Locks(tmp_path, run.id, lambda: 1.0)
    locks.take("x")
    assert (tmp_path / "locks").stat().st_mode & 0o070 == 0o070
    locks.release_all()


# --- journals --------------------------------------------------------------------------------------------------


def test_run_ids_sort_by_time_and_differ() -> None:
    ids = [new_run_id(at) for at in (1.0, 1.001, 59.9, 60.0, 86400.0, 2e9)]
    assert ids == sorted(ids)
    assert new_run_id(5.0) != new_run_id(5.0)


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events.jsonl")
    journal.append([change(1), change(2)])
    journal.append([])
    journal.append([change(3)])
    assert list(read_changes(journal.path)) == [change(1), change(2), change(3)]
    assert journal.size == journal.path.stat().st_size
    assert journal.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_torn_last_line_is_dropped_by_readers_and_writers(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "events.jsonl"
    journal = Journal(path)
    journal.append([change(1), change(2)])
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert list(read_changes(path)) == [change(1)]
    again = Journal(path)
    again.append([change(3)])
    assert list(read_changes(path)) == [change(1), change(3)]


@pytest.mark.parametrize("cut", [1, 40, 100])
def test_a_torn_event_is_dropped_with_all_its_changes(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "events.jsonl"
    journal = Journal(path)
    journal.append([change(1), change(2, last=False), change(3, last=False), change(4)])
    journal.close()
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_changes(path)) == [change(1)]
    again = Journal(path)
    again.append([change(5)])
    assert list(read_changes(path)) == [change(1), change(5)]


def test_an_event_of_several_changes_counts_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    journal = Journal(path)
    journal.append([change(1)])
    middle = {"at": 2.0, "type": "run", "note": "more follows"}
    journal.append([middle, middle, change(3)])
    journal.close()
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first + 1, len(whole)):
        path.write_bytes(whole[:cut])
        assert list(read_changes(path)) == [change(1)]
        assert Journal(path).size == first


def test_a_broken_line_in_the_middle_is_an_error_that_says_where(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"at": 1, "last": true}\nnonsense\n{"at": 2}\n')
    with pytest.raises(HoldfastError, match=r"events\.jsonl: line 2"):
        list(read_changes(path))


def test_a_journal_that_cannot_be_written_says_so() -> None:
    with pytest.raises(StoreBroken, match="No space left"):
        Journal(Path("/dev/full")).append([change(1)])


def test_the_record_is_what_was_saved_and_the_journal_after_it(tmp_path: Path) -> None:
    run = RunsStore(tmp_path).create(1.0)
    journal = Journal(run.journal_path)
    first = [
        {"at": 1.0, "type": "run", "id": run.id},
        {"at": 2.0, "type": "run", "state": "running", "last": True},
    ]
    journal.append(first)
    run.write_record(Record.replay(first), journal.size)
    journal.append([{"at": 3.0, "type": "run", "state": "failed", "last": True}])
    assert run.record().to_dict() == Record.replay(read_changes(run.journal_path)).to_dict()
    assert run.record().state == states.FAILED


def test_a_run_without_a_supervisor_and_without_an_end_is_shown_as_lost(tmp_path: Path) -> None:
    store = RunsStore(tmp_path)
    run = store.create(1.0)
    journal = Journal(run.journal_path)
    journal.append([{"at": 1.0, "type": "run", "id": run.id, "state": "running", "last": True}])
    run.lock()
    assert [one.state for one in RunsStore(tmp_path).list()] == ["running"]
    with pytest.raises(HoldfastError, match="still being supervised"):
        store.get(run.id).lock()
    run.unlock()
    assert [one.state for one in RunsStore(tmp_path).list()] == ["lost"]
    journal.append([{"at": 2.0, "type": "run", "state": "successful", "last": True}])
    assert [one.state for one in RunsStore(tmp_path).list()] == ["successful"]


def test_a_run_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    store = RunsStore(tmp_path)
    good, bad = store.create(1.0), store.create(2.0)
    (bad.path / "record.json").write_text("{")
    listed = {one.run.id: one for one in store.list()}
    assert listed[good.id].trouble == ""
    assert "record.json" in listed[bad.id].trouble


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "20990101-000000-000-abcdef"])
def test_an_unknown_run_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "runs" / "x").mkdir(parents=True)
    with pytest.raises(HoldfastError, match="there is no run"):
        RunsStore(tmp_path).get(name)


def test_a_launch_document_of_another_format_is_refused(tmp_path: Path) -> None:
    run = RunsStore(tmp_path).create(1.0)
    run.write_launch({"bundle": {}})
    assert run.launch()["bundle"] == {}
    (run.path / "launch.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(HoldfastError, match="format 99"):
        run.launch()


# --- locks -----------------------------------------------------------------------------------------------------


def test_a_lock_is_held_by_one_run_and_names_its_holder(tmp_path: Path) -> None:
    mine, theirs = (Locks(tmp_path, name, lambda: 7.0) for name in ("run-1", "run-2"))
    assert mine.take("pool:web") is None
    assert mine.take("pool:web") is None
    holder = theirs.take("pool:web")
    assert holder is not None
    assert (holder.run, holder.since, holder.pid) == ("run-1", 7.0, os.getpid())
    mine.release("pool:web")
    assert theirs.take("pool:web") is None
    assert theirs.held == {"pool:web"}


def test_all_locks_or_none(tmp_path: Path) -> None:
    mine, theirs = Locks(tmp_path, "run-1", lambda: 0.0), Locks(tmp_path, "run-2", lambda: 0.0)
    theirs.take("b")
    assert mine.take("c") is None
    holder = mine.take_all(("a", "b", "c"))
    assert holder is not None
    assert holder.name == "b"
    assert mine.held == {"c"}
    theirs.release_all()
    assert mine.take_all(("a", "b", "c")) is None
    assert mine.held == {"a", "b", "c"}


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import Locks\n"
        "from pathlib import Path\n"
        f"print(Locks(Path({str(tmp_path)!r}), 'dead', time.time).take('x'), flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "None"
        mine = Locks(tmp_path, "alive", lambda: 0.0)
        holder = mine.take("x")
        assert holder is not None
        assert holder.run == "dead"
        child.kill()
        child.wait()
    assert mine.take("x") is None


def test_every_lock_name_has_a_file_name_of_its_own() -> None:
    names = ["a", "A/b", "a:b", "..", ".", "é", "x" * 300, "x" * 299 + "y", "a b", "%2F", "/"]
    files = [file_name(name) for name in names]
    assert len(set(files)) == len(names)
    assert all("/" not in one and not one.startswith(".") and len(one) < 255 for one in files)


# --- inboxes ---------------------------------------------------------------------------------------------------


def word(**facts: object) -> inbox.Word:
    return inbox.Word(**{"kind": "approve", "by": "anybody", "node": "sign_off", **facts})  # type: ignore[arg-type]


def test_a_word_is_the_owner_s_whatever_it_claims(tmp_path: Path) -> None:
    inbox.put(tmp_path, "run-1", word(reason="fine", batch=1))
    inbox.put(tmp_path, "run-1", word(kind="cancel", rollback=True))
    first, second = inbox.look(tmp_path, "run-1")
    assert first.word == word(by=inbox.me(), reason="fine", batch=1)
    assert second.word == word(kind="cancel", by=inbox.me(), rollback=True)


def test_what_is_no_plain_file_of_its_own_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    box = tmp_path / "box"
    outside.mkdir()
    box.mkdir()
    real = inbox.put(outside, "run-1", word())
    (box / "1-link.json").symlink_to(real)
    os.link(real, box / "2-hard.json")
    os.mkfifo(box / "3-fifo.json")
    (box / "4-folder.json").mkdir()
    (box / "5-nonsense.json").write_text("{")
    (box / "6-list.json").write_text("[]")
    (box / "7-other.json").write_text(json.dumps({"version": 1, "run": "run-2", "kind": "approve"}))
    (box / "8-kind.json").write_text(json.dumps({"version": 1, "run": "run-1", "kind": "shout"}))
    found = inbox.look(box, "run-1")
    assert len(found) == 8
    assert [one.word for one in found] == [None] * 8
    assert all(one.refused for one in found)


def test_whoever_put_a_word_hears_what_came_of_it(tmp_path: Path) -> None:
    path = inbox.put(tmp_path, "run-1", word())
    assert inbox.wait_for_answer(path, 0.0) is None
    (taken,) = inbox.look(tmp_path, "run-1")
    inbox.answer(taken, "four eyes")
    assert inbox.wait_for_answer(path, 0.0) == "four eyes"
    assert inbox.look(tmp_path, "run-1") == []


def test_an_inbox_of_no_run_is_refused(tmp_path: Path) -> None:
    for name in ("", "..", "run-9", "a/b"):
        with pytest.raises(HoldfastError, match="there is no run"):
            inbox.folder(tmp_path, name)
    with pytest.raises(HoldfastError, match="nothing a run can be told"):
        inbox.put(tmp_path, "run-1", word(kind="shout"))
