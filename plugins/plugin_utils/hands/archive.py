# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of snapshots, and which of them is the last known good one of its host.

::

    archive.git                                 a bare git repository in the store
      refs/snapshots/<host>/<snapshot>          a commit without parents; its tree:
          <host>/manifest.json                  what is known of it, with a hash for each item
          <host>/content/<section>.<item>       an item without its secrets
          <host>/secrets                        the secrets, encrypted (see archive_key)
      refs/promotions/<host>/<promotion>        a tag on a snapshot; its message is the evidence
      refs/lkg/<host>                           the promotion that holds now
    archive.key                                 the key of the marks and of the secrets

Names of hosts and items are percent-encoded where git or a file system would stumble. A snapshot is there once its
reference is; whoever is killed before leaves objects that nothing refers to, and the state of before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import evidence as proofs
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import model
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.links import Labelled, own_promotions
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, Snapshot, View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import Parted, part, whole
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import archive_key
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.git_loose import BLOB, COMMIT, FOLDER, TAG, Entry
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.git_store import Change, GitStore, Ref
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import new_run_id

NAME = "archive.git"
LKG, PREVIOUS, LAST = "lkg", "previous", "last"
STATES = (LKG, PREVIOUS, LAST)
MANIFEST, CONTENT, SECRETS = "manifest.json", "content", "secrets"
_LONGEST = 200


class Stored(NamedTuple):
    """A snapshot in the archive, as its commit tells of it."""

    host: str
    id: str
    commit: str
    taken_at: float
    platform: str
    digest: str
    gaps: Mapping[str, str]
    run: str

    @property
    def candidate(self) -> proofs.Candidate:
        """The snapshot as a promotion looks at it."""
        return proofs.Candidate(self.id, self.taken_at, not self.gaps, self.gaps)

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        return {**self._asdict(), "gaps": dict(self.gaps), "complete": not self.gaps}


class Promotion(NamedTuple):
    """A promotion: which snapshot became the last known good one, why, and which promotion it took the place of."""

    host: str
    id: str
    tag: str
    commit: str
    snapshot: str
    taken_at: float
    evidence: proofs.Evidence
    previous: str

    @property
    def candidate(self) -> proofs.Candidate:
        """Its snapshot as a promotion looks at it."""
        return proofs.Candidate(self.snapshot, self.taken_at)

    @property
    def labelled(self) -> Labelled:
        """Of which change it is."""
        return Labelled(self.id, self.evidence.run, self.evidence.labels)

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        evidence = {name: value for name, value in self.evidence.as_data().items() if name != "version"}
        return {"id": self.id, "snapshot": self.snapshot, "taken_at": self.taken_at, "previous": self.previous,
                "evidence": evidence}  # fmt: skip


class Promoted(NamedTuple):
    """What came of a promotion; ``changed`` is false when the snapshot was the last known good one already.

    ``before`` is the promotion that held until then.
    """

    snapshot: Stored
    before: Promotion | None
    changed: bool


def encoded_name(name: str) -> str:
    """A name that git and every file system take, and that ``urllib.parse.unquote`` reads."""
    safe = quote(name, safe="@+=").replace("~", "%7E")
    if safe.startswith(".") or safe.endswith((".", ".lock")) or ".." in safe or safe in ("", "@"):
        safe = safe.replace(".", "%2E").replace("@", "%40")
    if not safe or len(safe) > _LONGEST:
        raise HoldfastError(f"'{name}' cannot be the name of a host in the archive: it is empty or too long")
    return safe


def file_of(place: Place) -> str:
    """The file of an item; a long name is cut and told apart by a digest, for the manifest says what it is."""
    name = f"{quote(place.section, safe='')}.{quote(place.item, safe='')}".replace("~", "%7E")
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}-{hashlib.sha256(model.encoded(str(place))).hexdigest()[:16]}"
    return name


