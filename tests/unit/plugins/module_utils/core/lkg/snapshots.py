# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots as the tests of the archive need them."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import Parted, part

KEY = b"a key of the tests" * 2

IOS = """Building configuration...

Current configuration : 512 bytes
!
! Last configuration change at 07:44:06 UTC Fri Jan 30 2015 by admin
!
version 15.2
hostname sw1
!
enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0
username ops privilege 15 secret 9 $9$nhEmQVczB7dqsO$X.HsgL6x1il0RxkOSSvyQYwucySCt7qFm4v7pqCxkKM
!
interface GigabitEthernet0/1
 description uplink
 switchport access vlan 10
!
interface GigabitEthernet0/2
 no ip address
!
router bgp 65001
 neighbor 192.0.2.1 remote-as 65002
 neighbor 192.0.2.1 password 7 094F471A1A0A1B1C
!
snmp-server community s3cretC0mm RO 10
ntp clock-period 36029056
ntp server 192.0.2.123
!
line vty 0 4
 password 7 0822455D0A16
 login
!
end
"""


def snapshot(text: str = IOS, host: str = "sw1", platform: str = "cisco_ios", at: float = 1.0, **more: Any) -> Snapshot:
    return Snapshot(host, platform, at, {"config": {"running": text}}, **more)


def parted(one: Snapshot) -> Parted:
    return part(one, platform_named(one.platform), KEY)


def view(text: str = IOS, **more: Any) -> View:
    return parted(snapshot(text, **more)).view
