# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast breakers``: what is believed about targets and outside services, and what people may decide of it."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer
from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import telling, views
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import FORCED_OPEN, Breaker
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import breakers, inbox

from holdfast.cli.screen import explained, say, table

app = typer.Typer(no_args_is_help=True, help="Circuit breakers: what may be called now, and what is refused and why.")
Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="A breaker: host:..., group:..., service:... or item:....")
]
Reason = Annotated[str, typer.Option("--reason", help="Why; everybody who is refused reads it.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@app.command("list")
@explained
def list_(as_json: AsJson = False) -> None:
    """List all breakers with their states."""
    with breakers.used() as keeper:
        found = keeper.list()
        now = keeper.now()
    if as_json:
        typer.echo(json.dumps([views.facts(one, now) for one in found], indent=2))
    elif not found:
        say(f"there is no breaker in {keeper.place} yet")
    else:
        table([_row(one, now) for one in found], ("TARGET", "STATE", "FAILED", "SINCE", "TRIES AGAIN", "WHY"))


def _row(breaker: Breaker, now: float) -> tuple[str, ...]:
    seen = views.judged(breaker, now)
    since = telling.moment(breaker.since) if breaker.since else "-"
    again = "-" if breaker.retry_at is None else telling.moment(breaker.retry_at)
    if breaker.state == FORCED_OPEN:
        again = "when reset"
    failed = f"{seen.failed} of {seen.calls}" if seen.calls else "-"
    return breaker.target, breaker.state.replace("_", "-"), failed, since, again, breaker.why or "-"


@app.command()
@explained
def show(target: Target, as_json: AsJson = False) -> None:
    """Show a breaker: its state and why, its calls, its policy, and what became of it before."""
    with breakers.used() as keeper:
        found, now = keeper.need(target), keeper.now()
    if as_json:
        typer.echo(json.dumps(views.facts(found, now), indent=2))
        return
    for line in views.lines(found, now):
        say(line)


@app.command()
@explained
def trip(
    target: Target,
    reason: Reason = "",
    wait: Annotated[
        Optional[str],
        typer.Option("--for", metavar="DURATION", help="Try again after so long, such as 30m; never if not."),
    ] = None,
) -> None:
    """Open a breaker by hand: every call is refused until it is reset, or for a while."""
    try:
        seconds = None if wait is None else durations.parse(wait)
    except ValueError as error:
        raise HoldfastError(f"--for: {error}") from error
    with breakers.used() as keeper:
        found = keeper.trip(target, reason, inbox.me(), seconds)
    until = "until it is reset" if found.retry_at is None else f"until {telling.moment(found.retry_at)}"
    say(f"✔ breaker {target} is held open {until}: {found.why}")


@app.command()
@explained
def reset(target: Target, reason: Reason = "") -> None:
    """Close a breaker and forget its calls; its policy stays."""
    with breakers.used() as keeper:
        keeper.need(target)
        keeper.reset(target, reason, inbox.me())
    say(f"✔ breaker {target} is closed")
