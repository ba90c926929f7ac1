# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upkeep of the archive: whether all in it is what it was, and what is too old to keep."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import model
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.links import own_promotions
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import Marker, whole
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.retention import Kept, Retention, expired
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import (
    CONTENT,
    MANIFEST,
    SECRETS,
    Archive,
    Promotion,
    Stored,
    encoded_name,
    file_of,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.git_loose import entries_of

_AT_ONCE = 200


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
    for start in range(0, len(stored), _AT_ONCE):
        wrong += _wrong_in(archive, stored[start : start + _AT_ONCE], opened)
    wrong += _wrong_promotions(archive, host, {(each.host, each.commit) for each in stored})
    return Verified(len({each.host for each in stored}), len(stored), len(archive.current()), opened, tuple(wrong))


def _wrong_in(archive: Archive, stored: Sequence[Stored], opened: bool) -> list[str]:
    """What is wrong with some snapshots, read together."""
    folders = [f"{each.commit}:{encoded_name(each.host)}" for each in stored]
    manifests, trees, sealed = (
        archive.git.read([f"{folder}/{name}" for folder in folders]) for name in (MANIFEST, CONTENT, SECRETS)
    )
    listed = [entries_of(tree or b"") for tree in trees]
    names = sorted({entry.oid for entries in listed for entry in entries})
    blobs = dict(zip(names, archive.git.read(names), strict=True))
    wrong = []
    for each, manifest, entries, secrets in zip(stored, manifests, listed, sealed, strict=True):
        texts = {entry.name: model.decoded(blobs[entry.oid] or b"") for entry in entries}
        try:
            problems = _wrong_with(archive, each, manifest, texts, secrets, opened)
        except (HoldfastError, ValueError, KeyError, TypeError) as error:
            problems = [str(error)]
        wrong += [f"{each.host}: {each.id}: {problem}" for problem in problems]
    return wrong


def _wrong_with(
    archive: Archive,
    stored: Stored,
    manifest: bytes | None,
    files: Mapping[str, str],
    sealed: bytes | None,
    opened: bool,
) -> list[str]:
    if manifest is None:
        return ["it has no manifest"]
    written = json.loads(manifest)
    places = {file_of(place): place for place in model.view_of(written).items}
    texts = {places.get(name, Place("content", name)): text for name, text in files.items()}
    wrong = model.wrong_in(written, texts)
    if written["digest"] != stored.digest:
        wrong.append("its commit and its manifest name different digests")
    if wrong or not opened:
        return wrong
    secrets = archive.key.open(stored.host, sealed) if sealed is not None else {}
    return _wrong_secrets(archive, model.view_of(written, texts), secrets)


def _wrong_secrets(archive: Archive, view: model.View, secrets: Mapping[str, str]) -> list[str]:
    """Put the secrets back, and compare what results with what it was made of."""
    marker = Marker(archive.key.marks, view.host)
    if marker.name != view.key:
        return ["it was taken with another key"]
    return [
        f"{place}: with its secrets put back it is not what it was"
        for place, value in whole(view, secrets).items().items()
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
    ``runs``, for their records name it, and what was good before them, for they may still be taken back.
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


def _falls_back(now: Promotion, known: Mapping[tuple[str, str], Promotion], runs: Collection[str]) -> Promotion:
    """The promotion that holds again when what now holds is taken back: its change, and runs whose records are kept."""
    chain = [now]
    while (now.host, chain[-1].previous) in known:
        chain.append(known[now.host, chain[-1].previous])
    at = own_promotions((each.labelled for each in chain), now.labelled)
    while at < len(chain) and chain[at].evidence.run in runs:
        at += 1
    return chain[min(at, len(chain) - 1)]


def _protected(archive: Archive, stored: list[Stored], runs: Collection[str]) -> set[tuple[str, str]]:
    current = archive.current()
    every = archive.promotions()
    known = {(each.host, each.id): each for each in every}
    protected = set()
    for now in current.values():
        for each in (now, _falls_back(now, known, runs)):
            before = known.get((each.host, each.previous), each)
            protected |= {(each.host, each.snapshot), (each.host, before.snapshot)}
    protected |= {(each.host, each.id) for each in stored if each.run and each.run in runs}
    protected |= {(each.host, each.snapshot) for each in every if each.evidence.run and each.evidence.run in runs}
    return protected
