# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML files as documents that know their lines. Whatever is wrong with a file is a Problem, never a traceback.

Read is plain data only: mappings with text for keys, lists, text, numbers, true, false and nothing. Dates stay text,
other tags are refused, and so are keys that stand twice, anchors that contain themselves and aliases that blow up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.validate import Document
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, Problem, ProblemsFound

MAX_BYTES = 2_000_000
MAX_DEPTH = 60
MAX_VALUES = 200_000
"""Limits of one document: bytes of its file, nesting, and values after its aliases have been followed."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "merge", "value")
)


class _DocumentLoader(_Loader):  # type: ignore[misc]
    """The safe loader without dates: what looks like one stays text, for JSON has none."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load_documents(path: str | Path) -> list[Document]:
    """Every document of a YAML file; raises ProblemsFound with all that is wrong with the file."""
    documents, problems = read_documents(path)
    if problems:
        raise ProblemsFound(problems)
    return documents


def read_documents(path: str | Path, folder: str = "") -> tuple[list[Document], list[Problem]]:
    """The documents of a YAML file that can be read, and everything that is wrong with the file.

    ``folder`` is the catalog folder the file belongs to. Empty documents (between two ``---``) are left out.
    """
    file = str(path)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return [], [Problem((), f"cannot be read: {error.strerror}", file=file)]
    if len(raw) > MAX_BYTES:
        return [], [Problem((), f"is larger than {MAX_BYTES} bytes", "split it", file=file)]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return [], [Problem((), "is not UTF-8", "save the file as UTF-8", file, line)]
    return parse_documents(text, file, folder)


def parse_documents(text: str, file: str = "", folder: str = "") -> tuple[list[Document], list[Problem]]:
    """As ``read_documents``, of text that was read already."""
    problem = _too_deep(text)
    if problem is not None:
        return [], [Problem((), problem[0], problem[1], file, problem[2])]
    documents: list[Document] = []
    problems: list[Problem] = []
    loader = None
    try:
        loader = _DocumentLoader(text)
        while loader.check_node():
            _one(loader, loader.get_node(), file, folder, documents, problems)
    except yaml.YAMLError as error:
        problems.append(_syntax(error, text, file))
    except (ValueError, OverflowError, RecursionError) as error:
        problems.append(Problem((), f"cannot be read: {error}", file=file, line=1))
    finally:
        if loader is not None:
            loader.dispose()
    return documents, problems


def _one(
    loader: Any, node: yaml.Node, file: str, folder: str, documents: list[Document], problems: list[Problem]
) -> None:
    walk = _Walk()
    walk.check(node)
    problems.extend(Problem(p.path, p.message, p.hint, file, p.line) for p in walk.problems)
    if walk.fatal:
        return
    try:
        data = loader.construct_document(node)
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        message = getattr(error, "problem", None) or str(error)
        mark: Any = getattr(error, "problem_mark", None) or node.start_mark
        problems.append(Problem((), f"is no value that can be read: {message}", "", file, int(mark.line) + 1))
        return
    if data is not None:
        documents.append(Document(data, file, Lines(node).of, folder))


# --- syntax ------------------------------------------------------------------------------------------------------


