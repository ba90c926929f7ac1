# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle for RHEL: its script runs with this machine's shell, on files of a folder and tools that stand in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import (
    rhel,
    rhel_bundle,
    rhel_choices,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.rhel import Rhel
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part

from tests.unit.plugins.module_utils.core.lkg.providers.rhel_host import Host

DONE = "this host is as it was\n"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    (made.etc / "app.conf").write_bytes(b"port=1\n\xff")
    (made.etc / "app.conf").chmod(0o640)
    (made.etc / "app.d").mkdir()
    (made.etc / "app.d" / "a b's.conf").write_text("quoted\n", encoding="utf-8")
    (made.etc / "app.d" / "sub").mkdir()
    (made.etc / "app.d" / "link").symlink_to("../app.conf")
    return made


@pytest.fixture
def provider(host: Host) -> Rhel:
    """It keeps a file, a folder and a file that is not there."""
    files = [str(host.etc / name) for name in ("app.conf", "app.d", "none.conf")]
    return Rhel(files=files, without=rhel_choices.FILES)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file written": lambda etc: (etc / "app.conf").write_text("port=2\n", encoding="utf-8"),
    "a file gone": lambda etc: (etc / "app.conf").unlink(),
    "a file that is a folder": lambda etc: ((etc / "app.conf").unlink(), (etc / "app.conf" / "x").mkdir(parents=True)),
    "a file that is a link": lambda etc: ((etc / "app.conf").unlink(), (etc / "app.conf").symlink_to("/dev/null")),
    "a mode": lambda etc: (etc / "app.conf").chmod(0o4644),
    "the mode of a folder": lambda etc: (etc / "app.d" / "sub").chmod(0o700),
    "a link elsewhere": lambda etc: ((etc / "app.d/link").unlink(), (etc / "app.d/link").symlink_to("x y")),
    "a link that is a file": lambda etc: ((etc / "app.d/link").unlink(), (etc / "app.d/link").touch()),
    "a file too many": lambda etc: (etc / "app.d" / "sub" / "new $(x).conf").touch(),
    "a folder too many": lambda etc: (etc / "app.d" / "-rf" / "deep").mkdir(parents=True),
    "a folder gone": lambda etc: shutil.rmtree(etc / "app.d"),
    "a folder that is a file": lambda etc: (shutil.rmtree(etc / "app.d"), (etc / "app.d").touch()),
    "a file that was not there": lambda etc: (etc / "none.conf").write_text("x", encoding="utf-8"),
    "a folder that was not there": lambda etc: (etc / "none.conf" / "x").mkdir(parents=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_file_is_seen_and_taken_back(host: Host, provider: Rhel, change: str) -> None:
    wanted = host.snapshot(provider, "files")
    CHANGES[change](host.etc)
    assert host.snapshot(provider, "files").sections != wanted.sections
    done = host.go_back(provider.bundle(wanted))
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.endswith(DONE)
    assert host.snapshot(provider, "files").sections == wanted.sections
    assert host.go_back(provider.bundle(wanted)).stdout == DONE, "what is right is left alone"


def test_all_changes_at_once_and_a_power_cut_at_every_move(host: Host, provider: Rhel) -> None:
    """The shell is killed at its first, second, ... move; what runs then does the rest, and restarts what must be."""
    host.have("mv")
    with host.state() as state:
        state["units"] = {"app.service": {"enabled": "enabled", "active": True}}
    for number in range(1, 4):
        wanted = host.snapshot(provider, "files", "units")
        script = rhel_bundle.bundle(wanted, ("files", "units"))
        concern = "concerns() {\n    later app.service\n}\nof_this_snapshot() {"
        script = type(script)(script.script.replace("concerns() {", concern, 1), script.files)
        (host.etc / "app.conf").write_text("port=2\n", encoding="utf-8")
        (host.etc / "app.d" / "link").unlink()
        (host.etc / "app.d" / "a b's.conf").unlink()
        with host.state() as state:
            state.update(log=[], moves=0, dies_at=number)
        assert host.go_back(script).returncode == -9
        assert host.snapshot(provider, "files").sections["files"] != wanted.sections["files"]
        with host.state() as state:
            assert state["log"] == []
            state["dies_at"] = 0
        done = host.go_back(script)
        assert done.returncode == 0, done
        assert host.snapshot(provider, "files", "units").sections == wanted.sections
        with host.state() as state:
            assert state["log"].count("restart app.service") == 1
        assert not (host.work / "pending").exists()


def test_what_cannot_be_written_is_said_and_the_rest_is_done(host: Host, provider: Rhel) -> None:
    wanted = host.snapshot(provider, "files")
    (host.etc / "app.conf").unlink()
    (host.etc / "app.d" / "new").touch()
    bundle = provider.bundle(wanted)
    without = {name: data for name, data in bundle.files.items() if data != b"port=1\n\xff"}
    done = host.go_back(type(bundle)(bundle.script, without))
    assert done.returncode == 1 and f"FAILED: {host.etc}/app.conf: it cannot be written" in done.stdout
    assert "1 steps failed; this host is not as it was" in done.stdout and not (host.etc / "app.d" / "new").exists()
    assert not list(host.etc.rglob(".holdfast-new"))


def test_a_label_is_given_where_the_snapshot_has_one(host: Host, provider: Rhel) -> None:
    host.have("chcon")
    wanted = host.snapshot(provider, "files")
    labelled = dict(wanted.sections["files"])
    attributes = f"attributes:{host.etc}/app.conf"
    labelled[attributes] = {**labelled[attributes], "label": "system_u:object_r:etc_t:s0"}
    assert host.go_back(provider.bundle(Snapshot("h", "rhel", 1.0, {"files": labelled}))).returncode == 0
    with host.state() as state:
        assert state["log"] == [f"chcon -h -- system_u:object_r:etc_t:s0 {host.etc}/app.conf"]


# --- units --------------------------------------------------------------------------------------------------------

UNITS: dict[str, dict[str, Any]] = {
    "sshd.service": {"enabled": "enabled", "active": True},
    "cups.service": {"enabled": "disabled", "active": False},
    "evil.service": {"enabled": "masked", "active": False},
    "makecache.timer": {"enabled": "enabled", "active": True},
    "helper.service": {"enabled": "static", "active": False, "more": {"BusName": "org.x"}},
    "getty@.service": {"enabled": "enabled", "active": False},
    "getty@tty1.service": {"enabled": "enabled", "active": True, "file": False},
}


def _units(host: Host, **changed: dict[str, Any]) -> None:
    with host.state() as state:
        for name, more in changed.items():
            state["units"].setdefault(name.replace("_", "."), {"file": True}).update(more)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sshd.service", {"enabled": "disabled"}),
        ("sshd.service", {"active": False}),
        ("sshd.service", {"enabled": "masked", "active": False}),
        ("cups.service", {"enabled": "enabled", "active": True}),
        ("cups.service", {"active": True}),
        ("evil.service", {"enabled": "disabled", "active": True}),
        ("makecache.timer", {"active": False}),
        ("getty@tty1.service", {"enabled": "disabled", "active": False}),
        ("new.service", {"enabled": "enabled", "active": True}),
        ("new.service", {"enabled": "disabled", "active": True}),
        ("app@2.service", {"enabled": "disabled", "active": True, "file": False}),
    ],
)
def test_every_change_of_a_unit_is_seen_and_taken_back(host: Host, name: str, change: dict[str, Any]) -> None:
    _units(host, **UNITS)
    wanted = host.snapshot(Rhel(), "units")
    _units(host, **{name: change})
    assert host.snapshot(Rhel(), "units").sections != wanted.sections
    done = host.go_back(Rhel().bundle(wanted))
    assert (done.returncode, done.stdout.endswith(DONE)) == (0, True), done
    after = host.snapshot(Rhel(), "units").sections["units"]
    assert {each: after[each] for each in after if each != "new.service"} == wanted.sections["units"]
    assert after.get("new.service", {"active": False})["active"] is False


