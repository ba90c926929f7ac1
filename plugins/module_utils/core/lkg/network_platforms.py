# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What network platforms, load balancers and switches say that changes by itself, and where they keep secrets."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import (
    ANYWHERE,
    WITHIN,
    Keys,
    Platform,
    Rule,
)

# --- secrets that look the same everywhere ---------------------------------------------------------------------------

_TYPE = r"(?:(?:\d{1,2}|clear|encrypted|hidden|md5|sha\d*|key-string|ascii-text|hexadecimal|ascii|hex|text) )*"
_VALUE = r"(?P<secret>\"[^\"]*\"|\S+)"

PEM = Rule(
    ("-----begin",),
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<secret>(?s:.*?))-----END [A-Z ]*PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx\n-----END RSA PRIVATE KEY-----",
    ANYWHERE,
)
URL = Rule(("://",), r"://[^\s/:@]+:(?P<secret>[^\s/@]+)@", "copy scp://backup:hunter2hunter2@10.0.0.9/cfg", WITHIN)
"""A password within an address."""

COMMAND_LINE = (
    Rule(
        ("password", "secret", "passphrase", "passwd"),
        rf".*?\b(?:password|secret|passphrase|passwd) {_TYPE}(?P<secret>.+)",
        "username admin privilege 15 secret 9 $9$nhEmQVczB7dqsO$X.HsgL6x1il0RxkOSSvyQYwucySCt7qFm4v7pqCxkKM",
    ),
    Rule(
        ("key",),
        r"(?:.*[\s-])?(?<!isakmp )(?<!trusted-)(?<!ssh-)key (?!chain\b|\d{1,3}$)" rf"{_TYPE}(?P<secret>.+)",
        " client 192.0.2.1 server-key 7 0822455D0A16544541",
    ),
    Rule(
        ("key",),
        rf".*?\bkey-(?:octet-|chain-)?string {_TYPE}{_VALUE}",
        "  key-string 7 060506324F41584B56",
    ),
    Rule(
        ("key",),
        rf".*?\b(?:authentication-key|message-digest-key \d+|encryption-key|(?:pre-)?shared-key)"
        rf"(?: (?:\d+|local|remote|address|[0-9a-f]+[.:][0-9a-f.:]*))* {_TYPE}{_VALUE}",
        " ip ospf message-digest-key 1 md5 7 094F471A1A0A",
    ),
    Rule(
        ("key",),
        r"\s*ntp authentication-key \d+ \S+ (?:\d )?(?P<secret>\S+)",
        "ntp authentication-key 10 md5 104D000A0618 7",
    ),
    Rule(("community",), rf"\s*snmp(?:-server)? community {_TYPE}{_VALUE}", "snmp-server community s3cretC0mm RO 10"),
    Rule(
        ("snmp-server",),
        r"\s*snmp-server host \S+(?: vrf \S+)?(?: (?:traps|informs))?(?: version (?:1|2c|3(?: (?:auth|noauth|priv))?))?"
        r" (?P<secret>(?!vrf\b|traps\b|informs\b|version\b)\S+)",
        "snmp-server host 192.0.2.9 vrf MGMT version 2c trapC0mmunity",
    ),
    Rule(
        ("snmp-server",),
        r"\s*snmp-server user .*?\bauth \S+ (?P<secret>\S+)"
        r"(?: priv (?:aes |3des |des )?(?:\d+ )?(?P<secret_priv>\S+))?",
        "snmp-server user ops OPS v3 auth sha AuthPass99 priv aes 128 PrivPass99",
    ),
    Rule(
        ("key",),
        r"\s*crypto isakmp key (?:\d )?(?P<secret>\S+)",
        "crypto isakmp key 6 VPNk3yVPNk3y address 198.51.100.7",
    ),
    Rule(
        ("authentication",),
        r".*?\b(?:standby|vrrp|glbp|nhrp|hsrp|rip)\b.*?\bauthentication (?:string |text |md5 key-string (?:\d )?)?"
        r"(?P<secret>(?!md5\b|mode\b|key-chain\b)\S+)",
        " standby 1 authentication md5 key-string 7 02050D480809",
    ),
    Rule(
        ("password",),
        r"\s*(?:area|domain)-password (?:clear |md5 )?(?P<secret>\S+)",
        " area-password md5 Ar3aPassw0rd",
    ),
    Rule(("psk",), rf".*?\b(?:wpa-)?psk (?:set-key )?{_TYPE}{_VALUE}", " security wpa psk set-key ascii 0 W1f1Pass99"),
    PEM,
    URL,
)  # fmt: skip
"""Of command lines in the manner of IOS; where a rule goes too far only reading suffers, for a restore puts it back."""

_BUILDING = Rule(("building configuration",), r"Building configuration\.\.\.\s*$", "Building configuration...")
_CURRENT = Rule(
    ("current configuration", "startup configuration", "using "),
    r"(?:(?:Current|Startup) configuration ?:?.*|Using \d+ out of \d+ bytes.*)$",
    "Current configuration : 4213 bytes",
)
_CHANGED = Rule(
    ("configuration change", "config last updated"),
    r"!+ ?(?:Last configuration change at|NVRAM config last updated at|No configuration change since last restart).*$",
    "! Last configuration change at 07:44:06 UTC Fri Jan 30 2015 by admin",
)

