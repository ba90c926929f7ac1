# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that read a RHEL host, one for each section: Python that runs there from its standard input.

Ansible needs Python on a host anyway, so a section costs one module and one round trip. They need the standard library
of Python 3.6 (RHEL 8) and nothing else, are told what to look for as ``GIVEN``, and answer with one JSON object:
``found``, and ``problems``, which are reasons why the section is not complete. Nothing is written anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LAUNCHER = (
    "for python in /usr/libexec/platform-python /usr/bin/python3; do "
    '[ -x "$python" ] && exec "$python" -I -; '
    "done; echo 'there is no Python 3: neither /usr/libexec/platform-python nor /usr/bin/python3' >&2; exit 127"
)
"""Shell: run the program on standard input with the Python of the system, which no project's environment changes."""

_BEGIN = r"""
import base64, json, os, re, stat, subprocess, sys

problems = []

def run(*command):
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=dict(os.environ, LC_ALL="C", SYSTEMD_COLORS="0"),
        )
    except OSError as error:
        problems.append("%s: %s" % (command[0], error.strerror))
        return ""
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        problems.append("%s: %s" % (" ".join(command[:3]), said[-1] if said else "status %d" % done.returncode))
    return done.stdout.decode("utf-8", "surrogateescape")

def has(program):
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in os.environ["PATH"].split(":"))

def text_of(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()
"""

_END = r"""
os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin"
try:
    found = read()
except OSError as error:
    found = None
    problems.append("%s: %s" % (error.filename, error.strerror))
json.dump({"found": found, "problems": problems}, sys.stdout)
"""

_FILES = r"""
def names(path):
    found = {}
    try:
        for line in text_of(path).splitlines():
            fields = line.split(":")
            if len(fields) > 2 and fields[2].isdigit():
                found.setdefault(int(fields[2]), fields[0])
    except OSError:
        pass  # numbers then
    return found

# Names of this host only: those of a directory service come and go with it.
USERS, GROUPS = names("/etc/passwd"), names("/etc/group")
entries, room = {}, [GIVEN["most_bytes"]]

def skipped(path):
    # What guards put there is theirs: it comes and goes while the state of the host stays.
    folder, name = os.path.split(path)
    return folder.startswith("/etc/systemd/system") and name.startswith("holdfast-")

def label(path):
    try:
        return os.getxattr(path, "security.selinux", follow_symlinks=False).rstrip(b"\0").decode()
    except OSError:
        return ""

def look(path, device=None):
    if skipped(path):
        return
    try:
        seen = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        entries[path] = {"attributes": {"type": "absent"}}
        return
    kind = "file" if stat.S_ISREG(seen.st_mode) else "directory" if stat.S_ISDIR(seen.st_mode) else "other"
    attributes = {
        "type": kind, "mode": "%04o" % stat.S_IMODE(seen.st_mode),
        "owner": USERS.get(seen.st_uid, str(seen.st_uid)), "group": GROUPS.get(seen.st_gid, str(seen.st_gid)),
    }
    if stat.S_ISLNK(seen.st_mode):
        attributes.update(type="link", target=os.readlink(path))
        del attributes["mode"]
    if label(path):
        attributes["label"] = label(path)
    entry = {"attributes": attributes}
    try:
        name = os.fsencode(path).decode()
        if stat.S_ISLNK(seen.st_mode):
            attributes["target"] = os.fsencode(attributes["target"]).decode()
    except UnicodeDecodeError:
        name = "\n"
    if "\n" in name + attributes.get("target", ""):
        problems.append("%r: a name that is no UTF-8, or has a line break, cannot be kept" % path)
        return
    if kind == "file":
        content(path, seen, entry)
    elif kind == "directory" and not below(path, seen, device):
        return
    entries[name] = entry
    if len(entries) > GIVEN["most_files"]:
        raise OSError(0, "there are more than %d files; choose less" % GIVEN["most_files"], path)

def content(path, seen, entry):
    room[0] -= seen.st_size
    if seen.st_size > GIVEN["most_bytes_of_one"] or room[0] < 0:
        problems.append("%s: too large to be kept (%d bytes); choose less" % (path, seen.st_size))
        return
    with open(path, "rb") as file:
        entry["content"] = base64.b64encode(file.read()).decode()

def below(path, seen, device):
    if device is not None and seen.st_dev != device:
        problems.append("%s: another file system begins there; choose what is in it by itself" % path)
        return False
    before = len(entries)
    for name in sorted(os.listdir(path)):
        look(os.path.join(path, name), seen.st_dev)
    # Folders of links that hold no link are made and left by systemctl as it likes.
    return not (path.endswith((".wants", ".requires")) and len(entries) == before)

def read():
    for path in GIVEN["paths"]:
        try:
            look(path)
        except OSError as error:
            problems.append("%s: %s" % (error.filename or path, error.strerror))
    return entries
"""

