# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WS-Management's envelopes: requests read, answers and faults written."""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
NAMES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": SHELL,
    "x": TRANSFER,
}
CREATE, DELETE = f"{TRANSFER}/Create", f"{TRANSFER}/Delete"
COMMAND, SEND, RECEIVE, SIGNAL = (f"{SHELL}/{name}" for name in ("Command", "Send", "Receive", "Signal"))

OPERATION_TIMED_OUT = 2150858793
NOT_SUPPORTED = 2150858752
INVALID_SELECTORS = 2150858843


class Fault(Exception):
    """An answer that says what went wrong, with Windows' own code."""

    def __init__(self, subcode: str, text: str, code: int, sender: bool = True) -> None:
        self.subcode, self.text, self.code = subcode, text, code
        self.who = "s:Sender" if sender else "s:Receiver"
        super().__init__(text)


@dataclass(frozen=True)
class Asked:
    """A request: what is to be done, the parts that the operations need, and its body."""

    action: str
    message_id: str
    shell_id: str
    options: dict[str, str]
    timeout: float
    body: ET.Element


def read(data: bytes) -> Asked:
    """Read a request. Raises Fault when it is none."""
    try:
        envelope = ET.fromstring(data)
    except ET.ParseError as error:
        raise Fault("w:SchemaValidationError", f"The request is not XML: {error}", NOT_SUPPORTED) from error
    header, body = envelope.find("s:Header", NAMES), envelope.find("s:Body", NAMES)
    if header is None or body is None:
        raise Fault("w:SchemaValidationError", "The request has no header or no body.", NOT_SUPPORTED)
    timeout = re.fullmatch(r"PT([\d.]+)S", header.findtext("w:OperationTimeout", "PT20S", NAMES))
    selectors = {each.get("Name"): each.text or "" for each in header.iterfind("w:SelectorSet/w:Selector", NAMES)}
    return Asked(
        action=header.findtext("a:Action", "", NAMES),
        message_id=header.findtext("a:MessageID", "", NAMES),
        shell_id=selectors.get("ShellId", ""),
        options={str(each.get("Name")): each.text or "" for each in header.iterfind("w:OptionSet/w:Option", NAMES)},
        timeout=float(timeout[1]) if timeout else 20.0,
        body=body,
    )


def reply(asked: Asked, body: str) -> bytes:
    """An answer to a request; it names the request that it answers."""
    spaces = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMES.items())
    return (
        f'<s:Envelope xml:lang="en-US" {spaces}><s:Header><a:Action>{escape(asked.action)}Response</a:Action>'
        f"<a:MessageID>uuid:{uuid.uuid4()}</a:MessageID><a:To>{NAMES['a']}/role/anonymous</a:To>"
        f"<a:RelatesTo>{escape(asked.message_id)}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def fault(error: Fault, machine: str) -> bytes:
    """A fault as Windows writes it."""
    text = escape(error.text)
    return (
        f'<s:Envelope xmlns:s="{NAMES["s"]}" xmlns:a="{NAMES["a"]}" xmlns:w="{NAMES["w"]}"><s:Header/><s:Body><s:Fault>'
        f"<s:Code><s:Value>{error.who}</s:Value><s:Subcode><s:Value>{error.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail>'
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{error.code}" '
        f"Machine={quoteattr(machine)}><f:Message>{text}</f:Message></f:WSManFault></s:Detail></s:Fault></s:Body>"
        "</s:Envelope>"
    ).encode()
