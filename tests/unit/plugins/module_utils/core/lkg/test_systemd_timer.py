# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timers of Linux targets: the scripts run in a real shell; of systemd there is a double that knows what they ask.

That systemd itself does with these units what is expected of it is tested in the lab.
"""

from __future__ import annotations

import math
import os
import stat
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import systemd_scripts as scripts
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Armed, Reverted
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import SystemdTimer, run_bundle

TOKEN = "holdfast-test"
WANTED = Snapshot("web1", "rhel", 1.0, {})
EVERY_BYTE = bytes(range(256)) * 300

#: units are loaded when systemd reads them, are active when started, and a timer elapses when its OnCalendar says so
SYSTEMCTL = r"""#!/bin/sh
echo "$*" >> @STATE@/calls
[ ! -e @STATE@/broken ] || { echo "systemd is broken" >&2; exit 1; }
known() { [ -e "@STATE@/loaded/$1" ]; }
case $1 in
    daemon-reload)
        rm -rf @STATE@/loaded
        mkdir @STATE@/loaded
        cp @UNITS@/*.timer @UNITS@/*.service @STATE@/loaded/ 2>/dev/null
        exit 0 ;;
    enable)
        known "$2" || exit 1
        mkdir -p @UNITS@/timers.target.wants
        ln -sf "@UNITS@/$2" "@UNITS@/timers.target.wants/$2" ;;
    disable) rm -f "@UNITS@/timers.target.wants/$2" ;;
    start) known "$2" || { echo "Unit $2 not found." >&2; exit 5; }; touch "@STATE@/active/$2" ;;
    stop) rm -f "@STATE@/active/$2" ;;
    is-active) if [ -e "@STATE@/active/$2" ]; then echo active; else echo inactive; exit 3; fi ;;
    reset-failed) exit 0 ;;
    list-units)
        for unit in @STATE@/active/*.timer; do
            [ ! -e "$unit" ] || echo "${unit##*/} loaded active waiting X"
        done ;;
    list-jobs) [ ! -e "@STATE@/jobs/$4" ] || echo "12 $4 start waiting" ;;
    show)
        case $4 in
            ActiveState) if [ -e "@STATE@/active/$2" ]; then echo active; else echo inactive; fi ;;
            NextElapseUSecRealtime) sed -n -e 's/^OnCalendar=/Thu /p' "@STATE@/loaded/$2" ;;
            *) echo "the double knows no $4" >&2; exit 1 ;;
        esac ;;
    *) echo "the double knows no $1" >&2; exit 1 ;;
