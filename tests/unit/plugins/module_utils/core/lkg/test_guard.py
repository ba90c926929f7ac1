# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of a guard: what is done in which order, and where a host ends whatever goes wrong on the way."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import guard_words as words
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard import Guard
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard_words import GuardFailure, Plan
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Armed, Reverted, Unanswered

from .guarded import NEVER, NEW, ODD, OLD, Host, Killed, fails, killed, silent

TOKEN = "holdfast-test"


def guard(host: Host, at_commit: bool = False, **more: Any) -> Guard:
    return Guard(host, Plan("sw1", TOKEN, 300, **more), at_commit)


def failure(host: Host, at_commit: bool = False, **more: Any) -> GuardFailure:
    """How a guarded change fails; it must, and nothing may be promoted."""
    with pytest.raises(GuardFailure) as raised:
        guard(host, at_commit, **more).run()
    assert host.lkg == ""
    assert str(raised.value).startswith("sw1: ") and ". Next: " in str(raised.value)
    return raised.value


# --- good ------------------------------------------------------------------------------------------------------------


def test_a_good_change_is_promoted_after_it_was_disarmed() -> None:
    host = Host()
    one = guard(host)
    assert one.run() == words.PROMOTED
    assert host.calls == ["armed", "read", "keep", "arm", "armed", "change", "reconnect", "checks", "read", "keep",
                          "disarm", "make_lasting", "promote"]  # fmt: skip
    assert (host.text, host.timer, host.lkg, host.archive[host.lkg]) == (NEW, None, one.after, NEW)
    assert [check.name for check in host.evidence] == ["reachable", "web"]
    assert host.archive[one.before] == OLD


def test_promotion_can_be_left_to_somebody_else() -> None:
    host = Host()
    assert guard(host, promote=False).run() == words.KEPT
    assert (host.text, host.timer, host.lkg, list(host.archive.values())) == (NEW, None, "", [OLD, NEW])


def test_the_change_gets_less_time_than_is_left_of_the_timer() -> None:
    host = Host()
    host.at["armed"] = lambda one: one.pass_by(20)
    guard(host).run()
    assert 250 < host.limit < 300 - 20 - 9


def test_a_host_may_need_a_moment_after_the_change() -> None:
    host = Host()
    host.at["reconnect"] = silent(3)
    assert guard(host).run() == words.PROMOTED


def test_check_mode_changes_nothing_of_the_host() -> None:
    host = Host()
    assert guard(host).check() == words.UNCHANGED
    assert host.calls == ["armed", "read", "change"]


def test_check_mode_says_what_speaks_against_it() -> None:
    host = Host()
    host.why_change_failed = "no such file"
    with pytest.raises(GuardFailure, match="no such file"):
        guard(host).check()
    host.gaps = {"vlans": "denied"}
    with pytest.raises(GuardFailure, match="vlans: denied"):
        guard(host).check()


# --- before anything is changed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("left, said", [(120.0, "will revert in 120 s"), (NEVER, "is broken"), (0.0, "has begun")])
def test_a_left_over_timer_stops_it(left: float, said: str) -> None:
    host = Host()
    host.others = [Armed("holdfast-old", left)]
    found = failure(host)
    assert said in found.reason and "holdfast-old" in found.reason and found.state == words.UNCHANGED
    assert host.calls[-1] in ("armed", "reverted") and host.archive == {}


def test_a_left_over_that_does_nothing_any_more_can_be_reported_only() -> None:
    host = Host()
    host.others = [Armed("holdfast-old", NEVER)]
    one = guard(host, left_over=words.REPORT)
    assert one.run() == words.PROMOTED
    assert one.left_over == [
        "there is a timer of an earlier guard, holdfast-old, which is broken and will not revert by itself"
    ]


def test_a_left_over_that_has_ended_is_reported_with_its_outcome() -> None:
    host = Host()
    host.others, host.outcome = [Armed("holdfast-old", 0.0)], Reverted("holdfast-old", False, "dnf failed")
    found = failure(host)
    assert "has reverted, but not to its end: dnf failed" in found.reason