def test_what_runs_on_demand_or_is_a_guards_is_left_alone(host: Host) -> None:
    _units(host, **UNITS)
    wanted = host.snapshot(Rhel(), "units")
    for name in ("helper.service", "holdfast-guard-1.service", "user@7.service", "run-u3.service"):
        state = {"user@7.service": "static", "run-u3.service": "transient"}.get(name, "static")
        _units(host, **{name: {"enabled": state, "active": True, "file": "@" not in name}})
    done = host.go_back(Rhel().bundle(wanted))
    assert done.stdout == DONE
    with host.state() as state:
        assert state["log"] == []


def test_a_unit_that_is_gone_or_does_not_start_fails(host: Host) -> None:
    _units(host, **UNITS)
    wanted = host.snapshot(Rhel(), "units")
    with host.state() as state:
        del state["units"]["cups.service"]
        state["units"]["sshd.service"].update(active=False, broken=True)
    done = host.go_back(Rhel().bundle(wanted))
    assert done.returncode == 1
    assert "FAILED: cups.service is gone" in done.stdout
    assert "FAILED: sshd.service does not run, and did" in done.stdout


def test_services_that_read_a_file_are_found_by_its_name() -> None:
    found = {
        path: rhel_bundle.candidates(path)
        for path in ("/etc/ssh/sshd_config", "/etc/chrony.conf", "/etc/httpd/conf.d/a.conf", "/srv/x", "/etc/rsyslog.d")
    }
    assert "sshd.service" in found["/etc/ssh/sshd_config"] and "chronyd.service" in found["/etc/chrony.conf"]
    assert "httpd.service" in found["/etc/httpd/conf.d/a.conf"] and found["/srv/x"] == set()
    assert "rsyslog.service" in found["/etc/rsyslog.d"]
    assert "systemd-journald.service" in rhel_bundle.candidates("/etc/systemd/journald.conf")


