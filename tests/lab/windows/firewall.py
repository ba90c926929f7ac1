# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modelled firewall: profiles, rules in the form in which Windows keeps them, and whether WinRM gets through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .outcome import NotModelled

WINRM_PORT = "5985"
NETWORK = "Public"
"""The profile of the network that the machine is in."""

_FIELDS = (
    "Action", "Active", "Dir", "Protocol", "Profile", "LPort", "RPort", "ICMP4", "LA4", "RA4", "IFType", "App", "Svc",
    "Name", "Desc", "EmbedCtxt",
)  # fmt: skip
_OF_PARAMETER = {
    "Action": "Action", "Enabled": "Active", "Direction": "Dir", "Protocol": "Protocol", "Profile": "Profile",
    "LocalPort": "LPort", "RemotePort": "RPort", "IcmpType": "ICMP4", "LocalAddress": "LA4", "RemoteAddress": "RA4",
    "Program": "App", "Service": "Svc", "DisplayName": "Name", "NewDisplayName": "Name", "Description": "Desc",
    "Group": "EmbedCtxt", "InterfaceType": "IFType",
}  # fmt: skip
_DIRECTIONS = {"Inbound": "In", "Outbound": "Out"}


def usual_profiles() -> dict[str, dict[str, str]]:
    """As a server has them at first."""
    names = ("Domain", "Private", "Public")
    settings = {"Enabled": "True", "DefaultInboundAction": "Block", "DefaultOutboundAction": "Allow"}
    return {name: dict(settings) for name in names}


def usual_rules() -> dict[str, str]:
    """WinRM, the application, an echo, and one of an app of a user."""
    return {
        "WINRM-HTTP-In-TCP": "Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5985|App=System|"
        "Name=@FirewallAPI.dll,-30253|Desc=@FirewallAPI.dll,-30256|EmbedCtxt=@FirewallAPI.dll,-30267|",
        "IIS-WebServerRole-HTTP-In-TCP": "Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=80|App=System|"
        "Name=World Wide Web Services (HTTP)|Desc=HTTP traffic|",
        "{6A2D1C1E-0000-4000-8000-000000000001}": "Action=Allow|Active=FALSE|Dir=In|Protocol=1|Profile=Domain|"
        "Profile=Private|ICMP4=8:*|RA4=LocalSubnet|Name=Echo|",
        "CoreNet-Teredo-In": "Action=Allow|Active=TRUE|Dir=In|Protocol=17|LPort=Teredo|Svc=iphlpsvc|Name=Teredo|"
        "Platform=2:6:2|Platform2=GTEQ|",
        "{6A2D1C1E-0000-4000-8000-000000000002}": "Action=Allow|Active=TRUE|Dir=In|Name=An app|"
        "LUOwn=S-1-5-21-1-2-3-1001|",
    }


def admitted(profiles: Mapping[str, Mapping[str, str]], rules: Mapping[str, str]) -> bool:
    """Whether a connection to WinRM gets through: a rule that blocks goes before one that allows."""
    profile = profiles[NETWORK]
    if profile["Enabled"] != "True":
        return True
    actions = {_first(fields, "Action") for fields in map(_parsed, rules.values()) if _concerns(fields)}
    if "Block" in actions:
        return False
    return "Allow" in actions or profile["DefaultInboundAction"] == "Allow"


def _concerns(fields: Mapping[str, list[str]]) -> bool:
    """Whether a rule is for connections to WinRM; addresses and programs are not modelled."""
    return (
        _first(fields, "Active") == "TRUE"
        and _first(fields, "Dir") == "In"
        and "LUOwn" not in fields
        and _first(fields, "Protocol") in ("", "6")
        and (not fields.get("Profile") or NETWORK in fields["Profile"])
        and (not fields.get("LPort") or WINRM_PORT in fields["LPort"])
    )


def _parsed(definition: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for field in filter(None, definition.split("|")):
        name, _equals, value = field.partition("=")
        found.setdefault(name, []).append(value)
    return found


def _first(fields: Mapping[str, list[str]], name: str) -> str:
    return fields.get(name, [""])[0]


def written(parameters: Mapping[str, Any], before: str = "") -> str:
    """The definition that the cmdlets make of parameters; of an existing rule what they do not say stays."""
    fields = _parsed(before)
    for parameter, value in parameters.items():
        if parameter not in _OF_PARAMETER:
            raise NotModelled(f"the parameter -{parameter} of New-NetFirewallRule")
        values = [_value(parameter, str(each)) for each in (value if isinstance(value, list) else [value])]
        fields[_OF_PARAMETER[parameter]] = [each for each in values if each not in ("Any", "")]
    order = [*_FIELDS, *(name for name in fields if name not in _FIELDS)]
    return "".join(f"{name}={value}|" for name in order for value in fields.get(name, ()))


def _value(parameter: str, value: str) -> str:
    if parameter == "Enabled":
        return value.upper()
    if parameter == "IcmpType" and value != "Any":
        return value if ":" in value else f"{value}:*"
    return _DIRECTIONS.get(value, value) if parameter == "Direction" else value