@pytest.mark.parametrize("left", [120.0, 0.0])
def test_a_left_over_that_still_reverts_stops_it_in_any_case(left: float) -> None:
    host = Host()
    host.others = [Armed("holdfast-old", left)]
    assert failure(host, left_over=words.REPORT).state == words.UNCHANGED


def test_what_cannot_be_read_stops_it() -> None:
    host = Host()
    host.gaps = {"vlans": "denied"}
    found = failure(host)
    assert (found.step, found.state) == (words.LOOK, words.UNCHANGED) and "vlans: denied" in found.reason
    assert "arm" not in host.calls


@pytest.mark.parametrize("call", ["armed", "read", "keep"])
def test_a_host_or_an_archive_that_fails_before_stops_it(call: str) -> None:
    host = Host()
    host.at[call] = fails("no space left on device")
    found = failure(host)
    assert (found.step, found.state, host.text) == (words.LOOK, words.UNCHANGED, OLD)
    assert "no space left on device" in found.reason and "arm" not in host.calls


@pytest.mark.parametrize("call", ["armed", "read"])
def test_a_host_that_is_silent_from_the_beginning_is_unreachable_and_no_failure(call: str) -> None:
    host = Host()
    host.at[call] = silent()
    with pytest.raises(Unanswered):
        guard(host).run()
    assert host.archive == {} and "arm" not in host.calls


def test_a_timer_that_cannot_be_armed_stops_it() -> None:
    host = Host()
    host.at["arm"] = fails("systemd does not run there")
    found = failure(host)
    assert (found.step, found.state) == (words.ARM, words.UNCHANGED) and "systemd does not run" in found.reason
    assert "change" not in host.calls and "disarm" in host.calls


def test_no_answer_while_arming_takes_away_what_may_be_armed() -> None:
    host = Host()
    host.at["arm"] = silent()
    host.at["disarm"] = silent(1)
    assert "certain" not in failure(host).reason
    assert host.calls[-2:] == ["reconnect", "disarm"]


def test_a_timer_of_which_nothing_is_certain_is_named() -> None:
    host = Host()
    host.at["arm"] = host.at["disarm"] = silent()
    found = failure(host)
    assert "not certain that none is armed" in found.reason and TOKEN in found.reason
    assert "change" not in host.calls


@pytest.mark.parametrize("skew, said", [(-8.0, "reverts in 29"), (100.0, "reverts in 4"), (NEVER, "reverts never")])
def test_a_timer_that_reads_back_otherwise_is_taken_away(skew: float, said: str) -> None:
    host = Host()
    host.skew = skew
    found = failure(host)
    assert said in found.reason and host.timer is None and "change" not in host.calls


def test_a_timer_that_does_not_read_back_at_all_stops_it() -> None:
    host = Host()

    def forget(one: Host) -> None:
        one.timer = None

    host.at["armed"] = forget
    assert "holds no such timer" in failure(host).reason
    assert "change" not in host.calls


# --- back at once ----------------------------------------------------------------------------------------------------


def assert_restored(host: Host, found: GuardFailure, step: str) -> None:
    assert (found.step, found.state, host.text, host.timer) == (step, words.RESTORED, OLD, None)
    assert host.calls[-3:] == ["restore", "read", "disarm"]


def test_a_change_that_breaks_the_application_only_is_brought_back_at_once() -> None:
    host = Host()
    host.healthy = [Check("web", False, "answered 500")]
    found = failure(host)
    assert_restored(host, found, words.HEALTH)
    assert "web: answered 500" in found.reason and host.clock < 1010


def test_a_change_that_fails_is_brought_back_at_once() -> None:
    host = Host()
    host.at["change"] = lambda one: setattr(one, "text", ODD)
    host.why_change_failed = "task 2: no such interface"
    found = failure(host)
    assert_restored(host, found, words.CHANGE)
    assert "no such interface" in found.reason


@pytest.mark.parametrize("call, step", [("change", words.CHANGE), ("checks", words.HEALTH)])
def test_what_cannot_even_be_asked_is_a_failure_too(call: str, step: str) -> None:
    host = Host()
    host.at[call] = fails("ansible-runner is missing")
    assert_restored(host, failure(host), step)


def test_an_error_that_nobody_thought_of_leads_back_too() -> None:
    host = Host()

    def broken(_host: Host) -> None:
        raise KeyError("probes")

    host.at["checks"] = broken
    found = failure(host)
    assert_restored(host, found, words.ITSELF)
    assert "KeyError: 'probes'" in found.reason