def _too_deep(text: str) -> tuple[str, str, int] | None:
    """Follow the events only, which needs no recursion: message, hint and line of nesting that is too deep."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_DocumentLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    return _deep_at(event.start_mark)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in str(error.problem):  # libyaml from 0.2.6 on gives up by itself, before any event
            return _deep_at(error.problem_mark or error.context_mark)
        return None  # said in full when the document is composed
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return None


def _deep_at(mark: Any) -> tuple[str, str, int]:
    return f"is nested more than {MAX_DEPTH} levels deep", "", int(mark.line) + 1 if mark is not None else 1


def _syntax(error: yaml.YAMLError, text: str, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) and position >= 0 else 1
        return Problem((), "is not YAML: it holds a character that no YAML file may hold", "", file, line)
    said = ": ".join(part for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part)
    lines = text.splitlines()
    here = lines[mark.line] if mark.line < len(lines) else ""
    hint = "YAML is indented with spaces: replace the tab" if "\t" in here[: mark.column + 1] else ""
    return Problem((), f"is not YAML: {said}", hint, file, mark.line + 1)


# --- what plain data may hold ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    path: DocumentPath
    message: str
    hint: str
    line: int


class _Walk:
    """Looks at every node of a document once, before anything is made of it."""

    def __init__(self) -> None:
        self.problems: list[_Found] = []
        self.fatal = False
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def check(self, node: yaml.Node) -> None:
        self._size(node, ())
        if not self.fatal and self._sizes.get(id(node), 1) > MAX_VALUES:
            self._refuse((), node, f"holds more than {MAX_VALUES} values when its aliases are followed", "")

    def _say(self, path: DocumentPath, node: yaml.Node, message: str, hint: str) -> None:
        self.problems.append(_Found(path, message, hint, node.start_mark.line + 1))

    def _refuse(self, path: DocumentPath, node: yaml.Node, message: str, hint: str) -> None:
        self._say(path, node, message, hint)
        self.fatal = True

    def _size(self, node: yaml.Node, path: DocumentPath) -> int:
        """How many values a node stands for, aliases followed."""
        key = id(node)
        if key in self._open:
            self._refuse(
                path, node, "an anchor contains itself", "an alias (*) may not stand inside its own anchor (&)"
            )
            return 1
        if key in self._sizes:
            return self._sizes[key]
        if node.tag not in _PLAIN:
            self._refuse(
                path, node, f"the tag {_short(node.tag)} is not for documents of a catalog", _tag_hint(node.tag)
            )
        self._open.add(key)
        size = 1 + sum(self._size(child, (*path, *step)) for step, child in self._children(node, path))
        self._open.discard(key)
        self._sizes[key] = size
        return size

    def _children(self, node: yaml.Node, path: DocumentPath) -> Iterator[tuple[DocumentPath, yaml.Node]]:
        if isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                yield (index,), child
        elif isinstance(node, yaml.MappingNode):
            self._keys(node, path)
            for key, child in node.value:
                yield (_key_text(key),), child

    def _keys(self, node: yaml.MappingNode, path: DocumentPath) -> None:
        first: dict[tuple[str, str], int] = {}
        for key, _value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(path, key, "a key must be text, not a list or a mapping", "put it in quotes")
            elif (key.tag, key.value) in first:
                hint = f"it stands in line {first[key.tag, key.value]} already, and only one of them would count"
                self._say((*path, key.value), key, f"the key '{key.value}' is there twice", hint)
            else:
                first[key.tag, key.value] = key.start_mark.line + 1


def _key_text(key: yaml.Node) -> str:
    return str(key.value) if isinstance(key, yaml.ScalarNode) else "?"


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _tag_hint(tag: str) -> str:
    if tag == "!vault":
        return "secrets do not stand in catalogs: refer to them as $secrets.NAME"
    return "put text in quotes" if tag.startswith("!") else "write plain text, numbers, lists and mappings"


# --- lines -------------------------------------------------------------------------------------------------------


class Lines:
    """The lines of one document's parts."""

    def __init__(self, root: yaml.Node) -> None:
        self._root = root

    def of(self, path: DocumentPath) -> int:
        """The line (from 1) in which the part at ``path`` begins; of what is not there, that of the nearest part."""
        node, line = self._root, self._root.start_mark.line + 1
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            node, line = found
        return line


def _step(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        if 0 <= step < len(node.value):
            return node.value[step], node.value[step].start_mark.line + 1
    elif isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):  # what was merged in stands before the mapping's own keys
            if isinstance(key, yaml.ScalarNode) and _is_key(key, step):
                return value, key.start_mark.line + 1
    return None


def _is_key(key: yaml.ScalarNode, step: str | int) -> bool:
    if key.value == step:
        return True
    truth = key.tag == "tag:yaml.org,2002:bool"
    return truth and step == str(key.value.lower() in ("yes", "true", "on")).lower()