_PACKAGES = r"""
def read():
    found = {}
    if not has("rpm"):
        return found
    for line in run("rpm", "-qa", "--queryformat", "%{NAME} %{ARCH} %{EPOCH} %{VERSION}-%{RELEASE}\n").splitlines():
        name, arch, epoch, version = line.split()
        if name != "gpg-pubkey":
            evr = version if epoch in ("(none)", "0") else "%s:%s" % (epoch, version)
            found.setdefault("%s.%s" % (name, arch), []).append(evr)
    return {name: " ".join(sorted(versions)) for name, versions in found.items()}
"""

_HISTORY = r"""
def read():
    if not has("dnf"):
        return ""
    for line in run("dnf", "--quiet", "history", "list").splitlines():
        if line.split("|")[0].strip().isdigit():
            return line.split("|")[0].strip()
    return "0"
"""

_UNITS = r"""
KINDS = "--type=service,timer,socket,path"
SHOWN = "Id,LoadState,ActiveState,UnitFileState,Type,RemainAfterExit,TriggeredBy,BusName,Transient"

def shown(units):
    # In the order in which they were asked for, a paragraph each.
    if not units:
        return []
    said = run("systemctl", "show", "--no-pager", "--property=" + SHOWN, "--", *units)
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in said.split("\n\n")]
    blocks = [block for block in blocks if block]
    if len(blocks) != len(units):
        problems.append("systemctl show: asked for %d units, told of %d" % (len(units), len(blocks)))
        return []
    return blocks

def lasting(name, unit):
    # Whether it says something of the state that it runs: not when it comes and goes by itself.
    enabled = unit.get("UnitFileState", "").startswith("enabled")
    if re.match(GIVEN["passing"], name):
        return False
    if not name.endswith(".service"):
        return True
    if unit.get("Type") == "oneshot" and unit.get("RemainAfterExit") != "yes":
        return False
    if not enabled and (unit.get("Type") == "oneshot" or unit.get("TriggeredBy") or unit.get("BusName")):
        return False
    return True

def read():
    files = {}
    for line in run("systemctl", "list-unit-files", KINDS, "--full", "--no-legend", "--no-pager").splitlines():
        name, state = line.split()[:2]
        if state not in ("alias", "transient") and not name.startswith("holdfast-"):
            files[name] = state
    found, others = {}, []
    loaded = run("systemctl", "list-units", "--all", KINDS, "--full", "--plain", "--no-legend", "--no-pager")
    instances = [line.split()[0] for line in loaded.splitlines() if "@" in line.split()[0]]
    instances = sorted(name for name in instances if name not in files and "@." not in name)
    templates = sorted(name for name in files if "@." in name)
    plain = sorted(name for name in files if "@." not in name)
    for name in templates:
        found[name] = {"enabled": files[name]}
    asked = plain + instances
    for name, unit in zip(asked, shown(asked)):
        enabled, active = unit.get("UnitFileState", ""), unit["ActiveState"] in ("active", "reloading", "refreshing")
        if name in instances:
            worth = enabled.startswith("enabled") or (enabled == "disabled" and active)
            if not worth or name.startswith("holdfast-") or unit.get("Transient") == "yes":
                continue
        found[name] = {"enabled": files.get(name, enabled)}
        if lasting(name, unit):
            found[name]["active"] = active
    # Neither can those be switched on and off, nor does it matter whether they run; only that they are there.
    told_nothing = [name for name, said in found.items() if said["enabled"] in GIVEN["fixed"] and "active" not in said]
    others = sorted(told_nothing)
    for name in told_nothing:
        del found[name]
    found["others"] = others
    return found
"""

