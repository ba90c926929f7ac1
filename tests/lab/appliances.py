# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch with Open vSwitch and a proxy with HAProxy, both under systemd; they are off until somebody renews them.

The switch forwards in user space, so that it needs no module of the kernel. Both are managed over ssh and the
management network, as hosts are, and not through what they switch or balance.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.lab.addresses import Plan

SWITCH, PROXY = "switch1", "proxy1"
LASTS = {SWITCH: 41, PROXY: 42}
GROUPS = {SWITCH: "switches", PROXY: "proxies"}
PORT = 8080

_OF_THE_SWITCH: Mapping[str, str] = {
    "etc/default/openvswitch-switch": 'OVS_CTL_OPTS="--ovs-vswitchd-options=--disable-system"\n',
    # The kernel is the machine's and may have no such module; nobody here needs it.
    "etc/modprobe.d/lab.conf": "install openvswitch /bin/true\n",
    "etc/systemd/system/haproxy.service.d/lab.conf": f"[Unit]\nConditionHost={PROXY}\n",
}
_OF_THE_PROXY: Mapping[str, str] = {
    "etc/default/haproxy": 'EXTRAOPTS="-S /run/haproxy-master.sock -f /etc/haproxy/conf.d"\n',
    **{
        f"etc/systemd/system/{unit}.service.d/lab.conf": f"[Unit]\nConditionHost={SWITCH}\n"
        for unit in ("openvswitch-switch", "ovsdb-server", "ovs-vswitchd", "ovs-record-hostname")
    },
}
_GLOBAL = """global
    stats socket /run/haproxy/admin.sock mode 660 level admin
    user haproxy
    group haproxy

defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout check 2s
"""


def files(plan: Plan, name: str, hosts: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """What is written to the disk of an appliance, by path; ``hosts`` are the addresses of the application by name."""
    texts = dict(_OF_THE_SWITCH)
    if name == PROXY:
        servers = [f"    server {host} {address}:{PORT} check inter 500ms weight 10" for host, address in hosts.items()]
        front = f"frontend front\n    bind {plan.service(LASTS[PROXY])}:80\n    default_backend app\n"
        backend = "\n".join(["backend app", "    option httpchk GET /health", *servers]) + "\n"
        texts = {
            **_OF_THE_PROXY,
            "etc/haproxy/haproxy.cfg": _GLOBAL,
            "etc/haproxy/conf.d/app.cfg": f"{front}\n{backend}",
        }
    return {path: (text, 0o644) for path, text in texts.items()}
