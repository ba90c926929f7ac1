# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a Windows host stands in a snapshot, in which form, and how it becomes what ``restore.ps1`` reads.

Registry: an item for each key, by its path; in it each value by its name, as its type and its text: ``dword 8080``,
``string hello``, ``multi ["a", "b"]``, ``binary 0a0b`` (null for a chosen key that is not there). Files: the content by
the path, as text to the byte, and beside it ``attributes:PATH``; of a chosen file that is not there only the latter.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, decoded, encoded
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import WINDOWS
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import windows_firewall
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import normal_items

ATTRIBUTES = "attributes:"
PROFILE, RULE = "profile/", "rule/"
RESTART = "restart"
"""The note that names services, a line each, that are restarted when files or keys were put back."""
MOST_JSON = 2_000_000
"""Characters: more is read by no ConvertFrom-Json of PowerShell 5.1."""

_HIVES = {
    "HKLM": "LocalMachine", "HKEY_LOCAL_MACHINE": "LocalMachine", "HKU": "Users", "HKEY_USERS": "Users",
    "HKCR": "ClassesRoot", "HKEY_CLASSES_ROOT": "ClassesRoot",
}  # fmt: skip
_SHORT = {"LocalMachine": "HKLM", "Users": "HKU", "ClassesRoot": "HKCR"}
_KINDS = {
    "String": "string", "ExpandString": "expand", "MultiString": "multi", "DWord": "dword", "QWord": "qword",
    "Binary": "binary", "None": "none", "Other": "other",
}  # fmt: skip
_LONG = {short: kind for kind, short in _KINDS.items()}
_BITS = {"DWord": 32, "QWord": 64}
_SERVICE = re.compile(r"[^\\/*?\[\]\s](?:[^\\/*?\[\]\r\n]*[^\\/*?\[\]\s])?\Z")
_PATH = re.compile(r"[A-Za-z]:\\[^*?\"<>|:\r\n]*[^*?\"<>|:\r\n\\]\Z")


# --- what a person chooses -------------------------------------------------------------------------------------------


def chosen_files(paths: Iterable[str]) -> tuple[str, ...]:
    """Paths as Windows writes them, each once whatever its letter case. Raises HoldfastError for one that is none."""
    found: dict[str, str] = {}
    for given in paths:
        path = given.replace("/", "\\")
        if not _PATH.match(path):
            raise HoldfastError(f"'{given}' is no file of a Windows host; a whole path like C:\\app\\app.ini is")
        found.setdefault(path.lower(), path)
    return tuple(found.values())


