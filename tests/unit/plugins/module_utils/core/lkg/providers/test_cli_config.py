# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices of which only their commands are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import CHANGED, Change, Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered, check, take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.cli_config import CliConfig

TIMER = {
    "arm": ["commit confirmed {minutes}"],
    "confirm": ["commit"],
    "pending": "show pending",
    "pending_pattern": "rollback in",
}
TOKEN = "holdfast-1"
DIFFERENCE = Difference((Change(Place("config", "running"), CHANGED),))


class Box:
    """A device with one configuration and one timer."""

    def __init__(self, text: str = "hostname a\n") -> None:
        self.text, self.saved, self.waits = text, text, False
        self.ran: list[tuple[str, Mapping[str, Any], bool]] = []
        self.answers, self.kept = True, ""

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        if not self.answers:
            raise Unanswered("no answer")
        self.ran.append((module, arguments, secret))
        command = arguments.get("command", "")
        if command == "save":
            self.kept = self.text
        elif command.startswith("commit confirmed"):
            self.waits, self.saved = True, self.text
        elif command == "commit":
            self.waits = False
        said = {"show running-config": self.text, "show pending": "rollback in 2" if self.waits else "none",
                "show nothing": "", "bad": "% Invalid command"}  # fmt: skip
        return {"stdout": said.get(command, "")}

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        raise AssertionError

    def revert(self) -> None:
        self.text, self.waits = self.saved, False


def snapshot(box: Box) -> Snapshot:
    return take(CliConfig(), box, host="a", platform="cli_config", now=0.0)


def test_declarations_are_sound_and_say_what_they_are() -> None:
    merging, replacing = CliConfig(), CliConfig(replace=True, **TIMER)
    assert check(merging.declaration) == check(replacing.declaration) == []
    assert (merging.declaration.exact, replacing.declaration.exact) == (False, True)
    assert (merging.timer, merging.declaration.reverts) == (None, "")
    assert replacing.timer is not None
    assert "added lines stay" in merging.declaration.restores


def test_a_timer_is_whole_or_not_at_all() -> None:
    with pytest.raises(HoldfastError, match="needs all of"):
        CliConfig(arm=["x"])
    with pytest.raises(HoldfastError, match="no regular expression"):
        CliConfig(**{**TIMER, "pending_pattern": "("})


def test_it_reads_by_its_command_and_nothing_is_a_gap() -> None:
    assert snapshot(Box()).sections == {"config": {"running": "hostname a\n"}}
    empty = take(CliConfig(command="show nothing"), Box(), host="a", platform="cli_config", now=0.0)
    assert empty.gaps == {"config": "'show nothing' showed nothing; options.command names another"}
    box = Box()
    box.answers = False
    with pytest.raises(Unanswered):
        snapshot(box)


@pytest.mark.parametrize("replace", [True, False])
def test_a_restore_sends_the_whole_configuration_as_a_secret(replace: bool) -> None:
    box = Box()
    before = snapshot(box)
    said = CliConfig(replace=replace).restore(box, before, DIFFERENCE)
    module, arguments, secret = box.ran[-1]
    assert (module, secret, arguments["config"]) == ("ansible.netcommon.cli_config", True, "hostname a\n")
    assert ("replace" in arguments) is replace
    assert ("merged" in said[0]) is not replace
    assert CliConfig().restore(box, before, Difference()) == []
    with pytest.raises(HoldfastError, match="does not hold config/running"):
        CliConfig().restore(box, Snapshot("a", "cli_config", 0.0, {}), DIFFERENCE)


def test_a_timer_by_commands_is_armed_read_back_and_confirmed() -> None:
    box, timer = Box(), CliConfig(**TIMER).timer
    assert timer is not None
    timer.arm(box, TOKEN, 90, snapshot(box))
    assert ("ansible.netcommon.cli_command", {"command": "commit confirmed 2"}, False) in box.ran
    assert list(timer.armed(box)) == [(TOKEN, 120.0)]
    timer.disarm(box, TOKEN)
    assert not timer.armed(box)
    assert timer.reverted(box, TOKEN) is None


