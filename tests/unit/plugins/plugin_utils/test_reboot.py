# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verified reboot, step by step, against a host that a test plays."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible_collections.holdfast.ops.plugins.module_utils.core import reboots
from ansible_collections.holdfast.ops.plugins.module_utils.core.reboots import RebootFailure
from ansible_collections.holdfast.ops.plugins.module_utils.reboot_arguments import VERIFIED_REBOOT
from ansible_collections.holdfast.ops.plugins.plugin_utils._reached import Answer, NoAnswer, Reached
from ansible_collections.holdfast.ops.plugins.plugin_utils._reboot import Clock, Reboot


class PlayedHost:
    """A Linux host in time that only passes when somebody waits.

    ``down_from`` and ``up_from`` are seconds after the order; ``boots_again`` one more boot, seconds after that.
    """

    is_windows = False

    def __init__(self, down_from: float = 1, up_from: float = 30, reboots: bool = True) -> None:
        self.time = 0.0
        self.down_from, self.up_from, self.reboots = down_from, up_from, reboots
        self.boots_again: float | None = None
        self.ordered: float | None = None
        self.order_status = 0
        self.breaks_off = False
        self.pending = "source=apt"
        self.service: Callable[[float], str] = lambda _since_up: "active"
        self.commands: dict[str, int] = {}
        self.dropped = 0
        self.ran: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    @property
    def since(self) -> float:
        return -1.0 if self.ordered is None else self.time - self.ordered

    def boot_id(self) -> str:
        if not self.reboots or self.since < self.up_from:
            return "boot-0"
        again = self.boots_again is not None and self.since >= self.up_from + self.boots_again
        return "boot-2" if again else "boot-1"

    def run(self, script: str) -> Answer:
        self.time += 0.01
        if self.reboots and self.down_from <= self.since < self.up_from:
            raise NoAnswer("Connection refused")
        if "shutdown -r" in script:
            self.ordered = self.time
            if self.breaks_off:
                raise NoAnswer("Connection reset")
            return Answer(self.order_status, "", "must be root" if self.order_status else "")
        if "boot_id=" in script:
            return Answer(0, f"boot_id={self.boot_id()}\nboot_time=1\nkernel=6.1\n", "")
        if "needs-restarting" in script:
            return Answer(0, self.pending if self.since < self.up_from else "source=apt", "")
        if "systemctl is-active" in script:
            return Answer(0, f"web={self.service(self.since - self.up_from)}\n", "")
        self.ran.append(script)
        return Answer(self.commands.get(script, 0), "said", "")

    def drop(self) -> None:
        self.dropped += 1


def reboot_of(host: PlayedHost, **given: Any) -> Reboot:
    arguments = {name: spec.get("default") for name, spec in VERIFIED_REBOOT.items()}
    reached: Any = host
    return Reboot("web1", reached, {**arguments, **given}, Clock(lambda: host.time, host.sleep))


def whole(reboot: Reboot) -> dict[str, Any]:
    reboot.look()
    reboot.check_before()
    reboot.come_back(reboot.order())
    reboot.check_after()
    return reboot.result


def failure_of(reboot: Reboot) -> RebootFailure:
    with pytest.raises(RebootFailure) as caught:
        whole(reboot)
    return caught.value


def test_a_good_reboot_is_proven_and_reported() -> None:
    host = PlayedHost()
    host.pending = "source=marker\nkernel"
    result = whole(reboot_of(host, services=["web"], post_checks=["check"]))
    assert (result["boot_id_before"], result["boot_id_after"]) == ("boot-0", "boot-1")
    assert result["rebooted"] and result["changed"]
    assert 30 <= result["elapsed"] <= 36
    assert result["pending_before"]["reasons"] == ["kernel"]
    assert result["pending_after"]["pending"] is False
    assert [check["name"] for check in result["post_checks"]] == [
        "service 'web'", "command 'check'", "no pending reboot",
    ]  # fmt: skip


def test_a_host_that_stays_away_fails_in_time() -> None:
    host = PlayedHost(up_from=10_000)
    failure = failure_of(reboot_of(host, reboot_timeout=60))
    assert (failure.step, failure.reason) == (reboots.RETURN, "no answer within 60 s (last try: Connection refused)")
    assert 60 <= failure.elapsed <= 66


def test_a_host_that_answered_on_its_way_down_and_stays_away_does_not_count_as_running() -> None:
    failure = failure_of(reboot_of(PlayedHost(down_from=20, up_from=10_000), reboot_timeout=60))
    assert failure.step == reboots.RETURN


def test_a_host_that_ignores_the_order_is_not_proven() -> None:
    failure = failure_of(reboot_of(PlayedHost(reboots=False), reboot_timeout=60))
    assert (failure.step, failure.reason) == (reboots.PROOF, "it still runs from the boot boot-0")


def test_an_order_during_which_the_connection_breaks_counts_as_given() -> None:
    host = PlayedHost()
    host.breaks_off = True
    assert whole(reboot_of(host))["rebooted"]


