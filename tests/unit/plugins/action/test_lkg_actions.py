# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, restores and baselines as the actions do them, on a host that is a few dictionaries."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.holdfast.ops.plugins.action import lkg_baseline, lkg_restore, lkg_snapshot
from ansible_collections.holdfast.ops.plugins.module_utils import lkg_arguments
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check, Evidence
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import (
    Armed,
    Declaration,
    Reads,
    Unanswered,
    Unreadable,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils import _lkg as lkg
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

SECRET = "S3cretOfTheHost"
STATE: dict[str, dict[str, Any]] = {
    "files": {"/etc/app.conf": f"password={SECRET}\nlevel=1\n", "/etc/motd": "hello\n"},
    "sysctl": {"vm.swappiness": "60"},
    "firewall": {},
    "mounts": {"/srv": "tmpfs"},
}
Broken = Callable[["Host"], None]


class Host:
    """A host and its provider at once: ``state`` is what it is, ``gaps`` what cannot be read of it."""

    declaration = Declaration(
        "fake", ("rhel",),
        (Reads("files", "files"), Reads("sysctl", "settings"), Reads("firewall", "rules"),
         Reads("mounts", "mounts", restored=False)),
        "at once", True,
    )  # fmt: skip
    timer = None

    def __init__(self) -> None:
        self.state = json.loads(json.dumps(STATE))
        self.gaps: dict[str, Exception] = {}
        self.restored: list[tuple[Snapshot, list[str]]] = []
        self.instead: Broken | None = None

    def read(self, _device: Any, section: str) -> Mapping[str, Any]:
        if section in self.gaps:
            raise self.gaps[section]
        return dict(self.state[section])

    def notes(self, _device: Any) -> Mapping[str, str]:
        return {"dnf_history": "7"}

    def restore(self, _device: Any, wanted: Snapshot, difference: Any) -> Sequence[str]:
        self.restored.append((wanted, [f"{one.kind} {one.place}" for one in difference.changes]))
        if self.instead:
            self.instead(self)
        else:
            self.state.update(json.loads(json.dumps(wanted.sections)))
        return [f"wrote password={SECRET}"]

    def keep(self, _device: Any) -> Sequence[str]:
        raise AssertionError("only a guard makes a state lasting")


class Stage:
    """An archive, a host, and the actions on them."""

    def __init__(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host, self.store = Host(), store
        self.asked: list[tuple[str, str, Any]] = []

        def subject(_action: Any, _vars: Any, host: str, platform: str = "", options: Any = None) -> lkg.Subject:
            self.asked.append((host, platform, options))
            return lkg.Subject(host, platform or "rhel", self.host, options or {}, SimpleNamespace())  # type: ignore[arg-type]

        monkeypatch.setattr(lkg, "subject", subject)

    @property
    def archive(self) -> Archive:
        return Archive(self.store)

    def act(self, module: Any, check: bool = False, task_vars: Any = None, **given: Any) -> dict[str, Any]:
        """What an action returns; no secret is ever in it."""
        spec = getattr(lkg_arguments, module.__name__.rpartition(".")[2].upper())
        action = module.ActionModule.__new__(module.ActionModule)
        action._task = SimpleNamespace(check_mode=check, diff=True)
        action.archive = lambda: self.archive
        arguments = {**{name: option.get("default") for name, option in spec.items()}, **given}
        result = action.act(arguments, {"inventory_hostname": "web1", **(task_vars or {})})
        assert SECRET not in json.dumps(result)
        return dict(result)

    def promote(self, host: str = "web1") -> str:
        stored = self.archive.find(host, "last")
        self.archive.promote([(stored, Evidence("me", time.time(), (Check("web", True),)))])
        return stored.id


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(lkg_restore, "_PAUSE", 0.01)
    return Stage(tmp_path / "store", monkeypatch)


# --- lkg_snapshot ----------------------------------------------------------------------------------------------------


def test_snapshots_are_kept_and_compared_with_the_last_known_good_state(stage: Stage) -> None:
    first = stage.act(lkg_snapshot, options={"files": ["/etc/app.conf"]}, run="r1")
    assert (first["changed"], first["same"], first["compared_with"], first["gaps"]) == (True, None, None, {})
    assert first["snapshot"]["run"] == "r1" and first["sections"] == sorted(STATE)
    again = stage.act(lkg_snapshot)
    assert (again["changed"], again["same"], again["digest"]) == (False, True, first["digest"])
    good = stage.promote()
    stage.host.state["files"]["/etc/motd"] = "bye\n"
    stage.host.state["firewall"]["table"] = "drop"
    changed = stage.act(lkg_snapshot)
    assert [(each["item"], each["change"]) for each in changed["changes"]] == [
        ("/etc/motd", "changed"), ("table", "added"),
    ]  # fmt: skip
    assert changed["changed"] and changed["compared_with"]["id"] == good
    assert "-hello\n+bye\n" in changed["diff"]["prepared"]
    assert stage.archive.view(stage.archive.find("web1", good)).notes["dnf_history"] == "7"


def test_check_mode_reads_and_keeps_nothing(stage: Stage) -> None:
    result = stage.act(lkg_snapshot, check=True)
    assert result["snapshot"] is None and result["complete"] and stage.archive.snapshots() == []


def test_what_cannot_be_read_is_named_and_may_be_refused(stage: Stage) -> None:
    stage.host.gaps = {"sysctl": Unreadable("no such program")}
    result = stage.act(lkg_snapshot)
    assert result["gaps"] == {"sysctl": "no such program"} and not result["complete"]
    assert result["warnings"] == ["web1: not read: sysctl: no such program"]
    with pytest.raises(HoldfastError, match="nothing was kept: sysctl: no such program"):
        stage.act(lkg_snapshot, require_complete=True)
    stage.host.gaps = dict.fromkeys(STATE, Unreadable("no"))
    with pytest.raises(HoldfastError, match="nothing could be read of it as rhel: files: no; "):
        stage.act(lkg_snapshot)
    assert len(stage.archive.snapshots()) == 1


def test_silence_is_unreachable(stage: Stage) -> None:
    stage.host.gaps = {"sysctl": Unanswered("web1: no answer")}
    with pytest.raises(AnsibleConnectionFailure, match="no answer"):
        stage.act(lkg_snapshot)
    assert stage.archive.snapshots() == []


def test_a_section_that_was_not_read_is_no_difference(stage: Stage) -> None:
    stage.act(lkg_snapshot, sections=["files"])
    stage.promote()
    assert stage.act(lkg_snapshot)["same"]
    with pytest.raises(HoldfastError, match="has no section 'file'"):
        stage.act(lkg_snapshot, sections=["file"])


# --- lkg_restore -----------------------------------------------------------------------------------------------------


def damaged(stage: Stage, **options: Any) -> str:
    """A host that was good and is not any more; the id of the good state."""
    stage.act(lkg_snapshot, options=options)
    good = stage.promote()
    stage.host.state["files"] = {"/etc/app.conf": "password=0therSecret9\nlevel=2\n", "/etc/extra": "x\n"}
    stage.host.state["firewall"] = {"table": "drop"}
    stage.host.state["mounts"] = {}
    return good


def test_a_host_that_is_as_it_should_be_is_left_alone(stage: Stage) -> None:
    stage.act(lkg_snapshot)
    stage.promote()
    result = stage.act(lkg_restore)
    assert (result["changed"], result["same"], result["verified"], result["done"]) == (False, True, True, [])
    assert stage.host.restored == [] and len(stage.archive.snapshots()) == 1


def test_a_state_is_restored_whole_and_proved(stage: Stage) -> None:
    good = damaged(stage, files=["/etc/app.conf"])
    result = stage.act(lkg_restore, run="r2")
    ((wanted, changes),) = stage.host.restored
    assert wanted.sections == {name: STATE[name] for name in ("files", "sysctl", "firewall")}
    assert changes == [
        "changed files//etc/app.conf", "removed files//etc/extra", "added files//etc/motd", "removed firewall/table",
    ]  # fmt: skip
    assert (result["changed"], result["verified"], result["remaining"]) == (True, True, [])
    assert result["done"][0].startswith("wrote password=$encrypted$") and result["state"]["id"] == good
    assert stage.asked[-1] == ("web1", "rhel", {"files": ["/etc/app.conf"]})
    kept = {each.id: each for each in stage.archive.snapshots()}
    assert [kept[result[when]["id"]].run for when in ("before", "after")] == ["r2", "r2"]
    assert stage.act(lkg_restore)["same"]


def test_check_mode_says_what_would_be_restored(stage: Stage) -> None:
    damaged(stage)
    result = stage.act(lkg_restore, check=True)
    assert (result["changed"], result["verified"], stage.host.restored) == (True, False, [])
    assert "-level=2\n" in result["diff"]["prepared"] and "+level=1\n" in result["diff"]["prepared"]
    assert len(stage.archive.snapshots()) == 1


def test_sections_can_be_chosen(stage: Stage) -> None:
    damaged(stage)
    stage.host.gaps = {"sysctl": Unreadable("no")}
    assert stage.act(lkg_restore, sections=["firewall"])["verified"]
    assert stage.host.state["firewall"] == {} and "/etc/extra" in stage.host.state["files"]
    for sections, said in ((["mounts"], "only read of rhel and never restored"), (["fiels"], "has no section 'fiels'")):
        with pytest.raises(HoldfastError, match=said):
            stage.act(lkg_restore, sections=sections)


def test_what_could_not_be_verified_is_never_touched(stage: Stage) -> None:
    damaged(stage)
    stage.host.gaps = {"sysctl": Unreadable("no such program")}
    with pytest.raises(HoldfastError, match=r"read whole now, .* \(sysctl: no such program\); nothing was touched"):
        stage.act(lkg_restore)
    incomplete = stage.act(lkg_snapshot)["snapshot"]["id"]
    stage.host.gaps = {}
    with pytest.raises(HoldfastError, match=r"the state of web1 is incomplete, .* \(sysctl: no such program\)"):
        stage.act(lkg_restore, state=incomplete)
    stage.host.gaps = {"files": Unanswered("web1: no answer")}
    with pytest.raises(AnsibleConnectionFailure, match="no answer"):
        stage.act(lkg_restore)
    assert stage.host.restored == []


def halfway(host: Host) -> None:
    host.state["firewall"] = {}


def test_a_restore_that_does_not_match_fails_and_shows_each_item(stage: Stage) -> None:
    damaged(stage)
    stage.host.instead = halfway
    result = stage.act(lkg_restore, settle=0)
    assert (result["failed"], result["verified"]) == (True, False)
    assert [each["item"] for each in result["remaining"]] == ["/etc/app.conf", "/etc/extra", "/etc/motd"]
    assert "does not match" in result["msg"] and "+level=1" in result["msg"] and "after" in result


def test_a_host_may_take_a_while_to_settle(stage: Stage) -> None:
    damaged(stage)
    looks: list[int] = []
    read = stage.host.read

    def slowly(device: Any, section: str) -> Mapping[str, Any]:
        looks.append(1)
        if len(looks) == 6:  # three sections before it, and then the first look
            stage.host.state.update(json.loads(json.dumps(STATE)))
        return read(device, section)

    stage.host.instead = halfway
    stage.host.read = slowly  # type: ignore[method-assign]
    assert stage.act(lkg_restore, settle=5)["verified"] and len(looks) > 6


def test_a_restore_that_breaks_off_tells_how_the_host_is(stage: Stage) -> None:
    def broken(host: Host) -> None:
        halfway(host)
        raise HoldfastError(f"dnf: no repository, password={SECRET}")

    damaged(stage)
    stage.host.instead = broken
    result = stage.act(lkg_restore)
    assert result["failed"] and "dnf: no repository" in result["msg"] and "level=1" in result["msg"]
    assert len(result["remaining"]) == 3


def test_a_host_that_falls_silent_while_it_is_restored(stage: Stage) -> None:
    def cut(host: Host) -> None:
        host.gaps = {"files": Unanswered("web1: no answer")}
        raise Unanswered("web1: cut")

    damaged(stage)
    stage.host.instead = cut
    result = stage.act(lkg_restore)
    assert result["failed"] and "whether it was restored is not known: web1: cut; and then: web1: no" in result["msg"]


# --- lkg_restore of a guarded change ------------------------------------------------------------------------------


class Timer:
    """Which timers a host holds."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    def armed(self, _device: Any) -> list[Armed]:
        return [Armed(token, 60.0) for token in self.tokens]

    def disarm(self, _device: Any, token: str) -> None:
        self.tokens.remove(token)


def begun(stage: Stage, token: str, *labels: str) -> str:
    """As a guard begins: the state before is kept, with its labels and its timer; its id."""
    now = json.loads(json.dumps(stage.host.state))
    taken = Snapshot("web1", "rhel", time.time(), now, {}, {}, links.notes(labels, token), "r1")
    return stage.archive.put([stage.archive.part(taken)])[0].id


def test_a_change_is_taken_back_by_its_label_and_its_timer_with_it(stage: Stage) -> None:
    stage.host.timer = Timer("holdfast-1", "holdfast-2", "holdfast-other")  # type: ignore[assignment]
    first = begun(stage, "holdfast-1", "r1/web", "item:site")
    stage.host.state["files"]["/etc/motd"] = "half-way\n"
    begun(stage, "holdfast-2", "r1/web", "item:site")
    would = stage.act(lkg_restore, check=True, label="r1/web")
    assert (would["changed"], would["verified"]) == (True, False)
    assert len(stage.host.timer.tokens) == 3  # type: ignore[attr-defined]
    done = stage.act(lkg_restore, label="r1/web")
    assert (done["changed"], done["verified"], done["state"]["id"]) == (True, True, first)
    assert stage.host.state == STATE
    assert stage.host.timer.tokens == ["holdfast-other"]  # type: ignore[attr-defined]
    again = stage.act(lkg_restore, label="item:site")
    assert (again["changed"], again["verified"]) == (False, True)


def changed(stage: Stage, words: str, labels: Sequence[str] = (), run: str = "r1") -> str:
    """As a guard ends: the state after is promoted with the labels of the change; its id."""
    stage.host.state["files"]["/etc/motd"] = words
    stage.act(lkg_snapshot, run=run)
    stored = stage.archive.find("web1", "last")
    stage.archive.promote([(stored, Evidence("me", time.time(), (Check("web", True),), run, labels=tuple(labels)))])
    return stored.id


def test_the_promotions_of_a_change_are_withdrawn_when_that_is_taken_back(stage: Stage) -> None:
    good = changed(stage, STATE["files"]["/etc/motd"], run="r0")
    begun(stage, "holdfast-1", "r1/web")
    changed(stage, "first try\n", ["r1/web"])
    newest = changed(stage, "second try\n", ["r1/web"])
    would = stage.act(lkg_restore, check=True, label="r1/web")
    assert [each["snapshot"] for each in would["withdrawn"]][:1] == [newest]
    assert stage.archive.current()["web1"].snapshot == newest, "it was only checked"
    stage.host.instead = lambda _host: None
    assert stage.act(lkg_restore, label="r1/web", settle=0)["withdrawn"] == []
    assert stage.archive.current()["web1"].snapshot == newest, "the host was not brought back"
    stage.host.instead = None
    assert stage.act(lkg_restore, label="r1/web", sections=["sysctl"])["withdrawn"] == [], "most of it still stands"
    done = stage.act(lkg_restore, label="r1/web")
    assert (done["verified"], len(done["withdrawn"])) == (True, 2)
    assert [each.snapshot for each in stage.archive.history("web1")] == [good]
    again = stage.act(lkg_restore, label="r1/web")
    assert (again["changed"], again["withdrawn"]) == (False, [])


def test_what_others_have_promoted_since_a_change_stays_when_that_is_taken_back(stage: Stage) -> None:
    begun(stage, "holdfast-1", "r1/web")
    changed(stage, "changed\n", ["r1/web"])
    newest = changed(stage, STATE["files"]["/etc/motd"], ["r2/api"], run="r2")
    assert stage.act(lkg_restore, label="r1/web")["withdrawn"] == []
    assert stage.archive.current()["web1"].snapshot == newest


def test_a_restore_that_people_ask_for_withdraws_nothing(stage: Stage) -> None:
    first = begun(stage, "holdfast-0", "r1/web")
    newest = changed(stage, "new\n", ["r1/web"])
    assert "withdrawn" not in stage.act(lkg_restore, state=first)
    assert stage.archive.current()["web1"].snapshot == newest


def test_a_change_that_has_never_begun_is_taken_back_already(stage: Stage) -> None:
    begun(stage, "holdfast-1", "r1/web")
    stage.host.state["files"]["/etc/motd"] = "somebody else\n"
    result = stage.act(lkg_restore, label="r1/api")
    assert (result["changed"], result["verified"], stage.host.restored) == (False, True, [])
    assert "before the change 'r1/api', so that has never begun there" in result["msg"]
    with pytest.raises(HoldfastError, match="either by its name"):
        stage.act(lkg_restore, label="r1/web", state="last")


def test_a_timer_that_cannot_be_disarmed_is_a_failure(stage: Stage) -> None:
    def refuses(_device: Any, _token: str) -> None:
        raise HoldfastError("systemctl: no")

    stage.host.timer = Timer("holdfast-1")  # type: ignore[assignment]
    stage.host.timer.disarm = refuses  # type: ignore[attr-defined]
    begun(stage, "holdfast-1", "r1/web")
    with pytest.raises(HoldfastError, match="its timer holdfast-1 could not be disarmed: systemctl: no"):
        stage.act(lkg_restore, label="r1/web")


# --- lkg_baseline ----------------------------------------------------------------------------------------------------


def test_a_fleet_is_judged_by_those_that_were_seen(stage: Stage) -> None:
    damaged(stage)
    stage.act(lkg_snapshot)
    for host in ("web2", "web3"):
        stage.act(lkg_snapshot, host=host)
    stage.promote("web2")
    old = Snapshot("web4", "rhel", 1000.0, STATE)
    stage.archive.put([stage.archive.part(old)])
    stage.promote("web4")
    play = {"ansible_play_hosts_all": ["web1", "web2", "web3", "web4", "web5", "web6"],
            "ansible_play_hosts": ["web1", "web2", "web3", "web4", "web6"]}  # fmt: skip
    result = stage.act(lkg_baseline, max_age="1h", task_vars=play)
    assert [each["host"] for each in result["hosts"]] == ["web1", "web2"]
    assert (result["checked"], result["drifted"], result["changed"]) == (10, 5, True)
    assert result["hosts"][1]["drifted"] == 0 and result["hosts"][1]["checked"] == 4
    assert set(result["unreachable_hosts"]) == {"web4", "web5"} and "unreachable" not in result
    assert "not seen since 1970" in result["unreachable_hosts"]["web4"]
    assert result["without_baseline"] == {
        "web3": "it has no last known good state", "web6": "there is no snapshot of it",
    }  # fmt: skip
    assert result["diff"][0]["prepared"].startswith("web1: 5 of 6 items have drifted\n---")
    assert not stage.act(lkg_baseline, hosts=["web2"], minimum=100.0).get("failed")
    failed = stage.act(lkg_baseline, hosts=["web1", "web2"], minimum=60.0)
    assert failed["failed"] and failed["msg"] == "the consistency is 50 % (5 of 10 items have drifted), below 60 %"
    nothing = stage.act(lkg_baseline, hosts=["web2"], unreachable=["web2"], minimum=1.0)
    assert nothing["failed"] and "nothing was checked" in nothing["msg"]
    with pytest.raises(HoldfastError, match="max_age: 'soon' is no duration"):
        stage.act(lkg_baseline, hosts=["web2"], max_age="soon")
