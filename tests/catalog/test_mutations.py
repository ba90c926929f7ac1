# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validator and JSON Schema judge the same documents: spoiled in every way, they agree but for named differences."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import check, reference, schema
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape import KINDS
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.validate import (
    Document,
    is_catalog_document,
    validate,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.vocabulary import (
    ByKey,
    ByValue,
    Key,
    MapOf,
    Object,
    Text,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.yaml_lines import load_documents, parse_documents
from jsonschema import Draft202012Validator

from . import differences, mutations, wrong

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "tests" / "catalog" / "examples"
REHEARSALS = ROOT / "tests" / "rehearsals"
MOST = {OWN: 600, ROOT / "workflows": 60, REHEARSALS: 40}
"""The folders with examples, and how many mutations of each document are made."""
SEED = 20240501
ALTERATIONS = 25


def _documents() -> list[Document]:
    files = sorted(file for place in MOST for file in place.rglob("*.yml") if file.is_file())
    found = []
    for file in files:
        try:
            documents = load_documents(file)
        except Exception:  # files that are no catalog documents, such as playbooks with tags of their own
            continue
        found += [replace(one, folder=str(file.parent)) for one in documents if is_catalog_document(one.data)]
    return [one for one in found if one.data.get("kind") in KINDS]


DOCUMENTS = _documents()
IDS = [f"{Path(one.file).relative_to(ROOT)}:{one.data['metadata']['name']}" for one in DOCUMENTS]
COMMITTED = {kind: json.loads((ROOT / "docs/schema" / file).read_text("utf-8")) for kind, file in schema.FILES.items()}
JUDGES = {kind: Draft202012Validator(text) for kind, text in COMMITTED.items()}


def _place(document: Document) -> Path:
    return next(place for place in MOST if Path(document.file).is_relative_to(place))


def _disagreement(spoiled: Any, original: Document) -> str:
    """What validator and schema of the original's kind say differently about the spoiled document, or ""."""
    schema_accepts = JUDGES[original.data["kind"]].is_valid(spoiled)
    others = [one for one in DOCUMENTS if one is not original and _place(one) == _place(original)]
    mutant = Document(spoiled, "mutant", folder=original.folder)
    problems = [one for one in validate([*others, mutant])[1] if one.file == "mutant"]
    kind = spoiled.get("kind") if isinstance(spoiled, dict) else None
    if kind != original.data["kind"] and kind in list(KINDS):
        return ""  # it has become a document of the other kind, for which the other schema is asked
    named = {problem: differences.difference_of(problem) for problem in problems}
    unexplained = [problem.render() for problem, name in named.items() if not name]
    if schema_accepts and unexplained:
        return f"only the validator refuses: {unexplained}"
    if not schema_accepts and not unexplained:
        return f"only the schema refuses (validator: {[p.render() for p in problems]})"
    return ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_every_example_is_accepted_by_both(document: Document) -> None:
    errors = [error.message for error in JUDGES[document.data["kind"]].iter_errors(document.data)]
    together = [one for one in DOCUMENTS if _place(one) == _place(document)]
    problems = [one for one in validate(together)[1] if one.file == document.file]
    if _place(document) == REHEARSALS:  # some rehearse what happens to a wrong bundle
        problems = [one for one in problems if not differences.difference_of(one)]
    assert (errors, [one.render() for one in problems]) == ([], [])


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_mutations_are_judged_alike(document: Document) -> None:
    spoiled = mutations.chosen(document.data, SEED, MOST[_place(document)])
    refused = 0
    wrong = []
    for one in spoiled:
        said = _disagreement(one.data, document)
        wrong += [f"{one.what}: {said}"] if said else []
        refused += not JUDGES[document.data["kind"]].is_valid(one.data)
    assert not wrong, f"{len(wrong)} of {len(spoiled)}:\n" + "\n".join(wrong[:20])
    assert refused > len(spoiled) / 2, "mutations that spoil nothing prove nothing"


def test_the_committed_schema_is_the_generated_one() -> None:
    for kind, file in schema.FILES.items():
        text = (ROOT / "docs/schema" / file).read_text("utf-8")
        assert text == schema.render(kind), f"run scripts/schema.py: docs/schema/{file} is stale"


@pytest.mark.parametrize("kind", KINDS)
def test_the_manual_has_the_generated_table(kind: str) -> None:
    manual = (ROOT / "docs/catalog.md").read_text("utf-8")
    assert reference.key_table(kind) in manual, "run scripts/schema.py: docs/catalog.md is stale"


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_a_schema(kind: str) -> None:
    Draft202012Validator.check_schema(COMMITTED[kind])


# --- the differences are real ---------------------------------------------------------------------------------------

ITEMS = parse_documents(wrong.ITEMS, "items")[0]


@pytest.mark.parametrize("case", wrong.CASES, ids=[f"{case.difference}-{i}" for i, case in enumerate(wrong.CASES)])
def test_a_difference_is_one(case: wrong.Case) -> None:
    """The schema accepts, the validator refuses for this very reason and says it in these words."""
    (document,), problems = parse_documents(case.head + case.text, "wrong")
    found = [one for one in validate([*ITEMS, document])[1] if one.file == "wrong"]
    assert problems == []
    assert list(JUDGES[document.data["kind"]].iter_errors(document.data)) == []
    assert case.difference in {differences.difference_of(one) for one in found}
    assert all(differences.difference_of(one) for one in found)
    assert any(case.says in one.render() for one in found), [one.render() for one in found]
    assert all(one.line > 0 for one in found)


def test_every_named_difference_has_a_case() -> None:
    named = {one.name for one in differences.DIFFERENCES}
    assert named == {case.difference for case in wrong.CASES} | {"defined-twice"}


# --- the examples say everything -----------------------------------------------------------------------------------


def _objects(shape: Any) -> Iterator[Object]:
    if isinstance(shape, Object):
        yield shape
        for key in shape.keys:
            yield from _objects(key.shape)
    for attribute in ("of", "cases"):
        inner = getattr(shape, attribute, ())
        for one in inner.values() if isinstance(inner, dict) else inner if isinstance(inner, tuple) else (inner,):
            yield from _objects(one)


def test_the_examples_use_every_key_of_every_table(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[tuple[int, str]] = set()
    judge = check._object

    def spy(shape: Object, value: Any, path: Any, problems: Any) -> Any:
        used.update((id(shape), key) for key in value if isinstance(value, dict))
        return judge(shape, value, path, problems)

    monkeypatch.setitem(check._CHECKERS, Object, spy)
    monkeypatch.setattr(check, "_object", spy)
    for document in (one for one in DOCUMENTS if Path(one.file).is_relative_to(OWN)):
        check.problems_of(KINDS[document.data["kind"]], document.data)
    expected = {
        (id(one), key.name): one.says for table in KINDS.values() for one in _objects(table) for key in one.keys
    }
    unused = sorted(f"{says}: {key}" for (shape, key), says in expected.items() if (shape, key) not in used)
    assert not unused, "no example uses: " + "; ".join(unused)


# --- the comparison can fail --------------------------------------------------------------------------------------


def _parts(shape: Any, found: dict[int, Any]) -> dict[int, Any]:
    """Every part of a table by identity: parts are shared, and who alters one alters it everywhere."""
    if is_dataclass(shape) and id(shape) not in found:
        found[id(shape)] = shape
        for field in fields(shape):
            _parts(getattr(shape, field.name), found)
    elif isinstance(shape, (tuple, dict)):
        for inner in shape.values() if isinstance(shape, dict) else shape:
            _parts(inner, found)
    return found


def _with(shape: Any, old: Any, new: Any) -> Any:
    """The same table with one part exchanged wherever it stands."""
    if shape is old:
        return new
    if is_dataclass(shape) and not isinstance(shape, type):
        inner = {field.name: getattr(shape, field.name) for field in fields(shape)}
        return replace(shape, **{name: _with(value, old, new) for name, value in inner.items()})
    if isinstance(shape, tuple):
        return tuple(_with(inner, old, new) for inner in shape)
    return {name: _with(inner, old, new) for name, inner in shape.items()} if isinstance(shape, dict) else shape


def _alterations(part: Any, selecting: set[int]) -> Iterator[Any]:
    if isinstance(part, Key) and id(part) not in selecting:
        yield replace(part, required=not part.required)
    if isinstance(part, Text) and id(part) not in selecting:
        yield Text(pattern=r"^never$")
    if isinstance(part, Object):
        for index, key in enumerate(part.keys):
            if id(key) not in selecting:
                yield replace(part, keys=part.keys[:index] + part.keys[index + 1 :])
        yield from [replace(part, exclusive=())] if part.exclusive else []
        yield from [replace(part, together={})] if part.together else []


def _selecting(parts: dict[int, Any]) -> set[int]:
    """Keys by which cases are told apart, and names that may be anything: altering them alters no judgement."""
    found: set[int] = set()
    for part in parts.values():
        for name, case in part.cases.items() if isinstance(part, (ByKey, ByValue)) else ():
            key = case.key(part.tag if isinstance(part, ByValue) else name)
            found |= {id(key)} | ({id(key.shape)} if isinstance(part, ByValue) else set())
        if isinstance(part, MapOf) and part.keys.blank:
            found.add(id(part.keys))
    return found


def test_an_altered_table_is_noticed() -> None:
    """Some of all possible alterations, each of which must make validator and committed schema disagree."""
    own = [one for one in DOCUMENTS if _place(one) == OWN]
    dice = random.Random(SEED)
    spoiled = [(one.data["kind"], one.data) for one in own]
    spoiled += [(one.data["kind"], mutation.data) for one in own for mutation in mutations.mutations(one.data)]
    verdicts: dict[int, bool] = {}

    def noticed(tables: Any) -> bool:
        for index in dice.sample(range(len(spoiled)), len(spoiled)):
            kind, data = spoiled[index]
            if index not in verdicts:
                verdicts[index] = JUDGES[kind].is_valid(data)
            if (not check.problems_of(tables[kind], data)) != verdicts[index]:
                return True
        return False

    parts = _parts(KINDS, {})
    altered = [(part, new) for part in parts.values() for new in _alterations(part, _selecting(parts))]
    unnoticed = [(old, new) for old, new in dice.sample(altered, ALTERATIONS) if not noticed(_with(KINDS, old, new))]
    assert not unnoticed
    assert not noticed(KINDS), "without an alteration they agree, with no difference at all"
