# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the provider for RHEL reads: its programs run on this machine, with tools in the place of a RHEL host's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import provider as port
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import rhel_choices, rhel_firewall
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.rhel import Rhel
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part, whole
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import secret_spans

from tests.unit.plugins.module_utils.core.lkg.providers.rhel_host import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def only(*files: Path | str) -> Rhel:
    return Rhel(files=[str(file) for file in files], without=rhel_choices.FILES)


def test_it_is_a_provider_as_the_port_has_it(host: Host) -> None:
    assert port.check(Rhel.declaration) == []
    assert Rhel().timer is not None
    with pytest.raises(HoldfastError, match="no section 'registry'"):
        Rhel().read(host, "registry")


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_are_kept_to_the_byte_with_all_that_belongs_to_them(host: Host) -> None:
    file, folder = host.etc / "a.conf", host.etc / "d"
    file.write_bytes(b"one\r\n\xff\x00 two")
    file.chmod(0o640)
    folder.mkdir(mode=0o750)
    folder.chmod(0o750)
    (folder / "link").symlink_to("../a.conf")
    (folder / "ünï").write_text("x", encoding="utf-8")
    os.mkfifo(folder / "pipe")
    items = host.snapshot(only(file, folder, host.etc / "none"), "files").sections["files"]
    assert items[str(file)].encode("utf-8", "surrogateescape") == b"one\r\n\xff\x00 two"
    assert items[f"{folder}/ünï"] == "x"
    said = {name: value for name, value in items.items() if name.startswith("attributes:")}
    assert said[f"attributes:{file}"]["type"] == "file" and said[f"attributes:{file}"]["mode"] == "0640"
    assert said[f"attributes:{folder}"]["mode"] == "0750"
    assert said[f"attributes:{folder}/link"]["target"] == "../a.conf"
    assert said[f"attributes:{folder}/pipe"]["type"] == "other"
    assert said[f"attributes:{host.etc}/none"] == {"type": "absent"}
    assert host.secret == [True]


def test_a_file_that_cannot_be_kept_is_a_gap_and_no_empty_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.etc / "large").write_bytes(b"x" * 2000)
    monkeypatch.setattr(rhel_choices, "MOST_BYTES_OF_ONE", 1000)
    with pytest.raises(port.Unreadable, match=r"large: too large to be kept \(2000 bytes\)"):
        only(host.etc / "large").read(host, "files")
    (host.etc / "d").mkdir()
    (host.etc / "d" / "two\nlines").touch()
    with pytest.raises(port.Unreadable, match="line break"):
        only(host.etc / "d").read(host, "files")
    monkeypatch.setattr(rhel_choices, "MOST_FILES", 3)
    for name in "abc":
        (host.etc / "d" / name).touch()
    with pytest.raises(port.Unreadable, match="more than 3 files"):
        only(host.etc / "d").read(host, "files")


@pytest.mark.parametrize("path", ["chrony.conf", "/etc/../x", "/etc/", "/proc/cmdline", "/etc", "/run/x", "/a\nb"])
def test_what_is_no_choice_is_refused(path: str) -> None:
    with pytest.raises(HoldfastError, match=r"must be an absolute path|changes by itself"):
        Rhel(files=[path])


def test_the_usual_files_can_be_left_out_and_others_added() -> None:
    chosen = rhel_choices.chosen(["/etc/app/app.conf", "/etc/cron.d/x"], ["/etc/hosts"])
    assert "/etc/app/app.conf" in chosen and "/etc/hosts" not in chosen
    assert "/etc/cron.d" in chosen and "/etc/cron.d/x" not in chosen, "it is in a folder that is kept whole"


def test_every_secret_of_files_and_users_is_found_and_comes_back(host: Host) -> None:
    keyfile = host.etc / "wifi.nmconnection"
    keyfile.write_text("[wifi-security]\npsk=Sup3rS3cretPsk\n", encoding="utf-8")
    shadow = "root:$6$salt$hashofroot1234567:19700:0:99999:7:::\nbin:*:19700:0:99999:7:::\n"
    (host.etc / "shadow").write_text(shadow, encoding="utf-8")
    (host.etc / "gshadow").write_text("ops:$6$salt$hashofgroup12345::alice\n", encoding="utf-8")
    taken = host.snapshot(only(keyfile, host.etc / "shadow", host.etc / "gshadow"), "files")
    parted = part(taken, platform_named("rhel"), b"k" * 32)
    shown = "".join(item.text for item in parted.view.items.values())
    for secret in ("Sup3rS3cretPsk", "hashofroot1234567", "hashofgroup12345"):
        assert secret not in shown
    assert whole(parted.view, parted.secrets).sections == taken.sections


