# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider of FRR, on a shell with tools that stand in, and through network_cli."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered, Unreadable, check, take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import frr
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.frr import Frr

from tests.unit.plugins.module_utils.core.lkg.providers.linux_host import LinuxHost

RUNNING = (
    "frr version 8.4.4\nhostname r1\n!\nrouter bgp 65010\n neighbor 192.0.2.9 password N3ighb0rPassw0rd\nexit\n!\nend\n"
)
SAVED = "hostname r1\n"
VTYSH = """
case $2 in
    "show daemons") cat $STATE/daemons ;;
    "show running-config")
        [ -s $STATE/daemons ] || { echo 'Exiting: failed to connect to any daemons.' >&2; exit 1; }
        printf 'Building configuration...\\r\\n\\nCurrent configuration:\\n'; sed 's/$/\\r/' $STATE/running; echo ;;
    *) echo "unknown: $2" >&2; exit 1 ;;
esac
"""
SYSTEMCTL = """
echo "systemctl $*" >> $STATE/log
if [ "$1" = restart ]; then cp $STATE/etc/frr.conf $STATE/running; echo ' zebra bgpd watchfrr' > $STATE/daemons; fi
"""


class Router(LinuxHost):
    """A router whose reload does what ``reload`` (shell) says, with the wanted configuration as ``$wanted``."""

    def __init__(self, folder: Path, reload: str) -> None:
        super().__init__(folder)
        etc = folder / "etc"
        etc.mkdir()
        for name, text in {"frr.conf": SAVED, "daemons": "bgpd=yes\n", "vtysh.conf": "", "notes.txt": "mine\n"}.items():
            (etc / name).write_text(text, encoding="utf-8")
        self.running = RUNNING
        (folder / "daemons").write_text(" zebra bgpd watchfrr\n", encoding="utf-8")
        self.tool("vtysh", VTYSH)
        self.tool("systemctl", SYSTEMCTL)
        self.tool("sleep", "")
        self.reloader = folder / "reload.py"
        self.reloader.write_text(
            f"import shutil, sys\nlog = {str(folder / 'log')!r}\n"
            "open(log, 'a').write('reload ' + ' '.join(sys.argv[1:]) + '\\n')\n"
            f"running, saved = {str(folder / 'running')!r}, {str(etc / 'frr.conf')!r}\n{reload}\n",
            encoding="utf-8",
        )
        self.provider = Frr(directory=str(etc))

    @property
    def running(self) -> str:
        return (self.folder / "running").read_text(encoding="utf-8")

    @running.setter
    def running(self, text: str) -> None:
        (self.folder / "running").write_text(text, encoding="utf-8")

    def back_to(self, wanted: Snapshot, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
        monkeypatch.setattr(frr, "RELOADERS", (str(self.reloader),))
        return self.run_bundle(self.provider.bundle(wanted))


DOES = "shutil.copy(sys.argv[-1], running); shutil.copy(running, saved); print('password N3ighb0rPassw0rd')"
DOES_NOT = "sys.exit('password N3ighb0rPassw0rd')"


def test_a_snapshot_has_what_runs_what_is_saved_and_who_runs(tmp_path: Path) -> None:
    router = Router(tmp_path, DOES)
    found = router.take(router.provider).sections
    assert found["config"]["running"] == RUNNING and found["config"]["daemons"] == "bgpd watchfrr zebra\n"
    paths = {f"{tmp_path}/etc/{name}" for name in ("frr.conf", "daemons", "vtysh.conf")}
    assert set(found["startup"]) == {*paths, "attributes", "where"}
    assert router.take(router.provider).sections == found


def test_a_router_without_daemons_is_no_router_without_configuration(tmp_path: Path) -> None:
    router = Router(tmp_path, DOES)
    (tmp_path / "daemons").write_text("", encoding="utf-8")
    with pytest.raises(Unreadable, match="failed to connect"):
        router.provider.read(router, "config")


def test_a_restore_reloads_what_runs_and_then_puts_back_what_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = Router(tmp_path, DOES)
    wanted = router.take(router.provider)
    router.running = RUNNING.replace("65010", "65099")
    (tmp_path / "etc" / "bgpd.conf").write_text("more\n", encoding="utf-8")
    status, said = router.back_to(wanted, monkeypatch)
    assert status == 0 and said[-1] == "the running configuration is as wanted"
    assert not any("N3ighb0r" in line for line in said), "what the program said stays on the router"
    assert router.take(router.provider).sections == wanted.sections
    assert (tmp_path / "etc" / "frr.conf").read_text(encoding="utf-8") == SAVED
    assert (tmp_path / "etc" / "notes.txt").exists() and not (tmp_path / "etc" / "bgpd.conf").exists()
    assert router.log() == [f"reload --reload --stdout --confdir {tmp_path}/etc running.conf"]
    assert router.back_to(wanted, monkeypatch) == (0, ["the running configuration is as wanted"])
    assert router.log() == []


def test_where_a_reload_does_not_get_there_frr_is_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    router = Router(tmp_path, DOES_NOT)
    wanted = router.take(router.provider)
    router.running = RUNNING.replace("65010", "65099")
    status, said = router.back_to(wanted, monkeypatch)
    assert status == 0 and "bringing the running configuration back, round 3" in said
    assert [line for line in router.log() if "systemctl" in line] == [
        "systemctl reset-failed frr.service", "systemctl restart frr.service",
    ]  # fmt: skip
    assert router.take(router.provider).sections == wanted.sections
    assert (tmp_path / "etc" / "frr.conf").read_text(encoding="utf-8") == SAVED


def test_daemons_that_are_missing_are_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    router = Router(tmp_path, DOES)
    wanted = router.take(router.provider)
    (tmp_path / "daemons").write_text(" zebra watchfrr\n", encoding="utf-8")
    (tmp_path / "etc" / "daemons").write_text("bgpd=no\n", encoding="utf-8")
    assert router.back_to(wanted, monkeypatch)[0] == 0
    assert router.take(router.provider).sections == wanted.sections


def test_a_router_that_cannot_be_brought_back_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    router = Router(tmp_path, DOES_NOT)
    wanted = router.take(router.provider)
    router.running = RUNNING.replace("65010", "65099")
    router.tool("systemctl", "exit 1")
    status, said = router.back_to(wanted, monkeypatch)
    assert status == 1
    assert "FAILED: frr.service cannot be started; see: journalctl -u frr.service" in said
    assert "FAILED: the running configuration is another one than wanted" in said


# --- network_cli ------------------------------------------------------------------------------------------------------


class Terminal:
    """A router behind network_cli."""

    def __init__(self, fails: Exception | None = None) -> None:
        self._fails = fails

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        assert module == "ansible.netcommon.cli_command" and secret
        if self._fails:
            raise self._fails
        said = {"show daemons": " zebra bgpd\r\n", "show running-config": "Current configuration:\r\n" + RUNNING}
        return {"stdout": said[arguments["command"]]}

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        raise AssertionError(path)


def test_through_network_cli_what_runs_is_read_and_nothing_is_restored() -> None:
    provider = Frr(shell=False)
    assert check(provider.declaration) == [] and provider.timer is None and not provider.declaration.reverts
    assert not any(each.restored for each in provider.declaration.reads)
    taken = take(provider, Terminal(), host="r1", platform="frr", now=1.0)
    assert set(taken.sections) == {"config"} and not taken.gaps
    with pytest.raises(HoldfastError, match="r1: FRR is restored not at all through network_cli: a restore needs"):
        provider.restore(Terminal(), taken, Difference())


def test_a_router_that_refuses_is_a_gap_and_one_that_is_silent_is_none() -> None:
    torn = take(Frr(shell=False), Terminal(HoldfastError("% refused")), host="r1", platform="frr", now=1.0)
    assert torn.gaps == {"config": "show daemons: % refused"}
    with pytest.raises(Unanswered):
        take(Frr(shell=False), Terminal(Unanswered("no route")), host="r1", platform="frr", now=1.0)
