# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences and drift: an unchanged host differs in nothing, and any line that matters makes a difference."""

from __future__ import annotations

import difflib

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import blocks, compare, drift, model
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, Snapshot, View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import PLATFORMS, platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import Rule, plus
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils.core.lkg.snapshots import IOS, KEY, snapshot, view

IOS_RULES = platform_named("cisco_ios")
SAME_LATER = (
    IOS.replace("07:44:06 UTC", "09:00:00 UTC").replace("36029056", "36029999").replace("512 bytes", "513 bytes")
)
LINES = [number for number, line in enumerate(IOS.splitlines()) if (line.strip("! ") and line in view().items[
    Place("config", "running")].text) or "secret" in line or "password" in line or "community" in line]  # fmt: skip


def test_an_unchanged_host_gives_an_identical_snapshot() -> None:
    before, after = view(), view(SAME_LATER, at=99.0, run="other", tools={"ios": "2"}, notes={"boot": "x"})
    assert SAME_LATER != IOS
    assert dict(before.items) == dict(after.items) and before.digest == after.digest
    assert compare.compare(before, after, IOS_RULES).same


@given(st.sampled_from(LINES), st.text("abcdefgh0123456789 ", min_size=1, max_size=20))
def test_flipping_any_line_that_matters_gives_a_difference(number: int, tail: str) -> None:
    lines = IOS.splitlines()
    changed = "\n".join([*lines[:number], f"{lines[number]}x{tail}", *lines[number + 1 :], ""])
    gone = "\n".join([*lines[:number], *lines[number + 1 :], ""])
    for other in (changed, gone):
        difference = compare.compare(view(), view(other), IOS_RULES)
        assert [str(change.place) for change in difference.changes] == ["config/running"]
        assert difference.changes[0].lines and view().digest != view(other).digest


@given(st.sampled_from(sorted(PLATFORMS)), st.lists(st.text("abc xyz", min_size=1), min_size=1), st.data())
def test_any_plain_line_counts_on_every_platform(name: str, lines: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(lines) - 1))
    changed = [*lines[:at], f"{lines[at]}q", *lines[at + 1 :]]
    one, two = (
        part(snapshot("\n".join(each), platform=name), platform_named(name), KEY).view for each in (lines, changed)
    )
    assert not compare.compare(one, two, platform_named(name)).same


def test_a_changed_secret_is_seen_and_not_shown() -> None:
    difference = compare.compare(view(), view(IOS.replace("s3cretC0mm", "an0therC0mm")), IOS_RULES)
    shown = "\n".join(difference.render())
    assert difference.changes[0].added == difference.changes[0].removed == 1
    assert shown.count("snmp-server community $encrypted$") == 2
    assert "s3cretC0mm" not in shown and "an0therC0mm" not in shown


def test_a_secret_that_changed_does_not_make_an_item_differ_in_which_its_old_text_stands_too() -> None:
    def host(password: str) -> View:
        files = {"/etc/app": f"password = {password}\n", "/etc/motd": "ask for longsecret1\n"}
        return part(Snapshot("h", "rhel", 1.0, {"files": files}), platform_named("rhel"), KEY).view

    difference = compare.compare(host("longsecret1"), host("longsecret2"), platform_named("rhel"))
    assert [change.place.item for change in difference.changes] == ["/etc/app"]


def test_items_come_and_go_and_what_could_not_be_read_is_not_judged() -> None:
    rhel = platform_named("rhel")
    sections = {"units": {"a.service": {"active": True}, "b.service": {"active": True}}, "packages": {"bash": "5"}}
    later = {"units": {"a.service": {"active": False}, "c.service": {"active": True}}}
    before = part(Snapshot("h", "rhel", 1.0, sections), rhel, KEY).view
    after = part(Snapshot("h", "rhel", 2.0, later, gaps={"packages": "dnf is locked"}), rhel, KEY).view
    difference = compare.compare(before, after, rhel)
    assert [(change.place.item, change.kind) for change in difference.changes] == [
        ("a.service", compare.CHANGED), ("b.service", compare.REMOVED), ("c.service", compare.ADDED),
    ]  # fmt: skip
    assert difference.unread == {"packages": "dnf is locked"} and not difference.same
    verdict = drift.judge(before, after, rhel)
    assert (verdict.checked, verdict.drifted) == (3, 3)
    assert "! packages was not compared: dnf is locked" in difference.render()


def test_snapshots_of_two_platforms_are_not_compared() -> None:
    with pytest.raises(HoldfastError, match="of cisco_ios and one of frr"):
        compare.compare(view(), view(platform="frr"), IOS_RULES)


def test_an_old_snapshot_is_compared_by_the_rules_of_today() -> None:
    more = plus(IOS_RULES, volatile=[Rule(("ntp server",), "ntp server .*$", "ntp server 1")])
    now = part(snapshot(IOS.replace("192.0.2.123", "192.0.2.124"), at=2.0), more, KEY).view
    assert not compare.compare(view(), now, IOS_RULES).same
    assert compare.compare(view(), now, more).same
    old = part(
        Snapshot("h", "rhel", 1.0, {"sysctl": {"all": {"a": 1, "fs.file-nr": 2}}}), plus(platform_named("frr")), KEY
    )
    new = part(Snapshot("h", "rhel", 1.0, {"sysctl": {"all": {"a": 1, "fs.file-nr": 3}}}), platform_named("rhel"), KEY)
    assert compare.compare(old.view, new.view, platform_named("rhel")).same


