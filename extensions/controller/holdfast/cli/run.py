# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast run`` and ``holdfast plan``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import resume as resuming
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.outline import minutes_recovered
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import catalog_files
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.feed import Order
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.starter import Supervised
from rich.text import Text

from holdfast.cli import answers, screen
from holdfast.cli.collection import require_collection
from holdfast.cli.options import Given
from holdfast.cli.screen import explained, say
from holdfast.cli.stored import find_run
from holdfast.cli.watch import PlainView, Result, TreeView, watch

_ANSIBLE = "Options of Ansible, for every play"
_o = typer.Option
_m = partial(typer.Option, default_factory=list, show_default=False)

Workflow = Annotated[str, typer.Argument(metavar="NAME_OR_PATH", help="A bundle of the catalog, or a file with one.")]
Inventory = Annotated[list[str], _m("-i", "--inventory", metavar="SOURCE", help="An inventory, or hosts with commas.")]
Pairs = Annotated[list[str], _m("-f", "--field", metavar="NAME=VALUE", help="An answer; may be given often.")]
Whole = Annotated[str, _o("--fields", metavar="JSON|@FILE", help="Answers as a mapping.")]
Resume = Annotated[str, _o("--resume", metavar="RUN", help="Go on with a run: its id, the beginning of it, or last.")]
Check = Annotated[bool, _o("--check", "-C", help="Print the plan and start nothing.")]
CheckNodes = Annotated[bool, _o("--check-nodes", help="Print the plan and play every node in check mode.")]
Plain = Annotated[bool, _o("--plain", help="Lines instead of a live tree; asks nothing.")]
Limit = Annotated[str, _o("-l", "--limit", metavar="PATTERN", help="Only these hosts.", rich_help_panel=_ANSIBLE)]
Extra = Annotated[
    list[str],
    _m("-e", "--extra-vars", metavar="NAME=VALUE", help="A variable; also JSON or @FILE.", rich_help_panel=_ANSIBLE),
]
VaultIds = Annotated[
    list[str],
    _m("--vault-id", metavar="[LABEL@]SOURCE", help="A vault password: a file, or prompt.", rich_help_panel=_ANSIBLE),
]
VaultFiles = Annotated[
    list[str], _m("--vault-password-file", metavar="FILE", help="A vault password.", rich_help_panel=_ANSIBLE)
]
AskVault = Annotated[bool, _o("-J", "--ask-vault-pass", help="Ask for the vault password.", rich_help_panel=_ANSIBLE)]
AskPass = Annotated[bool, _o("-k", "--ask-pass", help="Ask for the SSH password.", rich_help_panel=_ANSIBLE)]
AskBecome = Annotated[
    bool, _o("-K", "--ask-become-pass", help="Ask for the password to become.", rich_help_panel=_ANSIBLE)
]
User = Annotated[str, _o("-u", "--user", metavar="USER", help="Connect as this user.", rich_help_panel=_ANSIBLE)]
Become = Annotated[bool, _o("-b", "--become", help="Become another user there.", rich_help_panel=_ANSIBLE)]
BecomeMethod = Annotated[str, _o("--become-method", metavar="METHOD", help="How.", rich_help_panel=_ANSIBLE)]
BecomeUser = Annotated[str, _o("--become-user", metavar="USER", help="Whom.", rich_help_panel=_ANSIBLE)]
Connection = Annotated[str, _o("-c", "--connection", metavar="TYPE", help="How to connect.", rich_help_panel=_ANSIBLE)]
PrivateKey = Annotated[str, _o("--private-key", metavar="FILE", help="The SSH key.", rich_help_panel=_ANSIBLE)]
Forks = Annotated[Optional[int], _o("--forks", metavar="N", min=1, help="Hosts at a time.", rich_help_panel=_ANSIBLE)]
Timeout = Annotated[
    Optional[int], _o("-T", "--timeout", metavar="S", min=1, help="Of connections.", rich_help_panel=_ANSIBLE)
]
Diff = Annotated[bool, _o("-D", "--diff", help="Show what changes in files.", rich_help_panel=_ANSIBLE)]
Verbose = Annotated[
    int, _o("-v", "--verbose", count=True, help="Show what plays put out; -vvv for more.", rich_help_panel=_ANSIBLE)
]


@dataclass(frozen=True)
class Wish:
    """What the person wants: a workflow with answers, or a run to go on with."""

    workflow: str
    pairs: tuple[str, ...]
    whole: str
    resume: str
    check: bool
    check_nodes: bool
    plain: bool

    @property
    def ask(self) -> bool:
        """Whether missing answers may be asked for."""
        return not self.plain and screen.can_ask()