def test_a_group_that_is_no_secret_is_none() -> None:
    assert secret_spans(platform_named("rhel"), "users", "wheel:x:10:alice\nops:!::bob\n") == []


def test_an_answer_that_is_none_is_a_gap_and_silence_is_told_apart(host: Host) -> None:
    class Broken(Host):
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
            if isinstance(self.answer, Exception):
                raise self.answer
            return {"stdout": self.answer}

    for answer in ("", "[]", "Last login: today", HoldfastError("sudo: a password is required")):
        with pytest.raises(port.Unreadable):
            Rhel().read(Broken(answer), "packages")
    with pytest.raises(port.Unanswered):
        Rhel().read(Broken(port.Unanswered("timed out")), "packages")


@pytest.mark.skipif(bool(shutil.which("nft")), reason="this machine has the tool that must be missing")
def test_a_tool_that_is_not_there_is_no_gap(host: Host) -> None:
    host.have("nft", False)
    assert host.snapshot(Rhel(), "firewall").sections["firewall"] == {"tables": []}


# --- packages, units --------------------------------------------------------------------------------------------------


def test_packages_are_named_with_every_version_and_keys_are_none(host: Host) -> None:
    with host.state() as state:
        state["packages"] = [
            ["bash", "x86_64", "", "5.1.8-9.el9"], ["bind", "x86_64", "32", "9.16-1"],
            ["kernel", "x86_64", "0", "5.14.0-2"], ["kernel", "x86_64", "0", "5.14.0-1"],
            ["gpg-pubkey", "(none)", "", "fd431d51-4ae0493b"],
        ]  # fmt: skip
        state["last"] = 7
    assert host.snapshot(Rhel(), "packages").sections["packages"] == {
        "bash.x86_64": "5.1.8-9.el9",
        "bind.x86_64": "32:9.16-1",
        "kernel.x86_64": "5.14.0-1 5.14.0-2",
    }
    assert Rhel().notes(host) == {"dnf_history": "7"}
    host.have("dnf", False)
    assert Rhel().notes(host) == {}


def test_units_tell_what_lasts(host: Host) -> None:
    def unit(enabled: str, active: bool = True, file: bool = True, **more: str) -> dict[str, Any]:
        return {"enabled": enabled, "active": active, "file": file, "more": more}

    with host.state() as state:
        state["units"] = {
            "sshd.service": unit("enabled"),
            "cups.service": unit("disabled", False),
            "makecache.service": unit("static", Type="oneshot"),
            "makecache.timer": unit("enabled"),
            "packagekit.service": unit("static", BusName="org.x"),
            "rpcbind.service": unit("enabled", TriggeredBy="rpcbind.socket"),
            "cockpit.service": unit("static", TriggeredBy="cockpit.socket"),
            "nftables.service": unit("enabled", Type="oneshot", RemainAfterExit="yes"),
            "evil.service": unit("masked", False),
            "alias.service": unit("alias"),
            "holdfast-guard-1.timer": unit("enabled"),
            "getty@.service": unit("enabled", False),
            "getty@tty1.service": unit("enabled", True, False),
            "user@1000.service": unit("static", True, False),
            "app@2.service": unit("disabled", True, False),
            "app@3.service": unit("disabled", False, False),
        }
    found = host.snapshot(Rhel(), "units").sections["units"]
    assert found == {
        "sshd.service": {"enabled": "enabled", "active": True},
        "cups.service": {"enabled": "disabled", "active": False},
        "makecache.timer": {"enabled": "enabled", "active": True},
        "rpcbind.service": {"enabled": "enabled", "active": True},
        "nftables.service": {"enabled": "enabled", "active": True},
        "evil.service": {"enabled": "masked", "active": False},
        "getty@.service": {"enabled": "enabled"},
        "getty@tty1.service": {"enabled": "enabled", "active": True},
        "app@2.service": {"enabled": "disabled", "active": True},
        "others": ["cockpit.service", "makecache.service", "packagekit.service"],
    }


