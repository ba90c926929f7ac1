# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command line does on the machine."""

from __future__ import annotations

import base64
import hashlib

from . import envelope, modules, scripts
from .envelope import FetchFile, MakeFolder, ModuleCall, PutFile
from .machine import Machine
from .modules import Host
from .outcome import NotModelled, Outcome, not_modelled, said


def run(host: Host, command_line: str, stdin: bytes) -> Outcome:
    """Run a command line to its end; what is not modelled ends loudly."""
    request: envelope.Request | None = None
    try:
        request = envelope.read(command_line, stdin)
        return _run(host, request)
    except NotModelled as error:
        host.machine.note(f"not modelled: {error}")
        return not_modelled(str(error), for_module=isinstance(request, ModuleCall))


def _run(host: Host, request: envelope.Request) -> Outcome:
    if isinstance(request, ModuleCall):
        return modules.call(host, request)
    if isinstance(request, PutFile):
        host.machine.files[request.path] = request.data
        return said({"sha1": hashlib.sha1(request.data).hexdigest()})
    if isinstance(request, FetchFile):
        return _fetched(host.machine, request)
    if isinstance(request, MakeFolder):
        return Outcome(output=f"{request.path}\r\n")
    return scripts.answer(host.machine, request.text)


def _fetched(machine: Machine, request: FetchFile) -> Outcome:
    data = machine.files.get(request.path)
    if data is None:
        return Outcome(1, errors=f"{request.path} does not exist")
    part = data[request.offset : request.offset + request.size]
    return Outcome(output=base64.b64encode(part).decode("ascii"))
