# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets go out of a snapshot and come back; nothing of them stays, and nothing else is lost."""

from __future__ import annotations

import json

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import model, rules
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import PLATFORMS, platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import MARK, Marker, part, whole
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils.core.lkg.snapshots import IOS, KEY, parted, snapshot

#: a line for a secret, by platform; the letter case of secrets counts
CARRIERS = {
    "cisco_ios": [
        "enable secret 9 {}",
        "username ops privilege 15 password 0 {}",
        "snmp-server community {} RO",
        "tacacs-server key 7 {}",
        "radius-server host 192.0.2.1 auth-port 1812 key {}",
        "crypto isakmp key {} address 192.0.2.1",
        " pre-shared-key address 192.0.2.1 key {}",
        " neighbor 192.0.2.1 password {}",
        "ntp authentication-key 1 md5 {} 7",
        "  key-string {}",
        "snmp-server host 192.0.2.1 version 2c {}",
        " ppp chap password 7 {}",
        " vrrp 1 authentication text {}",
        " client 192.0.2.1 server-key 7 {}",
        "tacacs-server host x key {}",
        " ip nhrp authentication {}",
        "snmp-server host 192.0.2.1 {}",
        "archive path ftp://me:{}@192.0.2.9/x",
    ],
    "arista_eos": [
        "username a privilege 15 role network-admin secret sha512 {}",
        "enable password sha512 {}",
        "snmp-server community {} ro",
        "radius-server key 7 {}",
        " neighbor 192.0.2.1 password 7 {}",
    ],
    "juniper_junos": [
        "<encrypted-password>{}</encrypted-password>",
        "<pre-shared-key>\n <ascii-text>{}</ascii-text>\n</pre-shared-key>",
        '        encrypted-password "{}"; ## SECRET-DATA',
        "    community {} {{",
        '    secret "{}";',
        "set system radius-server 192.0.2.1 secret {}",
        "set system login user bob authentication plain-text-password-value {}",
        "v3 {{ snmp-community idx {{ community-name {}; }} }}",
        '   pre-shared-key ascii-text "{}";',
        'authentication-key 1 type md5 value "{}"; ## SECRET-DATA',
    ],
    "netconf": [
        "<password>{}</password>",
        "  <snmp:community>{}</snmp:community>",
        "<key>{}</key>",
        "<community>\n <name>{}</name>\n</community>",
    ],
    "frr": [
        " neighbor 192.0.2.1 password {}",
        " ip ospf message-digest-key 1 md5 {}",
        "password 8 {}",
        " isis password md5 {}",
        " ip ospf authentication-key {}",
        "enable password {}",
    ],
    "haproxy": [
        "    stats auth admin:{}",
        "    user api insecure-password {}",
        "    user api password {} groups g",
        r"    option httpchk GET / HTTP/1.0\r\nAuthorization:\ Basic\ {}",
        "  http-request set-header X-Api-Key {}",
    ],
    "openvswitch": ["options: {{psk={}}}"],
    "cli_config": ["enable secret {}", "set snmp community {}"],
    "rhel": [
        "password = {}",
        "password = two {}",
        "export MY_TOKEN=x {}",
        "  api_key: {}",
        "root:{}:1::::::",
        "db = x; pwd={}; y=1",
        "a_token=1 b_token={}",
        '<add key="DbPassword" value="{}"/>',
        "<password>{}</password>",
        'export SECRET_KEY="{}"',
        "psk={}",
        "url = https://user:{}@example.com/",
    ],
    "windows": ["DefaultPassword = {}", 'connectionString="Server=db;Password={};Timeout=5"'],
}
SECRET = st.text("abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ0123456789.", min_size=8, max_size=24)
PLAIN = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=40), max_size=6)
EVERY = [(platform, line) for platform, lines in CARRIERS.items() for line in lines]


def test_every_platform_has_a_secret_that_is_tried() -> None:
    assert set(CARRIERS) == set(PLATFORMS)