esac
"""


class Machine:
    """A target: a folder with units, a shell, and the double of systemd."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret: list[bool] = []
        self.bin, self.state, self.units = folder / "bin", folder / "state", folder / "units"
        for each in (self.bin, self.units, folder / "run/systemd/system",
                     *(self.state / name for name in ("loaded", "active", "jobs"))):  # fmt: skip
            each.mkdir(parents=True)
        systemctl = SYSTEMCTL.replace("@STATE@", str(self.state)).replace("@UNITS@", str(self.units))
        self.program("systemctl", systemctl)
        self.program("id", "#!/bin/sh\nif [ $1 = -u ]; then echo 0; else echo root; fi\n")

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        assert module == "ansible.builtin.command"
        self.secret.append(secret)
        done = subprocess.run(arguments["argv"], input=arguments["stdin"], capture_output=True, text=True, check=False)
        return {"stdout": done.stdout.strip("\n"), "stderr": done.stderr, "rc": done.returncode}

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        Path(path).write_bytes(data)
        os.chmod(path, int(mode, 8))

    def guard(self, name: str = "") -> Path:
        return self.folder / "guard" / TOKEN / name

    def fire(self) -> None:
        """What systemd does when the moment has come."""
        subprocess.run(["/bin/sh", str(self.guard("revert"))], check=True, capture_output=True)

    @property
    def unit_files(self) -> list[str]:
        return sorted(path.name for path in self.units.rglob("*") if path.is_symlink() or path.is_file())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    one = Machine(tmp_path)
    monkeypatch.setattr(scripts, "FOLDER", str(tmp_path / "guard"))
    monkeypatch.setattr(scripts, "UNITS", str(one.units))
    monkeypatch.setattr(scripts, "STAMPS", str(tmp_path / "stamps"))
    monkeypatch.setattr(scripts, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(scripts, "_WHERE", scripts._WHERE.replace("PATH=", f"PATH={one.bin}:", 1))
    return one


class Bundled:
    """A provider whose bundle copies a file to where it belongs, and says so."""

    def __init__(self, machine: Machine, then: str = "") -> None:
        self.place = machine.folder / "place"
        self.then = then

    def bundle(self, wanted: Snapshot) -> Bundle:
        script = f"cp chrony.conf {self.place} && echo 'wrote it'\n{self.then}\n"
        return Bundle(script, {"chrony.conf": EVERY_BYTE, "empty": b""})


def timer(machine: Machine, then: str = "") -> SystemdTimer:
    return SystemdTimer(Bundled(machine, then), "rhel")


def armed(machine: Machine, then: str = "", seconds: int = 300) -> SystemdTimer:
    one = timer(machine, then)
    one.arm(machine, TOKEN, seconds, WANTED)
    return one


# --- arming -----------------------------------------------------------------------------------------------------------


def test_an_armed_timer_is_enabled_started_and_read_back(machine: Machine) -> None:
    one = armed(machine)
    assert machine.unit_files == ["holdfast-test.service", "holdfast-test.timer", "holdfast-test.timer"]
    assert (machine.units / "timers.target.wants/holdfast-test.timer").is_symlink()
    found = one.armed(machine)
    assert [each.token for each in found] == [TOKEN] and 295 < found[0].left <= 300


def test_its_units_say_what_makes_it_outlive_a_reboot(machine: Machine) -> None:
    before = int(time.time())
    armed(machine, seconds=120)
    said = (machine.units / "holdfast-test.timer").read_text().splitlines()
    assert {"Persistent=true", "AccuracySec=1s", "OnActiveSec=120s", "WantedBy=timers.target"} <= set(said)
    moment = next(line for line in said if line.startswith("OnCalendar="))
    parsed = subprocess.run(
        ["date", "-d", moment[len("OnCalendar=") :], "+%s"], capture_output=True, text=True, check=True
    )
    assert moment.endswith(" UTC") and before + 120 <= int(parsed.stdout) <= time.time() + 120
    stamp = machine.folder / "stamps/stamp-holdfast-test.timer"
    assert stamp.stat().st_mtime == 86400


def test_nobody_else_reads_what_it_holds(machine: Machine) -> None:
    armed(machine)
    files = [path for path in machine.guard().rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"script", "revert", "chrony.conf", "empty", "reserve"}
    assert all(
        stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in [*files, machine.guard(), machine.guard("..")]
    )
    assert machine.guard("bundle/chrony.conf").read_bytes() == EVERY_BYTE
    assert machine.guard("bundle/empty").read_bytes() == b""
    assert not machine.guard("pack").exists()


def test_without_systemd_nothing_is_armed(machine: Machine) -> None:
    (machine.folder / "run/systemd/system").rmdir()
    with pytest.raises(HoldfastError, match="systemd does not run there"):
        armed(machine)
    assert not machine.guard().exists() and machine.unit_files == []


def test_without_root_nothing_is_armed(machine: Machine) -> None:
    machine.program("id", "#!/bin/sh\nif [ $1 = -u ]; then echo 1000; else echo app; fi\n")
    with pytest.raises(HoldfastError, match=r"root is needed there .*and this was app"):
        armed(machine)
    assert not machine.guard().exists()


def test_without_room_nothing_is_armed(machine: Machine) -> None:
    machine.program("df", "#!/bin/sh\nprintf 'Filesystem 1K Used Available\\ntmpfs 10 5 5 50%% /x\\n'\n")
    with pytest.raises(HoldfastError, match=r"needs .* KiB, and 5 are free"):
        armed(machine)
    assert not machine.guard().exists()


@pytest.mark.parametrize("what", ["head", "touch", "sync"])
def test_a_disk_that_fails_in_the_middle_leaves_nothing(machine: Machine, what: str) -> None:
    machine.program(what, "#!/bin/sh\nexit 1\n")
    with pytest.raises(HoldfastError, match="arm the timer: "):
        armed(machine)
    assert not machine.guard().exists() and machine.unit_files == []


def test_a_systemd_that_fails_leaves_nothing(machine: Machine) -> None:
    (machine.state / "broken").touch()
    with pytest.raises(HoldfastError, match="systemd does not read its units: systemd is broken"):
        armed(machine)
    assert not machine.guard().exists() and machine.unit_files == []


def test_a_token_is_used_once(machine: Machine) -> None:
    one = armed(machine)
    with pytest.raises(HoldfastError, match="a guard named holdfast-test already"):
        one.arm(machine, TOKEN, 300, WANTED)
    assert len(one.armed(machine)) == 1


@pytest.mark.parametrize("token", ["guard", "holdfast-", "holdfast-A", "holdfast-x;y", "holdfast-../x", "holdfast-x\n"])
def test_odd_tokens_are_refused(machine: Machine, token: str) -> None:
    for ask in (lambda: timer(machine).arm(machine, token, 300, WANTED), lambda: timer(machine).disarm(machine, token)):
        with pytest.raises(HoldfastError, match="no name of a guard"):
            ask()
    assert machine.secret == []


def test_odd_names_of_files_are_refused(machine: Machine) -> None:
    with pytest.raises(HoldfastError, match=r"cannot have a file named '\.\./x'"):
        run_bundle(machine, Bundle("true", {"../x": b""}))


def test_a_snapshot_of_another_platform_is_refused(machine: Machine) -> None:
    with pytest.raises(HoldfastError, match="a snapshot of frr"):
        timer(machine).arm(machine, TOKEN, 300, Snapshot("r1", "frr", 1.0, {}))


def test_what_earlier_guards_left_is_swept_up(machine: Machine) -> None:
    for name in ("holdfast-dead", "holdfast-young", "holdfast-kept"):
        (machine.folder / "guard" / name).mkdir(parents=True)
    (machine.units / "holdfast-kept.timer").touch()
    for name in ("holdfast-dead", "holdfast-kept"):
        os.utime(machine.folder / "guard" / name, (1, 1))
    armed(machine)
    left = {path.name for path in (machine.folder / "guard").iterdir()}
    assert left == {"holdfast-young", "holdfast-kept", TOKEN}


# --- what is found of timers ------------------------------------------------------------------------------------------


def test_nothing_is_found_where_nothing_is(machine: Machine) -> None:
    assert list(timer(machine).armed(machine)) == []


@pytest.mark.parametrize("damage", ["stopped", "no folder", "no service", "no timer file", "moment over"])
def test_a_broken_timer_is_found_and_never_fires(machine: Machine, damage: str) -> None:
    one = armed(machine)
    if damage == "stopped":
        (machine.state / "active/holdfast-test.timer").unlink()
    elif damage == "no folder":
        machine.guard().rename(machine.folder / "elsewhere")
    elif damage == "no service":
        (machine.units / "holdfast-test.service").unlink()
    elif damage == "no timer file":
        (machine.units / "holdfast-test.timer").unlink()
        (machine.state / "active/holdfast-test.timer").unlink()
    else:
        (machine.state / "loaded/holdfast-test.timer").write_text("")
    assert list(one.armed(machine)) == [Armed(TOKEN, math.inf)]


def test_timers_of_others_are_found_too(machine: Machine) -> None:
    (machine.units / "holdfast-old.timer").write_text("nonsense")
    (machine.units / "backup.timer").write_text("[Timer]")
    assert list(timer(machine).armed(machine)) == [Armed("holdfast-old", math.inf)]


# --- disarming --------------------------------------------------------------------------------------------------------


def test_disarmed_everything_is_gone(machine: Machine) -> None:
    one = armed(machine)
    one.disarm(machine, TOKEN)
    assert machine.unit_files == [] and not machine.guard().exists()
    assert list((machine.folder / "stamps").iterdir()) == []
    assert list((machine.state / "active").iterdir()) == []
    assert list(one.armed(machine)) == []
    one.disarm(machine, TOKEN)


def test_a_broken_timer_can_be_disarmed(machine: Machine) -> None:
    one = armed(machine)
    (machine.units / "holdfast-test.service").unlink()
    one.disarm(machine, TOKEN)
    assert machine.unit_files == [] and list(one.armed(machine)) == []


def test_what_cannot_be_removed_is_not_disarmed(machine: Machine) -> None:
    one = armed(machine)
    machine.program("rm", "#!/bin/sh\nexit 1\n")
    with pytest.raises(HoldfastError, match="is still there"):
        one.disarm(machine, TOKEN)


@pytest.mark.parametrize("how", ["begun", "service", "job"])
def test_a_revert_that_has_begun_is_left_alone(machine: Machine, how: str) -> None:
    one = armed(machine)
    {
        "begun": machine.guard("begun"),
        "service": machine.state / "active/holdfast-test.service",
        "job": machine.state / "jobs/holdfast-test.service",
    }[how].touch()
    with pytest.raises(HoldfastError, match="has already begun to revert; it is at it now"):
        one.disarm(machine, TOKEN)
    assert machine.guard("script").exists() and len(machine.unit_files) == 3
    assert (machine.state / "active/holdfast-test.timer").exists()
    assert list(one.armed(machine)) == [Armed(TOKEN, 0.0)]


# --- reverting --------------------------------------------------------------------------------------------------------


def test_a_revert_does_its_work_and_leaves_its_outcome_only(machine: Machine) -> None:
    one = armed(machine)
    assert one.reverted(machine, TOKEN) is None
    machine.fire()
    assert (machine.folder / "place").read_bytes() == EVERY_BYTE
    assert one.reverted(machine, TOKEN) == Reverted(TOKEN, True, "wrote it")
    assert machine.unit_files == [] and list(one.armed(machine)) == []
    assert sorted(path.name for path in machine.guard().iterdir()) == ["begun", "outcome", "revert"]
    with pytest.raises(HoldfastError, match="has already begun to revert; it has ended: wrote it"):
        one.disarm(machine, TOKEN)


def test_a_revert_that_fails_stays_for_people(machine: Machine) -> None:
    one = armed(machine, "echo; echo 'dnf: no such package'; exit 3")
    machine.fire()
    assert one.reverted(machine, TOKEN) == Reverted(TOKEN, False, "failed 3; wrote it; dnf: no such package")
    assert machine.guard("script").exists() and machine.guard("bundle/chrony.conf").exists()
    assert not (machine.units / "timers.target.wants/holdfast-test.timer").exists()
    assert list(one.armed(machine)) == [Armed(TOKEN, 0.0)]


@pytest.mark.parametrize("whom", ["0", "$$"])
def test_a_revert_that_is_interrupted_begins_again_at_each_boot(machine: Machine, whom: str) -> None:
    stamp = machine.folder / "stamps/stamp-holdfast-test.timer"
    runs, hang = machine.folder / "runs", machine.folder / "hang"
    one = armed(machine, f"echo x >> {runs}; [ ! -e {hang} ] || kill -9 {whom}")
    hang.touch()
    stamp.touch()  # as systemd does when the timer fires
    died = subprocess.run(["/bin/sh", str(machine.guard("revert"))], check=False, capture_output=True,
                          start_new_session=True)  # fmt: skip
    assert died.returncode != 0 and one.reverted(machine, TOKEN) is None
    assert stamp.stat().st_mtime == 86400  # so that systemd fires it again when it boots
    assert (machine.units / "timers.target.wants/holdfast-test.timer").exists()
    hang.unlink()
    machine.fire()
    assert one.reverted(machine, TOKEN) == Reverted(TOKEN, True, "wrote it")
    assert runs.read_text() == "x\nx\n"


def test_a_revert_that_ended_is_not_done_twice(machine: Machine) -> None:
    runs = machine.folder / "runs"
    armed(machine, f"echo x >> {runs}; exit 1")
    machine.fire()
    machine.fire()
    assert runs.read_text() == "x\n"


def test_a_revert_waits_for_a_restore_that_is_under_way(machine: Machine) -> None:
    log = machine.folder / "log"
    one = armed(machine, f"echo revert >> {log}")
    slow = Bundle(f"echo begin >> {log}; sleep 1; echo end >> {log}")
    with ThreadPoolExecutor() as pool:
        restored = pool.submit(run_bundle, machine, slow)
        while not log.exists():
            time.sleep(0.02)
        machine.fire()
        restored.result()
    assert log.read_text().split() == ["begin", "end", "revert"]
    assert one.reverted(machine, TOKEN) == Reverted(TOKEN, True, "wrote it")


def test_what_a_revert_starts_does_not_hold_up_the_next_restore(machine: Machine) -> None:
    armed(machine, "sleep 20 > /dev/null 2>&1 &")
    machine.fire()
    begun = time.monotonic()
    run_bundle(machine, Bundle("true"))
    assert time.monotonic() - begun < 10


def test_a_revert_whose_outcome_cannot_be_written_is_begun_again(machine: Machine) -> None:
    one = armed(machine)
    machine.program("sync", "#!/bin/sh\nexit 1\n")
    died = subprocess.run(["/bin/sh", str(machine.guard("revert"))], check=False, capture_output=True)
    assert died.returncode == 1 and one.reverted(machine, TOKEN) is None
    (machine.bin / "sync").unlink()
    machine.fire()
    assert one.reverted(machine, TOKEN) == Reverted(TOKEN, True, "wrote it")


# --- bundles at once --------------------------------------------------------------------------------------------------


def test_a_bundle_is_run_and_its_folder_goes(machine: Machine) -> None:
    said = run_bundle(machine, Bundle("cmp a b && echo same\necho\necho '  done'", {"a": EVERY_BYTE, "b": EVERY_BYTE}))
    assert said == ["same", "  done"]
    assert list((machine.folder / "guard").iterdir()) == []
    assert machine.secret == [False, True]


def test_a_bundle_that_fails_says_so_and_its_folder_goes(machine: Machine) -> None:
    with pytest.raises(HoldfastError, match="ended with status 7: first; no such unit"):
        run_bundle(machine, Bundle("echo first; echo 'no such unit' >&2; exit 7"))
    assert list((machine.folder / "guard").iterdir()) == []


def test_a_bundle_does_not_read_what_it_is_not_given(machine: Machine) -> None:
    assert run_bundle(machine, Bundle("cat; read -r line || echo nothing")) == ["nothing"]


def test_a_host_that_says_something_else_is_not_believed(machine: Machine) -> None:
    class Odd(Machine):
        def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
            return {"stdout": "motd\nfolder /etc\nok", "stderr": ""}

    odd = Odd(machine.folder / "odd")
    with pytest.raises(HoldfastError, match="did not say which folder"):
        run_bundle(odd, Bundle("true"))


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_every_shell_can_read_every_script(shell: str) -> None:
    program, *more = shell.split()
    if subprocess.run(["/bin/sh", "-c", f"command -v {program}"], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no {program} here")
    bundle = Bundle("true", {"a": b"x"})
    for text in (scripts.make_run_folder(1), scripts.run_pack("/x", bundle), scripts.make_folder(TOKEN, 1),
                 scripts.arm(TOKEN, 300, bundle), scripts.armed(), scripts.disarm(TOKEN), scripts.outcome(TOKEN),
                 scripts.revert_script(TOKEN)):  # fmt: skip
        assert (
            subprocess.run([program, *more, "-n"], input=text, capture_output=True, text=True, check=False).stderr == ""
        )