def test_connections_come_up_again_unless_they_do_so_by_hand() -> None:
    uuid = "0d3a3d5c-8f4b-4f0a-9a1e-0c1d2e3f4a5b"
    folder = "/etc/NetworkManager/system-connections"
    texts = {"a": f"[connection]\nuuid={uuid}\n", "b": f"[connection]\nuuid={uuid}\nautoconnect=false\n"}
    files: dict[str, Any] = {f"{folder}/{name}": text for name, text in texts.items()}
    files.update({f"attributes:{path}": {"type": "file", "mode": "0600"} for path in list(files)})
    script = rhel_bundle.bundle(Snapshot("h", "rhel", 1.0, {"files": files}), ("files",)).script
    assert f"{folder}/a) later connection:{uuid} ;;" in script and f"{folder}/b) later connection: ;;" in script


# --- settings: those of this machine, of which none is changed ---


def test_settings_that_are_right_are_left_alone_and_one_that_is_gone_is_named(host: Host) -> None:
    wanted = host.snapshot(Rhel(), "sysctl")
    assert host.go_back(Rhel().bundle(wanted)).stdout == DONE
    gone = {"net.ipv4": {"net.ipv4.conf.gone0.forwarding": "1"}}
    done = host.go_back(Rhel().bundle(Snapshot("h", "rhel", 1.0, {"sysctl": gone})))
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        1, "FAILED: sysctl net/ipv4/conf/gone0/forwarding is not there any more, or cannot be read",
    )  # fmt: skip


def test_settings_that_are_set_are_named_and_what_they_are_is_not_told(host: Host, tmp_path: Path) -> None:
    key = tmp_path / "stable_secret"
    key.write_text("old-s3cret\n", encoding="utf-8")
    bundle = Rhel().bundle(Snapshot("h", "rhel", 1.0, {"sysctl": {}}))
    lines = f"{key} new-s3cret\n/proc/sys/kernel/ostype new-s3cret\n".encode()
    done = host.go_back(replace(bundle, files={**bundle.files, "settings.wanted": lines}))
    assert key.read_text(encoding="utf-8") == "new-s3cret\n"
    assert done.stdout.splitlines()[-2:] == [
        "FAILED: sysctl kernel/ostype cannot be set to what it was", "1 steps failed; this host is not as it was",
    ]  # fmt: skip
    assert f"sysctl {key}: setting it to what it was" in done.stdout and "s3cret\n" not in done.stdout


# --- firewall, packages -------------------------------------------------------------------------------------------


def test_tables_are_those_of_the_snapshot_and_no_others(host: Host) -> None:
    before = {"inet filter": "\tchain input {\n\t}\n", "ip nat": "\tchain x {\n\t}\n"}
    with host.state() as state:
        state["tables"] = dict(before)
    wanted = host.snapshot(Rhel(), "firewall")
    with host.state() as state:
        state["tables"] = {"inet filter": "\tchain input {\n\t\tdrop\n\t}\n", "inet cut": "\tchain y {\n\t}\n"}
    done = host.go_back(Rhel().bundle(wanted))
    assert (done.returncode, done.stderr) == (0, "")
    with host.state() as state:
        assert state["tables"] == before


