# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot of a host, and what the archive keeps and shows of it.

A *snapshot* is complete and stands in memory only, while it is taken or restored. A *view* is the same without its
secrets: it is what is stored, compared and shown. The secrets are kept apart, under the marks that stand in their
places.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

VERSION = 1
TEXT, DATA = "text", "data"


class Place(NamedTuple):
    """Where something stands in a snapshot: ``config/running``, ``files//etc/chrony.conf``."""

    section: str
    item: str

    def __str__(self) -> str:
        return f"{self.section}/{self.item}"


@dataclass(frozen=True)
class Snapshot:
    """What a host looked like, complete and with its secrets.

    ``sections``: for each section its items by name, each a text or structured data (whatever JSON can say). ``gaps``:
    the sections that could not be read, and why. ``tools``: versions of what read and of what was read. ``notes``: what
    a restore may need and what is no part of the state, such as the id of the last dnf transaction. ``run``: the run
    that took it.
    """

    host: str
    platform: str
    taken_at: float
    sections: Mapping[str, Mapping[str, Any]]
    gaps: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    run: str = ""

    def items(self) -> dict[Place, Any]:
        """Every item by its place, in a fixed order."""
        return {
            Place(section, item): self.sections[section][item]
            for section in sorted(self.sections)
            for item in sorted(self.sections[section])
        }


@dataclass(frozen=True)
class Item:
    """One item of a view: its text without secrets, the digest of its whole text, and how many parts are checked in it.

    ``kind``: text, or data (then the text is JSON). ``digest`` is made with the archive's key, for a plain one would
    let everybody try out passwords.
    """

    kind: str
    text: str
    digest: str
    parts: int = 1


@dataclass(frozen=True)
class View:
    """A snapshot without its secrets. ``rules``: by which rules it was normalised; ``key``: with which key marked.

    ``sections``: those that were read, in the order of their names, also where there was nothing.
    """

    host: str
    platform: str
    taken_at: float
    items: Mapping[Place, Item]
    gaps: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    run: str = ""
    rules: str = ""
    key: str = ""
    secrets: int = 0
    sections: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every section could be read."""
        return not self.gaps

    @property
    def digest(self) -> str:
        """The same for two snapshots of a host that has not changed: no time, no run, no version counts."""
        said = [[*place, item.kind, item.digest] for place, item in sorted(self.items.items())]
        empty = sorted(set(self.sections) - {place.section for place in self.items})
        return sha256(json.dumps([self.host, self.platform, said, sorted(self.gaps), *([empty] if empty else [])]))


def as_data(view: View) -> dict[str, Any]:
    """A view as plain data: its facts, and its items with their texts."""
    items = [
        {**place._asdict(), "kind": item.kind, "parts": item.parts, "text": item.text}
        for place, item in sorted(view.items.items())
    ]
    facts = {"secrets": view.secrets, "tools": dict(view.tools), "notes": dict(view.notes)}
    return {**facts, "sections": list(view.sections), "items": items}


def sha256(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(encoded(text)).hexdigest()


def encoded(text: str) -> bytes:
    """A text as bytes; what was no UTF-8 when it was read becomes what it was."""
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str:
    """Bytes as text, each of them: ``encoded`` gives them back."""
    return data.decode("utf-8", "surrogateescape")


def as_text(value: Any) -> tuple[str, str]:
    """The kind of an item and its one text: data is written as JSON in one fixed form, a line for each value."""
    try:
        kind = TEXT if isinstance(value, str) else DATA
        text = value if kind == TEXT else json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        encoded(text)
    except (TypeError, ValueError) as error:
        raise HoldfastError(f"an item of a snapshot must be text, or data that JSON can say: {error}") from error
    return kind, text


def as_value(kind: str, text: str) -> Any:
    """The value that ``as_text`` wrote."""
    return text if kind == TEXT else json.loads(text)


# --- manifests -------------------------------------------------------------------------------------------------------

_FACTS = ("host", "platform", "taken_at", "gaps", "tools", "notes", "run", "rules", "key", "secrets", "sections")


def manifest(view: View) -> dict[str, Any]:
    """What is written beside the items of a view: all that is known of them, with a hash for each."""
    facts = {name: getattr(view, name) for name in _FACTS}
    listed = [
        {**place._asdict(), "kind": item.kind, "digest": item.digest, "parts": item.parts, "sha256": sha256(item.text)}
        for place, item in sorted(view.items.items())
    ]
    return {"version": VERSION, **facts, "complete": view.complete, "digest": view.digest, "items": listed}


def view_of(written: Mapping[str, Any], texts: Optional[Mapping[Place, str]] = None) -> View:
    """The view that a manifest describes; without ``texts`` its items are empty, but their digests are there.

    Raises HoldfastError for a manifest of another version, or one that says nothing.
    """
    if written.get("version") != VERSION:
        raise HoldfastError(f"a manifest of version {written.get('version')!r}; this Holdfast reads version {VERSION}")
    try:
        items = {}
        for each in written["items"]:
            place = Place(str(each["section"]), str(each["item"]))
            text = "" if texts is None else texts[place]
            items[place] = Item(str(each["kind"]), text, str(each["digest"]), int(each["parts"]))
        facts = {name: written[name] for name in _FACTS}
        return View(items=items, **{**facts, "sections": tuple(map(str, facts["sections"]))})
    except (KeyError, TypeError, ValueError) as error:
        raise HoldfastError(f"a manifest that does not say what it must: {error}") from error


def wrong_in(written: Mapping[str, Any], texts: Mapping[Place, str]) -> list[str]:
    """What does not agree between a manifest and the texts beside it; empty when all is well."""
    listed = {Place(each["section"], each["item"]): each["sha256"] for each in written["items"]}
    wrong = [f"{place}: it is in the manifest and not in the archive" for place in sorted(set(listed) - set(texts))]
    wrong += [f"{place}: it is in the archive and not in the manifest" for place in sorted(set(texts) - set(listed))]
    for place in sorted(set(listed) & set(texts)):
        if sha256(texts[place]) != listed[place]:
            wrong.append(f"{place}: its text is not what the manifest says (SHA-256)")
    if view_of(written).digest != written.get("digest"):
        wrong.append("the digest of the snapshot is not that of its items")
    return wrong
