# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogs on disk: the search path, the documents in it, and the bundle that somebody asks for.

The search path is like PATH: of two items (or bundles) with the same name the one in the earlier folder counts. The
shipped catalog is always last.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog, Component
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.validate import (
    Document,
    is_catalog_document,
    sort,
    validate,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem, ProblemsFound, nearest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.yaml_lines import read_documents

VARIABLE = "HOLDFAST_CATALOG"
SHIPPED = Path(__file__).resolve().parents[3] / "workflows"
SUFFIXES = (".yml", ".yaml")


class UnknownWorkflow(HoldfastError):
    """No bundle has the name that was asked for, or no file has the path."""


class FoundBundle(NamedTuple):
    """A bundle that may be run: undamaged, as are all the items that it uses. ``file`` is where it stands."""

    bundle: Bundle
    catalog: Catalog
    file: str


def search_path(environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """The catalog folders: those of HOLDFAST_CATALOG (separated like PATH), then the shipped one."""
    named = (os.environ if environ is None else environ).get(VARIABLE, "")
    folders = [Path(part).expanduser() for part in named.split(os.pathsep) if part.strip()]
    return (*folders, SHIPPED)


# --- reading -----------------------------------------------------------------------------------------------------


@dataclass
class _Reading:
    """What was read so far: each file once, in the order of the search path."""

    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def new(self, file: Path) -> bool:
        """Whether the file was not read yet, under any name."""
        real = os.path.realpath(file)
        fresh = real not in self.seen
        self.seen.add(real)
        return fresh

    def explicit(self, file: Path, folder: str) -> None:
        """A file that somebody named: whatever it holds has to be a catalog document."""
        if not self.new(file):
            return
        documents, problems = read_documents(file, folder)
        if not documents and not problems:
            problems = [Problem((), "holds no document", "begin it with 'apiVersion: holdfast.ops/v1'", str(file))]
        self.documents += documents
        self.problems += problems

    def folder(self, folder: Path) -> None:
        """Everything of a folder that means to be a catalog document; other YAML is nobody's business here."""
        if not folder.is_dir():
            self.problems.append(Problem((), "is no folder", "a catalog is a folder of YAML files", str(folder)))
            return
        for file in _yaml_files(folder):
            if self.new(file):
                documents, problems = read_documents(file, str(folder))
                ours = [document for document in documents if is_catalog_document(document.data)]
                self.documents += ours
                if problems and (ours or _mentions_us(file)):
                    self.problems += problems


def _yaml_files(folder: Path) -> list[Path]:
    found = []
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(base, name) for name in sorted(files) if name.endswith(SUFFIXES) and not name.startswith(".")]
    return found


def _mentions_us(file: Path) -> bool:
    """Whether a file that could not be read as YAML looks like a document of ours."""
    try:
        raw = file.read_bytes()
    except OSError:
        return True
    return b"holdfast.ops/" in raw or b"CatalogItem" in raw or b"CatalogBundle" in raw


def load_catalog(
    paths: Sequence[str | Path] | None = None, extra_files: Iterable[str | Path] = ()
) -> tuple[Catalog, list[Problem]]:
    """The catalog of the folders ``paths`` (default: the search path), and everything that is wrong with it.

    ``extra_files`` come first and count as a folder of their own: what they hold must be catalog documents. A shipped
    catalog that is not installed is no problem.
    """
    reading = _read(paths, extra_files)
    catalog, problems = validate(reading.documents)
    return catalog, sort([*reading.problems, *problems])


def folder_documents(paths: Sequence[str | Path] | None = None) -> tuple[list[Document], list[Problem]]:
    """The catalog documents of the folders ``paths`` (default: the search path), unjudged, and what cannot be read."""
    reading = _read(paths, ())
    return reading.documents, reading.problems


def _read(paths: Sequence[str | Path] | None, extra_files: Iterable[str | Path]) -> _Reading:
    reading = _Reading()
    for file in extra_files:
        reading.explicit(Path(file), "(files)")
    for folder in search_path() if paths is None else [Path(path) for path in paths]:
        if folder != SHIPPED or folder.is_dir():
            reading.folder(folder)
    return reading


def validate_paths(
    named: Iterable[str | Path], paths: Sequence[str | Path] | None = None
) -> tuple[Catalog, list[Problem]]:
    """Judge the named files and folders, with the search path behind them so that their items are found.

    Only what is wrong with the named ones is told.
    """
    given = [Path(one) for one in named]
    files = [path for path in given if not path.is_dir()]
    folders = [path for path in given if path.is_dir()]
    reading = _read([*folders, *_beside(files), *(search_path() if paths is None else paths)], files)
    catalog, problems = validate(reading.documents)
    wanted = [os.path.realpath(path) for path in (*files, *folders)]
    told = [p for p in (*reading.problems, *problems) if _is_within(p.file, wanted)]
    return catalog, sort(told)


def _is_within(file: str, roots: Iterable[str]) -> bool:
    real = os.path.realpath(file)
    return any(real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in roots)


def _beside(files: Iterable[Path]) -> list[Path]:
    """The folders of items that belong to loose files: ``items`` beside the file, or beside its folder ``bundles``."""
    found = []
    for file in files:
        folder = file.absolute().parent
        found += [folder / "items"] + ([folder.parent / "items"] if folder.name == "bundles" else [])
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


# --- finding -----------------------------------------------------------------------------------------------------


def find_bundle(name_or_path: str | Path, paths: Sequence[str | Path] | None = None) -> FoundBundle:
    """The bundle of this name in the folders ``paths`` (default: the search path), or in the file of this path.

    A file is read together with the catalog, and with the ``items`` beside it, which come first. Raises
    UnknownWorkflow, or ProblemsFound with what is wrong with the bundle or the items it uses; what is wrong
    elsewhere in the catalog stops nobody.
    """
    text = str(name_or_path)
    folders = [Path(path) for path in (search_path() if paths is None else paths)]
    by_path = isinstance(name_or_path, Path) or text.endswith(SUFFIXES) or os.sep in text
    file = Path(text).expanduser()
    if by_path and not file.is_file():
        raise UnknownWorkflow(f"no workflow file {text}{_similar_file(file)}")
    extra = [file] if by_path else []
    reading = _read([*_beside(extra), *folders], extra)
    catalog, problems = validate(reading.documents)
    problems = sort([*reading.problems, *problems])
    bundle = (
        _bundle_of(file, reading, catalog, problems) if by_path else _bundle_named(text, catalog, problems, folders)
    )
    return _sound(bundle, catalog, problems, reading)


def _similar_file(file: Path) -> str:
    try:
        close = nearest(file.name, [entry.name for entry in file.absolute().parent.iterdir()])
    except OSError:
        return f": there is no folder {file.parent}"
    return f" (did you mean '{file.with_name(close)}'?)" if close else ""


def _bundle_named(name: str, catalog: Catalog, problems: Sequence[Problem], folders: Sequence[Path]) -> Bundle:
    if name in catalog.bundles:
        return catalog.bundles[name]
    close = nearest(name, catalog.bundles)
    known = f"did you mean '{close}'?" if close else f"known: {', '.join(sorted(catalog.bundles)) or 'none'}"
    searched = ", ".join(str(folder) for folder in folders)
    lines = [f"no workflow '{name}' ({known}); searched: {searched}"]
    lines += [f"unreadable: {problem.render()}" for problem in problems if not problem.path]
    raise UnknownWorkflow("\n".join(lines))


def _bundle_of(file: Path, reading: _Reading, catalog: Catalog, problems: Sequence[Problem]) -> Bundle:
    """The one bundle in a file; a damaged file is refused as it is, for nobody knows what it means to hold."""
    here = [document for document in reading.documents if document.file == str(file)]
    wrong = [problem for problem in problems if problem.file == str(file)]
    if wrong:
        raise ProblemsFound(wrong)
    names = [document.data["metadata"]["name"] for document in here if document.data["kind"] == "CatalogBundle"]
    if len(names) != 1:
        holds = f"holds the bundles {', '.join(names)}" if names else "holds no bundle"
        hint = "ask for a file with one bundle, or for a bundle by its name with HOLDFAST_CATALOG naming the folder"
        raise ProblemsFound([Problem((), holds, hint, str(file))])
    return catalog.bundles[names[0]]


def _sound(bundle: Bundle, catalog: Catalog, problems: Sequence[Problem], reading: _Reading) -> FoundBundle:
    """The bundle, unless something is wrong in its file or in that of an item it uses."""
    used = items_of(bundle)
    file = _file_of("CatalogBundle", bundle.name, reading.documents)
    files = {file, *(_file_of("CatalogItem", name, reading.documents) for name in used)}
    missing = not used <= set(catalog.items)
    wrong = [problem for problem in problems if problem.file in files or (missing and not problem.path)]
    if wrong:
        raise ProblemsFound(wrong)
    return FoundBundle(bundle, catalog, file)


def items_of(bundle: Bundle) -> frozenset[str]:
    """The names of all items that a bundle uses, inside rollouts too."""

    def walk(components: Iterable[Component]) -> Iterable[str]:
        for component in components:
            if component.item:
                yield component.item
            if component.rollout is not None:
                yield from walk(component.rollout.components)

    return frozenset(walk(bundle.components))


def _file_of(kind: str, name: str, documents: Iterable[Document]) -> str:
    for document in documents:
        data = document.data if isinstance(document.data, dict) else {}
        metadata = data.get("metadata")
        if data.get("kind") == kind and isinstance(metadata, dict) and metadata.get("name") == name:
            return document.file
    return ""
