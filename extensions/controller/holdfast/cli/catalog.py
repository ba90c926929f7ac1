# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast catalog``: judge documents, and see what there is to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import schema as schemas
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog, Field, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound, did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import views
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.outline import outline
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import (
    FoundBundle,
    find_bundle,
    load_catalog,
    validate_paths,
)
from rich.text import Text

from holdfast.cli.screen import explained, paragraph, say, table

app = typer.Typer(no_args_is_help=True, help="Judge documents, and see what there is to run.")
_KINDS = {"item": "CatalogItem", "bundle": "CatalogBundle"}


@app.command()
@explained
def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders to judge.")],
) -> None:
    """Say everything that is wrong with documents at once, with file, line and what would be right."""
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise HoldfastError(f"there is no {', no '.join(str(path) for path in missing)}")
    catalog, problems = validate_paths(paths)
    if problems:
        raise ProblemsFound(problems)
    items, bundles = counted(catalog, paths)
    say(f"✔ {_count(items, 'item')} and {_count(bundles, 'bundle')} in {', '.join(map(str, paths))}: nothing is wrong")


def counted(_catalog: Catalog, paths: list[Path]) -> tuple[int, int]:
    """How many items and bundles the named paths hold, without those of the search path behind them."""
    own, _problems = load_catalog([p for p in paths if p.is_dir()], [p for p in paths if not p.is_dir()])
    return len(own.items), len(own.bundles)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


@app.command("list")
@explained
def list_(
    items: Annotated[bool, typer.Option("--items", help="List items instead of the bundles that can be run.")] = False,
) -> None:
    """List what there is to run."""
    catalog, problems = load_catalog()
    found: list[Any] = list((catalog.items if items else catalog.bundles).values())
    table(
        [(one.name, one.version, one.owner or "-", one.title) for one in sorted(found, key=lambda one: one.name)],
        ("NAME", "VERSION", "OWNER", "TITLE"),
    )
    for problem in problems:
        say(f"warning: {problem.render()}", style="yellow", stderr=True)


@app.command()
@explained
def show(name: Annotated[str, typer.Argument(help="A bundle or an item, by name; a bundle also by its file.")]) -> None:
    """Show what an item or a bundle asks, does and undoes."""
    catalog, _problems = load_catalog()
    if name in catalog.items and name not in catalog.bundles:
        _show_item(catalog.items[name])
        return
    if name not in catalog.bundles and "/" not in name and not name.endswith((".yml", ".yaml")):
        hint = did_you_mean(name, [*catalog.bundles, *catalog.items])
        raise HoldfastError(f"the catalog has no bundle and no item '{name}' ({hint})")
    _show_bundle(find_bundle(name))


@app.command()
@explained
def schema(kind: Annotated[str, typer.Argument(help="item or bundle.")]) -> None:
    """Print the JSON Schema of a kind of document, for editors."""
    if kind not in _KINDS:
        raise HoldfastError(f"there is no schema of '{kind}' (one of {', '.join(_KINDS)})")
    typer.echo(schemas.render(_KINDS[kind]), nl=False)


# --- shown -------------------------------------------------------------------------------------------------------


def _head(one: Item | Bundle, kind: str) -> None:
    title = Text(one.name, style="bold")
    title.append(f"  {kind} {one.version}", style="not bold dim")
    say(title)
    for line in (one.title, one.description):
        paragraph(line, 2)
    about = [("owner", one.owner), ("labels", ", ".join(one.labels))]
    for word, value in about:
        if value:
            say(f"  {word}: {value}")


def _show_item(item: Item) -> None:
    _head(item, "item")
    if item.manual_minutes:
        say(f"  by hand: {item.manual_minutes:g} minutes")
    _section("It asks")
    _questions(item.fields)
    _section("It runs")
    if item.mode == "manual":
        say(f"  a person{f' ({item.assignee})' if item.assignee else ''}: {item.instructions}")
    elif item.action is not None:
        played = item.guard.action if item.guard is not None and item.guard.action is not None else item.action
        under = ", under a guard: each host goes back by itself unless it is proved good" if item.guard else ""
        say(f"  {played.kind} {played.name}{under}")
    if item.outputs:
        _section("It reports")
        for output in item.outputs:
            say(f"  {output.name} ({output.type}{', secret' if output.secret else ''})  {output.description}".rstrip())
    _section("It is undone by")
    say(f"  {undo_of(item)}")


def _show_bundle(found: FoundBundle) -> None:
    bundle = found.bundle
    _head(bundle, "bundle")
    say(f"  file: {found.file}")
    _section("It asks")
    _questions(bundle.fields)
    graph = outline(bundle, found.catalog)
    _section("It runs")
    for line in views.text(graph):
        say(f"  {line}")
    _section("When something fails")
    scope = f", scope {bundle.rollback_scope}" if bundle.on_failure == "rollback" else ""
    say(f"  {bundle.on_failure}{scope}; when canceled: {bundle.on_cancel}")
    items = {node.item.name: node.item for node in graph.nodes.values() if node.item is not None}
    for name, item in sorted(items.items()):
        say(f"  {name}: {undo_of(item)}")


def undo_of(item: Item) -> str:
    """How an item is undone, for people."""
    compensation = item.compensation
    if compensation is None:
        return "nothing: it does not say how"
    if compensation.action is None:
        return f"nothing: {compensation.none_reason}"
    verified = f", verified by {compensation.verify.name}" if compensation.verify else ""
    return f"{compensation.action.kind} {compensation.action.name}{verified}"


def _section(title: str) -> None:
    say()
    say(title, style="bold")


def _questions(fields: tuple[Field, ...]) -> None:
    if not fields:
        say("  nothing")
    for field in fields:
        say(f"  {question_line(field)}")
        if field.description:
            paragraph(field.description, 6, style="dim")


def question_line(field: Field) -> str:
    """A question with its type, limits and default, in one line."""
    facts = [field.type]
    if field.required:
        facts.append("required")
    if field.choices:
        facts.append(f"{'one ' if field.type == 'choice' else ''}of {', '.join(field.choices)}")
    unit = "" if field.type in ("integer", "float") else " long"
    if field.min is not None:
        facts.append(f"at least {field.min:g}{unit}")
    if field.max is not None:
        facts.append(f"at most {field.max:g}{unit}")
    if field.default not in (None, "") and field.type != "password":
        facts.append(f"default {field.default}")
    label = f"  {field.label}" if field.label and field.label != field.name else ""
    return f"{field.name}{label} ({'; '.join(facts)})"