class Archive:
    """The archive of a store. ``passwords`` may open its key besides the one that the environment names."""

    def __init__(self, store: Path, passwords: Sequence[bytes] = ()) -> None:
        self.store = store
        self.git = GitStore(store / NAME, store)
        self._passwords = tuple(passwords)

    @cached_property
    def key(self) -> archive_key.ArchiveKey:
        """The key; made with the first snapshot, and never anew for an archive that has some."""
        make = not (self.store / archive_key.NAME).exists() and not self.git.refs("refs/snapshots")
        return archive_key.load(self.store, self._passwords, make)

    # --- snapshots ---------------------------------------------------------------------------------------------------

    def part(self, snapshot: Snapshot) -> Parted:
        """A snapshot normalised and without its secrets, as it would be stored; also for comparing a live host."""
        return part(snapshot, platform_named(snapshot.platform), self.key.marks)

    def put(self, parted: Iterable[Parted]) -> list[Stored]:
        """Store snapshots; they are in the archive when this returns, all of them."""
        self.git.ensure()
        stored = [self._commit(each) for each in parted]
        self.git.flush()
        if stored:
            with self.git.changing() as change:
                change.apply([{_snapshot_ref(each.host, each.id): (each.commit, "") for each in stored}])
        return stored

    def _commit(self, parted: Parted) -> Stored:
        view, git = parted.view, self.git
        files = [Entry(file_of(place), git.write(BLOB, model.encoded(item.text))) for place, item in view.items.items()]
        entries = [
            Entry(MANIFEST, git.write(BLOB, _json(model.manifest(view)))),
            Entry(CONTENT, git.tree(files), FOLDER),
        ]
        if parted.secrets:
            entries.append(Entry(SECRETS, git.write(BLOB, self.key.seal(view.host, parted.secrets))))
        root = git.tree([Entry(encoded_name(view.host), git.tree(entries), FOLDER)])
        facts = {
            "host": view.host, "id": new_run_id(view.taken_at), "taken_at": view.taken_at, "platform": view.platform,
            "digest": view.digest, "gaps": dict(view.gaps), "run": view.run,
        }  # fmt: skip
        who = f"Holdfast <holdfast> {max(0, int(view.taken_at))} +0000"
        head = f"tree {root}\nauthor {who}\ncommitter {who}\n\nSnapshot of {encoded_name(view.host)}\n\n"
        return _stored(facts, git.write(COMMIT, head.encode() + _json(facts)))

    def snapshots(self, host: str = "") -> list[Stored]:
        """The snapshots of a host, or of all, the oldest first."""
        prefix = f"refs/snapshots/{encoded_name(host)}" if host else "refs/snapshots"
        found = [_stored(_body(ref), ref.oid) for ref in self.git.refs(prefix)]
        return sorted(found, key=lambda each: (each.taken_at, each.host, each.id))

    def hosts(self) -> list[str]:
        """The hosts of which there are snapshots."""
        return sorted({unquote(ref.name.split("/")[2]) for ref in self.git.refs("refs/snapshots")})

    def views(self, stored: Sequence[Stored], texts: bool = True) -> list[View]:
        """What was stored, without secrets; without ``texts`` the digests alone, which is much faster."""
        manifests = []
        for each, data in zip(stored, self.git.read([_path(each, MANIFEST) for each in stored]), strict=True):
            if data is None:
                raise HoldfastError(f"{each.host}: the snapshot {each.id} has no manifest; see: holdfast lkg verify")
            manifests.append(json.loads(data))
        if not texts:
            return [model.view_of(written) for written in manifests]
        wanted = [
            (number, Place(item["section"], item["item"]))
            for number, written in enumerate(manifests)
            for item in written["items"]
        ]
        names = [_path(stored[number], f"{CONTENT}/{file_of(place)}") for number, place in wanted]
        found: list[dict[Place, str]] = [{} for _each in stored]
        for (number, place), data in zip(wanted, self.git.read(names), strict=True):
            if data is None:
                raise HoldfastError(
                    f"{stored[number].host}: {place} of the snapshot {stored[number].id} is missing; "
                    "see: holdfast lkg verify"
                )
            found[number][place] = model.decoded(data)
        return [model.view_of(written, found[number]) for number, written in enumerate(manifests)]

    def view(self, stored: Stored) -> View:
        """One snapshot without its secrets."""
        return self.views([stored])[0]

    def snapshot(self, stored: Stored) -> Snapshot:
        """One snapshot, complete and with its secrets, as a restore needs it."""
        return whole(self.view(stored), self.secrets(stored))

    def secrets(self, stored: Stored) -> dict[str, str]:
        """The secrets of a snapshot by their marks."""
        sealed = self.git.read([_path(stored, SECRETS)])[0]
        return {} if sealed is None else self.key.open(stored.host, sealed)

    def compare(self, before: Stored, after: Stored) -> Difference:
        """What differs between two snapshots; their secrets are compared by their marks and never shown."""
        old, new = self.views([before, after])
        return compare(old, new, platform_named(after.platform))

    def find(self, host: str, state: str = LKG) -> Stored:
        """The snapshot that a word means: ``lkg``, ``previous`` (the one before it), ``last``, an id or its beginning.

        Raises HoldfastError that says what there is.
        """
        known = {each.id: each for each in self.snapshots(host)}
        if not known:
            raise HoldfastError(f"there is no snapshot of {host} in {self.git.path}")
        if state == LAST:
            return list(known.values())[-1]
        if state in (LKG, PREVIOUS):
            history = self.history(host)
            wanted = history[:1] if state == LKG else history[1:2]
            if not wanted or wanted[0].snapshot not in known:
                kind = "last known good state" if state == LKG else "earlier last known good state"
                raise HoldfastError(f"{host} has no {kind}; promote a snapshot once its health has passed")
            return known[wanted[0].snapshot]
        found = [each for name, each in known.items() if name.startswith(state)]
        if state in known or len(found) == 1:
            return known.get(state) or found[0]
        what = (
            f"{len(found)} snapshots of {host} begin with '{state}'" if found else f"{host} has no snapshot '{state}'"
        )
        raise HoldfastError(f"{what}; name one of {', '.join([*STATES, *list(known)[-5:]])}")

    # --- promotions --------------------------------------------------------------------------------------------------

    def current(self, hosts: Sequence[str] = ()) -> dict[str, Promotion]:
        """The promotions that hold now, by host; of all hosts when none are named."""
        named = self.git.named([_lkg_ref(host) for host in hosts]).values()
        found = [_promotion(ref) for ref in (named if hosts else self.git.refs("refs/lkg"))]
        return {each.host: each for each in found}

    def history(self, host: str) -> list[Promotion]:
        """The promotions of a host that held, the newest first; those whose snapshots were pruned are gone."""
        now = self.current([host]).get(host)
        known = {each.id: each for each in self.promotions(host)}
        found: list[Promotion] = []
        while now is not None:
            found.append(now)
            now = known.pop(now.previous, None)
        return found

    def promotions(self, host: str = "") -> list[Promotion]:
        """Every promotion of a host, or of all, in the order of their names."""
        prefix = f"refs/promotions/{encoded_name(host)}" if host else "refs/promotions"
        return [_promotion(ref) for ref in self.git.refs(prefix)]

    def promote(
        self, wanted: Sequence[tuple[Stored, proofs.Evidence]], allow_incomplete: bool = False, check: bool = False
    ) -> list[Promoted]:
        """Make snapshots the last known good ones of their hosts; all of them, or none and HoldfastError says why.

        With ``check`` nothing is changed, and what would be is returned.
        """
        with self.git.changing() as change:
            places = [(_snapshot_ref(each.host, each.id), _lkg_ref(each.host)) for each, _evidence in wanted]
            refs = self.git.named([name for pair in places for name in pair])
            current, wrong = {}, []
            for (stored, evidence), (snapshot, lkg) in zip(wanted, places, strict=True):
                if snapshot not in refs or refs[snapshot].oid != stored.commit:
                    raise HoldfastError(f"{stored.host}: there is no snapshot {stored.id} any more")
                now = _promotion(refs[lkg]) if lkg in refs else None
                if now is not None:
                    current[stored.host] = now
                held = now.candidate if now else None
                objections = proofs.objections(stored.candidate, evidence, held, allow_incomplete)
                wrong += [f"{stored.host}: {stored.id} cannot be promoted: {objection}" for objection in objections]
            if wrong:
                raise HoldfastError("\n".join(wrong))
            if not check:
                self._promote(change, wanted, current)
        return [_promoted(stored, current.get(stored.host)) for stored, _evidence in wanted]

    def _promote(
        self, change: Change, wanted: Sequence[tuple[Stored, proofs.Evidence]], current: Mapping[str, Promotion]
    ) -> None:
        made, moved = {}, {}
        for stored, evidence in wanted:
            now = current.get(stored.host)
            if not _promoted(stored, now).changed:
                continue
            name, tag = self._tag(stored, evidence, now)
            made[f"refs/promotions/{encoded_name(stored.host)}/{name}"] = (tag, "")
            moved[_lkg_ref(stored.host)] = (tag, now.tag if now else "")
        # The history first: killed between the two, a promotion lies there that never held, and nothing names it.
        change.apply([made, moved])

    def _tag(self, stored: Stored, evidence: proofs.Evidence, now: Promotion | None) -> tuple[str, str]:
        """Write a promotion; its id and its object."""
        name = new_run_id(evidence.at)
        previous = now.id if now else ""
        facts = {
            "host": stored.host, "id": name, "snapshot": stored.id, "taken_at": stored.taken_at, "previous": previous,
            "evidence": evidence.as_data(),
        }  # fmt: skip
        head = (
            f"object {stored.commit}\ntype commit\ntag {name}\n"
            f"tagger Holdfast <holdfast> {max(0, int(evidence.at))} +0000\n\nLast known good\n\n"
        )
        return name, self.git.write(TAG, head.encode() + _json(facts))

    def withdraw(self, host: str, taken_back: Labelled, check: bool = False) -> list[Promotion]:
        """Withdraw the promotions of a change that was taken back, unless others have promoted since; the newest first.

        The promotion before them holds again; without one the host has no last known good state. Nothing is removed
        from the archive. With ``check`` nothing is changed, and what would be is returned.
        """
        with self.git.changing() as change:
            history = self.history(host)
            gone = history[: own_promotions((each.labelled for each in history), taken_back)]
            if gone and not check:
                holds = [each.tag for each in history[len(gone) :]]
                change.apply([{_lkg_ref(host): (holds[0] if holds else "", gone[0].tag)}])
        return gone