def test_a_new_state_that_cannot_be_read_whole_is_not_kept() -> None:
    host = Host()
    host.at["checks"] = lambda one: one.gaps.update(vlans="denied")
    host.at["restore"] = lambda one: one.gaps.clear()
    assert_restored(host, failure(host), words.SNAPSHOT)


def test_an_archive_that_is_full_by_then_leads_back() -> None:
    host = Host()

    def full(one: Host) -> None:
        if one.archive:
            fails("no space left on device")(one)

    host.at["keep"] = full
    found = failure(host)
    assert_restored(host, found, words.SNAPSHOT)
    assert "no space left" in found.reason


def test_a_change_that_nobody_hears_of_any_more_does_not_stay() -> None:
    host = Host()
    host.at["still_wanted"] = fails("the command is gone")
    found = failure(host)
    assert_restored(host, found, words.DISARM)
    assert "the command is gone" in found.reason


def test_a_timer_that_cannot_be_disarmed_leads_back() -> None:
    host = Host()
    host.at["disarm"] = fails("its unit is still there", 1)
    assert_restored(host, failure(host), words.DISARM)


def test_a_restore_that_does_not_lead_back_leaves_the_timer_to_do_it() -> None:
    host = Host()
    host.healthy = [Check("web", False)]

    def otherwise(one: Host) -> None:
        one.text = ODD
        fails("a merge conflict")(one)

    host.at["restore"] = otherwise
    found = failure(host)
    assert (found.state, host.text, host.timer) == (words.REVERTED, OLD, None)
    assert "a merge conflict" in found.reason and host.clock > 1300


def test_a_restore_that_only_seems_to_work_is_found_out() -> None:
    host = Host()
    host.healthy, host.reverts_to = [Check("web", False)], ODD
    host.at["read"] = lambda one: "restore" in one.calls and setattr(one, "text", ODD)
    one = guard(host)
    with pytest.raises(GuardFailure) as raised:
        one.run()
    assert (raised.value.step, raised.value.state) == (words.VERIFY, words.DIFFERS)
    assert "config/running changed" in raised.value.reason and "lkg_restore, state: s1" in raised.value.next_action
    assert one.differs is not None and any("odd" in line for line in one.differs.render())


def test_a_host_that_needs_a_moment_to_be_what_it_was() -> None:
    host = Host()
    host.healthy = [Check("web", False)]
    reads: list[int] = []

    def slow(one: Host) -> None:
        if "restore" in one.calls:
            reads.append(1)
            one.text = OLD if len(reads) > 3 else ODD

    host.at["read"] = slow
    assert failure(host).state == words.RESTORED


# --- back alone ------------------------------------------------------------------------------------------------------


def test_a_host_that_is_cut_off_goes_back_alone() -> None:
    host = Host()
    host.cut_by_change = True
    found = failure(host)
    assert (found.step, found.state, host.text) == (words.REACH, words.REVERTED, OLD)
    assert "no route to host" in found.reason and "restore" not in host.calls
    assert 1300 < host.clock < 1300 + 10


def test_a_host_that_never_answers_again_is_unknown() -> None:
    host = Host()
    host.cut_by_change = True
    host.at["reconnect"] = silent()
    found = failure(host, grace=60)
    assert (found.step, found.state) == (words.REVERT, words.UNKNOWN)
    assert "has not answered for 61 s" in found.reason and "console" in found.next_action
    assert 1360 < host.clock < 1380


@pytest.mark.parametrize("gone", [False, True])
def test_only_where_somebody_hears_of_it_a_silent_host_is_waited_for_longer(gone: bool) -> None:
    host = Host()
    host.cut_by_change = True
    host.at["reconnect"] = silent()
    if gone:
        host.at["still_wanted"] = fails("the command is gone")
    found = failure(host, grace=60)
    assert found.state == words.UNKNOWN
    assert (host.clock >= 1360) is not gone and host.clock >= 1300


def test_a_revert_that_fails_is_tried_once_more_from_here() -> None:
    host = Host()
    host.cut_by_change, host.complete, host.reverts_to = True, False, ODD
    found = failure(host)
    assert (found.state, host.text) == (words.RESTORED, OLD)
    assert "did not come to its end: did it" in found.reason