@explained
def run(
    workflow: Workflow = "",
    *,
    inventory: Inventory,
    field: Pairs,
    fields: Whole = "",
    resume: Resume = "",
    check: Check = False,
    check_nodes: CheckNodes = False,
    plain: Plain = False,
    limit: Limit = "",
    extra: Extra,
    vault_id: VaultIds,
    vault_password_file: VaultFiles,
    ask_vault: AskVault = False,
    ask_pass: AskPass = False,
    ask_become: AskBecome = False,
    user: User = "",
    become: Become = False,
    become_method: BecomeMethod = "",
    become_user: BecomeUser = "",
    connection: Connection = "",
    private_key: PrivateKey = "",
    forks: Forks = None,
    timeout: Timeout = None,
    diff: Diff = False,
    verbose: Verbose = 0,
) -> None:
    """Run a workflow, or go on with a run. Ends with 0 only when the run succeeded."""
    wish = Wish(workflow, tuple(field), fields, resume, check, check_nodes, plain)
    asked = Given(
        inventory, limit, vault_id, vault_password_file, ask_vault, ask_pass, ask_become, user, become, become_method,
        become_user, connection, private_key, forks, timeout, verbose, diff, extra,
    )  # fmt: skip
    raise typer.Exit(carry_out(wish, asked))


def carry_out(wish: Wish, given: Given) -> int:
    """Check everything that can be known before, then run to the end; returns the exit status."""
    if bool(wish.workflow) == bool(wish.resume):
        raise HoldfastError("name a workflow (holdfast catalog list shows them), or a run with --resume, and not both")
    require_collection()
    order = _resumed(wish) if wish.resume else _launched(wish)
    order = replace(order, options=given.options().to_dict(), secrets=given.secrets().to_dict())
    tree = screen.is_terminal() and not wish.plain and not order.check
    result = watch(Supervised(order), TreeView(screen.console()) if tree else PlainView())
    return conclude(result)


def _launched(wish: Wish) -> Order:
    found = catalog_files.find_bundle(wish.workflow)
    given = answers.given(found.bundle.fields, wish.pairs, wish.whole)
    complete = answers.complete(found.bundle.fields, given, wish.ask)
    # the supervisor may stand in another folder, and must find the same file
    by_path = wish.workflow not in found.catalog.bundles or Path(wish.workflow).is_file()
    workflow = str(Path(wish.workflow).expanduser().absolute()) if by_path else wish.workflow
    return Order(workflow=workflow, fields=complete, check=wish.check or wish.check_nodes, check_nodes=wish.check_nodes)


def _resumed(wish: Wish) -> Order:
    """The order to go on with a run. Secret answers are not stored, so they are asked for again."""
    if wish.check or wish.check_nodes:
        raise HoldfastError("--resume goes on with what was planned; it cannot be combined with --check")
    old = find_run(wish.resume)
    launch = Launch.from_data(old.launch())
    secret = [field for field in launch.bundle.fields if field.name in launch.secret_fields]
    given: dict[str, Any] = answers.given(secret, wish.pairs, wish.whole)
    if wish.ask:
        given.update({field.name: answers.question(field) for field in secret if field.name not in given})
    missing = resuming.missing_secrets(launch.secret_fields, given)
    if missing:
        raise HoldfastError(missing)
    return Order(resume=old.id, fields=given)


# --- the end -----------------------------------------------------------------------------------------------------


def conclude(result: Result) -> int:
    """Tell the person how it ended; returns the exit status."""
    if result.end:
        _tell_end(result.end, result.run)
        good = result.end.get("state") == states.SUCCESSFUL
        return screen.INTERRUPTED if result.interrupts and not good else 0 if good else screen.WENT_WRONG
    if result.interrupts and result.run is not None:
        say(f"run {result.run.id} was ended hard: nothing was undone, what ran is lost", style="red")
        say(f"  to resume: holdfast run --resume {result.run.id}")
        return screen.INTERRUPTED
    for line in result.refused.splitlines() or ["the supervisor said nothing"]:
        say(Text.assemble(("error: ", "bold red"), screen.plain(line)), stderr=True)
    if result.run is not None:
        say(f"  to resume: holdfast run --resume {result.run.id}", stderr=True)
        say(f"  record: {result.run.path}", stderr=True)
    if result.interrupts:
        return screen.INTERRUPTED
    return screen.WRONG_INPUT if result.run is None else screen.WENT_WRONG


def _tell_end(end: Mapping[str, Any], run: Run | None) -> None:
    screen.told(end.get("summary") or (), str(end.get("state")))
    if run is not None:
        minutes = _minutes(run)
        if minutes:
            say(f"  by hand: what was done takes a person about {minutes:g} minutes")
        if end.get("state") != states.SUCCESSFUL:
            say(f"  to resume: holdfast run --resume {run.id}")
        say(f"  record: {run.path}")


def _minutes(run: Run) -> float:
    try:
        return minutes_recovered(Launch.from_data(run.launch()).graph(run.id), run.record())
    except (HoldfastError, OSError):
        return 0.0
