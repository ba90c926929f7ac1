# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast rehearse``: play workflows with made-up results and compare with what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.rehearsal_files import Rehearsed, rehearse_file
from rich.text import Text

from holdfast.cli.screen import WENT_WRONG, explained, plain, say


@explained
def rehearse(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files, or folders of files, to play.")],
    only: Annotated[str, typer.Option("--only", metavar="NAME", help="Play only the rehearsal of this name.")] = "",
) -> None:
    """Play rehearsals: workflows with made-up results, on a clock of their own. Nothing is touched."""
    done = [one for file in _files(files) for one in rehearse_file(file) if not only or one.name == only]
    if only and not done:
        say(f"no rehearsal is named '{only}'", stderr=True)
        raise typer.Exit(2)
    for one in done:
        _tell(one)
    bad = sum(1 for one in done if one.problems)
    went = f"{bad} of {len(done)} went otherwise than expected" if bad else "all as expected"
    say(f"{len(done)} rehearsal{'' if len(done) == 1 else 's'}: {went}", style="bold red" if bad else "bold green")
    if bad:
        raise typer.Exit(WENT_WRONG)


def _files(named: list[Path]) -> list[Path]:
    """The files themselves, and those directly in the folders."""
    found: list[Path] = []
    for path in named:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if file.suffix in (".yml", ".yaml"))
        else:
            found.append(path)
    return found


def _tell(one: Rehearsed) -> None:
    line = Text("✘ " if one.problems else "✔ ", style="red" if one.problems else "green")
    line.append(plain(one.name), style="default")
    if one.description:
        line.append(f"  {plain(one.description)}", style="dim")
    say(line)
    for problem in one.problems:
        say(f"    {problem.render()}")
