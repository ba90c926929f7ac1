# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as people name them: an id, the beginning of one, or ``last``."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run, RunsStore

LAST = "last"


def store() -> RunsStore:
    """The store that this person's settings name."""
    return RunsStore(home.store())


def find_run(name: str) -> Run:
    """The one run that a name means; raises HoldfastError when it means none, or several."""
    runs = store()
    known = runs.ids()
    if name == LAST:
        if not known:
            raise HoldfastError(f"there is no run in {runs.store} yet")
        return runs.get(known[0])
    if name in known:
        return runs.get(name)
    matches = [one for one in known if one.startswith(name)] if name else []
    if len(matches) > 1:
        shown = ", ".join(matches[:5]) + (" …" if len(matches) > 5 else "")
        raise HoldfastError(f"'{name}' is the beginning of {len(matches)} runs: {shown}")
    return runs.get(matches[0] if matches else name)
