# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says how far hosts are from their last known good states, by what the archive holds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import drift
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import sections as about
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.drift import FleetDrift, HostDrift
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.lkg_arguments import LKG_BASELINE
from ansible_collections.holdfast.ops.plugins.plugin_utils._archive import ArchiveAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive, Stored

_LEFT_PLAY = "it is no longer in the play: it could not be reached, or a task failed there"


class ActionModule(ArchiveAction):
    argument_spec = LKG_BASELINE

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        every = [str(name) for name in task_vars.get("ansible_play_hosts_all") or ()]
        left = {str(name) for name in task_vars.get("ansible_play_hosts", every)}
        hosts = arguments["hosts"] or every
        lost = dict.fromkeys((name for name in hosts if name in every and name not in left), _LEFT_PLAY)
        lost.update(dict.fromkeys(arguments["unreachable"], "it was said to be unreachable"))
        found = judged(self.archive(), hosts, lost, _oldest(arguments, time.time()))
        result = {"changed": found.drifted > 0, **found.as_data()}
        # To Ansible a result that says "unreachable" is one of a host that could not be reached.
        result["unreachable_hosts"] = result.pop("unreachable")
        if self._task.diff:
            result["diff"] = [_diff(each) for each in found.hosts if each.drifted]
        return {**result, **_verdict(found, arguments["minimum"])}


def _oldest(arguments: dict[str, Any], now: float) -> float:
    """The moment from which on a snapshot tells what a host is now, in seconds since the epoch; 0 for any."""
    since = float(arguments["since"] or 0.0)
    if not arguments["max_age"]:
        return since
    try:
        return max(since, now - durations.parse(arguments["max_age"]))
    except ValueError as error:
        raise HoldfastError(f"max_age: {error}") from error


def judged(archive: Archive, hosts: Sequence[str], lost: dict[str, str], oldest: float) -> FleetDrift:
    """Each host's newest snapshot against its last known good state; hosts without either stand apart."""
    stored = archive.snapshots()
    newest = {each.host: each for each in stored}
    known = {(each.host, each.id): each for each in stored}
    promoted = archive.current(hosts)
    unreachable, without, pairs = {}, {}, []
    for host in dict.fromkeys([*hosts, *lost]):
        now, good = newest.get(host), promoted.get(host)
        if host in lost:
            unreachable[host] = lost[host]
        elif good is None or now is None:
            without[host] = "it has no last known good state" if now else "there is no snapshot of it"
        elif now.taken_at < oldest:
            seen = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now.taken_at))
            unreachable[host] = f"it was not seen since {seen}"
        elif (host, good.snapshot) not in known or known[host, good.snapshot].platform != now.platform:
            without[host] = "its last known good state is of another platform, or gone from the archive"
        else:
            pairs.append((known[host, good.snapshot], now))
    return drift.fleet(_drifts(archive, pairs), unreachable, without)


def _drifts(archive: Archive, pairs: Sequence[tuple[Stored, Stored]]) -> Iterator[HostDrift]:
    """Hosts, the last known good state of each and how it is now. Texts are read only where digests do not suffice."""
    plain = _views(archive, pairs, texts=False)
    unlike = [number for number, pair in enumerate(plain) if not _alike(*pair)]
    whole = _views(archive, [pairs[number] for number in unlike], texts=True)
    for old, new in (dict(enumerate(plain)) | dict(zip(unlike, whole, strict=True))).values():
        those, platform = about.common(old, new), platform_named(new.platform)
        yield drift.judge(about.narrowed(old, those), about.narrowed(new, those), platform)


def _views(archive: Archive, pairs: Sequence[tuple[Stored, Stored]], texts: bool) -> list[tuple[View, View]]:
    views = archive.views([each for pair in pairs for each in pair], texts)
    return list(zip(views[::2], views[1::2], strict=True))


def _alike(old: View, new: View) -> bool:
    return (old.digest, old.rules, old.key) == (new.digest, new.rules, new.key)


def _diff(found: HostDrift) -> dict[str, str]:
    lines = "".join(f"{line}\n" for line in found.difference.render())
    return {"prepared": f"{found.host}: {found.drifted} of {found.checked} items have drifted\n{lines}"}


def _verdict(found: FleetDrift, minimum: float | None) -> dict[str, Any]:
    if minimum is None:
        return {}
    if found.score is None:
        return {"failed": True, "msg": f"nothing was checked, so a consistency of {minimum:g} % is not proved"}
    if found.score < minimum:
        counted = f"{found.drifted} of {found.checked} items have drifted"
        return {"failed": True, "msg": f"the consistency is {found.score:g} % ({counted}), below {minimum:g} %"}
    return {}