def test_a_refused_order_changes_nothing() -> None:
    host = PlayedHost(reboots=False)
    host.order_status = 1
    reboot = reboot_of(host)
    failure = failure_of(reboot)
    assert (failure.step, failure.reason) == (reboots.ORDER, "shutdown ended with 1: must be root")
    assert reboot.result["changed"] is False


def test_a_bad_check_before_means_no_order() -> None:
    host = PlayedHost()
    host.commands = {"ready?": 3}
    failure = failure_of(reboot_of(host, pre_checks=["ready?"]))
    assert (failure.step, failure.reason) == (reboots.BEFORE, "command 'ready?': exit code 3: said")
    assert host.ordered is None


def test_a_service_may_take_its_time_and_not_more() -> None:
    host = PlayedHost()
    host.service = lambda since_up: "active" if since_up > 40 else "activating"
    assert whole(reboot_of(host, services=["web"], checks_timeout=60))["rebooted"]
    late = PlayedHost()
    late.service = lambda since_up: "activating"
    failure = failure_of(reboot_of(late, services=["web"], checks_timeout=10))
    assert (failure.step, failure.reason) == (reboots.AFTER, "service 'web': activating")


def test_a_host_that_reboots_once_more_is_checked_again() -> None:
    host = PlayedHost()
    host.boots_again = 8
    host.service = lambda since_up: "active" if since_up > 12 else "activating"
    result = whole(reboot_of(host, services=["web"]))
    assert result["boot_id_after"] == "boot-2"


def test_an_unreachable_host_at_the_beginning_is_no_failure_of_the_reboot() -> None:
    host = PlayedHost(down_from=-10)
    with pytest.raises(NoAnswer):
        reboot_of(host).look()


def test_every_failed_try_lets_go_of_the_connection() -> None:
    host = PlayedHost()
    whole(reboot_of(host))
    assert host.dropped >= 5


class FakeConnection:
    """A connection of ssh as far as options and resets go."""

    transport = "ssh"

    def __init__(self) -> None:
        self.options: dict[str, Any] = {"timeout": 10, "ssh_args": "-o ControlMaster=auto -o ControlPersist=60s"}
        self.resets: list[dict[str, Any]] = []
        self._shell = object()

    def get_option(self, name: str) -> Any:
        return self.options[name]

    def set_option(self, name: str, value: Any) -> None:
        self.options[name] = value

    def reset(self) -> None:
        self.resets.append(dict(self.options))
        raise RuntimeError("no route to host")


class FakeAction:
    def __init__(self) -> None:
        self._connection = FakeConnection()

    def _low_level_execute_command(self, command: str, sudoable: bool) -> dict[str, Any]:
        if command == "boom":
            raise ConnectionResetError("Connection reset by peer")
        return {"rc": 0, "stdout": command, "stderr": f"sudoable {sudoable}"}


def test_while_a_host_is_away_ssh_connects_alone_and_soon_gives_up() -> None:
    action = FakeAction()
    connection = action._connection
    before = dict(connection.options)
    with Reached(action).impatient(5):
        assert connection.options["timeout"] == 5
        assert connection.options["ssh_args"].startswith(
            "-o ControlMaster=no -o ControlPath=none -o ServerAliveInterval=5"
        )
        assert connection.options["ssh_args"].endswith(before["ssh_args"])
        assert "connection_timeout" not in connection.options
    assert connection.options == before
    # The shared connection is found by the old options, so it must be let go before they change.
    assert connection.resets[0] == before


def test_scripts_on_a_host_that_stays_share_a_connection_of_their_own(tmp_path: Path) -> None:
    action = FakeAction()
    connection = action._connection
    before = {**connection.options, "control_path_dir": str(tmp_path / "100% new")}
    connection.options = dict(before)
    with pytest.raises(KeyError), Reached(action).impatient(5, keeps=True):
        own = connection.options["ssh_args"]
        given = shlex.split(own)
        assert given[:4] == ["-o", "ControlMaster=auto", "-o", "ControlPersist=60s"]
        path = Path(given[5].replace("%%", "%").partition("=")[2].strip('"'))
        assert path.parent == tmp_path / "100% new" and path.parent.stat().st_mode & 0o777 == 0o700
        assert own.endswith(before["ssh_args"])
        raise KeyError
    # It ends with the block, whatever happened there; those of others are let go before.
    assert [made["ssh_args"] for made in connection.resets] == [before["ssh_args"], own, own]
    assert connection.options == before


def test_where_no_socket_can_be_each_script_connects_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    action = FakeAction()
    action._connection.options["control_path_dir"] = str(tmp_path / "file" / "folder")
    with Reached(action).impatient(5, keeps=True):
        assert action._connection.options["ssh_args"].startswith("-o ControlMaster=no -o ControlPath=none ")


def test_whatever_goes_wrong_on_the_way_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="ConnectionResetError: Connection reset by peer"):
        Reached(FakeAction()).run("boom")
    assert Reached(FakeAction()).run("hello").text == "hello\nsudoable True"
