# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle that brings a RHEL host back to a snapshot.

The firewall comes first, for without it nobody can help; then what needs no network: users, files, settings, mounts,
units. Packages need a repository (or dnf's cache), so they come when the host can be reached again; after them the
same steps come once more, for packages bring files, users and units of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from shlex import quote
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, encoded
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import (
    rhel_choices,
    rhel_firewall,
    rhel_script,
    rhel_script_units,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.shell_files import WRITING

ATTRIBUTES = "attributes:"
"""What the item with the attributes of a file begins with; the path follows."""
HISTORY = "dnf_history"
"""The note that says which transaction of dnf was the last."""

_CONNECTIONS = ("/etc/NetworkManager/system-connections/", "/etc/sysconfig/network-scripts/")
_UUID = re.compile(r"(?im)^uuid\s*=\s*\"?(?P<uuid>[0-9a-f-]{36})\b")
_BY_HAND = re.compile(r"(?im)^autoconnect\s*=\s*(?:false|no)\b|^onboot\s*=\s*\"?no\b")
_NEVER_RESTARTED = ("nftables.service", "firewalld.service", "dbus.service", "dbus-broker.service", "systemd.service")
_OPPOSITES = {"ro": "rw", "nosuid": "suid", "nodev": "dev", "noexec": "exec"}

Made = tuple[list[str], dict[str, bytes]]
"""Lines of the script, and the files that they need."""


def bundle(wanted: Snapshot, sections: Sequence[str]) -> Bundle:
    """What brings a host back to these sections of a snapshot; sections that it does not have are left alone."""
    chosen = [name for name in _MAKERS if name in sections and name in wanted.sections]
    steps: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    for name in chosen:
        steps[name], more = _MAKERS[name](wanted)
        files.update(more)
    parts = [
        rhel_script.BEGIN, WRITING, rhel_script.FILES, rhel_script.SETTINGS, rhel_script.FIREWALL,
        rhel_script_units.UNITS, rhel_script_units.RESTARTS, rhel_script_units.MOUNTS, rhel_script_units.PACKAGES,
        "\n# --- this snapshot ---\n", _concerns(wanted), _settle(steps), _main(wanted, steps), rhel_script.END,
    ]  # fmt: skip
    return Bundle("\n".join(parts), files)


def _settle(steps: Mapping[str, Sequence[str]]) -> str:
    """Shell: everything that needs no network, apart from the tables of the firewall."""
    lines = [line for name in ("users", "firewall", "files", "sysctl", "mounts") for line in steps.get(name, ())]
    lines += ["reread", *steps.get("units", ())[:1], "restart", *steps.get("units", ())[1:]]
    tables = "" if "firewall" in steps else "tables() { :; }\n"
    return tables + "settle() {\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


def _main(wanted: Snapshot, steps: Mapping[str, Sequence[str]]) -> str:
    if "packages" not in steps:
        return "tables\nsettle"
    return (
        "tables\nif ! same_packages; then\n    round=first\n    settle\n    round=last\n"
        f"    packages {quote(wanted.notes.get(HISTORY, ''))}\nfi\nrenew\nsettle"
    )


# --- the sections -----------------------------------------------------------------------------------------------------


def _files(items: Mapping[str, Any], letter: str) -> Made:
    """Files with their attributes, folders before what is in them, and what is too much in the folders at the end."""
    lines, files, folders = [], {}, []
    paths = sorted(name[len(ATTRIBUTES) :] for name in items if name.startswith(ATTRIBUTES))
    for number, path in enumerate(paths):
        said = items[ATTRIBUTES + path]
        kind, data = said["type"], f"{letter}{number:04d}"
        owners = [said.get("owner", "-"), said.get("group", "-"), said.get("label", "-")]
        if kind == "absent":
            lines.append(f"put_nothing {quote(path)}")
        elif kind == "file":
            files[data] = encoded(str(items[path]))
            lines.append(_call("put_file", data, _mode(said), *owners, path))
        elif kind == "directory":
            folders.append(path)
            lines.append(_call("put_directory", _mode(said), *owners, path))
        elif kind == "link":
            lines.append(_call("put_link", said["target"], *owners, path))
        else:
            lines.append(_call("still_there", path))
    if folders:
        known = sorted(encoded(path) for path in paths)
        files[f"{letter}.known"] = b"".join(path + b"\n" for path in known)
        lines.append(_call("only", f"{letter}.known", *folders))
    return lines, files


def _call(function: str, *words: str) -> str:
    return " ".join([function, *map(quote, words)])


def _mode(said: Mapping[str, Any]) -> str:
    """A mode as stat prints it, without zeros before it."""
    return format(int(said["mode"], 8), "o")


def _lines(lines: Iterable[str]) -> bytes:
    return b"".join(sorted(encoded(f"{line}\n") for line in lines))


def _packages(wanted: Snapshot) -> Made:
    installed = wanted.sections["packages"]
    return [], {"packages.wanted": _lines(f"{name} {evr}" for name in installed for evr in installed[name].split())}


def _sysctl(wanted: Snapshot) -> Made:
    """Settings by their paths, those first that change others: of forwarding, and of all interfaces."""
    found = [item for family in wanted.sections["sysctl"].values() for item in family.items()]
    paths = {_path(key): value for key, value in found}

    def rank(path: str) -> tuple[int, str]:
        wide = ("/ip_forward", "/conf/all/", "/conf/default/")
        return next((n for n, part in enumerate(wide) if part in path), len(wide)), path

    lines = b"".join(encoded(f"{path} {paths[path]}\n") for path in sorted(paths, key=rank))
    return ["settings"], {"settings.wanted": lines}


def _path(key: str) -> str:
    """Where a setting is, given its name as sysctl(8) writes it: with a slash for a dot in a part."""
    return "/proc/sys/" + key.replace("/", "\0").replace(".", "/").replace("\0", ".")


def _firewall(wanted: Snapshot) -> Made:
    items = wanted.sections["firewall"]
    tables = [items[rhel_firewall.TABLE + name] for name in items.get("tables", ())]
    lines, files = _files(items, "z") if rhel_firewall.ZONES in items else ([], {})
    files["nft.wanted"] = encoded("".join(tables))
    for program in ("iptables", "ip6tables"):
        if program in items:
            files[f"{program}.wanted"] = encoded(items[program])
    return [*lines, *(["zones"] if rhel_firewall.ZONES in items else [])], files


def _units(wanted: Snapshot) -> Made:
    said = wanted.sections["units"]
    lines = [f"{name} - -" for name in said.get("others", ())]
    for name, unit in said.items():
        if name != "others":
            active = {True: "yes", False: "no", None: "-"}[unit.get("active")]
            lines.append(f"{name} {unit['enabled'] or '-'} {active}")
    return ["enabled", "running"], {"units.wanted": _lines(lines)}


def _mounts(wanted: Snapshot) -> Made:
    items = wanted.sections["mounts"]
    lines = [
        _call("mounted", said["source"], said["type"], said["options"], _options(said), said.get("root", "/"), path)
        for path, said in sorted(items.items())
    ]
    kinds, below = quote(" ".join(rhel_choices.PASSING_KINDS)), quote(rhel_choices.PASSING_MOUNTS)
    lines.append(f"unmounted {kinds} {below}")
    return lines, {"mounts.wanted": _lines(map(_escaped, items))}


def _options(said: Mapping[str, Any]) -> str:
    """The options to mount with; those too that are not there, for mount takes them from fstab else."""
    options = said["options"].split(",")
    own = [each for each in said["filesystem"].split(",") if each not in ("ro", "rw", "seclabel", "inode64")]
    opposites = [opposite for option, opposite in _OPPOSITES.items() if option not in options and option != "ro"]
    return ",".join([*(own if said["type"] == "tmpfs" else ()), *options, *opposites])


def _escaped(path: str) -> str:
    """A path as /proc/self/mountinfo writes it."""
    return re.sub(r"[ \t\n\\]", lambda found: f"\\{ord(found.group()):03o}", path)


_MAKERS: Mapping[str, Callable[[Snapshot], Made]] = {
    "firewall": _firewall,
    "users": lambda wanted: _files(wanted.sections["users"], "u"),
    "files": lambda wanted: _files(wanted.sections["files"], "f"),
    "sysctl": _sysctl,
    "mounts": _mounts,
    "units": _units,
    "packages": _packages,
}


# --- who reads which file ---------------------------------------------------------------------------------------------


def _concerns(wanted: Snapshot) -> str:
    """Shell: what has to be done once a file was written: restart services of its name, bring connections up."""
    paths = sorted(name[len(ATTRIBUTES) :] for name in wanted.sections.get("files", ()) if name.startswith(ATTRIBUTES))
    known = wanted.sections.get("units", {})
    running = {name for name, unit in known.items() if name != "others" and unit.get("active")}
    running |= set(known.get("others", ()))  # they may run, and are restarted only if they do
    cases = []
    for path in paths:
        units = sorted(candidates(path) & running - set(_NEVER_RESTARTED))
        if path.startswith(_CONNECTIONS):
            units = [f"connection:{_uuid(wanted.sections['files'].get(path))}"]
        if units:
            folder = wanted.sections["files"][ATTRIBUTES + path]["type"] == "directory"
            pattern = f"{quote(path)} | {quote(path)}/*" if folder else quote(path)
            cases.append(f"    {pattern}) {_call('later', *units)} ;;\n")
    deepest_first = sorted(cases, key=lambda case: -case.count("/"))
    others = "".join(f"    {quote(folder)}*) later connection: ;;\n" for folder in _CONNECTIONS)
    return 'concerns() {\n    case "$1" in\n' + "".join(deepest_first) + others + "    esac\n}\n"


def _uuid(text: Any) -> str:
    """The UUID of a connection of NetworkManager; "" when it has none, or comes up by hand only."""
    found = _UUID.search(text) if isinstance(text, str) and not _BY_HAND.search(text) else None
    return found["uuid"] if found else ""


def candidates(path: str) -> set[str]:
    """Services that may read a file of /etc, by its name: chrony and chronyd for /etc/chrony.conf and /etc/chrony.d/x.

    A daemon is often called as its configuration is, with a "d" at the end; who is not there is not meant.
    """
    parts = path.split("/")[2:] if path.startswith("/etc/") else []
    if parts[:2] == ["systemd", "system"]:
        return set()
    stems = {stem for part in parts for stem in (part, part.partition(".")[0], part.removesuffix("_config")) if stem}
    if parts[:1] == ["systemd"]:
        stems = {f"systemd-{stem}" for stem in stems}
    return {f"{stem}{end}.service" for stem in stems for end in ("", "d")}
