# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets taken out of a snapshot, and put back.

Where a secret stood stands a mark, ``$encrypted$`` and a digest of it made with a key: the same secret of a host has
the same mark as long as the key is the same, so that one sees that it has changed and not what it is.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import blocks
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import (
    DATA,
    Item,
    Place,
    Snapshot,
    View,
    as_text,
    as_value,
    encoded,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import (
    Platform,
    Span,
    merged,
    normal_items,
    secret_spans,
)

LONG = 8
"""Characters from which a secret is hidden wherever it stands in the snapshot, and not only where a rule found it."""
_ALIKE = 3
"""Characters by which hashes of one kind begin: ``$9$``, ``$6$``."""
MARK = re.compile(r"\$encrypted\$[0-9a-f]{16}\$")


class Marker:
    """Makes marks and digests for one host. ``name`` says which key it was, and nothing about the key."""

    def __init__(self, key: bytes, host: str) -> None:
        self._key = key
        self._host = encoded(host)
        self.name = hmac.digest(key, b"name", "sha256").hex()[:12]

    def mark(self, secret: str) -> str:
        """What stands in the place of a secret."""
        return f"$encrypted${self._digest(b'mark', secret)[:16]}$"

    def digest(self, text: str) -> str:
        """The digest of a whole text, secrets and all."""
        return self._digest(b"text", text)[:32]

    def _digest(self, what: bytes, text: str) -> str:
        return hmac.digest(self._key, b"\0".join((what, self._host, encoded(text))), "sha256").hex()


class Parted(NamedTuple):
    """A snapshot in two: what may be shown, and the secrets by their marks."""

    view: View
    secrets: Mapping[str, str]


def part(snapshot: Snapshot, platform: Platform, key: bytes) -> Parted:
    """Normalise a snapshot and take its secrets out. The same host, unchanged, gives the same items again."""
    marker = Marker(key, snapshot.host)
    texts: dict[Place, tuple[str, str]] = {}
    for section, items in snapshot.sections.items():
        for name, value in normal_items(platform, section, items).items():
            texts[Place(section, name)] = as_text(value)
    spans = {
        place: secret_spans(platform, place.section, text) + [found.span() for found in MARK.finditer(text)]
        for place, (_kind, text) in texts.items()
    }
    everywhere = _known(texts, spans)
    secrets: dict[str, str] = {}
    shown = {}
    for place, (kind, text) in sorted(texts.items()):
        redacted = _redacted(text, [*spans[place], *_occurrences(text, everywhere)], marker, secrets)
        parts = max(1, blocks.count(redacted)) if platform.blocks and kind != DATA else 1
        shown[place] = Item(kind, redacted, marker.digest(text), parts)
    view = View(
        snapshot.host, snapshot.platform, snapshot.taken_at, shown, dict(snapshot.gaps), dict(snapshot.tools),
        dict(snapshot.notes), snapshot.run, platform.rules, marker.name, len(secrets), tuple(sorted(snapshot.sections)),
    )  # fmt: skip
    return Parted(view, secrets)


def whole(view: View, secrets: Mapping[str, str]) -> Snapshot:
    """The snapshot again, complete. Raises HoldfastError when a secret is missing."""
    sections: dict[str, dict[str, object]] = {name: {} for name in view.sections}
    for place, item in view.items.items():
        sections.setdefault(place.section, {})[place.item] = as_value(item.kind, _filled(place, item.text, secrets))
    return Snapshot(
        view.host, view.platform, view.taken_at, sections, view.gaps, view.tools, view.notes, view.run
    )  # fmt: skip


def _known(texts: Mapping[Place, tuple[str, str]], spans: Mapping[Place, Sequence[Span]]) -> list[str]:
    """The secrets, and the words of them, that are long enough to be looked for everywhere, the longest first."""
    found = {texts[place][1][start:end] for place, each in spans.items() for start, end in each}
    words = {word.strip("\"'") for secret in found for word in (secret, *secret.split())}
    return sorted((one for one in found | words if len(one) >= LONG), key=lambda one: (-len(one), one))


def _occurrences(text: str, secrets: Iterable[str]) -> list[Span]:
    """Where secrets stand, of several at one place the longest; ``secrets`` come the longest first.

    Those that begin alike, as hashes of one kind do, are looked for together: the text is long and they are many.
    """
    alike: dict[str, list[str]] = {}
    for secret in secrets:
        alike.setdefault(secret[:_ALIKE], []).append(secret)
    spans = []
    for beginning, group in alike.items():
        at = text.find(beginning)
        while at >= 0:
            found = next((one for one in group if text.startswith(one, at)), "")
            if found:
                spans.append((at, at + len(found)))
            at = text.find(beginning, at + 1)
    return spans


def _redacted(text: str, spans: Sequence[Span], marker: Marker, secrets: dict[str, str]) -> str:
    kept, at = [], 0
    for start, end in merged(spans):
        secret = text[start:end]
        mark = marker.mark(secret)
        if secrets.setdefault(mark, secret) != secret:
            raise HoldfastError("two secrets of a host have the same mark; make a new key for the archive")
        kept += [text[at:start], mark]
        at = end
    return "".join([*kept, text[at:]])


def _filled(place: Place, text: str, secrets: Mapping[str, str]) -> str:
    try:
        return MARK.sub(lambda found: secrets[found.group()], text)
    except KeyError as error:
        raise HoldfastError(f"{place}: the secret behind {error.args[0]} is not among those of the snapshot") from error
