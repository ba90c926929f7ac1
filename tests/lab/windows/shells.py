# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows Remote Shells: made, given commands and input, asked for output, and lost with every boot."""

from __future__ import annotations

import base64
import threading
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from . import programs, soap
from .modules import Host
from .outcome import Outcome
from .soap import NAMES, SHELL, Asked, Fault


@dataclass
class Command:
    """A command: its line, what it was given so far, and its end."""

    line: str
    stdin: bytes = b""
    outcome: Outcome = field(default_factory=Outcome)
    ended: threading.Event = field(default_factory=threading.Event)

    def start(self, host: Host) -> None:
        """Run it in the background, as a process of its own would."""
        threading.Thread(target=self._run, args=(host,), daemon=True).start()

    def _run(self, host: Host) -> None:
        try:
            self.outcome = programs.run(host, self.line, self.stdin)
        except Exception as error:
            host.machine.note(f"the double itself failed: {type(error).__name__}: {error}")
            self.outcome = Outcome(125, errors=f"windows double: it failed itself: {type(error).__name__}: {error}")
        self.ended.set()


@dataclass
class Shell:
    """A shell of one boot, and its commands."""

    boot: int
    commands: dict[str, Command] = field(default_factory=dict)


class Shells:
    """The shells of a machine."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._shells: dict[str, Shell] = {}
        self._operations = {
            soap.CREATE: self._create,
            soap.DELETE: self._delete,
            soap.COMMAND: self._command,
            soap.SEND: self._send,
            soap.RECEIVE: self._receive,
            soap.SIGNAL: self._signal,
        }

    def answer(self, asked: Asked) -> str:
        """The body of the answer to a request. Raises Fault."""
        operation = self._operations.get(asked.action)
        if operation is None:
            text = f"windows double: not modelled: the action {asked.action or '(none)'}"
            raise Fault("a:ActionNotSupported", text, soap.NOT_SUPPORTED)
        return operation(asked)

    def _shell(self, asked: Asked) -> Shell:
        found = self._shells.get(asked.shell_id)
        if found is None or found.boot != self._host.machine.boots:
            text = (
                f"The request for the Windows Remote Shell with ShellId {asked.shell_id} failed because the shell was "
                "not found on the server."
            )
            raise Fault("w:InvalidSelectors", text, soap.INVALID_SELECTORS)
        return found

    def _create(self, asked: Asked) -> str:
        identity = str(uuid.uuid4()).upper()
        self._shells[identity] = Shell(self._host.machine.boots)
        return (
            f"<x:ResourceCreated><a:Address>http://{self._host.machine.name}:5985/wsman</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{SHELL}/cmd</w:ResourceURI><w:SelectorSet>"
            f'<w:Selector Name="ShellId">{identity}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
            f"</x:ResourceCreated><rsp:Shell><rsp:ShellId>{identity}</rsp:ShellId>"
            "<rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
        )

    def _delete(self, asked: Asked) -> str:
        self._shells.pop(asked.shell_id, None)
        return ""

    def _command(self, asked: Asked) -> str:
        shell = self._shell(asked)
        line = asked.body.find("rsp:CommandLine", NAMES)
        if line is None:
            raise Fault("w:SchemaValidationError", "The request has no command line.", soap.NOT_SUPPORTED)
        arguments = [each.text or "" for each in line.iterfind("rsp:Arguments", NAMES)]
        command = Command(" ".join([line.findtext("rsp:Command", "", NAMES), *arguments]).strip())
        identity = str(uuid.uuid4()).upper()
        shell.commands[identity] = command
        if asked.options.get("WINRS_CONSOLEMODE_STDIN") != "FALSE":
            command.start(self._host)
        return f"<rsp:CommandResponse><rsp:CommandId>{identity}</rsp:CommandId></rsp:CommandResponse>"

    def _of(self, asked: Asked, path: str) -> tuple[Command, str, ET.Element]:
        element = asked.body.find(path, NAMES)
        identity = "" if element is None else element.get("CommandId", "")
        command = self._shell(asked).commands.get(identity)
        if command is None or element is None:
            raise Fault("w:InvalidParameter", f"There is no command {identity}.", soap.INVALID_SELECTORS)
        return command, identity, element

    def _send(self, asked: Asked) -> str:
        command, _identity, stream = self._of(asked, "rsp:Send/rsp:Stream")
        command.stdin += base64.b64decode(stream.text or "")
        if stream.get("End") == "true":
            command.start(self._host)
        return "<rsp:SendResponse/>"

    def _receive(self, asked: Asked) -> str:
        command, identity, _stream = self._of(asked, "rsp:Receive/rsp:DesiredStream")
        if not command.ended.wait(asked.timeout):
            text = (
                "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."
            )
            raise Fault("w:TimedOut", text, soap.OPERATION_TIMED_OUT, sender=False)
        streams = ""
        for name, text in (("stdout", command.outcome.output), ("stderr", command.outcome.errors)):
            if text:
                data = base64.b64encode(text.encode()).decode("ascii")
                streams += f'<rsp:Stream Name="{name}" CommandId="{identity}">{data}</rsp:Stream>'
            streams += f'<rsp:Stream Name="{name}" CommandId="{identity}" End="true"></rsp:Stream>'
        return (
            f'<rsp:ReceiveResponse>{streams}<rsp:CommandState CommandId="{identity}" State="{SHELL}/CommandState/Done">'
            f"<rsp:ExitCode>{command.outcome.status}</rsp:ExitCode></rsp:CommandState></rsp:ReceiveResponse>"
        )

    def _signal(self, asked: Asked) -> str:
        self._shell(asked)
        return "<rsp:SignalResponse/>"
