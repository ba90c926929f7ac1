# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks breakers for a run, and keeps the run waiting while they cannot be asked: nothing is let through meanwhile.

What runs is never ended for it. A controller that restarts is waited for; what no waiting puts right, such as a token
that is not known, abandons the run as soon as nothing runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.breaking import Asker, Refusal
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Start
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.controller_api import NoAnswer
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import StoreBroken

PATIENCE = 60.0
"""Seconds for which a run with nothing else to do waits for a controller that gives no answer."""
ASK_AGAIN = 5.0
"""Seconds after which it is asked again. An attempt may take longer, and the run hears nothing meanwhile."""


class PatientAsker:
    """An ``Asker`` for a run that is not lost at once when breakers cannot be asked. ``clock`` counts seconds."""

    def __init__(self, asker: Asker, clock: Callable[[], float] = time.monotonic) -> None:
        self._asker = asker
        self._clock = clock
        self._why = ""
        self._since = 0.0
        self._again = 0.0

    def refusal(self, run: str, start: Start, running: bool) -> Optional[Refusal]:
        """Ask before a start, as ``Asker.refusal``; what cannot be asked is a refusal that is waited for.

        Raises StoreBroken when that would be in vain and nothing is ``running`` that has to be let end.
        """
        if start.breaker is None:
            return None
        if self._quiet():
            return Refusal(self._why, True)
        try:
            refusal = self._asker.refusal(run, start)
        except HoldfastError as error:
            self._note(error)
            patience = PATIENCE if isinstance(error, NoAnswer) else 0.0
            if not running and self._clock() - self._since >= patience:
                raise StoreBroken(str(error)) from error
            return Refusal(self._why, True)
        self._why = ""
        return refusal

    def ended(self, graph: Graph, entry: Mapping[str, Any]) -> None:
        """Tell the breaker of an execution how it ended, as ``Asker.ended``; raises HoldfastError where that fails.

        While there is no answer it fails at once: many ends in a row would each wait for one.
        """
        if graph.nodes[entry["node"]].breaker is None:
            return
        if self._quiet():
            raise HoldfastError(self._why)
        try:
            self._asker.ended(graph, entry)
        except NoAnswer as error:
            self._note(error)
            raise

    def _quiet(self) -> bool:
        """Whether there was no answer a moment ago."""
        return bool(self._why) and self._clock() < self._again

    def _note(self, error: HoldfastError) -> None:
        now = self._clock()
        if not self._why:
            self._since = now
        self._why, self._again = str(error), now + ASK_AGAIN
