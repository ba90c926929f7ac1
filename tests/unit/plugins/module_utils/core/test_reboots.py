# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proves a reboot, what is pending, and how failures are said."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core import reboots
from ansible_collections.holdfast.ops.plugins.module_utils.core.reboots import Boot, Pending, RebootFailure


def test_another_boot_id_proves_a_reboot() -> None:
    assert reboots.why_not_proven(Boot("a"), Boot("b")) == ""


def test_the_same_boot_id_proves_none() -> None:
    assert reboots.why_not_proven(Boot("a"), Boot("a")) == "it still runs from the boot a"


def test_no_boot_id_proves_none() -> None:
    assert reboots.why_not_proven(Boot("a"), Boot("")) == "the host does not say which boot it runs from"


@pytest.mark.parametrize("booted_at", [99.0, 100.0, None])
def test_a_boot_time_before_the_order_is_a_clock_that_was_set(booted_at: float | None) -> None:
    before = Boot("1", booted_at=50.0, clock=100.0)
    assert "its clock was set" in reboots.why_not_proven(before, Boot("2", booted_at=booted_at, clock=130.0))


def test_a_boot_time_after_the_order_proves_a_reboot() -> None:
    before = Boot("1", booted_at=50.0, clock=100.0)
    assert reboots.why_not_proven(before, Boot("2", booted_at=110.0, clock=130.0)) == ""


def test_a_failure_names_host_step_reason_time_and_next_action() -> None:
    failure = RebootFailure("web1", reboots.RETURN, "no answer within 600 s.", 612.34)
    assert str(failure) == (
        "web1: waiting for the host to return failed after 612.3 s: no answer within 600 s. "
        "Next: Look at its console and power state, and at the network to it. Once it answers, run again."
    )
    result = failure.as_result()
    assert (result["failed"], result["host"], result["step"]) == (True, "web1", "waiting for the host to return")
    assert (result["reason"], result["elapsed"]) == ("no answer within 600 s", 612.3)
    assert result["next_action"] in result["msg"]


def test_before_the_order_no_time_is_named() -> None:
    assert "failed: rights. Next" in str(RebootFailure("web1", reboots.ORDER, "rights", 0))


def test_every_step_has_a_next_action() -> None:
    steps = (reboots.LOOK, reboots.BEFORE, reboots.ORDER, reboots.RETURN, reboots.PROOF, reboots.READY, reboots.AFTER)
    assert set(steps) == set(reboots.NEXT)


@pytest.mark.parametrize(
    ("pending", "when_pending", "wanted"),
    [
        (Pending(True), False, True),
        (Pending(False, note="?"), False, True),
        (Pending(True), True, False),
        (Pending(True, ("kernel",)), True, True),
        (Pending(True, ("file renames",)), True, True),
    ],
)
def test_whether_to_reboot(pending: Pending, when_pending: bool, wanted: bool) -> None:
    assert reboots.would("web1", pending, when_pending)[0] is wanted


def test_what_cannot_be_known_is_not_guessed() -> None:
    with pytest.raises(RebootFailure, match="it cannot say whether a reboot is pending: no dnf"):
        reboots.would("web1", Pending(False, note="no dnf"), True)


def test_renamed_files_alone_are_no_failure_afterwards() -> None:
    assert reboots.pending_check(Pending(True, ("file renames",))).ok
    wrong = reboots.pending_check(Pending(True, ("servicing", "file renames")))
    assert (wrong.ok, wrong.detail) == (False, "servicing")


def test_services_that_are_not_there_are_named() -> None:
    checks = reboots.service_checks(["a", "b", "c"], {"a": "active", "b": "failed"}, "active")
    assert reboots.failed_checks(checks) == "service 'b': failed; service 'c': not found"


def test_a_command_says_its_exit_code_and_its_last_words() -> None:
    check = reboots.command_check("curl x", 7, "a\n  refused ")
    assert (check.ok, check.detail) == (False, "exit code 7: a refused")
    assert reboots.command_check("true", 0, "whatever").detail == ""


def test_pauses_grow_and_never_pass_the_deadline() -> None:
    assert [reboots.pause(attempt, 100) for attempt in (0, 2, 4, 9)] == [1, 2, 3, 5]
    assert (reboots.pause(9, 0.5), reboots.pause(0, -1)) == (0.5, 0)


def test_silence_says_whether_the_order_was_heard() -> None:
    assert reboots.silence(60, "refused", True) == (
        "no answer within 60 s; the connection broke while the reboot was ordered (last try: refused)"
    )
