# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast lkg restore``: a play of one task, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import one_task
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Stored

from holdfast.cli.collection import require_collection
from holdfast.cli.options import Given
from holdfast.cli.screen import WENT_WRONG, say

MODULE = "holdfast.ops.lkg_restore"
COLOURS = {"+": "green", "-": "red", "@": "cyan", "!": "yellow"}
"""The colour of a line of a difference, by its first character."""

Check = Annotated[bool, typer.Option("--check", "-C", help="Read the host, say what would be restored, and stop.")]
Diff = Annotated[bool, typer.Option("--diff", "-D", help="Show what differs, line by line, as --check does.")]
_ONLY = typer.Option("--section", metavar="NAME", default_factory=list, show_default=False, help="Only these.")
Sections = Annotated[list[str], _ONLY]


def carry_out(stored: Stored, sections: list[str], check: bool, options: Given) -> dict[str, Any]:
    """Restore a state of a host; returns the result of the task."""
    require_collection()
    arguments: dict[str, Any] = {"host": stored.host, "state": stored.id}
    if sections:
        arguments["sections"] = sections
    return one_task.play(stored.host, MODULE, arguments, options.options(), options.secrets(), check)


def tell(stored: Stored, result: Mapping[str, Any], check: bool) -> int:
    """Tell the person what came of it; returns the exit status."""
    for line in str((result.get("diff") or {}).get("prepared", "")).splitlines():
        say(line, style=COLOURS.get(line[:1], ""))
    for line in result.get("done") or ():
        say(f"  {line}")
    if result.get("failed") or result.get("unreachable"):
        word = "unreachable" if result.get("unreachable") else "failed"
        say(f"✘ {stored.host}: {word}: {result.get('msg', '')}", style="red", stderr=True)
        return WENT_WRONG
    changes = len(result["changes"])
    if result["same"]:
        say(f"✔ {stored.host} is as {stored.id} has it; nothing was done", style="green")
    elif check:
        say(f"{stored.host}: {changes} items differ and would be restored to {stored.id}", style="yellow")
    else:
        after = result["after"]["id"]
        say(f"✔ {stored.host} was restored to {stored.id}: {changes} items; {after} proves it", style="green")
    return 0
