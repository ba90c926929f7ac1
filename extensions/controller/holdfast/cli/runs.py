# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast runs``: what ran and runs, and what people may tell it."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Optional

import typer
from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import views
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.outline import outline
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import inbox
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import find_bundle
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Listed
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.telling import tell

from holdfast.cli.run_report import RunReport
from holdfast.cli.screen import explained, one_line, say, table
from holdfast.cli.stored import find_run, store

app = typer.Typer(no_args_is_help=True, help="What ran and runs, and what people may tell it.")
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run: its id, the beginning of it, or last.")]
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="The node that waits for people.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it goes into the record.")]
Batch = Annotated[Optional[int], typer.Option("--batch", min=1, help="The batch; the first that waits when left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@app.command("list")
@explained
def list_(
    as_json: AsJson = False,
    most: Annotated[int, typer.Option("-n", min=1, help="At most so many, the newest first.")] = 20,
) -> None:
    """List runs, the newest first."""
    found = []
    for listed in store().list():
        found.append(listed)
        if len(found) == most:
            break
    if as_json:
        typer.echo(json.dumps([_facts(one) for one in found], indent=2))
        return
    if not found:
        say(f"there is no run in {store().store} yet")
        return
    table([_row(one) for one in found], ("RUN", "STATE", "STARTED", "TOOK", "BY", "WORKFLOW"))


def _facts(listed: Listed) -> dict[str, Any]:
    run = listed.record.run if listed.record is not None else {}
    keys = ("bundle", "requested_by", "created", "started", "finished", "explanation", "resumed_from", "resumed_by")
    facts = {"id": listed.run.id, "state": listed.state, **{key: run.get(key) for key in keys}}
    return {**facts, "path": str(listed.run.path), **({"trouble": listed.trouble} if listed.trouble else {})}


def _row(listed: Listed) -> tuple[str, ...]:
    if listed.record is None:
        return listed.run.id, listed.state, "-", "-", "-", one_line(listed.trouble)
    run = listed.record.run
    started = run.get("started") or run.get("created")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(started)) if started else "-"
    took = durations.render(run["finished"] - run["started"]) if run.get("started") and run.get("finished") else "-"
    return listed.run.id, listed.state, when, took, str(run.get("requested_by", "-")), str(run.get("bundle", "-"))


@app.command()
@explained
def show(
    run: RunName,
    as_json: AsJson = False,
    log: Annotated[str, typer.Option("--log", metavar="NODE", help="What the plays of this node put out.")] = "",
) -> None:
    """Show a run: its tree, every execution, what failed, and what to do next."""
    report = RunReport(find_run(run))
    if as_json:
        typer.echo(json.dumps(report.as_data(), indent=2))
    elif log:
        report.log(log)
    else:
        report.tell()


@app.command()
@explained
def graph(
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="A run: its id, the beginning of it, or last.")] = "",
    workflow: Annotated[str, typer.Option("--workflow", metavar="NAME", help="A bundle instead of a run.")] = "",
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As the source of a Mermaid chart.")] = False,
) -> None:
    """Draw the graph of a run with its states, or of a bundle."""
    if bool(run) == bool(workflow):
        raise HoldfastError("name a run, or a bundle with --workflow")
    record: Record | None = None
    if workflow:
        found = find_bundle(workflow)
        drawn = outline(found.bundle, found.catalog)
    else:
        named = find_run(run)
        drawn, record = Launch.from_data(named.launch()).graph(named.id), named.record()
    for line in (views.mermaid if mermaid else views.text)(drawn, record):
        typer.echo(line)


# --- telling -----------------------------------------------------------------------------------------------------


def _word(kind: str, node: str, reason: str, batch: int | None) -> inbox.Word:
    return inbox.Word(kind, inbox.me(), node, None if batch is None else batch - 1, reason)


@app.command()
@explained
def approve(run: RunName, node: NodeName, reason: Reason = "", batch: Batch = None) -> None:
    """Approve a node that waits, or say that its work was done by hand."""
    found = find_run(run)
    tell(found, _word("approve", node, reason, batch))
    say(f"✔ {node} of run {found.id}: approved by {inbox.me()}")


@app.command()
@explained
def deny(run: RunName, node: NodeName, reason: Reason = "", batch: Batch = None) -> None:
    """Refuse a node that waits, or say that its work cannot be done."""
    found = find_run(run)
    tell(found, _word("deny", node, reason, batch))
    say(f"✔ {node} of run {found.id}: denied by {inbox.me()}")


@app.command()
@explained
def cancel(
    run: RunName,
    rollback: Annotated[
        Optional[bool], typer.Option("--rollback/--no-rollback", help="Whether to undo; as the bundle says if neither.")
    ] = None,
) -> None:
    """Cancel a run: what runs is ended, nothing more is started."""
    found = find_run(run)
    tell(found, inbox.Word("cancel", inbox.me(), rollback=rollback))
    say(f"✔ run {found.id} is being canceled; follow it with: holdfast runs show {found.id}")
