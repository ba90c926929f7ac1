# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the Windows firewall: from the texts in which it keeps them to what its cmdlets take.

A rule is a list of fields, ``Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5985|Name=...|``, some of them several
times; the form is that of [MS-FASP] and of group policies ([MS-GPFAS], 2.2.2). Parameters are those of
New-NetFirewallRule and Set-NetFirewallRule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DIRECTIONS = {"In": "Inbound", "Out": "Outbound"}
_ENABLED = {"TRUE": "True", "FALSE": "False"}
_SINGLE = {
    "Action": "Action",
    "Active": "Enabled",
    "Dir": "Direction",
    "Protocol": "Protocol",
    "App": "Program",
    "Svc": "Service",
    "Name": "DisplayName",
    "Desc": "Description",
    "EmbedCtxt": "Group",
}
_SEVERAL = {
    "Profile": "Profile",
    "LPort": "LocalPort",
    "LPort2_10": "LocalPort",
    "RPort": "RemotePort",
    "RPort2_10": "RemotePort",
    "LA4": "LocalAddress",
    "LA6": "LocalAddress",
    "RA4": "RemoteAddress",
    "RA6": "RemoteAddress",
    "ICMP4": "IcmpType",
    "ICMP6": "IcmpType",
    "IFType": "InterfaceType",
}
_INTERFACES = {"Lan": "Wired", "Wireless": "Wireless", "RemoteAccess": "RemoteAccess"}
_ADDRESSES = {
    "LocalSubnet": "LocalSubnet", "DNS": "DNS", "DHCP": "DHCP", "WINS": "WINS", "DefaultGateway": "DefaultGateway",
}  # fmt: skip
_WITH_PORTS = ("6", "17")
_UNLIKE = ("Group", "DisplayName")
"""Parameters by which Set-NetFirewallRule chooses rules; a rule that is changed keeps its group."""


@dataclass(frozen=True)
class FirewallRule:
    """What makes a rule, for ``New-NetFirewallRule`` (``made``) and for ``Set-NetFirewallRule`` (``changed``, in which
    everything is said, so that what is too much goes). ``unknown``: fields that no parameter is known for.
    """

    made: Mapping[str, Any]
    changed: Mapping[str, Any]
    unknown: tuple[str, ...] = ()


def item(definition: str) -> str:
    """A definition as an item of a snapshot: a line for each field."""
    return "".join(f"{field}\n" for field in definition.split("|") if field)


def definition(text: str) -> str:
    """The definition that ``item`` wrote."""
    return "".join(f"{line}|" for line in text.split("\n") if line)


def rule(text: str) -> FirewallRule:
    """What an item says, as parameters."""
    found: dict[str, Any] = {}
    unknown = []
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        said = _value(name, value)
        if not line:
            continue
        if not equals or said is None:
            unknown.append(name)
        elif name in _SINGLE:
            found[_SINGLE[name]] = said
        else:
            found.setdefault(_SEVERAL[name], []).append(said)
    found.setdefault("DisplayName", found.get("Description", "unnamed"))
    changed = {**_everything(str(found.get("Protocol", "Any"))), **found, "NewDisplayName": found["DisplayName"]}
    return FirewallRule(found, {name: value for name, value in changed.items() if name not in _UNLIKE}, tuple(unknown))


def _value(name: str, value: str) -> Any:
    """The value as a parameter takes it; None for a field or a value that is not known."""
    if name == "Dir":
        return _DIRECTIONS.get(value)
    if name == "Active":
        return _ENABLED.get(value)
    if name == "Action":
        return value if value in ("Allow", "Block") else None
    if name == "IFType":
        return _INTERFACES.get(value)
    if name in ("ICMP4", "ICMP6"):
        kind, _colon, code = value.partition(":")
        return kind if code in ("", "*") else value
    if name in ("LA4", "LA6", "RA4", "RA6"):
        return value if value[:1].isdigit() or ":" in value else _ADDRESSES.get(value)
    return value if name in _SINGLE or name in _SEVERAL else None


def _everything(protocol: str) -> dict[str, Any]:
    """What each parameter is when a rule does not say it."""
    always = {"Profile": "Any", "LocalAddress": "Any", "RemoteAddress": "Any", "Program": "Any", "Service": "Any",
              "InterfaceType": "Any", "Protocol": "Any"}  # fmt: skip
    ports = {"LocalPort": "Any", "RemotePort": "Any"} if protocol in _WITH_PORTS else {}
    icmp = {"IcmpType": "Any"} if protocol in ("1", "58") else {}
    return {**always, **ports, **icmp}
