# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of NETCONF devices as text in one fixed form, and back.

Servers lay out the same data in many ways. Here an element is a line, indented by one space for each level, with its
namespace where it is not its parent's; prefixes are declared only where a value needs one. The order is the server's,
for in lists that people order it means something.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from typing import Any, Optional
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_PREFIXED = re.compile(r"([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*")
Declared = dict["ET.Element", dict[str, str]]


def normal(reply: str) -> str:
    """The configuration of a reply to <get-config> in the fixed form. Raises HoldfastError when it has none."""
    root, declared = _parsed(reply)
    data = next((each for each in root.iter() if each.tag in (f"{{{BASE}}}data", "data")), None)
    if data is None:
        raise HoldfastError("the reply has no <data>, so it is no configuration")
    return "".join(line for child in data for line in _lines(child, "", 0, declared))


def without_missing(wanted: str, now: str) -> str:
    """The content of <config> that makes ``now`` what is ``wanted`` by the default operation replace.

    RFC 6241 (7.2) lets that operation replace everything, and some servers (Yuma) only what is named. So what is to go
    is named. Of a list without anything around it the entries cannot be named without their keys: there the server must
    do as the RFC says.
    """
    have, want = _tops(now), _tops(wanted)
    return wanted + removed([name for name, texts in have.items() if name not in want and len(texts) == 1])


def differing(wanted: str, now: str) -> list[tuple[str, str]]:
    """The elements at the top of ``now`` that are others in ``wanted``, by namespace and name."""
    have, want = _tops(now), _tops(wanted)
    return [name for name, texts in have.items() if len(texts) == 1 and want.get(name) != texts]


def removed(names: Iterable[tuple[str, str]]) -> str:
    """The content of <config> that takes elements at the top away."""
    return "".join(f'<{local} xmlns="{space}" xmlns:nc="{BASE}" nc:operation="remove"/>' for space, local in names)


def errors(said: str) -> tuple[str, ...]:
    """The <error-tag> of every error in a text, and its messages after them."""
    tags = re.findall(r"<(?:\w+:)?error-tag>\s*([^<]+?)\s*<", said)
    messages = re.findall(r"<(?:\w+:)?error-message[^>]*>\s*([^<]+?)\s*<", said)
    return (*tags, *messages)


def _parsed(text: str) -> tuple[ET.Element, Declared]:
    """An element with all below it, and the prefixes that each declares."""
    parser: Any = ET.XMLPullParser(("start", "start-ns"))
    declared: Declared = {}
    pending: dict[str, str] = {}
    root: Optional[ET.Element] = None
    try:
        parser.feed(text.encode("utf-8", "surrogateescape"))
        parser.close()
        for event, found in parser.read_events():
            if event == "start-ns":
                pending[found[0] or ""] = found[1]
            else:
                declared[found] = pending
                pending = {}
                root = found if root is None else root
    except ET.ParseError as error:
        raise HoldfastError(f"this is no XML: {error}") from error
    if root is None:
        raise HoldfastError("this is no XML: it is empty")
    return root, declared


def _tops(text: str) -> dict[tuple[str, str], list[str]]:
    """The elements at the top of a configuration, by namespace and name, each as text in the fixed form."""
    root, declared = _parsed(f"<config>{text}</config>")
    found: dict[tuple[str, str], list[str]] = {}
    for child in root:
        found.setdefault(_split(child.tag), []).append("".join(_lines(child, "", 0, declared)))
    return found


def _split(tag: str) -> tuple[str, str]:
    space, _brace, local = tag.rpartition("}")
    return space[1:], local


def _lines(element: ET.Element, parent: str, depth: int, declared: Declared) -> list[str]:
    space, local = _split(element.tag)
    text = element.text or ""
    opening = local + (f' xmlns="{space}"' if space != parent else "") + _attributes(element)
    if len(element):
        inner = [line for child in element for line in _lines(child, space, depth + 1, declared)]
        return [f"{' ' * depth}<{opening}>\n", *inner, f"{' ' * depth}</{local}>\n"]
    if not text.strip():
        return [f"{' ' * depth}<{opening}/>\n"]
    text, more = _value(text, space, declared.get(element, {}))
    return [f"{' ' * depth}<{opening}{more}>{escape(text)}</{local}>\n"]


def _value(text: str, space: str, declared: Mapping[str, str]) -> tuple[str, str]:
    """A value and the prefix it needs. One of its own namespace needs none, and servers write it either way."""
    found = _PREFIXED.fullmatch(text.strip())
    uri = declared.get(found.group(1)) if found else None
    if found is None or uri is None:
        return text, ""
    if uri == space:
        return text.strip().partition(":")[2], ""
    return text, f" xmlns:{found.group(1)}={quoteattr(uri)}"


def _attributes(element: ET.Element) -> str:
    said = ""
    for number, (name, value) in enumerate(sorted(element.attrib.items())):
        space, local = _split(name)
        prefix = f"a{number}:" if space else ""
        said += (f' xmlns:a{number}="{space}"' if space else "") + f" {prefix}{local}={quoteattr(value)}"
    return said
