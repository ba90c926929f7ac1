# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which platform a host is, and which provider reads and restores it over the connection that it is reached by.

A provider is imported when it is needed. What a person may choose of one is what its constructor takes.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Callable, NamedTuple, Optional, cast

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Provider
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import did_you_mean

SHELL, NETWORK_CLI, NETCONF, WINDOWS = "shell", "network_cli", "netconf", "windows"
"""The ways to reach a host."""

_WAYS = {
    SHELL: "a connection that gives a shell, such as ssh",
    NETWORK_CLI: "ansible.netcommon.network_cli",
    NETCONF: "ansible.netcommon.netconf",
    WINDOWS: "winrm, psrp, or ssh with PowerShell as its shell",
}
_CONNECTIONS = {"network_cli": NETWORK_CLI, "netconf": NETCONF, "winrm": WINDOWS, "psrp": WINDOWS}
_NO_WAY = ("httpapi", "grpc", "libssh", "napalm", "persistent")


class Entry(NamedTuple):
    """A provider: its module here, its class, and arguments that the way decides and no person."""

    module: str
    name: str
    given: Mapping[str, Any] = MappingProxyType({})


def _cli_config(platform: str) -> Entry:
    return Entry("cli_config", "CliConfig", {"platform": platform})


_NETCONF = Entry("netconf", "Netconf")
PROVIDERS: Mapping[str, Mapping[str, Entry]] = {
    "rhel": {SHELL: Entry("rhel", "Rhel")},
    "frr": {SHELL: Entry("frr", "Frr", {"shell": True}), NETWORK_CLI: Entry("frr", "Frr", {"shell": False})},
    "haproxy": {SHELL: Entry("haproxy", "Haproxy")},
    "openvswitch": {SHELL: Entry("openvswitch", "Openvswitch")},
    "cisco_ios": {NETWORK_CLI: Entry("cisco_ios", "CiscoIos")},
    "arista_eos": {NETWORK_CLI: _cli_config("arista_eos")},
    "juniper_junos": {NETCONF: _NETCONF, NETWORK_CLI: _cli_config("juniper_junos")},
    "cli_config": {NETWORK_CLI: _cli_config("cli_config")},
    "netconf": {NETCONF: _NETCONF},
    "windows": {WINDOWS: Entry("windows", "Windows")},
}
"""The provider of each platform, by the way to it; the first is the usual one."""

_NETWORK_OS = {
    "ios": "cisco_ios",
    "eos": "arista_eos",
    "junos": "juniper_junos",
    "frr": "frr",
    "openvswitch": "openvswitch",
}
"""The platform of what ``ansible_network_os`` says, without its collection."""

_DEFAULT = {SHELL: "rhel", NETWORK_CLI: "cli_config", NETCONF: "netconf", WINDOWS: "windows"}


def way_to(connection: str, windows: bool = False) -> str:
    """The way of a connection, by the last part of its name. Raises HoldfastError for one that leads nowhere."""
    if connection in _NO_WAY:
        ways = "; ".join(_WAYS.values())
        raise HoldfastError(f"no provider speaks through the connection '{connection}'; they need one of: {ways}")
    return _CONNECTIONS.get(connection, WINDOWS if windows else SHELL)


def platform_of(way: str, network_os: str = "", wanted: str = "") -> str:
    """The platform of a host: the ``wanted`` one, else what its way and ``ansible_network_os`` tell.

    Raises HoldfastError when it is none, or when none of its providers can be used over this way.
    """
    platform = wanted or _NETWORK_OS.get(network_os.rpartition(".")[2], "")
    if not platform:
        return _DEFAULT[way]
    _entry(platform, way)
    return platform


def provider_for(platform: str, options: Optional[Mapping[str, Any]] = None, way: str = "") -> Provider:
    """The provider of a platform over a way (the usual one when none is said), with what a person has chosen.

    Raises HoldfastError for an option that it does not have, or that has not the form it must have.
    """
    entry = _entry(platform, way)
    try:
        module = importlib.import_module(f"{__package__}.{entry.module}")
        made: Callable[..., Any] = getattr(module, entry.name)
    except (ImportError, AttributeError) as error:
        raise HoldfastError(f"the provider of '{platform}' cannot be loaded: {error}") from error
    return cast("Provider", made(**_checked(platform, made, options or {}, entry.given), **entry.given))


def _entry(platform: str, way: str) -> Entry:
    known = PROVIDERS[platform_named(platform).name]
    if way and way not in known:
        ways = ", or ".join(_WAYS[each] for each in known)
        raise HoldfastError(f"the platform '{platform}' is not reached by {_WAYS[way]}; it needs {ways}")
    return known[way] if way else next(iter(known.values()))


def _parameters(made: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, str]:
    """What a constructor takes, by name, each with what it must be."""
    found = inspect.signature(made).parameters.values()
    return {each.name: str(each.annotation) for each in found if each.name not in given}


def _checked(
    platform: str, made: Callable[..., Any], options: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    known = _parameters(made, given)
    for name, value in options.items():
        if name not in known:
            hint = did_you_mean(name, known) if known else "it has none"
            raise HoldfastError(f"options: the platform '{platform}' has no option '{name}' ({hint})")
        wrong = _wrong(value, known[name])
        if wrong:
            raise HoldfastError(f"options.{name}: {wrong}, and not {value!r}")
    return dict(options)


def _wrong(value: Any, annotation: str) -> str:
    """What a value must be and is not; empty when it may be given. Of other forms the provider itself says more."""
    texts = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
    forms = {
        "bool": (isinstance(value, bool), "it must be true or false"),
        "Optional[bool]": (value is None or isinstance(value, bool), "it must be true or false"),
        "int": (isinstance(value, int) and not isinstance(value, bool), "it must be a whole number"),
        "str": (isinstance(value, str), "it must be a text"),
        "Sequence[str]": (texts, "it must be a list of texts"),
        "Union[str, Sequence[str]]": (texts or isinstance(value, str), "it must be a text or a list of texts"),
    }
    right, said = forms.get(annotation, (True, ""))
    return "" if right else said