_SYSCTL = r"""
TOP = "/proc/sys"

def key_of(path):
    # As sysctl(8) writes it: dots between the parts, and a slash for a dot in one.
    return os.path.relpath(path, TOP).replace(".", "\0").replace("/", ".").replace("\0", "/")

def path_of(key):
    first = re.search("[./]", key)
    parts = key.split("/") if first and first.group() == "/" else [part.replace("/", ".") for part in key.split(".")]
    return os.path.join(TOP, *parts)

def set_by_files():
    found = set()
    folders = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"]
    files = ["/etc/sysctl.conf"]
    for folder in folders:
        if os.path.isdir(folder):
            files += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".conf")]
    for name in files:
        if not os.path.exists(name):
            continue
        for line in text_of(name).splitlines():
            key = line.strip().partition("=")[0].strip().lstrip("-").strip()
            if "=" in line and key and key[0] not in "#;" and not set(key) & set("*?["):
                found.add(path_of(key))
    return found

def value_of(path):
    # Not what cannot be set, what is no value of one line, and what cannot be read while it is not set.
    try:
        if not os.lstat(path).st_mode & 0o200:
            return None
        text = text_of(path)
    except OSError:
        return None
    text = text[:-1] if text.endswith("\n") else text
    return None if "\n" in text or "\0" in text else text

def read():
    passing = re.compile(GIVEN["passing"])
    paths = set_by_files() | set(path_of(key) for key in GIVEN["keys"])
    for family in GIVEN["families"]:
        for folder, _folders, files in os.walk(os.path.join(TOP, *family.split("."))):
            every = [os.path.join(folder, name) for name in files]
            paths.update(path for path in every if not passing.match(key_of(path)))
    found = {}
    for path in sorted(paths):
        value = value_of(path)
        if value is not None:
            key = key_of(path)
            parts = key.split(".")
            family = ".".join(parts[:2]) if parts[0] == "net" else parts[0]
            found.setdefault(family, {})[key] = value
    return found
"""

_FIREWALL = r"""
def read():
    found = {"nft": "", "iptables": "", "ip6tables": "", "zones": ""}
    if has("nft"):
        found["nft"] = run("nft", "--stateless", "list", "ruleset")
    for family, program in (("ip", "iptables"), ("ip6", "ip6tables")):
        if re.search("# Warning: table %s \\S+ is managed by iptables-nft" % family, found["nft"]):
            found[program] = run(program + "-save")
    if has("firewall-cmd") and subprocess.call(
        ["firewall-cmd", "--quiet", "--state"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) == 0:
        found["zones"] = run("firewall-cmd", "--list-all-zones")
    return found
"""

_MOUNTS = r"""
def unescaped(text):
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), text)

def devices():
    # Names that stay when the kernel numbers its disks in another way.
    found, folder = {}, "/dev/disk/by-uuid"
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        found[os.path.realpath(os.path.join(folder, name))] = "UUID=" + name
    return found

def read():
    found, automatic, known = {}, set(), devices()
    for line in text_of("/proc/self/mountinfo").splitlines():
        before, after = line.split(" - ", 1)
        fields, kinds = before.split(), after.split(" ")
        path, kind = unescaped(fields[4]), kinds[0]
        if kind == "autofs":
            automatic.add(path)
        if kind in GIVEN["kinds"] or re.match(GIVEN["below"], path):
            continue
        if any(path == each or path.startswith(each.rstrip("/") + "/") for each in automatic):
            continue
        source = unescaped(kinds[1])
        source = known.get(os.path.realpath(source), source) if source.startswith("/dev/") else source
        found[path] = {
            "source": source, "type": kind, "options": fields[5], "filesystem": unescaped(" ".join(kinds[2:])),
        }
        if fields[3] != "/":
            found[path]["root"] = unescaped(fields[3])
    return found
"""

_PROGRAMS: Mapping[str, str] = {
    "files": _FILES,
    "packages": _PACKAGES,
    "history": _HISTORY,
    "units": _UNITS,
    "sysctl": _SYSCTL,
    "firewall": _FIREWALL,
    "mounts": _MOUNTS,
}


def program(name: str, given: Mapping[str, Any]) -> str:
    """The program of this name, told what it needs: that of a section (``users`` are ``files``), or ``history``.

    The latter finds the number of dnf's last transaction ("0": none, "": no dnf).
    """
    return "\n".join([_BEGIN, f"GIVEN = json.loads({json.dumps(given)!r})", _PROGRAMS[name], _END])
