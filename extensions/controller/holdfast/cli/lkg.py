# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast lkg``: the archive of snapshots, and the last known good state of each host."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Optional

import typer
from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, as_data
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.retention import Retention
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import archive_upkeep, home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import LAST, LKG, Archive, Promotion, Stored
from rich.text import Text

from holdfast.cli import lkg_restore
from holdfast.cli import run as given
from holdfast.cli.options import Given
from holdfast.cli.screen import WENT_WRONG, explained, say, table
from holdfast.cli.stored import store

app = typer.Typer(no_args_is_help=True, help="The archive of snapshots, and the last known good state of each host.")
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
STATE_HELP = "HOST or HOST@STATE: lkg, previous, last, or a snapshot by its id or the beginning of it."


def _archive() -> Archive:
    return Archive(home.store())


def _json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2))


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _find(archive: Archive, named: str, state: str) -> Stored:
    """The snapshot that ``HOST`` or ``HOST@STATE`` means; a host whose name holds an ``@`` is found as well."""
    host, at, word = named.rpartition("@")
    if not at or named in archive.hosts():
        return archive.find(named, state)
    return archive.find(host, word)


@app.command("list")
@explained
def list_(
    host: Annotated[str, typer.Argument(metavar="[HOST]", help="A host, to see each of its snapshots.")] = "",
    as_json: AsJson = False,
) -> None:
    """List hosts with their last known good states, or the snapshots of one host."""
    archive = _archive()
    stored, current = archive.snapshots(host), archive.current([host] if host else [])
    if as_json:
        lkg = {name: each.as_data() for name, each in sorted(current.items())}
        _json({"snapshots": [each.as_data() for each in stored], "lkg": lkg})
    elif not stored:
        say(f"there is no snapshot{f' of {host}' if host else ''} in {archive.git.path} yet")
    elif host:
        rows = [_snapshot_row(each, current.get(host)) for each in reversed(stored)]
        table(rows, ("SNAPSHOT", "TAKEN", "STATE", "DIGEST", "RUN"))
    else:
        table(_host_rows(stored, current), ("HOST", "PLATFORM", "SNAPSHOTS", "LAST", "LKG TAKEN", "PROMOTED", "BY"))


def _snapshot_row(stored: Stored, lkg: Promotion | None) -> tuple[str, ...]:
    words = ["lkg"] if lkg and lkg.snapshot == stored.id else []
    words += ["incomplete"] if stored.gaps else []
    return stored.id, _moment(stored.taken_at), " ".join(words) or "-", stored.digest[:12], stored.run or "-"


def _host_rows(stored: list[Stored], current: dict[str, Promotion]) -> list[tuple[Any, ...]]:
    hosts: dict[str, list[Stored]] = {}
    for each in stored:
        hosts.setdefault(each.host, []).append(each)
    rows: list[tuple[Any, ...]] = []
    for host, every in sorted(hosts.items()):
        now = current.get(host)
        proof = (_moment(now.taken_at), _moment(now.evidence.at), now.evidence.by) if now else ("never", "-", "-")
        rows.append((host, every[-1].platform, len(every), _moment(every[-1].taken_at), *proof))
    return rows


@app.command()
@explained
def show(
    named: Annotated[str, typer.Argument(metavar="HOST[@STATE]", help=STATE_HELP)],
    item: Annotated[str, typer.Option("--item", metavar="SECTION/ITEM", help="Print this item alone.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show a snapshot without its secrets: what it holds, and why it counts as good."""
    archive = _archive()
    stored = _find(archive, named, LKG)
    view = archive.view(stored)
    if item:
        section, _slash, name = item.partition("/")
        found = view.items.get(Place(section, name))
        if found is None:
            known = ", ".join(str(place) for place in list(view.items)[:10])
            raise HoldfastError(f"the snapshot {stored.id} of {stored.host} has no item '{item}'; it has {known}")
        for line in found.text.splitlines():
            say(line)
        return
    promotions = [each for each in archive.history(stored.host) if each.snapshot == stored.id]
    if as_json:
        _json({**stored.as_data(), **as_data(view), "promotions": [each.as_data() for each in promotions]})
        return
    say(Text(f"{stored.host}  {stored.id}", style="bold"))
    say(f"  {stored.platform}, taken {_moment(stored.taken_at)}{f', run {stored.run}' if stored.run else ''}")
    for section, why in sorted(stored.gaps.items()):
        say(f"  not read: {section}: {why}", style="yellow")
    for section in sorted(set(view.sections) - {place.section for place in view.items}):
        say(f"  read, and there was nothing: {section}")
    for promotion in promotions:
        _tell_promotion(promotion)
    say(f"  {view.secrets} secrets, encrypted apart")
    rows = [
        (str(place), each.kind, len(each.text.splitlines()), each.digest[:12]) for place, each in view.items.items()
    ]
    table(rows, ("ITEM", "KIND", "LINES", "DIGEST"))


def _tell_promotion(promotion: Promotion) -> None:
    proof = promotion.evidence
    run, why = f", run {proof.run}" if proof.run else "", f": {proof.reason}" if proof.reason else ""
    say(f"  promoted {_moment(proof.at)} by {proof.by}{run}{why}", style="green")
    for check in proof.checks:
        say(f"    ✔ {check.name}{f'  {check.detail}' if check.detail else ''}")


@app.command()
@explained
def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help=STATE_HELP)],
    after: Annotated[str, typer.Argument(metavar="[AFTER]", help="The same; the last snapshot of BEFORE's host.")] = "",
    as_json: AsJson = False,
) -> None:
    """Compare two snapshots: the status is 1 when they differ. Secrets are compared and never shown."""
    archive = _archive()
    old = _find(archive, before, LKG)
    new = _find(archive, after, LAST) if after else archive.find(old.host, LAST)
    difference = archive.compare(old, new)
    if as_json:
        _json({"before": old.as_data(), "after": new.as_data(), **difference.as_data()})
    else:
        for line in difference.render():
            say(line, style=lkg_restore.COLOURS.get(line[:1], ""))
        if difference.same:
            say(f"✔ {old.host} {old.id} and {new.host} {new.id} are the same")
    if not difference.same:
        raise typer.Exit(WENT_WRONG)