def test_a_host_without_systemd_has_a_gap(host: Host) -> None:
    host.have("systemctl", False)
    (host._bin / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    (host._bin / "systemctl").chmod(0o755)
    with pytest.raises(port.Unreadable, match=r"systemctl list-unit-files .*: Failed to connect to bus"):
        Rhel().read(host, "units")


# --- settings, mounts -------------------------------------------------------------------------------------------------


def test_settings_are_those_that_can_be_set_and_stay(host: Host) -> None:
    first, second = host.snapshot(Rhel(), "sysctl"), host.snapshot(Rhel(), "sysctl")
    assert first.sections == second.sections
    found = {key for family in first.sections["sysctl"].values() for key in family}
    assert {"net.ipv4.ip_forward", "vm.swappiness", "kernel.panic"} <= found
    for passing in ("kernel.pty.nr", "kernel.ns_last_pid", "fs.file-nr", "fs.file-max", "net.ipv4.tcp_mem"):
        assert passing not in found
    more = host.snapshot(Rhel(sysctl=["kernel.threads-max"]), "sysctl").sections["sysctl"]["kernel"]
    assert int(more["kernel.threads-max"]) > 0
    platform = platform_named("rhel")
    kept = part(first, platform, b"k" * 32).view.items
    assert {key for place in kept for key in first.sections["sysctl"][place.item]} == found


def test_mounts_are_those_that_somebody_made(host: Host) -> None:
    found = host.snapshot(Rhel(), "mounts").sections["mounts"]
    assert set(found["/"]) >= {"source", "type", "options", "filesystem"}
    assert not [path for path in found if path.startswith(("/proc", "/sys", "/dev", "/run"))]


# --- firewall ---------------------------------------------------------------------------------------------------------

RULESET = """\
table inet filter {
\tset known {
\t\ttype ipv4_addr
\t\telements = { 192.0.2.1, 192.0.2.2 }
\t}

\tset banned {
\t\ttype ipv4_addr
\t\tflags dynamic,timeout
\t\telements = { 198.51.100.7 timeout 1h, 198.51.100.8 timeout 1h,
\t\t\t     198.51.100.9 timeout 1h }
\t}

\tchain input {
\t\ttype filter hook input priority filter; policy accept;
\t\tip saddr @banned drop
\t}
}
# Warning: table ip nat is managed by iptables-nft, do not touch!
table ip nat {
\tchain POSTROUTING {
\t\txt target "MASQUERADE"
\t}
}
table inet firewalld {
\tchain x {
\t}
}
"""


def test_tables_are_items_without_what_comes_to_them_by_itself() -> None:
    items = rhel_firewall.items({"nft": RULESET, "iptables": "*nat\nCOMMIT\n", "ip6tables": "", "zones": ""})
    assert items["tables"] == ["inet filter", "inet firewalld"] and items["iptables"] == "*nat\nCOMMIT\n"
    table = items["nft:inet filter"]
    assert "192.0.2.2" in table and "198.51.100" not in table and "flags dynamic,timeout" in table
    assert table.startswith("table inet filter {\n") and table.endswith("\t}\n}\n")
    assert table.count("{") == table.count("}")


def test_what_firewalld_made_stands_in_its_zones() -> None:
    zones = "public (active)\n  interfaces: eth1 eth0\n  services: ssh cockpit\n  rich rules: \n"
    items = rhel_firewall.items({"nft": RULESET, "iptables": "", "ip6tables": "", "zones": zones})
    assert items["tables"] == ["inet filter"]
    assert items["zones"] == "public (active)\n  interfaces: eth0 eth1\n  services: cockpit ssh\n  rich rules:\n"


def test_the_tables_of_a_host_and_that_there_are_none(host: Host) -> None:
    assert host.snapshot(Rhel(), "firewall").sections["firewall"] == {"tables": []}
    with host.state() as state:
        state["tables"] = {"inet filter": "\tchain input {\n\t}\n"}
    assert host.snapshot(Rhel(), "firewall").sections["firewall"] == {
        "tables": ["inet filter"],
        "nft:inet filter": "table inet filter {\n\tchain input {\n\t}\n}\n",
    }
