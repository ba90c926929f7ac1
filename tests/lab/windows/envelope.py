# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-core sends to PowerShell, read: a module, a file, or a script.

The envelope of 2.19 is a JSON document for the bootstrap wrapper, a line of four NULs, and a manifest of scripts and
actions; a file follows after one more line of NULs. The one of 2.16 is the wrapper's text, four NULs, and a JSON
document; there files are put and fetched by scripts of the connection plugin.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Union

from .outcome import NotModelled

_LINE_OF_NULS = b"\n\0\0\0\0\n"
_NULS = b"\0\0\0\0"
_ENCODED = re.compile(r"-EncodedCommand\s+([A-Za-z0-9+/=]+)", re.IGNORECASE)
_COLLECTION = re.compile(r"^ansible_collections\.(\w+)\.(\w+)\.plugins\.modules\.")
_EXIT_CODE = re.compile(r";?\s*If \(-not \$\?\) \{ If \(Get-Variable LASTEXITCODE .*\} Else \{ exit 1 \} \}\s*$")


@dataclass(frozen=True)
class ModuleCall:
    """A module, its arguments, and the text of its .ps1."""

    name: str
    arguments: dict[str, Any]
    source: str

    @property
    def check(self) -> bool:
        """Whether it runs in check mode."""
        return bool(self.arguments.get("_ansible_check_mode"))

    @property
    def options(self) -> dict[str, Any]:
        """The options that the task gave."""
        return {name: value for name, value in self.arguments.items() if not name.startswith("_ansible_")}


@dataclass(frozen=True)
class PutFile:
    """A file for the host."""

    path: str
    data: bytes


@dataclass(frozen=True)
class FetchFile:
    """A part of a file of the host."""

    path: str
    offset: int
    size: int


@dataclass(frozen=True)
class MakeFolder:
    """A temporary folder to make."""

    path: str


@dataclass(frozen=True)
class Script:
    """A script, as ``plain`` writes it."""

    text: str


Request = Union[ModuleCall, PutFile, FetchFile, MakeFolder, Script]


def plain(script: str) -> str:
    """A script without what ansible-core wraps around it: folded white space, strict mode, the exit code's handling."""
    lines = [line.strip() for line in script.splitlines() if line.strip()]
    if lines and lines[0] == "Set-StrictMode -Version Latest":
        del lines[0]
    return _EXIT_CODE.sub("", "\n".join(lines)).strip()


def read(command_line: str, stdin: bytes) -> Request:
    """What a command line and its input ask for. Raises NotModelled."""
    script = _decoded(command_line)
    if "complex_args" in script or (_LINE_OF_NULS in stdin and stdin.startswith(b'{"name"')):
        return _envelope(stdin)
    if _NULS in stdin:
        return _old_envelope(stdin)
    return _old_file(script, stdin) or Script(plain(script))


def _decoded(command_line: str) -> str:
    """The script of a command line; PowerShell may be called from within the first one."""
    script = command_line
    for _depth in range(2):
        found = _ENCODED.search(script)
        if not found:
            break
        try:
            script = base64.b64decode(found[1]).decode("utf-16-le")
        except (binascii.Error, UnicodeDecodeError):
            break
    return script


def _envelope(stdin: bytes) -> Request:
    head, _nuls, rest = stdin.partition(_LINE_OF_NULS)
    body, _nuls, data = rest.partition(_LINE_OF_NULS)
    try:
        bootstrap, manifest = json.loads(head), json.loads(body)
        action, scripts = manifest["actions"][-1], manifest["scripts"]
        params = action["params"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise NotModelled(f"an envelope of this form ({error})") from error
    if bootstrap.get("name") != "exec_wrapper":
        raise NotModelled(f"the wrapper {bootstrap.get('name')}")
    others = [one["name"] for one in manifest["actions"][:-1]]
    if others:
        raise NotModelled(f"the wrapper {others[0]}")
    absent = [one["name"] for one in manifest["actions"] if one["name"] not in scripts]
    if absent:
        raise NotModelled(f"a manifest without the script {absent[0]}")
    return _action(str(action["name"]), params, scripts, data)


def _action(name: str, params: dict[str, Any], scripts: dict[str, Any], data: bytes) -> Request:
    if name == "module_wrapper.ps1":
        arguments = next((one["Value"] for one in params.get("Variables", ()) if one["Name"] == "complex_args"), None)
        if arguments is None:
            raise NotModelled(f"a script of the action plugin 'script' ({params.get('Script')})")
        script = str(params["Script"])
        source = base64.b64decode(scripts[script]["script"]).decode("utf-8", "replace")
        return ModuleCall(_COLLECTION.sub(r"\1.\2.", script.removesuffix(".ps1")), arguments, source)
    if name == "winrm_put_file.ps1":
        return PutFile(str(params["Path"]), _joined(data))
    if name == "winrm_fetch_file.ps1":
        return FetchFile(str(params["Path"]), int(params["Offset"]), int(params["BufferSize"]))
    if name == "powershell_mkdtemp.ps1":
        return MakeFolder(f"{params['Directory']}\\{params['Name']}".replace("%TEMP%", "C:\\Windows\\Temp"))
    raise NotModelled(f"the action {name}")


def _joined(data: bytes) -> bytes:
    """A file from its lines, each of which is base64."""
    return b"".join(base64.b64decode(line) for line in data.split(b"\r\n") if line.strip())


def _old_envelope(stdin: bytes) -> ModuleCall:
    _wrapper, _nuls, body = stdin.partition(_NULS)
    try:
        manifest = json.loads(body)
        arguments, actions = manifest["module_args"], manifest["actions"]
        source = base64.b64decode(manifest["module_entry"]).decode("utf-8", "replace")
    except (ValueError, KeyError) as error:
        raise NotModelled(f"an envelope of this form ({error})") from error
    if actions != ["module_powershell_wrapper"]:
        raise NotModelled(f"the wrapper {actions[0]}")
    return ModuleCall(str(arguments.get("_ansible_module_name", "unnamed")), arguments, source)


def _old_file(script: str, stdin: bytes) -> Request | None:
    """A file as the connection plugin of ansible-core 2.16 moves it."""
    path = re.search(r"^\s*\$path = '(.*)'\s*$", script, re.MULTILINE)
    if path and "[System.IO.File]::Create($path)" in script:
        return PutFile(path[1].replace("''", "'"), _joined(stdin))
    size, offset = (re.search(rf"\${name} = (\d+)", script) for name in ("buffer_size", "offset"))
    if path and size and offset and "[IO.FileMode]::Open" in script:
        return FetchFile(path[1].replace("''", "'"), int(offset[1]), int(size[1]))
    return None