def test_a_revert_that_fails_for_good_says_what_differs() -> None:
    host = Host()
    host.cut_by_change, host.complete, host.reverts_to = True, False, ODD
    host.at["restore"] = fails("dnf failed")
    found = failure(host)
    assert (found.step, found.state) == (words.VERIFY, words.DIFFERS) and "dnf failed" in found.reason


def test_a_revert_that_does_not_end_is_not_met_by_a_restore() -> None:
    host = Host()
    host.cut_by_change, host.takes = True, NEVER

    def back(one: Host) -> None:
        one.cut = one.cut and one.clock < 1300

    host.at["reconnect"] = back
    found = failure(host, grace=60)
    assert (found.step, found.state) == (words.VERIFY, words.DIFFERS)
    assert "restore" not in host.calls


def test_a_revert_that_begins_while_it_is_proved_is_reported_as_one() -> None:
    host = Host()
    host.at["checks"] = lambda one: one.pass_by(310)
    found = failure(host)
    assert (found.step, found.state, host.text) == (words.DISARM, words.REVERTED, OLD)
    assert "restore" not in host.calls


def test_a_revert_is_not_met_by_a_restore_just_before_it() -> None:
    host = Host()
    host.healthy = [Check("web", False)]
    host.at["checks"] = lambda one: one.pass_by(292)
    assert failure(host).state == words.REVERTED
    assert "restore" not in host.calls


def test_a_revert_that_begins_during_the_restore_is_waited_for() -> None:
    host = Host()
    host.healthy, host.takes = [Check("web", False)], 40
    host.at["restore"] = lambda one: one.pass_by(310)
    found = failure(host)
    assert found.state == words.REVERTED and "timer could not be disarmed" in found.reason
    assert host.clock > 1340 and host.timer is None


def test_a_host_that_does_not_remember_its_revert_is_believed_by_its_state() -> None:
    host = Host()
    host.cut_by_change, host.remembers = True, False
    found = failure(host)
    assert found.state == words.REVERTED and "it is what it was" in found.reason


@pytest.mark.parametrize("remembers", [True, False])
def test_a_controller_that_slept_over_the_revert_promotes_nothing(remembers: bool) -> None:
    host = Host()
    host.remembers = remembers
    host.at["reconnect"] = lambda one: one.pass_by(0 if one.clock > 1400 else 500)
    found = failure(host)
    assert (found.state, host.text) == (words.REVERTED, OLD)


# --- disarming -------------------------------------------------------------------------------------------------------


def test_no_answer_to_the_disarming_is_asked_for_again() -> None:
    host = Host()

    def done_and_lost(one: Host) -> None:
        if one.timer is not None:
            one.timer = None
            silent()(one)

    host.at["disarm"] = done_and_lost
    assert guard(host).run() == words.PROMOTED
    assert host.calls[-4:] == ["reverted", "read", "make_lasting", "promote"]


def test_no_answer_until_it_reverts_is_a_revert() -> None:
    host = Host()
    host.at["disarm"] = silent(1000)
    found = failure(host)
    assert (found.step, found.state, host.text) == (words.DISARM, words.REVERTED, OLD)


def test_disarmed_when_it_was_due_counts_only_when_the_change_stands() -> None:
    host = Host()
    host.remembers = False

    def late(one: Host) -> None:
        one.pass_by(298 - (one.clock - 1000) if one.clock < 1290 else 0)

    host.at["disarm"] = late
    assert guard(host).run() == words.PROMOTED
    assert host.text == NEW


# --- promotion -------------------------------------------------------------------------------------------------------


def test_a_promotion_that_fails_leaves_a_good_state_that_nobody_calls_so() -> None:
    host = Host()
    host.at["promote"] = fails("no space left on device")
    found = failure(host)
    assert (found.step, found.state, host.text, host.timer) == (words.PROMOTE, words.KEPT, NEW, None)
    assert "lkg_promote, state: s2" in found.next_action


