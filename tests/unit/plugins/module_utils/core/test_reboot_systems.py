# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of Linux and Windows, and how their answers are read."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.reboot_systems import (
    Linux,
    Windows,
    filetime,
    quoted,
    read_services,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.reboots import Pending

REQUIRED = """source=dnf
Core libraries or services have been updated since boot-up:
  * kernel
  * systemd

Reboot is required to fully utilize these updates.
More information: https://access.redhat.com/solutions/27943
"""
NOT_REQUIRED = (
    "source=dnf\nNo core libraries or services have been updated since boot-up.\nReboot should not be necessary.\n"
)


def shell(script: str) -> str:
    """What a POSIX shell makes of a script."""
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout


def test_linux_says_its_boot_on_this_very_machine() -> None:
    boot = Linux().read_state(shell(Linux().state()))
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as own:
        assert boot.boot_id == own.read().strip()
    assert boot.booted_at is not None
    assert boot.kernel


def test_linux_without_a_boot_id_is_no_answer() -> None:
    with pytest.raises(HoldfastError, match="did not say its boot id, but: hello"):
        Linux().read_state("hello")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (REQUIRED, Pending(True, ("kernel", "systemd"))),
        (NOT_REQUIRED, Pending(True)),
        ("source=marker\nlinux-image\nlibc6\n", Pending(True, ("linux-image", "libc6"))),
        ("source=marker\n", Pending(True, ("/run/reboot-required",))),
        ("source=apt\n", Pending(True)),
        ("source=none\n", Pending(False, note="it has neither dnf nor needs-restarting")),
        (
            "source=dnf\nNo such command: needs-restarting.\n",
            Pending(False, note="needs-restarting said: No such command: needs-restarting."),
        ),
        ("source=yum\nReboot is required to ensure that your system benefits\n", Pending(True, ("needs-restarting",))),
    ],
)
def test_what_linux_says_is_pending(output: str, expected: Pending) -> None:
    assert Linux().read_pending(output) == expected


def test_an_error_of_dnf_is_not_a_pending_reboot() -> None:
    """Its exit code is 1 in both cases."""
    assert not Linux().read_pending("source=dnf\nError: Failed to download metadata\n").known


def test_the_pending_script_runs_and_ends_well_wherever_it_is_run() -> None:
    assert shell(Linux().pending()).startswith("source=")


def test_services_of_linux_are_quoted() -> None:
    script = Linux().services(["a; touch /tmp/x", "b"])
    assert "'a; touch /tmp/x'" in script
    assert read_services("sshd=active\na=b=failed\nnoise\n") == {"sshd": "active", "a=b": "failed"}


def test_linux_counts_delays_in_minutes() -> None:
    assert "shutdown -r now 'it'\"'\"'s time'" in Linux().order("it's time", 59)
    assert "shutdown -r +2 " in Linux().order("x", 120)
    assert Linux().refusal(1, "Interactive authentication required.") == (
        "shutdown ended with 1: Interactive authentication required."
    )


def test_windows_says_its_boot_and_its_clock() -> None:
    boot = Windows().read_state(
        'noise {"boot": "133500000000000000", "clock": "133500000600000000", "version": "10.0"}'
    )
    assert (boot.boot_id, boot.kernel) == ("133500000000000000", "10.0")
    assert boot.booted_at is not None and boot.clock is not None
    assert boot.clock - boot.booted_at == 60


@pytest.mark.parametrize("output", ["", "{}", '{"boot": null}', '{"boot": "soon"}', "[1]"])
def test_windows_without_a_boot_time_is_no_answer(output: str) -> None:
    with pytest.raises(HoldfastError, match="did not say when it booted"):
        Windows().read_state(output)


def test_what_windows_says_is_pending() -> None:
    windows = Windows()
    assert windows.read_pending('{"pending": ["servicing"]}') == Pending(True, ("servicing",))
    assert windows.read_pending('{"pending": []}') == Pending(True)
    assert not windows.read_pending("Access is denied").known


def test_texts_for_powershell_are_literals() -> None:
    assert quoted("it's\nso \u2019") == "'it''s so \u2019\u2019'"
    assert "$name in @('a', 'b''c')" in Windows().services(["a", "b'c"])


def test_windows_is_given_two_seconds_at_least() -> None:
    assert "/r /t 2 /c 'x'" in Windows().order("x", 0)
    assert "/r /t 30 /c 'x'" in Windows().order("x", 30)


def test_refusals_of_windows() -> None:
    windows = Windows()
    assert windows.refusal(0, '{"status": 0, "said": ""}') == ""
    assert windows.refusal(0, '{"status": 5, "said": "Access is denied.(5)"}') == (
        "shutdown.exe ended with 5: Access is denied.(5)"
    )
    assert windows.refusal(1, "oops") == "PowerShell ended with 1: oops"


def test_times_of_windows_begin_in_1601() -> None:
    assert filetime("116444736000000000") == 0
    assert filetime(None) is None
