# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upkeep of the archive: whether all in it is what it was, and what is too old to keep."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import model
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import Marker, whole
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.retention import Kept, Retention, expired
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import (
    CONTENT,
    MANIFEST,
    Archive,
    Stored,
    encoded_name,
    file_of,
)


class Verified(NamedTuple):
    """What a look through the archive found; ``wrong`` is empty when all is well. ``opened``: secrets were read too."""

    hosts: int
    snapshots: int
    promotions: int
    opened: bool
    wrong: tuple[str, ...]


class Pruned(NamedTuple):
    """What was dropped, and how many snapshots stay; ``protected`` of them whatever their age."""

    dropped: tuple[Stored, ...]
    kept: int
    protected: int


def verify(archive: Archive, host: str = "") -> Verified:
    """Look through the archive: git's own check, every manifest, every hash, every evidence, and the secrets.

    Without the archive's key the secrets are passed over, and ``opened`` says so.
    """
    wrong = [] if host or not archive.git.exists else archive.git.fsck()
    stored: list[Stored] = []
    opened = True
    try:
        stored = archive.snapshots(host)
    except HoldfastError as error:
        wrong.append(str(error))
    try:
        archive.key  # noqa: B018
    except HoldfastError as error:
        opened = False
        wrong += [str(error)] if stored and "missing" in str(error) else []
    for each in stored:
        wrong += [f"{each.host}: {each.id}: {problem}" for problem in _wrong_in(archive, each, opened)]
    wrong += _wrong_promotions(archive, host, {(each.host, each.commit) for each in stored})
    return Verified(len({each.host for each in stored}), len(stored), len(archive.current()), opened, tuple(wrong))


def _wrong_in(archive: Archive, stored: Stored, opened: bool) -> list[str]:
    folder = f"{stored.commit}:{encoded_name(stored.host)}"
    manifest, tree = archive.git.read([f"{folder}/{MANIFEST}", f"{folder}/{CONTENT}"])
    if manifest is None or tree is None:
        return ["it has no manifest or no content"]
    try:
        written = json.loads(manifest)
        places = {file_of(place): place for place in model.view_of(written).items}
        entries = archive.git.entries(tree)
        texts = {}
        for entry, data in zip(entries, archive.git.read([entry.oid for entry in entries]), strict=True):
            if data is not None:
                texts[places.get(entry.name, Place("content", entry.name))] = model.decoded(data)
        wrong = model.wrong_in(written, texts)
        if written["digest"] != stored.digest:
            wrong.append("its commit and its manifest name different digests")
        return wrong if wrong or not opened else _wrong_secrets(archive, stored, model.view_of(written, texts))
    except (HoldfastError, ValueError, KeyError, TypeError) as error:
        return [str(error)]


def _wrong_secrets(archive: Archive, stored: Stored, view: model.View) -> list[str]:
    """Put the secrets back, and compare what results with what it was made of."""
    snapshot = whole(view, archive.secrets(stored))
    marker = Marker(archive.key.marks, stored.host)
    if marker.name != view.key:
        return ["it was taken with another key"]
    return [
        f"{place}: with its secrets put back it is not what it was"
        for place, value in snapshot.items().items()
        if marker.digest(model.as_text(value)[1]) != view.items[place].digest
    ]


def _wrong_promotions(archive: Archive, host: str, known: Collection[tuple[str, str]]) -> list[str]:
    wrong = []
    try:
        for name, promotion in archive.current([host] if host else []).items():
            if (name, promotion.commit) not in known:
                wrong.append(f"{name}: its last known good state {promotion.snapshot} is not in the archive")
            if not promotion.evidence.checks or not all(check.healthy for check in promotion.evidence.checks):
                wrong.append(f"{name}: its last known good state was promoted without evidence of its health")
    except HoldfastError as error:
        wrong.append(str(error))
    return wrong


def prune(
    archive: Archive, retention: Retention, now: float, runs: Collection[str] = (), check: bool = False
) -> Pruned:
    """Drop old snapshots, and make their room free; with ``check`` only say which.

    The last known good state of a host and the one before stay, and so does what was taken or promoted by one of
    ``runs``: their records name it.
    """
    retention.check()
    if not archive.git.exists:
        return Pruned((), 0, 0)
    with archive.git.changing() as change:
        stored = {(each.host, each.id): each for each in archive.snapshots()}
        protected = _protected(archive, list(stored.values()), runs)
        kept = [Kept(each.host, each.id, each.taken_at) for each in stored.values()]
        dropped = tuple(stored[each.host, each.id] for each in expired(kept, retention, now, protected))
        if dropped and not check:
            gone = {(each.host, each.id) for each in dropped}
            refs = {f"refs/snapshots/{encoded_name(each.host)}/{each.id}": ("", each.commit) for each in dropped}
            tags = {
                f"refs/promotions/{encoded_name(each.host)}/{each.id}": ("", each.tag)
                for each in archive.promotions()
                if (each.host, each.snapshot) in gone
            }
            change.apply([tags, refs])
    if not check:
        archive.git.tidy()
    return Pruned(dropped, len(stored) - len(dropped), len(protected & set(stored)))


def _protected(archive: Archive, stored: list[Stored], runs: Collection[str]) -> set[tuple[str, str]]:
    current = archive.current()
    every = archive.promotions()
    earlier = {(each.host, each.id): each.snapshot for each in every}
    protected = {(each.host, each.snapshot) for each in current.values()}
    for each in current.values():
        if (each.host, each.previous) in earlier:
            protected.add((each.host, earlier[each.host, each.previous]))
    protected |= {(each.host, each.id) for each in stored if each.run and each.run in runs}
    protected |= {(each.host, each.snapshot) for each in every if each.evidence.run and each.evidence.run in runs}
    return protected