CISCO_IOS = Platform(
    "cisco_ios",
    "Cisco IOS and IOS XE",
    volatile=(
        _BUILDING,
        _CURRENT,
        _CHANGED,
        # The clock corrects itself, and IOS writes down by how much.
        Rule(("ntp clock-period",), r"\s*ntp clock-period \d+\s*$", "ntp clock-period 36029056"),
        Rule(("uptime is",), r".*\buptime is .*$", "sw1 uptime is 1 week, 2 days, 3 hours, 4 minutes"),
        Rule(("time:",), r"!Time: .*$", "!Time: Thu Jan  1 00:00:00 2026"),
    ),
    secrets=COMMAND_LINE,
)

ARISTA_EOS = Platform(
    "arista_eos",
    "Arista EOS",
    volatile=(
        Rule(("command:",), r"! Command: .*$", "! Command: show running-config"),
        Rule(("device:",), r"! device: .*$", "! device: leaf1 (vEOS-lab, EOS-4.32.1F)"),
        Rule(("time:",), r"! Time: .*$", "! Time: Thu Jan  1 00:00:00 2026"),
        Rule(
            ("last modified at",),
            r"! (?:Startup-config|Running-config) last modified at .*$",
            "! Startup-config last modified at Wed Dec 31 23:59:59 2025 by admin",
        ),
        Rule(("uptime:",), r"Uptime: .*$", "Uptime: 2 weeks, 1 day, 3 hours and 12 minutes"),
    ),
    secrets=(
        *COMMAND_LINE,
        Rule(
            ("key",),
            r"\s*key [0-9a-f]+ (?:[078]a? )(?P<secret>\S+)",
            " key 0abc1234 7 06070D221D1C5A4F",
        ),
    ),
)

_ELEMENTS = (
    r"[a-z:-]*(?:password|secret|passphrase|community|psk|private-key|shared-key|authentication-key|key-string"
    r"|ascii-text|hexadecimal)"
)
_XML_VOLATILE = Rule(
    ("last-modified", "etag", "commit-", "changed-"),
    r"(?P<volatile> (?:[\w.-]+:)?(?:last-modified|etag|(?:commit|changed)-(?:seconds|localtime|user))"
    r"=\"[^\"]*\")",
    '<vlans ncx:last-modified="2026-01-01T00:00:00Z" ncx:etag="27">',
    ANYWHERE,
)
"""What servers say in attributes of when a configuration was changed, under any prefix."""
_XML_SECRETS = (
    Rule(
        ("password", "secret", "passphrase", "community", "psk", "key"),
        rf"<(?P<element>{_ELEMENTS})(?: [^>]*)?>(?P<secret>[^<]+)</(?P=element)>",
        "<shared-secret>R4diusSecret</shared-secret>", ANYWHERE,
    ),
    Rule(
        ("<key",), r"<(?P<element>key)(?: [^>]*)?>(?P<secret>[^<]+)</(?P=element)>",
        "<key>abcdef0123456789</key>", ANYWHERE,
    ),
    Rule(
        ("<community",), r"<community(?: [^>]*)?>\s*<name>(?P<secret>[^<]+)</name>",
        "<community><name>s3cretC0mm</name></community>", ANYWHERE,
    ),
)  # fmt: skip

JUNIPER_JUNOS = Platform(
    "juniper_junos",
    "Juniper Junos",
    volatile=(
        Rule(
            ("last commit", "last changed"),
            r"\s*##? ?Last (?:commit|changed): .*$",
            "## Last commit: 2026-01-01 00:00:00 UTC by admin",
        ),
        # By NETCONF it speaks XML.
        _XML_VOLATILE,
    ),
    secrets=(
        *_XML_SECRETS,
        Rule(("secret-data",), r".*?(?P<secret>\"[^\"]*\"|\S+);\s*## SECRET-DATA", 'key "$9$Ehcrvl"; ## SECRET-DATA'),
        Rule(
            ("password", "secret", "key", "passphrase", "psk"),
            r".*?\b(?:[a-z]+-)*(?:password|secret|key|passphrase|psk)(?:-value)?"
            r" (?:(?:ascii-text|hexadecimal|value) )*(?P<secret>\"[^\"]*\"|[^\s;{]+)",
            '        encrypted-password "$6$kPaTZGJM$8gYfYvZ1";',
        ),
        Rule(
            ("community",),
            r"(?:set snmp community (?P<secret>\S+)|.*\bcommunity-name (?P<secret_name>[^\s;]+)"
            r"|\s*community (?P<secret_block>\S+)\s*[{;]\s*$)",
            "    community s3cretC0mm {",
        ),
        PEM,
        URL,
    ),
)  # fmt: skip