def test_a_device_that_saves_is_promoted_as_it_is_then() -> None:
    host = Host()
    host.saves = True
    host.at["make_lasting"] = lambda one: setattr(one, "text", NEW + "! saved\n")
    guard(host).run()
    assert host.archive[host.lkg] == NEW + "! saved\n"
    assert host.calls[-5:] == ["disarm", "make_lasting", "read", "keep", "promote"]


def test_a_device_that_does_not_save_is_kept_and_not_promoted() -> None:
    host = Host()
    host.at["make_lasting"] = fails("no space left on flash")
    found = failure(host)
    assert (found.step, found.state, host.text, host.timer) == (words.LASTING, words.KEPT, NEW, None)


# --- killed ----------------------------------------------------------------------------------------------------------

STEPS = ["armed", "read", "keep", "arm", "change", "reconnect", "checks", "disarm", "make_lasting", "promote"]


@pytest.mark.parametrize("hook_before", [True, False])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_ends_old_before_the_disarming_and_new_after_it(step: str, hook_before: bool) -> None:
    host = Host()
    if hook_before:
        host.at[step] = killed
    else:
        original = getattr(host, step)

        def then_killed(*arguments: Any) -> None:
            original(*arguments)
            raise Killed

        setattr(host, step, then_killed)
    with pytest.raises(Killed):
        guard(host).run()
    host.pass_by(310)
    disarmed = step in ("make_lasting", "promote") or (step == "disarm" and not hook_before)
    assert host.text == (NEW if disarmed else OLD)
    promoted = step == "promote" and not hook_before
    assert (host.lkg and host.archive[host.lkg]) == (NEW if promoted else "")


def test_killed_just_after_all_of_it_was_proved_it_ends_old() -> None:
    host = Host()
    keeps: list[int] = []

    def second(one: Host) -> None:
        keeps.append(1)
        if len(keeps) == 2:
            raise Killed

    host.at["keep"] = second
    with pytest.raises(Killed):
        guard(host).run()
    host.pass_by(310)
    assert (host.text, host.lkg) == (OLD, "")


# --- armed by the very commit ----------------------------------------------------------------------------------------


def prepared(host: Host) -> None:
    """Make a host whose change is only prepared, and made live by what arms the timer."""
    host.changed = OLD
    host.at["arm"] = lambda one: setattr(one, "text", NEW)


def test_at_commit_the_change_is_prepared_before_it_is_armed() -> None:
    host = Host()
    prepared(host)
    assert guard(host, at_commit=True).run() == words.PROMOTED
    assert host.calls[:6] == ["armed", "read", "keep", "change", "arm", "armed"]


def test_at_commit_a_preparation_that_fails_is_no_revert() -> None:
    host = Host()
    prepared(host)
    host.why_change_failed = "syntax error"
    found = failure(host, at_commit=True)
    assert (found.state, host.text) == (words.RESTORED, OLD)
    assert "arm" not in host.calls and "disarm" not in host.calls


def test_at_commit_a_commit_that_is_refused_changes_nothing() -> None:
    host = Host()
    prepared(host)
    host.at["arm"] = fails("commit failed: missing vlan")
    found = failure(host, at_commit=True)
    assert (found.step, found.state, host.text) == (words.ARM, words.RESTORED, OLD)
    assert host.clock < 1060


def test_at_commit_no_answer_may_mean_that_it_is_live() -> None:
    host = Host()

    def live_and_lost(one: Host) -> None:
        one.text, one.timer, one.cut, one.cut_by_change = NEW, (TOKEN, one.clock + 300, OLD), True, True

    host.changed = OLD
    host.at["arm"] = live_and_lost
    found = failure(host, at_commit=True)
    assert (found.step, found.state, host.text) == (words.ARM, words.REVERTED, OLD)
    assert host.clock > 1300


def test_at_commit_a_timer_that_reads_back_otherwise_leads_back() -> None:
    host = Host()
    prepared(host)
    host.skew = NEVER
    found = failure(host, at_commit=True)
    assert (found.step, found.state, host.text, host.timer) == (words.ARM, words.RESTORED, OLD, None)


def test_at_commit_without_an_answer_before_nothing_is_live() -> None:
    host = Host()
    prepared(host)
    host.cut_by_change = True
    host.why_change_failed = "unreachable"
    assert failure(host, at_commit=True).state == words.UNKNOWN
