# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearsals in files: read, given the bundle they name, and played.

A file holds rehearsals, and may hold items and bundles of its own. What a rehearsal names is looked for in its own
file first, then in the folders ``items`` and ``bundles`` beside it, then on the search path of catalogs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.validate import Document, sort, validate
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem, did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal_document import (
    KIND,
    is_rehearsal,
    parse_rehearsal,
    rehearse,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import (
    folder_documents,
    items_of,
    search_path,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.yaml_lines import read_documents

OWN = "(the rehearsal's file)"


class Rehearsed(NamedTuple):
    """What came of one rehearsal: nothing but ``problems`` when it went otherwise than expected."""

    name: str
    description: str
    file: str
    line: int
    problems: tuple[Problem, ...]


class _Stock:
    """The catalog a file's rehearsals play with, and which document every problem of it belongs to."""

    def __init__(self, documents: Sequence[Document], problems: Iterable[Problem]) -> None:
        self.documents = documents
        self.catalog, wrong = validate(documents)
        self.problems = sort([*problems, *wrong])

    def bundle(self, name: str) -> Bundle | None:
        return self.catalog.bundles.get(name)

    def wrong_with(self, bundle: Bundle) -> list[Problem]:
        """What is wrong with a bundle and with the items it uses, and nothing else of their files."""
        used = [("CatalogBundle", bundle.name), *(("CatalogItem", name) for name in sorted(items_of(bundle)))]
        return [problem for kind, name in used for problem in self._wrong_with(kind, name)]

    def _wrong_with(self, kind: str, name: str) -> Iterator[Problem]:
        for document in self.documents:
            if _called(document) == (kind, name):
                first, behind = _lines(document, self.documents)
                yield from (p for p in self.problems if p.file == document.file and first <= p.line < behind)
                return


def _called(document: Document) -> tuple[str, str]:
    data = document.data if isinstance(document.data, dict) else {}
    about = data.get("metadata")
    return str(data.get("kind")), str(about.get("name")) if isinstance(about, dict) else ""


def _lines(document: Document, documents: Sequence[Document]) -> tuple[float, float]:
    """The first line of a document, and the first behind it that belongs to another one of its file."""
    first = document.line_of(())
    later = [one.line_of(()) for one in documents if one.file == document.file and one.line_of(()) > first]
    return first, min(later, default=float("inf"))


def rehearse_file(path: str | Path, folders: Sequence[Path] | None = None) -> Iterator[Rehearsed]:
    """Play every rehearsal of a file, in its order. ``folders`` are those of catalogs (default: the search path).

    What cannot be read, and a file without any rehearsal, come as one Rehearsed that has the file's name.
    """
    file = Path(path)
    documents, unreadable = read_documents(file, OWN)
    rehearsals = [document for document in documents if is_rehearsal(document.data)]
    own = [document for document in documents if not is_rehearsal(document.data)]
    if not rehearsals and not unreadable:
        unreadable = [Problem((), "holds no rehearsal", f"a rehearsal is a document with 'kind: {KIND}'", str(file))]
    if unreadable:
        yield Rehearsed(file.name, "", str(file), 1, tuple(unreadable))
    if not rehearsals:
        return
    known, problems = folder_documents([*_beside(file), *(search_path() if folders is None else folders)])
    stock = _Stock([*own, *known], problems)
    yield from _orphans(file, own, stock)
    for document in rehearsals:
        yield _rehearse(document, stock)


def _beside(file: Path) -> list[Path]:
    folder = file.absolute().parent
    return [folder / name for name in ("items", "bundles") if (folder / name).is_dir()]


def _orphans(file: Path, own: Sequence[Document], stock: _Stock) -> Iterator[Rehearsed]:
    """Documents in the file that are neither a rehearsal nor anything of a catalog, so that no typo is passed over."""
    strange = [document for document in own if _called(document)[0] not in ("CatalogItem", "CatalogBundle")]
    lines = [_lines(document, stock.documents) for document in strange]
    wrong = [
        problem
        for problem in stock.problems
        if problem.file == str(file) and any(first <= problem.line < behind for first, behind in lines)
    ]
    if wrong:
        yield Rehearsed(file.name, "", str(file), wrong[0].line, tuple(wrong))


def _rehearse(document: Document, stock: _Stock) -> Rehearsed:
    problems: list[Problem] = []
    rehearsal = parse_rehearsal(document.data, problems)
    name = _called(document)[1] or "(without a name)"
    description = rehearsal.description if rehearsal is not None else ""
    if rehearsal is not None:
        bundle = stock.bundle(rehearsal.bundle)
        if bundle is None:
            known: Catalog = stock.catalog
            hint = did_you_mean(rehearsal.bundle, known.bundles)
            problems = [Problem(("bundle",), f"there is no bundle '{rehearsal.bundle}'", hint)]
        else:
            problems = rehearse(rehearsal, bundle, stock.catalog, stock.wrong_with(bundle))
    located = [p if p.file else p.at(document.file, document.line_of) for p in problems]
    return Rehearsed(name, description, document.file, document.line_of(()), tuple(located))