@given(st.sampled_from(EVERY), SECRET, PLAIN, PLAIN)
def test_no_secret_survives_and_nothing_is_lost(
    case: tuple[str, str], secret: str, before: list[str], after: list[str]
) -> None:
    platform, line = case
    assume(secret not in line and not set("0123456789abcdef$") >= set(secret))
    text = "\n".join([*before, line.format(secret), f"description once more {secret}", *after, ""])
    taken = Snapshot("h", platform, 1.0, {"config": {"running": text}, "other": {"x": {"note": f"it is {secret}"}}})
    view, secrets = part(taken, platform_named(platform), KEY)
    assert secret not in "".join(item.text for item in view.items.values())
    assert secret not in json.dumps(model.manifest(view))
    back = whole(view, secrets)
    normal = platform_named(platform)
    expected = {s: rules.normal_items(normal, s, items) for s, items in taken.sections.items()}
    assert back.sections == expected
    assert part(back, normal, KEY) == (view, secrets), "what is put back gives the same again"


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.sampled_from(sorted(PLATFORMS)))
def test_any_text_comes_back_even_one_with_marks_in_it(text: str, platform: str) -> None:
    known = platform_named(platform)
    taken = snapshot(f"{text}\n$encrypted$0123456789abcdef$ {text}\n", platform=platform)
    view, secrets = part(taken, known, KEY)
    assert whole(view, secrets).sections["config"]["running"] == rules.normal_text(
        known, "config", taken.sections["config"]["running"]
    )


def test_data_stays_data_and_what_is_secret_in_it_is_hidden() -> None:
    value = {"DefaultPassword": 'p"w\\1 secret', "AutoAdminLogon": "1", "list": [1, None, True, 1.5]}
    view, secrets = part(
        Snapshot("w", "windows", 1.0, {"registry": {"HKLM:\\Winlogon": value}}), platform_named("windows"), KEY
    )
    item = view.items[Place("registry", "HKLM:\\Winlogon")]
    assert item.kind == model.DATA and "secret" not in item.text.replace("$encrypted$", "")
    assert MARK.fullmatch(json.loads(item.text)["DefaultPassword"]), "a view of data is data"
    assert whole(view, secrets).sections["registry"]["HKLM:\\Winlogon"] == value


def test_bytes_that_are_no_utf8_come_back() -> None:
    text = model.decoded(b"password = caf\xe9caf\xe9\n\xff\xfe\n")
    view, secrets = part(Snapshot("h", "rhel", 1.0, {"files": {"/etc/x": text}}), platform_named("rhel"), KEY)
    assert model.encoded(whole(view, secrets).sections["files"]["/etc/x"]) == b"password = caf\xe9caf\xe9\n\xff\xfe\n"


def test_a_mark_tells_that_a_secret_changed_and_neither_what_it_is_nor_whose() -> None:
    one, other = Marker(KEY, "a"), Marker(KEY, "b")
    assert one.mark("hunter2") == Marker(KEY, "a").mark("hunter2") != one.mark("hunter3")
    assert one.mark("hunter2") != other.mark("hunter2") and one.mark("x") != Marker(KEY + b"2", "a").mark("x")


def test_a_missing_secret_is_said_and_never_restored_as_a_mark() -> None:
    view, secrets = parted(snapshot())
    with pytest.raises(HoldfastError, match="config/running: the secret behind"):
        whole(view, dict(list(secrets.items())[1:]))


def test_the_secrets_of_a_configuration_are_found_and_the_rest_can_be_read() -> None:
    view, secrets = parted(snapshot())
    text = view.items[Place("config", "running")].text
    assert sorted(secrets.values()) == [
        "$1$mERr$hx5rVt7rPNoS4wqbXKX7m0", "$9$nhEmQVczB7dqsO$X.HsgL6x1il0RxkOSSvyQYwucySCt7qFm4v7pqCxkKM",
        "0822455D0A16", "094F471A1A0A1B1C", "s3cretC0mm",
    ]  # fmt: skip
    assert " description uplink\n" in text and " neighbor 192.0.2.1 remote-as 65002\n" in text
    assert len(MARK.findall(text)) == view.secrets == 5
    assert "hostname sw1" in IOS and "hostname sw1" in text


@pytest.mark.parametrize("value", ["\ud800", {"x": {1, 2}}, {"\ud800": 1}])
def test_what_neither_is_text_nor_data_is_refused(value: object) -> None:
    with pytest.raises(HoldfastError, match="text, or data that JSON can say"):
        part(Snapshot("h", "rhel", 1.0, {"s": {"i": value}}), platform_named("rhel"), KEY)


def test_what_only_looks_like_a_secret_can_be_read() -> None:
    ios = "service password-encryption\nkey chain OSPF\n key 1\nip ssh version 2\nusername a ssh-key ssh-rsa AAAAB3Nz\n"
    assert parted(snapshot(ios)).secrets == {}
    packages = {"libsecret": "0.20.5-1.el9", "pam_passwdqc": "2.0", "mysql-community": {"version": "8.0"}}
    taken = Snapshot(
        "h", "rhel", 1.0, {"packages": {"all": packages}, "files": {"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"}}
    )
    assert part(taken, platform_named("rhel"), KEY).secrets == {}