NETCONF = Platform(
    "netconf",
    "NETCONF devices",
    volatile=(
        Rule(
            ("message-id=",), r"(?P<volatile> message-id=\"[^\"]*\")",
            '<rpc-reply message-id="urn:uuid:1">', ANYWHERE,
        ),
        _XML_VOLATILE,
    ),
    secrets=(
        *_XML_SECRETS,
        PEM,
        URL,
    ),
)  # fmt: skip

FRR = Platform(
    "frr",
    "FRRouting",
    volatile=(
        _BUILDING,
        Rule(("current configuration",), r"Current configuration:\s*$", "Current configuration:"),
        Rule(
            ("configuration saved",),
            r"! ?\w+ configuration saved from vty\s*$",
            "! Zebra configuration saved from vty",
        ),
        Rule(("!",), r"! +\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\s*$", "!   2026/01/01 00:00:00"),
    ),
    secrets=COMMAND_LINE,
)

HAPROXY = Platform(
    "haproxy",
    "HAProxy, its configuration and the states of its servers",
    terminal=False,
    # Administrative state, weight and address are what an operator set; the rest is what HAProxy saw since.
    volatile_keys=(
        Keys("servers", r".*\.(?:time_since_last_change|last_chg|lastchg)", "web/app1.time_since_last_change"),
        Keys("servers", r".*\.(?:op_state|check_\w+|agent_state|last_chk|chkdown|chkfail)", "web/app1.check_result"),
        Keys("servers", r".*\.(?:scur|smax|stot|qcur|qmax|bin|bout|rate|rate_max|lastsess|downtime)", "web/app1.scur"),
    ),
    secrets=(
        Rule(("stats auth",), r"\s*stats auth [^\s:]+:(?P<secret>\S+)", "    stats auth admin:St4tsPassw0rd"),
        Rule(
            ("password",),
            r".*?\b(?:insecure-)?password (?P<secret>\S+)",
            "    user api insecure-password Ap1Passw0rd",
        ),
        Rule(
            ("authorization", "x-api-key", "x-auth-token"),
            r".*?(?:authorization|x-api-key|x-auth-token)\\?:?\\? +(?P<secret>\S.*)",
            "    http-check send hdr Authorization \"Basic YWRtaW46c2VjcmV0\"",
        ),
        Rule(
            ("env",),
            r"\s*(?:pre)?setenv \w*(?:pass|secret|token|key)\w* (?P<secret>\S.*)",
            "    setenv DB_PASSWORD S3tEnvPassw0rd",
        ),
        PEM,
        URL,
    ),
)  # fmt: skip

_SET_BY_NOBODY = r"(?!.*\.(?:options|other_config|external_ids|bfd|lldp)\.)(?:.*\.)?"
"""Any path to a key, but not into the columns in which people choose the keys themselves."""

OPENVSWITCH = Platform(
    "openvswitch",
    "Open vSwitch",
    blocks=False,
    # Names stand for rows; what the switch counts or finds out by itself is no configuration.
    volatile_keys=(
        Keys("*", rf"{_SET_BY_NOBODY}(?:_uuid|_version)", "bridges.br0._uuid"),
        Keys("*", rf"{_SET_BY_NOBODY}(?:statistics|status|error|ifindex|ofport|mac_in_use)",
             "interfaces.p1.statistics"),
        Keys("*", rf"{_SET_BY_NOBODY}(?:admin_state|link_state|link_speed|link_resets|duplex)",
             "interfaces.p1.link_resets"),
        Keys("*", rf"{_SET_BY_NOBODY}(?:cur_cfg|next_cfg|datapath_id|datapath_version|lacp_current)",
             "open_vswitch.cur_cfg"),
        Keys("*", rf"{_SET_BY_NOBODY}(?:bfd_status|rstp_status|rstp_statistics|bond_active_slave)",
             "ports.b0.rstp_status"),
        Keys("*", rf"{_SET_BY_NOBODY}cfm_(?:fault|fault_status|flap_count|health|remote_mpids|remote_opstate)",
             "interfaces.p1.cfm_health"),
    ),
    volatile=(
        Rule(
            ("-",),
            r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$",
            "6c1f6a0e-6f9a-4c6a-8b8e-0f2a3b4c5d6e",
        ),
    ),
    secrets=(
        Rule(
            ("psk", "password", "private_key", "secret"),
            r".*?\b(?:psk|password|private_key|secret)\"?\s*[=:]\s*(?P<secret>\"(?:[^\"\\]|\\.)*\"|[^\s,}]+)",
            "options: {psk=T0pSecretPsk, remote_ip=192.0.2.7}",
        ),
        PEM,
    ),
)  # fmt: skip

CLI_CONFIG = Platform(
    "cli_config",
    "Network devices with a command line, through cli_config",
    volatile=(_BUILDING, _CURRENT, _CHANGED, *CISCO_IOS.volatile[3:], *ARISTA_EOS.volatile, *JUNIPER_JUNOS.volatile),
    secrets=(*COMMAND_LINE, *JUNIPER_JUNOS.secrets),
)
