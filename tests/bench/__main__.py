# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make bench``: the figures of the engine and of a run. Nothing here fails for being slow; it tells."""

from __future__ import annotations

import sys

from tests import importable as _importable  # noqa: F401 - before anything that imports from the collection
from tests.bench import api, archive, breakers, engine, jobs, maintenance, overhead

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.supervise import quiet_collector  # isort: skip

MEASURED = {
    "engine": engine.report,
    "breakers": breakers.report,
    "archive": archive.report,
    "overhead": overhead.report,
    "jobs": jobs.report,
    "api": api.report,
    "maintenance": maintenance.report,
}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(MEASURED)
    unknown = [name for name in wanted if name not in MEASURED]
    if unknown:
        sys.exit(f"there is no measurement {unknown[0]!r}; there are {', '.join(MEASURED)}")
    for name in wanted:
        if name == "engine":
            quiet_collector()  # as the supervisor does
        MEASURED[name]()
