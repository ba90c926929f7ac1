# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door: which commands there are, and how an error reaches the person.

Exit status of every command: 0 when it did what was asked, 1 when a run or a rehearsal did not end well, 2 when the
input was wrong or nothing could be started, 130 after Ctrl-C.
"""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from holdfast.cli import breakers, catalog, export, lkg, rehearse, run, runs, serve

app = typer.Typer(
    name="holdfast",
    help="Dependency-aware changes that leave nothing worse than they found it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"holdfast {metadata.version('holdfast')}")
        raise typer.Exit


@app.callback()
def holdfast(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Dependency-aware changes that leave nothing worse than they found it."""


app.command("run")(run.run)


@app.command(
    "plan",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def plan(context: typer.Context) -> None:
    """Print what a run would do, and start nothing: the same as run --check."""
    app(["run", "--check", *context.args], prog_name="holdfast")


app.command("rehearse")(rehearse.rehearse)
app.command("serve")(serve.serve)
app.add_typer(runs.app, name="runs")
app.add_typer(lkg.app, name="lkg")
app.add_typer(breakers.app, name="breakers")
app.add_typer(catalog.app, name="catalog")
app.add_typer(export.app, name="export")