def _promoted(stored: Stored, now: Promotion | None) -> Promoted:
    return Promoted(stored, now, now is None or now.snapshot != stored.id)


def _json(data: Mapping[str, Any]) -> bytes:
    """Data as one line that every git can show."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _body(ref: Ref) -> Any:
    try:
        return json.loads(ref.body)
    except ValueError as error:
        raise HoldfastError(f"{ref.name} is no reference of this archive: {error}; see: holdfast lkg verify") from error


def _stored(facts: Mapping[str, Any], commit: str) -> Stored:
    return Stored(
        facts["host"], facts["id"], commit, float(facts["taken_at"]), facts["platform"], facts["digest"],
        facts["gaps"], facts["run"],
    )  # fmt: skip


def _promotion(ref: Ref) -> Promotion:
    facts = _body(ref)
    return Promotion(
        facts["host"], facts["id"], ref.oid, ref.peeled, facts["snapshot"], float(facts["taken_at"]),
        proofs.evidence_from(facts["evidence"]), facts["previous"],
    )  # fmt: skip


def _snapshot_ref(host: str, name: str) -> str:
    return f"refs/snapshots/{encoded_name(host)}/{name}"


def _lkg_ref(host: str) -> str:
    return f"refs/lkg/{encoded_name(host)}"


def _path(stored: Stored, name: str) -> str:
    return f"{stored.commit}:{encoded_name(stored.host)}/{name}"