@app.command()
@explained
def restore(
    named: Annotated[str, typer.Argument(metavar="HOST[@STATE]", help=STATE_HELP)],
    *,
    inventory: given.Inventory,
    section: lkg_restore.Sections,
    check: lkg_restore.Check = False,
    diff: lkg_restore.Diff = False,
    as_json: AsJson = False,
    extra: given.Extra,
    vault_id: given.VaultIds,
    vault_password_file: given.VaultFiles,
    ask_vault: given.AskVault = False,
    ask_pass: given.AskPass = False,
    ask_become: given.AskBecome = False,
    user: given.User = "",
    become: given.Become = False,
    become_method: given.BecomeMethod = "",
    become_user: given.BecomeUser = "",
    connection: given.Connection = "",
    private_key: given.PrivateKey = "",
    timeout: given.Timeout = None,
) -> None:
    """Bring a host back to a state, and prove it by a new snapshot: the status is 0 only when it was proved."""
    stored = _find(_archive(), named, LKG)
    options = Given(
        inventory, "", vault_id, vault_password_file, ask_vault, ask_pass, ask_become, user, become, become_method,
        become_user, connection, private_key, None, timeout, 0, diff or check, extra,
    )  # fmt: skip
    result = lkg_restore.carry_out(stored, section, check, options)
    if as_json:
        _json(result)
        raise typer.Exit(WENT_WRONG if result.get("failed") or result.get("unreachable") else 0)
    raise typer.Exit(lkg_restore.tell(stored, result, check))


@app.command()
@explained
def verify(
    host: Annotated[str, typer.Argument(metavar="[HOST]", help="Only the snapshots of this host.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check that the archive is what was written: git's own check, manifests, hashes, evidence and secrets."""
    found = archive_upkeep.verify(_archive(), host)
    if as_json:
        _json({**found._asdict(), "wrong": list(found.wrong)})
    else:
        for line in found.wrong:
            say(f"✘ {line}", style="red")
        counted = f"{found.snapshots} snapshots of {found.hosts} hosts, {found.promotions} last known good states"
        secrets = "" if found.opened else "; the secrets were passed over, for the archive's key cannot be read"
        say(f"{counted}: {f'{len(found.wrong)} things are wrong' if found.wrong else 'nothing is wrong'}{secrets}")
    if found.wrong:
        raise typer.Exit(WENT_WRONG)


@app.command()
@explained
def prune(
    last: Annotated[Optional[int], typer.Option("--keep-last", min=0, help="Keep so many of each host.")] = None,
    age: Annotated[str, typer.Option("--keep-for", metavar="AGE", help="Keep what is younger, such as 30d.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Only say what would be dropped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Drop old snapshots. Last known good states, those before them, and what records of runs name, always stay."""
    try:
        retention = Retention(last, durations.parse(age) if age else None)
    except ValueError as error:
        raise HoldfastError(f"--keep-for: {error}") from error
    done = archive_upkeep.prune(_archive(), retention, time.time(), set(store().ids()), check)
    if as_json:
        _json({"dropped": [each.as_data() for each in done.dropped], "kept": done.kept, "protected": done.protected})
        return
    word = "would drop" if check else "dropped"
    for each in done.dropped:
        say(f"{word} {each.host} {each.id}, taken {_moment(each.taken_at)}")
    say(f"{word} {len(done.dropped)} snapshots; {done.kept} stay, {done.protected} of them whatever their age")