def test_zones_tables_of_iptables_and_connections_are_asked_for(host: Host) -> None:
    uuid = "0d3a3d5c-8f4b-4f0a-9a1e-0c1d2e3f4a5b"
    for tool in ("firewall-cmd", "iptables-restore", "nmcli"):
        host.have(tool)
    firewall: dict[str, Any] = {"tables": [], "zones": "public\n", "iptables": "*filter\nCOMMIT\n"}
    firewall[f"attributes:{host.etc}/none"] = {"type": "absent"}
    with host.state() as state:
        state["tables"] = dict.fromkeys(("ip filter", "inet firewalld", "ip6 filter"), "\tchain x {\n\t}\n")
    bundle = Rhel().bundle(Snapshot("h", "rhel", 1.0, {"firewall": firewall}))
    (host.work / "pending").write_text(f"connection:{uuid}\n", encoding="utf-8")
    assert host.go_back(bundle).returncode == 0
    with host.state() as state:
        assert set(state["tables"]) == {"ip filter", "inet firewalld"}, "others make these themselves"
        asked = [line for line in state["log"] if not line.endswith("--state")]
    assert asked == [
        "nft -f", "iptables-restore", "firewall-cmd --quiet --reload", "nmcli connection reload",
        f"nmcli --wait 30 connection up uuid {uuid}",
    ]  # fmt: skip


BASH, OLD, NEW = ["bash", "x86_64", "", "5-1"], ["shop", "noarch", "1", "1-1"], ["shop", "noarch", "1", "2-1"]
EXTRA = ["extra", "noarch", "", "1-1"]


def _changed_packages(host: Host, transactions: int = 1, **more: Any) -> Snapshot:
    _units(host, shop_service={"enabled": "enabled", "active": True})
    with host.state() as state:
        state.update(packages=[BASH, OLD], last=3, owners={"/units/shop.service": "shop.noarch"})
    wanted = host.snapshot(Rhel(), "packages", "units", notes=Rhel().notes(host))
    with host.state() as state:
        state.update(packages=[BASH, NEW, EXTRA], last=3 + transactions, log=[], **more)
    return wanted


def test_dnf_undoes_a_transaction_and_services_of_changed_packages_start_anew(host: Host) -> None:
    wanted = _changed_packages(host, history={"4": [BASH, OLD]})
    done = host.go_back(Rhel().bundle(wanted))
    assert done.returncode == 0, done
    assert host.snapshot(Rhel(), "packages", "units").sections == wanted.sections
    with host.state() as state:
        assert state["log"] == ["dnf history undo 4", "daemon-reload", "restart shop.service"]


@pytest.mark.parametrize("transactions", [0, 1, 2])
def test_packages_are_put_back_by_their_versions_where_the_history_does_not_help(host: Host, transactions: int) -> None:
    wanted = _changed_packages(host, transactions, repository={"shop-1:1-1.noarch": OLD})
    done = host.go_back(Rhel().bundle(wanted))
    assert done.returncode == 0, done
    assert host.snapshot(Rhel(), "packages").sections["packages"] == wanted.sections["packages"]
    with host.state() as state:
        assert ("dnf history undo 4" in state["log"]) == (transactions == 1)


def test_packages_that_cannot_be_had_are_named_and_nothing_is_lost_for_them(host: Host) -> None:
    wanted = _changed_packages(host)
    done = host.go_back(Rhel().bundle(wanted))
    assert done.returncode == 1
    assert "FAILED: the package shop.noarch 1:1-1 is missing, and cannot be had" in done.stdout
    assert "FAILED: the package shop.noarch 1:2-1 is installed, and was not" in done.stdout
    left = host.snapshot(Rhel(), "packages").sections["packages"]
    assert left == {"bash.x86_64": "5-1", "shop.noarch": "1:2-1"}, "what can be done is done, and no more"


# --- restores -----------------------------------------------------------------------------------------------------


def test_a_restore_does_what_differs_and_nothing_else(
    host: Host, provider: Rhel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    monkeypatch.setattr(rhel, "run_bundle", lambda _device, bundle: ran.append(bundle) or ["done"])
    wanted = host.snapshot(provider, "files", "units", "firewall")

    def difference() -> Any:
        views = [part(one, platform_named("rhel"), b"k" * 32).view for one in (
            wanted, host.snapshot(provider, "files", "units", "firewall"))]  # fmt: skip
        return compare(views[1], views[0], platform_named("rhel"))

    assert provider.restore(host, wanted, difference()) == () and ran == []
    (host.etc / "app.conf").write_text("port=2\n", encoding="utf-8")
    assert provider.restore(host, wanted, difference()) == ["done"]
    assert "nft.wanted" not in ran[0].files and host.go_back(ran[0]).returncode == 0
    assert host.snapshot(provider, "files").sections["files"] == wanted.sections["files"]


def test_no_secret_stands_in_the_script(host: Host, provider: Rhel) -> None:
    (host.etc / "app.conf").write_text("password=Sup3rS3cret\n", encoding="utf-8")
    bundle = provider.bundle(host.snapshot(provider, "files"))
    assert "Sup3rS3cret" not in bundle.script
    assert b"password=Sup3rS3cret\n" in bundle.files.values()