@given(st.lists(st.sampled_from("abcde!"), max_size=30), st.lists(st.sampled_from("abcde!"), max_size=30))
def test_a_diff_says_what_difflib_says(old: list[str], new: list[str]) -> None:
    before, after = "".join(f"{line}\n" for line in old), "".join(f"{line}\n" for line in new)
    said = compare.diff(before, after)
    assert bool(said) == (old != new)
    kept = [line[1:] for line in said if line[0] in " -"]
    assert _within(kept, old) and _within([line[1:] for line in said if line[0] in " +"], new)
    assert _applied(said, old) == new


def _within(part_: list[str], every: list[str]) -> bool:
    lines = iter(every)
    return all(line in lines for line in part_)


def _applied(said: list[str], old: list[str]) -> list[str]:
    """Apply a unified diff, trusting the line numbers in it."""
    new, at = [], 0
    for line in said:
        if line.startswith("@@"):
            start, _comma, count = line.split()[1][1:].partition(",")
            begin = int(start) - (0 if count == "0" else 1)
            new += old[at:begin]
            at = begin
        elif line[0] == "+":
            new.append(line[1:])
        else:
            assert old[at] == line[1:]
            at += 1
            new += [line[1:]] if line[0] == " " else []
    return new + old[at:]


def test_a_diff_in_the_middle_of_a_long_text_is_the_usual_one() -> None:
    old = [f"line {number}" for number in range(2000)]
    new = [*old[:1000], "new", *old[1001:]]
    usual = list(difflib.unified_diff(old, new, lineterm=""))[2:]
    assert compare.diff("\n".join([*old, ""]), "\n".join([*new, ""])) == usual
    assert compare.diff("a\nb", "a\nb\n") == ["@@ -1,2 +1,2 @@", " a", "-b\n\\ No newline at end of file", "+b"]


# --- drift -----------------------------------------------------------------------------------------------------------


def test_drift_counts_blocks_of_a_configuration() -> None:
    now = IOS.replace(" description uplink", " description x").replace("ntp server 192.0.2.123", "ntp server 192.0.2.1")
    verdict = drift.judge(view(), view(now), IOS_RULES)
    assert set(verdict.names) == {
        "config/running: interface GigabitEthernet0/1",
        "config/running: ntp server 192.0.2.123",
        "config/running: ntp server 192.0.2.1",
    }
    calm = drift.judge(view(), view(SAME_LATER), IOS_RULES)
    assert calm.drifted == 0 and calm.score == 100.0
    assert calm.checked == view().items[Place("config", "running")].parts == verdict.checked - 1


@given(st.lists(st.sampled_from(["a", " b", "!", "}", "c {", " exit", "exit", "", "a"]), max_size=20))
def test_blocks_are_counted_as_they_are_split(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = blocks.split(text)
    assert len(found) == blocks.count(text)
    assert not found or "".join(found.values()).strip() in text


def test_the_score_of_a_fleet_leaves_the_unreachable_apart_and_is_never_rounded_up() -> None:
    assert drift.consistency(1, 1_000_000) == 99.99 and drift.consistency(0, 3) == 100.0
    assert drift.consistency(0, 0) is None
    hosts = [drift.judge(view(host=name), view(host=name), IOS_RULES) for name in ("b", "a")]
    fleet = drift.fleet(hosts, {"c": "timed out"}, {"d": "never promoted"})
    data = fleet.as_data()
    assert data["consistency"] == 100.0 and data["unreachable"] == {"c": "timed out"}
    assert [each["host"] for each in data["hosts"]] == ["a", "b"] and data["without_baseline"] == {
        "d": "never promoted"
    }
    assert drift.fleet([], {"c": "timed out"}).score is None


# --- manifests -------------------------------------------------------------------------------------------------------


def test_a_manifest_gives_the_view_again_and_notices_what_was_changed() -> None:
    one = view(gaps={"x": "y"}, tools={"ios": "15.2"}, run="r1")
    texts = {place: item.text for place, item in one.items.items()}
    written = model.manifest(one)
    assert model.view_of(written, texts) == one and written["complete"] is False
    assert model.view_of(written).digest == one.digest
    assert model.wrong_in(written, texts) == []
    place = Place("config", "running")
    assert "SHA-256" in model.wrong_in(written, {place: texts[place] + "x"})[0]
    assert "not in the archive" in model.wrong_in(written, {})[0]
    assert "not in the manifest" in model.wrong_in(written, {**texts, Place("a", "b"): ""})[0]
    assert "digest" in model.wrong_in({**written, "digest": "0"}, texts)[0]
    for bad in ({**written, "version": 2}, {**written, "items": [{}]}, {"version": 1}):
        with pytest.raises(HoldfastError, match="a manifest"):
            model.view_of(bad)
