# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make bench``: the figures of the engine and of a run. Nothing here fails for being slow; it tells."""

from __future__ import annotations

import sys

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.supervise import quiet_collector

from tests.bench import api, archive, breakers, engine, jobs, maintenance, overhead

if __name__ == "__main__":
    wanted = sys.argv[1:] or ["engine", "breakers", "archive", "overhead", "jobs", "api", "maintenance"]
    if "engine" in wanted:
        quiet_collector()  # as the supervisor does
        engine.report()
    if "breakers" in wanted:
        breakers.report()
    if "archive" in wanted:
        archive.report()
    if "overhead" in wanted:
        overhead.report()
    if "jobs" in wanted:
        jobs.report()
    if "api" in wanted:
        api.report()
    if "maintenance" in wanted:
        maintenance.report()
