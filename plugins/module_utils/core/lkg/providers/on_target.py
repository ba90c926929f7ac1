# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What providers of programs under Linux have in common: files as they are read there, and as a bundle puts them back.

A file is an item with its text under its path. What else is known of it (mode, owner, group, where a symbolic link
leads) stands in one more item, ``attributes``, beside the folders and patterns that were looked into: what matches one
of them and is not in the snapshot is too much, and a restore takes it away.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, decoded, encoded
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Device, Unanswered, Unreadable
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.shell_files import WRITING
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import normal_items

ATTRIBUTES = "attributes"

_READ = """for path in {patterns}; do
    [ -f "$path" ] || continue
    [ -r "$path" ] || {{ echo "$path cannot be read" >&2; exit 1; }}
    link=$(readlink "$path" | base64 | tr -d '\\n')
    content=$(base64 < "$path") || exit 1
    content=$(printf %s "$content" | tr -d '\\n')
    name=$(printf %s "$path" | base64 | tr -d '\\n')
    echo "$(stat -L -c '%a %U %G' "$path") ,$link ,$name ,$content" || exit 1
done
"""
"""Prints a line for each file: mode, owner, group, and in base64 after commas where it leads, its path, its content."""

SHELL = (
    """# What every bundle begins with.
umask 077
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
failed=0
say() { printf '%s\\n' "$1"; }
fail() { printf 'FAILED: %s\\n' "$1"; failed=1; }
"""
    + WRITING
    + """
find_python() {  # Ansible needs one here as well
    for python in python3 /usr/bin/python3 /usr/libexec/platform-python; do
        command -v "$python" >/dev/null 2>&1 && return 0
    done
    return 1
}

same_file() {  # SOURCE PATH MODE OWNER GROUP LINK
    [ "$(readlink "$2")" = "$6" ] && cmp -s "$1" "$2" && [ "$(stat -L -c '%a %U %G' "$2")" = "$3 $4 $5" ]
}

write_file() {  # the same
    mkdir -p "$(dirname "$2")" || return 1
    if [ -n "$6" ]; then
        [ "$(readlink "$2")" = "$6" ] || link_whole "$6" "$2" || return 1
        set -- "$1" "$(readlink -m "$2")" "$3" "$4" "$5" ""
        mkdir -p "$(dirname "$2")" || return 1
    fi
    write_whole "$1" "$3" "$4" "$5" - "$2"
}

put_file() {  # the same; says what it does
    same_file "$@" && return 0
    write_file "$@"
    case $? in
    0) say "wrote $2"; changed=1 ;;
    2) fail "$2 was written, and cannot be given to $4:$5 with the mode $3"; changed=1 ;;
    *) fail "$2 could not be written" ;;
    esac
}

take_away() {  # PATH: unless it is none that a snapshot would have, or in the list of what is wanted
    [ -f "$1" ] || return 0
    grep -qxF -e "$1" wanted.list && return 0
    if rm -f "$1"; then say "removed $1"; changed=1; else fail "$1 could not be removed"; fi
}
"""
)
"""Functions of bundles, in the shell of POSIX with the tools of Linux (GNU or busybox). ``changed`` says whether a file
was touched, ``failed`` whether a step failed. No function says what is in a file."""


def ask(device: Device, arguments: Sequence[str], what: str) -> str:
    """What a command prints on the host. Raises Unreadable with ``what`` when it fails, and Unanswered."""
    try:
        return str(device.run("ansible.builtin.command", {"argv": list(arguments)}, secret=True)["stdout"])
    except Unanswered:
        raise
    except HoldfastError as error:
        raise Unreadable(f"{what}: {error}") from error


def pattern(path: str) -> str:
    """A path as the shell reads it; only ``*`` in its last part is more than a character."""
    folder, slash, name = path.rpartition("/")
    return shlex.quote(f"{folder}{slash}") + "*".join(shlex.quote(part) if part else "" for part in name.split("*"))


def read_files(device: Device, patterns: Sequence[str], what: str) -> dict[str, Any]:
    """The files of a host that match patterns, as items, and their attributes. Raises Unreadable and Unanswered."""
    script = _READ.format(patterns=" ".join(pattern(each) for each in patterns))
    found: dict[str, Any] = {}
    attributes = {}
    for line in ask(device, ["/bin/sh", "-c", script], what).splitlines():
        try:
            facts, link, name, content = (part.strip() for part in line.split(","))
            mode, owner, group = facts.split()
            path, leads = (decoded(base64.b64decode(part, validate=True)) for part in (name, link))
            found[path] = decoded(base64.b64decode(content, validate=True))
        except (ValueError, binascii.Error) as error:
            raise Unreadable(f"{what}: the host answered with what is no file: {line[:60]!r}") from error
        attributes[path] = {"mode": mode, "owner": owner, "group": group}
        if leads.strip():
            attributes[path]["link"] = leads.rstrip("\n")
    return {**found, ATTRIBUTES: {"looked_for": list(patterns), "files": attributes}}


def section(wanted: Snapshot, name: str) -> dict[str, Any]:
    """The items of a section of a snapshot, normalised. Raises HoldfastError when it was not read."""
    if name not in wanted.sections:
        why = wanted.gaps.get(name, "it was not asked for")
        raise HoldfastError(
            f"the snapshot of {wanted.host} cannot be restored, for its section '{name}' was not read: {why}"
        )
    return normal_items(platform_named(wanted.platform), name, wanted.sections[name])


def files_of(items: Mapping[str, Any]) -> tuple[str, dict[str, bytes]]:
    """How a bundle puts files back: a function ``restore_files`` for its script, and what lies beside that."""
    try:
        attributes, patterns = items[ATTRIBUTES]["files"], items[ATTRIBUTES]["looked_for"]
        paths = sorted(name for name in items if name.startswith("/"))
        facts = {path: [str(attributes[path][fact]) for fact in ("mode", "owner", "group")] for path in paths}
        links = {path: str(attributes[path].get("link", "")) for path in paths}
    except (KeyError, TypeError) as error:
        raise HoldfastError(f"the snapshot does not say of its files what a restore needs: {error}") from error
    lines = ["restore_files() {"]
    beside = {"wanted.list": encoded("".join(f"{path}\n" for path in paths))}
    for number, path in enumerate(paths):
        beside[f"file-{number}"] = encoded(str(items[path]))
        lines.append("    put_file " + shlex.join([f"file-{number}", path, *facts[path], links[path]]))
    lines += [f'    for path in {pattern(each)}; do take_away "$path"; done' for each in patterns]
    return "\n".join([*lines, "}"]) + "\n", beside
