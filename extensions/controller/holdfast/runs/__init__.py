# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of workflows: the terminal's very conductor, each event a transaction of the controller's database."""

from __future__ import annotations

from holdfast.context import Controller


def attach(controller: Controller) -> None:
    """Join the runs to a controller: its services ``runs``, ``workflows``, ``bundles`` and ``breakers``."""
    from holdfast.runs.bundles import Bundles
    from holdfast.runs.graphs import BUNDLE, NATIVE
    from holdfast.runs.native import Native
    from holdfast.runs.service import Runs
    from holdfast.runs.workflows import TASK, Workflows

    bundles = Bundles(controller)
    runs = Runs(controller, {NATIVE: Native(controller), BUNDLE: bundles})
    workflows = Workflows(controller, runs)
    controller.services.update(runs=runs, workflows=workflows, bundles=bundles, breakers=runs.breakers)
    controller.services["jobs"].on_end.extend((runs.job_ended, workflows.ended))
    controller.engine.register(TASK, workflows.prepare)
    controller.on_begin.extend((runs.start, workflows.recover))
