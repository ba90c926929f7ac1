# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of a RHEL host of the lab, and the bundle that brings it back: real systemd, nft, dnf, rpm and mounts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered, take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.rhel import Rhel
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part

from tests.lab.device import SshDevice
from tests.lab.lab import Lab

pytestmark = pytest.mark.slow

HOST = "app1"
PLATFORM = platform_named("rhel")
RULES = """table inet site {
 set friends { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2 }; }
 chain input { type filter hook input priority 0; policy accept; ip saddr @friends tcp dport 9 counter drop; }
}"""
UNIT = "[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n"
PREPARED = f"""
nft '{RULES}'
mkdir -p /srv/data && mount -t tmpfs -o nosuid,size=1m tmpfs /srv/data
printf '{UNIT}' > /etc/systemd/system/steady.service
printf '{UNIT}' > /etc/systemd/system/idle.service
printf 'net.ipv4.conf.all.log_martians = 1\\n' > /etc/sysctl.d/site.conf
systemctl daemon-reload
systemctl enable --now --quiet steady.service
sysctl -q -p /etc/sysctl.d/site.conf
printf 'token=L0ngAppT0ken77\\n' > /etc/site.conf; chmod 0640 /etc/site.conf
"""


class Stage:
    """A host of the lab, and the provider on it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.provider = Rhel(files=["/etc/site.conf", "/etc/shop", "/etc/sysconfig/shopfront"])
        self.device = SshDevice(lab, HOST, shared=True)
        self.wanted = Snapshot(HOST, "rhel", 0.0, {})

    def say(self, script: str) -> str:
        """What a script on the host prints; it must succeed."""
        return self.device.say(script, 120)

    def take(self, *sections: str) -> Snapshot:
        """A snapshot without gaps."""
        notes = {} if sections else dict(self.provider.notes(self.device))
        taken = take(
            self.provider, self.device, host=HOST, platform="rhel", now=time.time(), sections=sections, notes=notes
        )
        assert not taken.gaps, taken.gaps
        return taken

    def restore(self, wanted: Snapshot) -> list[str]:
        """Restore what differs."""
        return list(self.provider.restore(self.device, wanted, self.differs(wanted)))

    def differs(self, wanted: Snapshot) -> Difference:
        """What has to be done to get back."""
        return compare(view(self.take(*wanted.sections)), view(wanted), PLATFORM)


def view(snapshot: Snapshot) -> View:
    return part(snapshot, PLATFORM, b"k" * 32).view


@pytest.fixture(scope="module")
def prepared(lab: Lab) -> Iterator[Stage]:
    """A host with a firewall, a mount, units and settings of its own; every test leaves it as it was."""
    lab.publish("2")
    lab.renew(HOST)
    stage = Stage(lab)
    stage.say(PREPARED)
    stage.wanted = stage.take()
    yield stage
    stage.device.close()
    lab.renew(HOST)


@pytest.fixture
def stage(prepared: Stage) -> Iterator[Stage]:
    yield prepared
    for fault in prepared.lab.status()["faults"]:
        prepared.lab.heal(fault["name"], fault["host"])


def test_an_unchanged_host_gives_the_same_bytes(stage: Stage) -> None:
    first = stage.wanted
    assert first.notes["dnf_history"].isdigit()
    stage.say("nft list ruleset >/dev/null; systemctl status >/dev/null")
    second = stage.take()
    one, other = view(first), view(second)
    assert {place: item.text for place, item in one.items.items()} == {p: item.text for p, item in other.items.items()}
    assert one.digest == other.digest and compare(one, other, PLATFORM).same
    assert {place.section for place in one.items} == {each.section for each in stage.provider.declaration.reads}
    shown = "".join(item.text for item in one.items.values())
    assert "L0ngAppT0ken77" not in shown and one.secrets > 0


SITE = "/etc/systemd/system"
ROUNDS: list[dict[str, str]] = [
    {
        "packages/greeting.noarch": "dnf -y -q upgrade greeting",
        "files//etc/ssh/sshd_config.d/lab.conf": "echo 'MaxAuthTries 2' >> /etc/ssh/sshd_config.d/lab.conf",
        "files//etc/hosts": "rm /etc/hosts",
        "files//etc/site.conf": "sed -i s/77/78/ /etc/site.conf",
        "files/attributes:/etc/nsswitch.conf": "chmod 0600 /etc/nsswitch.conf",
        "files/attributes:/etc/hostname": "chown games:games /etc/hostname",
        "files//etc/sysctl.d/zz.conf": "echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/zz.conf",
        "files//etc/shop/deep/x": "mkdir -p /etc/shop/deep; echo x > /etc/shop/deep/x",
        f"files/{SITE}/steady.service.d/x.conf": f"mkdir {SITE}/steady.service.d; "
        f"printf '[Service]\\nNice=5\\n' > {SITE}/steady.service.d/x.conf; systemctl daemon-reload; "
        "systemctl restart steady",
        "users//etc/passwd": "useradd --create-home --groups adm alice; echo 'alice:An0therS3cret' | chpasswd",
        "users//etc/gshadow": "groupadd ops; gpasswd --add games ops",
        "units/shopfront.service": "systemctl disable --quiet --now shopfront.service",
        "sysctl/net.ipv4": "sysctl -q -w net.ipv4.conf.all.log_martians=0 net.ipv4.tcp_keepalive_time=60",
        "firewall/nft:inet cut": "nft "
        "'table inet cut { chain c { type filter hook input priority -5; tcp dport 9 drop; }; }'",
        "mounts//mnt": "mount -t tmpfs tmpfs /mnt",
    },
    {
        "packages/greeting.noarch": "dnf -y -q remove greeting",
        "files/attributes:/etc/localtime": "ln -sfn /usr/share/zoneinfo/Etc/GMT /etc/localtime",
        "files/attributes:/etc/hosts": "rm /etc/hosts; mkdir /etc/hosts",
        "users//etc/passwd": "userdel games",
        "users//etc/shadow": "echo 'root:N3wR00tPassw0rd' | chpasswd",
        "units/shopfront.service": "systemctl mask --quiet --now shopfront.service",
        "units/fstrim.timer": "systemctl unmask --quiet fstrim.timer; systemctl start fstrim.timer",
        "units/more.service": f"printf '{UNIT}' > {SITE}/more.service; systemctl enable --quiet --now more.service",
        "sysctl/net.ipv4": "sysctl -q -w net.ipv4.ip_forward=1",
        "firewall/nft:inet site": "nft add rule inet site input tcp dport 8080 drop",
        "mounts//srv/data": "umount /srv/data",
    },
    {
        "units/steady.service": "systemctl disable --quiet --now steady.service",
        "units/idle.service": "systemctl enable --quiet --now idle.service",
        "units/many@1.service": f"printf '{UNIT}' > /usr/lib/systemd/system/many@.service; systemctl daemon-reload; "
        "systemctl start many@1",
        "firewall/tables": "nft flush ruleset",
        "mounts//srv/data": "mount -o remount,noexec,suid /srv/data",
        "packages/greeting.noarch": "rpm -e greeting",
    },
    {
        "units/steady.service": "systemctl stop steady.service",
        "units/idle.service": "systemctl start idle.service",
        "firewall/nft:inet site": "nft delete element inet site friends { 192.0.2.1 }",
        "packages/kernel.noarch": "dnf -y -q upgrade",
    },
]
"""Changes by the item in which they must be seen; those of a round are made at once."""


@pytest.mark.parametrize("changes", ROUNDS, ids=["first", "second", "third", "fourth"])
def test_every_change_is_seen_and_taken_back(stage: Stage, changes: dict[str, str]) -> None:
    stage.say("; ".join(changes.values()))
    difference = stage.differs(stage.wanted)
    assert set(changes) <= {str(each.place) for each in difference.changes}
    said = stage.provider.restore(stage.device, stage.wanted, difference)
    assert said[-1] == "this host is as it was"
    stage.say(
        "rm -f /usr/lib/systemd/system/many@.service; systemctl daemon-reload"
    )  # no package's, nor in a kept folder
    left = stage.differs(stage.wanted)
    assert left.same, "\n".join(left.render())


def test_services_run_with_what_was_put_back(stage: Stage) -> None:
    wanted = stage.wanted
    before = stage.say("systemctl show -p MainPID --value ssh shopfront")
    stage.say("echo 'MaxAuthTries 2' >> /etc/ssh/sshd_config.d/lab.conf; systemctl restart ssh; dnf -y -q upgrade")
    assert any("ssh.service: restart" in line for line in stage.restore(wanted))
    assert stage.say("systemctl show -p MainPID --value ssh shopfront") != before
    assert "maxauthtries 6" in stage.say("sshd -T")


def test_packages_come_back_without_the_history_of_dnf(stage: Stage) -> None:
    wanted = replace(stage.wanted, notes={})
    stage.say("dnf -y -q upgrade; rpm -e greeting")
    said = stage.restore(wanted)
    assert not any("transaction" in line for line in said)
    assert stage.differs(wanted).same


def test_packages_that_cannot_be_had_are_named_and_the_rest_is_done(stage: Stage) -> None:
    wanted = stage.wanted
    stage.say("dnf -y -q upgrade greeting; dnf clean all -q; echo x >> /etc/hosts")
    stage.lab.fault("repository-down")
    with pytest.raises(HoldfastError, match=r"the package greeting\.noarch 1\.0-1\.el9 is missing"):
        stage.restore(wanted)
    left = {change.place.section for change in stage.differs(wanted).changes}
    assert left == {"packages"}
    stage.lab.heal("repository-down")
    stage.restore(wanted)
    assert stage.differs(wanted).same


def test_the_host_alone_takes_back_everything_and_the_cut_as_well(stage: Stage) -> None:
    wanted = stage.wanted
    assert stage.provider.timer is not None
    stage.provider.timer.arm(stage.device, "holdfast-test-1", 45, wanted)
    assert [each.token for each in stage.provider.timer.armed(stage.device)] == ["holdfast-test-1"]
    armed = stage.take()
    assert compare(view(wanted), view(armed), PLATFORM).same, "a guard is no state of its host"
    everything = [script for place, script in ROUNDS[0].items() if not place.startswith("firewall")]
    cut = "table inet cut { chain input { type filter hook input priority -5; iifname management0 drop; }; }"
    stage.say("; ".join(everything))
    stage.lab.ssh(HOST, f"(sleep 1; nft '{cut}') >/dev/null 2>&1 &")
    time.sleep(2)
    alone = SshDevice(stage.lab, HOST, timeout=5)
    with pytest.raises(Unanswered):
        alone.run("ansible.builtin.command", {"argv": ["true"]})
    deadline = time.monotonic() + 120
    reverted = None
    while reverted is None and time.monotonic() < deadline:
        time.sleep(1)
        try:
            reverted = stage.provider.timer.reverted(alone, "holdfast-test-1")
        except Unanswered:
            continue
    assert reverted is not None and reverted.complete, reverted
    stage.device.close()
    left = stage.differs(wanted)
    assert left.same, "\n".join(left.render())
