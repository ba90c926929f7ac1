# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents become a catalog; everything that is wrong with them is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import versions
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.bundle_rules import BundleRules
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.item_rules import check_item
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.parse import Places, parse_bundle, parse_item
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape import BESIDE, KINDS
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, Problem, did_you_mean


def _no_lines(_path: DocumentPath) -> int:
    return 0


@dataclass(frozen=True)
class Document:
    """One document as plain data. ``line_of`` gives the line (from 1) of a path in it.

    ``folder`` is the catalog folder it was found in: of equal names in two folders the one that comes first counts,
    of equal names in one folder too, but there both are refused.
    """

    data: Any
    file: str = ""
    line_of: Callable[[DocumentPath], int] = _no_lines
    folder: str = ""


@dataclass(frozen=True)
class _Read:
    """A document that was read: its model and what is wrong with its form."""

    document: Document
    kind: str
    model: Union[Item, Bundle, None]
    places: Places
    problems: list[Problem] = field(default_factory=list)

    def damaged(self, *path: str) -> bool:
        return any(problem.path[: len(path)] == path for problem in self.problems)

    def located(self, problems: Iterable[Problem]) -> list[Problem]:
        return [problem.at(self.document.file, self.document.line_of) for problem in problems]


def is_catalog_document(data: Any) -> bool:
    """Whether a document means to belong to a catalog: its apiVersion or its kind says so."""
    if not isinstance(data, dict):
        return False
    version = data.get("apiVersion")
    ours = isinstance(version, str) and version.split("/")[0] == versions.GROUP
    kind = data.get("kind")
    return not is_beside(data) and (ours or (isinstance(kind, str) and kind in KINDS))


def is_beside(data: Any) -> bool:
    """Whether a document is of a kind that stands beside catalog documents, such as a rehearsal."""
    return isinstance(data, dict) and not versions.check(data) and data.get("kind") in list(BESIDE)


def validate(documents: Iterable[Document]) -> tuple[Catalog, list[Problem]]:
    """The catalog that the documents make, and everything that is wrong with them, by file and line.

    Items and bundles with problems are in the catalog too; nobody may run them. Rehearsals are passed over.
    """
    read = [_read(document) for document in documents if not is_beside(document.data)]
    problems = [problem for one in read for problem in one.located(one.problems)]
    chosen, doubles = _choose(read)
    problems += doubles
    items = {one.model.name: one.model for one in chosen if isinstance(one.model, Item)}
    bundles = {one.model.name: one.model for one in chosen if isinstance(one.model, Bundle)}
    damaged = frozenset(one.model.name for one in chosen if isinstance(one.model, Item) and one.problems)
    for one in chosen:
        problems += one.located(_check(one, items, damaged))
    return Catalog(items, bundles), sort(problems)


def sort(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by file, line and path, each only once."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line, [str(step) for step in p.path], p.message))


def _read(document: Document) -> _Read:
    data, places, problems = document.data, Places(), versions.check(document.data)
    if not isinstance(data, dict):
        problems = [Problem((), "a document must be a mapping", f"begin it with 'apiVersion: {versions.NEWEST}'")]
    kind = data.get("kind") if isinstance(data, dict) else None
    if not problems and not (isinstance(kind, str) and kind in KINDS):
        problems = [_unknown_kind(data, kind)]
    if problems:
        return _Read(document, "", None, places, problems)
    model: Union[Item, Bundle]
    model = parse_item(data, problems, places) if kind == "CatalogItem" else parse_bundle(data, problems, places)
    return _Read(document, str(kind), model, places, problems)


def _unknown_kind(data: dict[Any, Any], kind: Any) -> Problem:
    if "kind" not in data:
        return Problem((), "has no 'kind'", f"one of {', '.join(KINDS)}")
    return Problem(("kind",), f"unknown kind {kind!r}", did_you_mean(str(kind), KINDS))


def _choose(read: Iterable[_Read]) -> tuple[list[_Read], list[Problem]]:
    """The documents that count, first come first served, and the names that one folder gives twice."""
    first: dict[tuple[str, str], _Read] = {}
    unnamed: list[_Read] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str, str], _Read] = {}
    for one in read:
        if one.model is None:
            continue
        name = one.model.name
        if not name:
            unnamed.append(one)
            continue
        other = seen.setdefault((one.document.folder, one.kind, name), one)
        if other is not one:
            problems += _double(one, other) + _double(other, one)
        first.setdefault((one.kind, name), one)
    return [*first.values(), *unnamed], problems


def _double(this: _Read, twin: _Read) -> list[Problem]:
    path = ("metadata", "name")
    there = f"{twin.document.file}:{twin.document.line_of(path)}" if twin.document.file else "another document"
    name = this.model.name if this.model else ""
    what = "item" if this.kind == "CatalogItem" else "bundle"
    return this.located([Problem(path, f"the {what} '{name}' is also defined in {there}", "names must differ")])


def _check(one: _Read, items: dict[str, Item], damaged: frozenset[str]) -> list[Problem]:
    fields_known = not one.damaged("presentation")
    if isinstance(one.model, Item):
        return check_item(one.model, one.places, fields_known)
    if isinstance(one.model, Bundle):
        return BundleRules(one.model, one.places, items, damaged, fields_known).check()
    return []
