# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: a host as snapshots see it; taking one now, and comparing it with another state."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible.release import __version__ as ansible_version
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import provider as providers
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import sections as about
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Provider, Unreadable
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import registry
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import LONG, Parted
from ansible_collections.holdfast.ops.plugins.plugin_utils import _command_line as command_line
from ansible_collections.holdfast.ops.plugins.plugin_utils._device import ActionDevice
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive


class Subject(NamedTuple):
    """The host of a task: its name in the archive, what it is, who reads and restores it, and through what."""

    host: str
    platform: str
    provider: Provider
    options: Mapping[str, Any]
    device: ActionDevice

    def sections(self, chosen: Sequence[str] = ()) -> tuple[str, ...]:
        """The sections that were chosen, or every one. Raises HoldfastError for one that there is not."""
        declared = self.provider.declaration
        return tuple(declared.section(name).section for name in chosen or [each.section for each in declared.reads])


def subject(
    action: Any, task_vars: dict[str, Any], host: str, platform: str = "", options: Mapping[str, Any] | None = None
) -> Subject:
    """The host of an action's task. ``platform``: the one that was named, else the connection tells.

    Raises HoldfastError when there is no provider for it over this connection, or for options that it does not have.
    """
    device = ActionDevice(action, task_vars)
    way = registry.way_to(device.connection, device.is_windows)
    network_os = str(task_vars.get("ansible_network_os") or getattr(action._play_context, "network_os", None) or "")
    found = registry.platform_of(way, network_os, platform)
    chosen = command_line.plain(options or {})
    return Subject(host, found, registry.provider_for(found, chosen, way), chosen, device)


def read_now(this: Subject, chosen: Sequence[str] = (), run: str = "") -> Snapshot:
    """The host as it is now, complete and with its secrets; sections that cannot be read are gaps.

    Raises Unanswered when the host does not answer, and HoldfastError when not one section could be read.
    """
    wanted = this.sections(chosen)
    taken = providers.take(
        this.provider,
        this.device,
        host=this.host,
        platform=this.platform,
        now=time.time(),
        sections=wanted,
        tools={"ansible-core": ansible_version},
        notes={**_notes(this), **about.notes(this.options)},
        run=run,
    )
    if len(taken.gaps) == len(wanted):
        raise HoldfastError(f"{this.host}: nothing could be read of it as {this.platform}: {told_gaps(taken.gaps)}")
    return taken


def _notes(this: Subject) -> dict[str, str]:
    """What the provider notes beside the state; that it could not is a note too."""
    try:
        return dict(this.provider.notes(this.device))
    except Unreadable as error:
        return {"unread": str(error)}


def take_now(this: Subject, archive: Archive, chosen: Sequence[str] = (), run: str = "") -> Parted:
    """The host as it is now, normalised and its secrets apart, as the archive stores it. Raises as ``read_now``."""
    return archive.part(read_now(this, chosen, run))


def verify(now: View, wanted: View, sections: Sequence[str] = ()) -> Difference:
    """What must be done to ``now`` to get ``wanted``, in these sections; in all that both are about by default.

    What is ``added`` is missing now, and what is ``removed`` is too much.
    """
    those = sections or about.common(now, wanted)
    return compare(about.narrowed(now, those), about.narrowed(wanted, those), platform_named(wanted.platform))


def told_gaps(gaps: Mapping[str, str]) -> str:
    """Sections that could not be read, and why, for people."""
    return "; ".join(f"{section}: {why}" for section, why in sorted(gaps.items()))


def told(difference: Difference, most: int = 40) -> str:
    """What differs, item by item, for people; of long differences the beginning, and how much more there is."""
    lines = difference.render()
    more = [f"... and {len(lines) - most} lines more"] if len(lines) > most else []
    return "\n".join([*lines[:most], *more])


def hidden(text: str, *secrets: Mapping[str, str]) -> str:
    """A text in which marks stand for secrets, whoever wrote it."""
    known = {secret: mark for each in secrets for mark, secret in each.items() if len(secret) >= LONG}
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, known[secret])
    return text
