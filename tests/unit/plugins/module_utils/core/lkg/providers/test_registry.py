# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which provider a host gets, and which options it may have."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import provider
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import PLATFORMS
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import registry
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.registry import (
    NETCONF,
    NETWORK_CLI,
    PROVIDERS,
    SHELL,
    WINDOWS,
    platform_of,
    provider_for,
    way_to,
)

EVERY = [(platform, way) for platform, entries in PROVIDERS.items() for way in entries]


def test_every_platform_has_a_provider() -> None:
    assert set(PROVIDERS) == set(PLATFORMS)


@pytest.mark.parametrize(("platform", "way"), EVERY)
def test_every_provider_serves_its_platform_and_says_what_it_is(platform: str, way: str) -> None:
    made = provider_for(platform, {}, way)
    assert platform in made.declaration.platforms
    assert provider.check(made.declaration) == []
    assert bool(made.declaration.reverts) == (made.timer is not None)
    functions = [name for name in vars(provider.Provider) if not name.startswith("_")]
    assert {"read", "notes", "restore", "keep"} < set(functions)
    assert [name for name in functions if not hasattr(made, name)] == []


@pytest.mark.parametrize(
    ("connection", "windows", "way"),
    [("ssh", False, SHELL), ("ssh", True, WINDOWS), ("psrp", True, WINDOWS), ("network_cli", False, NETWORK_CLI),
     ("netconf", False, NETCONF), ("local", False, SHELL), ("community.docker.docker", False, SHELL)],
)  # fmt: skip
def test_ways(connection: str, windows: bool, way: str) -> None:
    assert way_to(connection, windows) == way


def test_a_connection_through_which_nobody_speaks() -> None:
    with pytest.raises(HoldfastError, match=r"no provider speaks through the connection 'httpapi'; .*network_cli"):
        way_to("httpapi")


@pytest.mark.parametrize(
    ("way", "network_os", "wanted", "platform"),
    [
        (SHELL, "", "", "rhel"),
        (SHELL, "", "haproxy", "haproxy"),
        (SHELL, "frr.frr.frr", "", "frr"),
        (NETWORK_CLI, "cisco.ios.ios", "", "cisco_ios"),
        (NETWORK_CLI, "ios", "cli_config", "cli_config"),
        (NETWORK_CLI, "arista.eos.eos", "", "arista_eos"),
        (NETWORK_CLI, "vyos.vyos.vyos", "", "cli_config"),
        (NETWORK_CLI, "frr.frr.frr", "", "frr"),
        (NETCONF, "", "", "netconf"),
        (NETCONF, "junipernetworks.junos.junos", "", "juniper_junos"),
        (WINDOWS, "", "", "windows"),
    ],
)
def test_platforms(way: str, network_os: str, wanted: str, platform: str) -> None:
    assert platform_of(way, network_os, wanted) == platform


@pytest.mark.parametrize(
    ("way", "network_os", "wanted", "said"),
    [
        (SHELL, "", "rhell", r"no platform 'rhell' \(did you mean 'rhel'\?\)"),
        (NETWORK_CLI, "", "rhel", r"'rhel' is not reached by ansible\.netcommon\.network_cli; it needs a connection"),
        (SHELL, "cisco.ios.ios", "", r"'cisco_ios' is not reached by a .* it needs ansible\.netcommon\.network_cli"),
    ],
)  # fmt: skip
def test_platforms_that_cannot_be(way: str, network_os: str, wanted: str, said: str) -> None:
    with pytest.raises(HoldfastError, match=said):
        platform_of(way, network_os, wanted)


@pytest.mark.parametrize(
    ("platform", "options", "said"),
    [
        ("rhel", {"file": ["/etc/x"]}, r"'rhel' has no option 'file' \(did you mean 'files'\?\)"),
        ("rhel", {"files": "/etc/x"}, r"options\.files: it must be a list of texts, and not '/etc/x'"),
        ("rhel", {"files": [1]}, r"options\.files: it must be a list of texts"),
        ("haproxy", {"socket": ["x"]}, r"options\.socket: it must be a text"),
        ("haproxy", {"config": 1}, r"options\.config: it must be a text or a list of texts"),
        ("frr", {"shell": False}, r"'frr' has no option 'shell'"),
    ],
)
def test_options_that_cannot_be(platform: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(HoldfastError, match=said):
        provider_for(platform, options)


def test_options_reach_the_provider() -> None:
    assert "servers" in [each.section for each in provider_for("haproxy").declaration.reads]
    assert "servers" not in [each.section for each in provider_for("haproxy", {"socket": ""}).declaration.reads]


def test_one_that_is_missing_does_not_break_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {**PROVIDERS, "netconf": {NETCONF: registry.Entry("nothing", "Nothing")}}
    monkeypatch.setattr(registry, "PROVIDERS", broken)
    with pytest.raises(HoldfastError, match="the provider of 'netconf' cannot be loaded: No module named"):
        provider_for("netconf")
    assert provider_for("rhel").declaration.name == "rhel"
