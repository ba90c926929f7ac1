# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which breakers somebody uses: one rule for plays, runs, the command line and the controller.

Those of the controller that ``HOLDFAST_BREAKERS_URL`` names, and otherwise those of the store. A controller keeps the
breakers that others ask it for, so it uses those of its own store and no others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.keeping import Breakers
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import breakers_remote, breakers_store, home


def used(
    store: Optional[Path] = None,
    environ: Optional[Mapping[str, str]] = None,
    clock: Callable[[], float] = time.time,
) -> Breakers:
    """The breakers that somebody with this environment uses; raises HoldfastError for one that cannot be meant.

    ``store`` is the folder that a run lies in; without it, the one that the environment names. ``clock`` is the
    machine's.
    """
    env = os.environ if environ is None else environ
    server = breakers_remote.server(env)
    if server is not None:
        return breakers_remote.Breakers(server, clock)
    return breakers_store.Breakers(home.store(env) if store is None else store, clock)


def secrets(environ: Optional[Mapping[str, str]] = None) -> list[str]:
    """What of this environment must be hidden in all that is said and kept: tokens for the controller."""
    env = os.environ if environ is None else environ
    names = (breakers_remote.TOKEN, breakers_remote.AWX_TOKEN) if env.get(breakers_remote.URL, "").strip() else ()
    return [env[name].strip() for name in names if env.get(name, "").strip()]


def kept(store: Path, environ: Optional[Mapping[str, str]] = None) -> Breakers:
    """The breakers that a controller keeps for others, in its store; raises HoldfastError where it is told to ask."""
    env = os.environ if environ is None else environ
    if env.get(breakers_remote.URL, "").strip():
        raise HoldfastError(
            f"{breakers_remote.URL} is set, and a controller asks no other one for breakers: it keeps them itself, in "
            f"{store}; start it without {breakers_remote.URL}"
        )
    return breakers_store.Breakers(store)
