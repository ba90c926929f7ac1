# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reference may see at its place in a document, and whether what it brings fits there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Field, Output
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import (
    DocumentPath,
    Problem,
    did_you_mean,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import references
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.scopes import SCOPES

Outputs = Mapping[str, Output]

LAUNCH = frozenset({"fields", "metadata", "request", "environment"})
"""The scopes that are known before anything runs: hosts, batches and locks are made of them."""
ITEM = frozenset(SCOPES) - {"outputs"}
CONDITION = frozenset(SCOPES) - {"secrets"}
COMPONENT = frozenset(SCOPES)

_TEXTS = frozenset({"text", "textarea", "password", "choice", "string"})
FITS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_TEXTS, _TEXTS),
    "integer": frozenset({"integer", "float"}),
    "float": frozenset({"float"}),
    "multiselect": frozenset({"multiselect"}),
    "list": frozenset({"multiselect"}),
    "boolean": frozenset(),
    "dict": frozenset(),
}
"""For each type of question or output: the types of questions that it can answer."""
NAMES = frozenset({"text", "textarea", "choice", "string"})
COUNTS = NAMES | {"integer"}
SHARES = COUNTS | {"float"}


@dataclass(frozen=True)
class Sight:
    """What can be seen from a place.

    ``scopes``: those allowed; ``why``: the reason for the others. ``fields`` by name, None when they are not known
    because their own document is damaged. ``outputs`` of a path of node names: the outputs it reports (None: not
    known), or a message why there are none. ``public``: what stands there is shown to people, so no secrets.
    """

    scopes: frozenset[str]
    fields: Optional[Mapping[str, Field]]
    outputs: Optional[Callable[[str], Outputs | Mapping[str, Outputs | None] | str | None]] = None
    public: bool = False
    why: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Brought:
    """What a reference brings: a type of question or output ("" when nobody can know), or what is wrong with it."""

    type: str = ""
    wrong: str = ""
    hint: str = ""
    field: Optional[Field] = None


def look(names: tuple[str, ...], sight: Sight) -> Brought:
    """Follow a reference, given as its names (``("fields", "pool")``)."""
    scope, rest = names[0], names[1:]
    if scope not in SCOPES:
        return Brought(wrong=f"unknown scope '{scope}'", hint=did_you_mean(scope, SCOPES))
    if scope not in sight.scopes:
        if scope == "secrets" and sight.public:
            return Brought(wrong="a secret would be shown in clear here", hint=_PUBLIC_HINT)
        return Brought(wrong=f"'{scope}' cannot be used here", hint=sight.hints.get(scope, sight.why))
    if not rest:
        return Brought(wrong=f"'{scope}' needs a name behind it", hint=f"${scope}.NAME")
    if scope == "fields":
        return _look_at_field(rest, sight)
    return _look_at_output(rest, sight) if scope == "outputs" else Brought()


_PUBLIC_HINT = "hosts, batches, locks and conditions are shown to everybody who sees the run"


def _look_at_field(names: tuple[str, ...], sight: Sight) -> Brought:
    if sight.fields is None:
        return Brought()
    found = sight.fields.get(names[0])
    if found is None:
        return Brought(wrong=f"unknown field '{names[0]}'", hint=_known(names[0], sight.fields))
    if len(names) == 2 and found.type == "multiselect" and names[1].isdigit():
        return Brought("text")
    if len(names) > 1:
        return Brought(wrong=f"field '{names[0]}' has no parts", hint=f"write fields.{names[0]}")
    if sight.public and found.type == "password":
        return Brought(wrong=f"field '{names[0]}' is a password and would be shown in clear here", hint=_PUBLIC_HINT)
    return Brought(found.type, field=found)


def _known(word: str, known: Mapping[str, Any]) -> str:
    return did_you_mean(word, known) if known else "there are none"


def _look_at_output(names: tuple[str, ...], sight: Sight) -> Brought:
    node, rest = names[0], names[1:]
    found: Any = sight.outputs(node) if sight.outputs else None
    if isinstance(found, str):
        message, _bar, hint = found.partition(" | ")
        return Brought(wrong=message, hint=hint)
    while isinstance(found, Mapping):
        if not rest:
            return Brought(wrong=f"the output of '{node}' needs a name behind it", hint=f"$outputs.{node}.NAME")
        inner = found.get(rest[0], MISSING)
        if inner is MISSING:
            what = "component" if any(not isinstance(value, Output) for value in found.values()) else "output"
            return Brought(wrong=f"'{node}' has no {what} '{rest[0]}'", hint=_known(rest[0], found))
        node, rest, found = f"{node}.{rest[0]}", rest[1:], inner
    return _of_output(node, rest, found, sight) if isinstance(found, Output) else Brought()


MISSING = object()


def _of_output(node: str, rest: tuple[str, ...], output: Output, sight: Sight) -> Brought:
    if sight.public and output.secret:
        return Brought(wrong=f"output '{node}' is secret and would be shown in clear here", hint=_PUBLIC_HINT)
    if rest and output.type not in ("dict", "list"):
        return Brought(wrong=f"output '{node}' is of type {output.type} and has no parts")
    return Brought() if rest else Brought(output.type)


def check_references(value: Any, path: DocumentPath, sight: Sight, problems: list[Problem]) -> Optional[Brought]:
    """Check every reference inside a value.

    Gives what the reference brings when the whole value is one (also a wrong one), else None.
    """
    whole: Optional[Brought] = None
    for place, text in references.texts_in(value, path):
        wrong = references.check_reference(text)
        if wrong:
            problems.append(Problem(place, wrong))
            whole = Brought(wrong=wrong)
        elif references.is_reference(text):
            whole = look(references.parse_reference(text), sight)
            if whole.wrong:
                problems.append(Problem(place, f"{text}: {whole.wrong}", whole.hint))
    return whole if isinstance(value, str) else None


def holds_references(value: Any) -> bool:
    """Whether some text inside the value is a reference, or was meant to be one."""
    return any(
        references.is_reference(text) or references.check_reference(text) for _path, text in references.texts_in(value)
    )


def check_type(
    brought: Brought, accepted: frozenset[str], what: str, path: DocumentPath, problems: list[Problem]
) -> None:
    """Refuse what a reference brings when its type is known and not among the accepted ones."""
    if brought.type and brought.type not in accepted:
        kinds = ", ".join(sorted(accepted - {"string"}))
        problems.append(Problem(path, f"a value of type {brought.type} cannot be {what}", f"it takes: {kinds}"))


def answered_by(kind: str) -> frozenset[str]:
    """The types of questions and outputs whose values can answer a question of this type."""
    return frozenset(source for source, targets in FITS.items() if kind in targets)