def test_what_the_device_took_back_is_known() -> None:
    box, timer = Box(), CliConfig(**TIMER).timer
    assert timer is not None
    timer.arm(box, TOKEN, 60, snapshot(box))
    box.text = "hostname b\n"
    assert timer.reverted(box, TOKEN) is None
    box.revert()
    said = timer.reverted(box, TOKEN)
    assert said is not None
    assert said.complete
    with pytest.raises(HoldfastError, match="has taken it back"):
        timer.disarm(box, TOKEN)


def test_nothing_is_armed_where_it_would_not_lead_back_or_is_refused() -> None:
    box = Box()
    before = snapshot(box)
    box.text = "hostname b\n"
    timer = CliConfig(**TIMER).timer
    refused = CliConfig(**{**TIMER, "arm": ["bad"]}).timer
    assert timer is not None
    assert refused is not None
    with pytest.raises(HoldfastError, match="not what is wanted"):
        timer.arm(box, TOKEN, 60, before)
    with pytest.raises(HoldfastError, match="'bad': % Invalid command"):
        refused.arm(box, TOKEN, 60, snapshot(box))
    box.waits = True
    with pytest.raises(HoldfastError, match="holds a timer already"):
        timer.arm(box, TOKEN, 60, snapshot(box))


def test_a_timer_that_was_armed_halfway_is_taken_away_again() -> None:
    box = Box()
    timer = CliConfig(**{**TIMER, "arm": ["commit confirmed {minutes}", "bad"]}).timer
    assert timer is not None
    with pytest.raises(HoldfastError, match="'bad': % Invalid command"):
        timer.arm(box, TOKEN, 60, snapshot(box))
    assert [each.token for each in timer.armed(box)] == [TOKEN]
    timer.disarm(box, TOKEN)
    assert not box.waits
    refused = CliConfig(**{**TIMER, "arm": ["bad"]}).timer
    assert refused is not None
    with pytest.raises(HoldfastError, match="'bad'"):
        refused.arm(box, TOKEN, 60, snapshot(box))
    refused.disarm(box, TOKEN)  # nothing was armed, and nothing has to be said of it
    assert ("ansible.netcommon.cli_command", {"command": "commit"}, False) not in box.ran[-3:]


def test_words_stand_in_every_command_and_other_braces_are_the_commands_own() -> None:
    box = Box()
    timer = CliConfig(**{**TIMER, "arm": ["begin {token} {time} {x} {}", "commit confirmed {seconds}"],
                         "confirm": ["commit", "keep {token} {seconds}"]}).timer  # fmt: skip
    assert timer is not None
    timer.arm(box, TOKEN, 3725, snapshot(box))
    timer.disarm(box, TOKEN)
    typed = [arguments.get("command") for _module, arguments, _secret in box.ran]
    assert "begin holdfast-1 01:02:05 {x} {}" in typed and "commit confirmed 3725" in typed
    assert "keep holdfast-1 3725" in typed


def test_what_is_confirmed_is_saved_where_somebody_says_how() -> None:
    box = Box()
    assert (list(CliConfig().keep(box)), box.kept) == ([], "")
    assert (list(CliConfig(save=["save"]).keep(box)), box.kept) == (["save"], box.text)
    with pytest.raises(HoldfastError, match="'bad': % Invalid command"):
        CliConfig(save=["bad"]).keep(box)


def test_what_is_known_of_platforms() -> None:
    eos, junos = CliConfig(platform="arista_eos"), CliConfig(platform="juniper_junos")
    assert (eos.command, eos.declaration.exact) == ("show running-config", True)
    assert (junos.command, junos.declaration.exact) == ("show configuration | display set", False)
    assert not CliConfig(platform="arista_eos", replace=False).declaration.exact
    with pytest.raises(HoldfastError, match=r"replace: juniper_junos cannot: .* file .*; reach it through .*netconf"):
        CliConfig(platform="juniper_junos", replace=True)
    with pytest.raises(HoldfastError, match=r"arm: juniper_junos has no such timer: any commit confirms"):
        CliConfig(platform="juniper_junos", **TIMER)