def chosen_keys(keys: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Keys as hive (of .NET) and path, none within another one. Raises HoldfastError for one that cannot be kept."""
    found: dict[str, tuple[str, str]] = {}
    for given in keys:
        root, _separator, path = given.strip("\\").partition("\\")
        hive = _HIVES.get(root.rstrip(":").upper())
        if hive is None or not path.strip("\\"):
            raise HoldfastError(
                f"'{given}' is no key of the registry that can be kept; one like HKLM:\\SOFTWARE\\App is (of HKLM, HKU "
                "or HKCR: HKCU is somebody else's for each user)"
            )
        found.setdefault(f"{hive}\\{path}".lower(), (hive, path.strip("\\")))
    outer = [name for name in found if not any(name.startswith(f"{other}\\") for other in found)]
    return tuple(found[name] for name in outer)


def chosen_services(names: Iterable[str]) -> tuple[str, ...]:
    """Names of services. Raises HoldfastError for one that is none."""
    found = tuple(names)
    for name in found:
        if not _SERVICE.match(name):
            raise HoldfastError(f"'{name}' is no name of a service; one like W3SVC is")
    return found


# --- items from answers ----------------------------------------------------------------------------------------------


def registry_items(keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Keys as ``windows_reads.REGISTRY`` says them."""
    found: dict[str, Any] = {}
    for key in keys:
        values = {str(each["name"]): value_text(each["kind"], each["data"]) for each in key["values"]}
        found[f"{_SHORT[key['hive']]}:\\{key['key']}"] = values if key["exists"] else None
    return found


def value_text(kind: str, data: Sequence[str]) -> str:
    """One value: its type and its text."""
    if kind == "MultiString":
        text = json.dumps(list(data), ensure_ascii=False)
    elif kind in _BITS:
        text = str(int(data[0]) % 2 ** _BITS[kind])
    elif kind in ("Binary", "None", "Other"):
        text = base64.b64decode(data[0], validate=True).hex()
    else:
        text = data[0]
    return f"{_KINDS[kind]} {text}"


def value_data(text: str) -> tuple[str, list[str]]:
    """Kind and data again from what ``value_text`` wrote. Raises HoldfastError."""
    short, _space, rest = text.partition(" ")
    try:
        kind = _LONG[short]
        if kind == "MultiString":
            return kind, [str(each) for each in json.loads(rest)]
        if kind in _BITS:
            number, bits = int(rest), _BITS[kind]
            return kind, [str(number - 2**bits if number >= 2 ** (bits - 1) else number)]
        if kind in ("Binary", "None", "Other"):
            return kind, [base64.b64encode(bytes.fromhex(rest)).decode()]
    except (KeyError, ValueError) as error:
        raise HoldfastError(f"a value of the registry in a form that is not known: {short}") from error
    return kind, [rest]


def file_items(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Files as ``windows_reads.FILES`` says them. UTF-16, as Windows writes it, is kept as the text it is."""
    found: dict[str, Any] = {}
    for each in files:
        path = str(each["path"])
        if not each["exists"]:
            found[f"{ATTRIBUTES}{path}"] = {"exists": False}
            continue
        text, encoding = _text(base64.b64decode(each["content"], validate=True))
        found[path] = text
        found[f"{ATTRIBUTES}{path}"] = {
            "exists": True,
            "encoding": encoding,
            "attributes": str(each["attributes"]),
            "sddl": str(each["sddl"]),
        }
    return found


def _text(data: bytes) -> tuple[str, str]:
    """A file as text and its encoding, so that ``_bytes`` gives exactly these bytes again."""
    if data.startswith(b"\xff\xfe"):
        try:
            text = data[2:].decode("utf-16-le")
            if _bytes(text, "utf-16") == data:
                return text, "utf-16"
        except UnicodeDecodeError:
            pass
    return decoded(data), "utf-8"


def _bytes(text: str, encoding: str) -> bytes:
    return b"\xff\xfe" + text.encode("utf-16-le") if encoding == "utf-16" else encoded(text)


# --- what restore.ps1 reads ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """``wanted.json``, and the contents of files: the n-th lies beside it as ``content-n``."""

    document: str
    contents: tuple[bytes, ...]


def wanted(snapshot: Snapshot, sections: Iterable[str]) -> Wanted:
    """What brings a host back to these sections of a snapshot; a section that it does not have is left alone.

    Raises HoldfastError for a snapshot of another platform, or one too big.
    """
    if snapshot.platform != "windows":
        raise HoldfastError(f"a snapshot of {snapshot.platform} cannot be what a Windows host goes back to")
    said: dict[str, Any] = {}
    contents: list[bytes] = []
    for section in sections:
        items = snapshot.sections.get(section)
        if items is not None and section == "files":
            said[section] = _files(items, contents)
        elif items is not None:
            said[section] = _SECTIONS[section](items)
    if said.keys() & {"files", "registry"}:
        said["restart"] = snapshot.notes.get(RESTART, "").split("\n") if snapshot.notes.get(RESTART) else []
    document = json.dumps(said, sort_keys=True)
    if len(document) > MOST_JSON:
        raise HoldfastError(
            f"what the host is to go back to takes {len(document)} characters without its files, and more than "
            f"{MOST_JSON} cannot be read there; choose fewer keys of the registry"
        )
    return Wanted(document, tuple(contents))


def _firewall(items: Mapping[str, Any]) -> dict[str, Any]:
    profiles, rules = [], []
    for name, value in sorted(items.items()):
        if name.startswith(PROFILE):
            profiles.append({"name": name[len(PROFILE) :], "settings": dict(value)})
            continue
        parts = windows_firewall.rule(value)
        rules.append(
            {
                "name": name[len(RULE) :],
                "definition": windows_firewall.definition(value),
                "made": dict(parts.made),
                "changed": dict(parts.changed),
                "unknown": list(parts.unknown),
            }
        )
    return {"profiles": profiles, "rules": rules}


def _services(items: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "start_mode": each["start_mode"], "account": each["account"], "state": each.get("state", "")}
        for name, each in sorted(items.items())
    ]


def _features(items: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "installed": state == INSTALLED} for name, state in sorted(items.items())]


def _registry(items: Mapping[str, Any]) -> dict[str, Any]:
    """Keys, the outer ones before those in them; and the values that Windows itself writes, which are left alone."""
    found = []
    for path, values in sorted(normal_items(WINDOWS, "registry", items).items()):
        hive, key = chosen_keys([path])[0]
        listed = []
        for name, text in sorted((values or {}).items()):
            kind, data = value_data(text)
            listed.append({"name": name, "kind": kind, "data": data})
        found.append({"path": path, "hive": hive, "key": key, "exists": values is not None, "values": listed})
    passing = [f"^(?:{keys.pattern})$" for keys in WINDOWS.volatile_keys if keys.section == "registry"]
    return {"keys": found, "passing": passing}


def _files(items: Mapping[str, Any], contents: list[bytes]) -> list[dict[str, Any]]:
    found = []
    for name, facts in sorted(items.items()):
        if not name.startswith(ATTRIBUTES):
            continue
        path = name[len(ATTRIBUTES) :]
        if not facts["exists"]:
            found.append({"path": path, "exists": False})
            continue
        found.append(
            {"path": path, "exists": True, "content": f"content-{len(contents)}", "sddl": facts["sddl"],
             "attributes": facts["attributes"]}
        )  # fmt: skip
        contents.append(_bytes(items[path], facts["encoding"]))
    return found


INSTALLED, ABSENT = "installed", "not installed"
_SECTIONS = {"firewall": _firewall, "services": _services, "features": _features, "registry": _registry}
