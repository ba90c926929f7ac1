# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold inside one item, and for the questions of both kinds of documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import sight
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.breaker_rules import check_item_breaker
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.guarding import as_written, check_guard
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action, Field, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.parse import Places
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, Problem
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import check_default

_HINTS = {
    "outputs": "an item does not know its neighbours: give it a field, and let the bundle fill it with the output"
}


def check_item(item: Item, places: Places, fields_known: bool = True) -> list[Problem]:
    """Everything that is wrong with the meaning of an item; ``fields_known``: its questions are undamaged."""
    whole, item = item, as_written(item)
    problems = check_fields(item.fields, places)
    problems += _twice(((output.name, (*places.of(output), "name")) for output in item.outputs), "output")
    if item.mode == "manual" and item.outputs:
        hint = "automate it, or let the next component find the value out"
        problems.append(Problem(("outputs",), "a manual item reports nothing, so it has no outputs", hint))
    problems += check_item_breaker(item, places)
    fields = {field.name: field for field in item.fields} if fields_known else None
    seen = sight.Sight(sight.ITEM, fields, hints=_HINTS)
    for action in _actions(item):
        sight.check_references(action.args, (*places.of(action), "with"), seen, problems)
    reported = next((places.of(output) for output in item.outputs if output.name == links.OUTPUT), ())
    return problems + check_guard(whole, reported, seen)


def _actions(item: Item) -> list[Action]:
    undo = item.compensation
    return [
        action for action in (item.action, undo and undo.action, undo and undo.verify) if isinstance(action, Action)
    ]


def check_fields(fields: Iterable[Field], places: Places) -> list[Problem]:
    """Questions that ask for the same name, limits that exclude everything, defaults that break their own rule."""
    problems: list[Problem] = []
    fields = tuple(fields)
    problems += _twice(((field.name, (*places.of(field), "name")) for field in fields), "field")
    for field in fields:
        path = places.of(field)
        if field.min is not None and field.max is not None and field.min > field.max:
            problems.append(Problem((*path, "max"), f"max {field.max:g} is less than min {field.min:g}"))
        for index, choice in enumerate(field.choices):
            if choice in field.choices[:index]:
                problems.append(Problem((*path, "choices", index), f"the choice '{choice}' is there twice"))
        refusal = check_default(field) if field.default is not None and field.name else None
        if refusal:
            problems.append(Problem((*path, "default"), refusal, "give a default that the question itself accepts"))
    return problems


def _twice(names: Iterable[tuple[str, DocumentPath]], what: str) -> list[Problem]:
    first: dict[str, DocumentPath] = {}
    problems = []
    for name, path in names:
        if name and first.setdefault(name, path) != path:
            problems.append(Problem(path, f"the {what} '{name}' is there twice", "names must differ"))
    return problems


def by_name(fields: Iterable[Field]) -> Mapping[str, Field]:
    """Questions by name, the first of equal names."""
    found: dict[str, Field] = {}
    for field in fields:
        found.setdefault(field.name, field)
    return found
