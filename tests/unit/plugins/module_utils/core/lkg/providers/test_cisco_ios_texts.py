# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What IOS says, read, and what it is told, written."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import cisco_ios_texts as texts
from hypothesis import given
from hypothesis import strategies as st

RUNNING = """\
Building configuration...

Current configuration : 300 bytes
!
! Last configuration change at 07:44:06 UTC Fri Jan 30 2015 by admin
!
version 15.2
hostname sw1
crypto pki certificate chain TP-self-signed-1
 certificate self-signed 01
  3082022B 30820194 A0030201 02020101
  \tquit
banner motd ^CMind the
^ step^C
end
"""
STARTUP = """\
Using 300 out of 262144 bytes
!
version 15.2
hostname sw1
crypto pki certificate chain TP-self-signed-1
 certificate self-signed 01 nvram:IOS-Self-Sig#1.cer
banner motd ^CMind the
^ step^C
end
"""


def test_the_header_goes_and_nothing_else() -> None:
    assert texts.without_header(RUNNING).startswith("version 15.2\nhostname")
    assert texts.without_header(RUNNING.replace("\n", "\r\n")) == texts.without_header(RUNNING)
    assert texts.without_header("hostname x\n!\nend\n") == "hostname x\n!\nend\n"


def test_what_was_saved_is_known_though_a_certificate_is_written_otherwise() -> None:
    assert texts.saved(RUNNING, STARTUP)
    assert not texts.same(RUNNING, STARTUP)
    assert not texts.saved(RUNNING, STARTUP.replace("sw1", "sw2"))
    assert not texts.saved(RUNNING, STARTUP.replace("self-signed 01", "self-signed 02"))


def test_comments_mean_nothing_and_lines_do() -> None:
    assert texts.same("!\nhostname a\n!\n!\nend\n", "hostname a\nend\n")
    assert not texts.same("hostname a\nend\n", "hostname b\nend\n")


def test_around_a_banner_stands_one_character_in_a_file() -> None:
    assert "banner motd \x03Mind the\n^ step\x03\n" in texts.as_file(RUNNING)
    assert "^C" not in texts.as_file(RUNNING)
    assert "description ^C stays" in texts.as_file("interface x\n description ^C stays\nend\n")
    with pytest.raises(HoldfastError, match="not complete"):
        texts.as_file("hostname x\n")


def untyped(lines: list[str]) -> bytes:
    """What Tcl writes of typed lines."""
    puts = [re.fullmatch(r'puts -nonewline \$holdfast "(.*)"', line) for line in lines]
    text = "".join(found.group(1) for found in puts if found)
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), text.encode())


@given(st.binary(max_size=600))
def test_every_byte_is_typed_in_lines_that_ios_takes_and_that_look_like_nothing_else(data: bytes) -> None:
    lines = texts.typed("flash:x.cfg", data)
    assert untyped(lines) == data
    assert (lines[0], lines[-2:]) == ("tclsh", ["close $holdfast", "tclquit"])
    for line in lines:
        assert len(line) <= 254
        assert not re.search(r"[?!|#>%^\t]", line)


def test_a_timer_is_read() -> None:
    said = "Time configured(or reconfigured): 22:50:48 UTC Sat Feb 21 2009\nTimer type: absolute timer\n"
    found = texts.waiting(f"{said}Timer value: 2 min\nUser: console\n")
    assert found == (datetime(2009, 2, 21, 22, 50, 48), 2, "console")
    assert texts.waiting("%No Rollback Confirmed Change pending") is None
    with pytest.raises(HoldfastError, match="is not understood: Timer type"):
        texts.waiting("Timer type: absolute timer")


def test_a_clock_is_read_whether_it_is_set_or_not() -> None:
    for mark in ("*", ".", ""):
        assert texts.moment(f"{mark}12:26:30.761 CET Thu Nov 6 2026\n") == datetime(2026, 11, 6, 12, 26, 30)
    with pytest.raises(HoldfastError, match="no time as IOS writes it"):
        texts.moment("% Invalid input")


@pytest.mark.parametrize(("seconds", "minutes"), [(1, 1), (60, 1), (61, 2), (7200, 120)])
def test_minutes_are_rounded_up(seconds: int, minutes: int) -> None:
    assert texts.minutes_for(seconds) == minutes


def test_no_timer_is_longer_than_ios_counts() -> None:
    with pytest.raises(HoldfastError, match="at most 120 minutes"):
        texts.minutes_for(7201)


def test_guards_are_found_by_their_files_only() -> None:
    listed = "2  123 Nov 26 2026 12:26:40 +00:00 holdfast-17-ab.cfg\n3 1 xholdfast-no.cfg\n4 5 holdfast-no.txt\n"
    assert texts.tokens(listed) == ["holdfast-17-ab"]
