# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the conductor says (decisions) and what it is told (events). Plain immutable values.

They are named tuples, for a large run makes hundreds of thousands of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import NodeBreaker

Change = dict[str, Any]
"""One line of the journal: ``at`` (seconds since the epoch), ``type`` and what that type carries (see ``record``)."""

DO = "do"
UNDO = "undo"


class Execution(NamedTuple):
    """One start of one node on some hosts.

    ``id`` is ``run/node/slice/do|undo/attempt``: the key of claims, queues, artifacts and jobs, never used twice.
    ``slice`` is the number of the batch, followed by the number of the host group in per-host flow (``2`` or
    ``2.1``). ``batch`` counts from 0. ``timeout`` is in seconds.
    """

    id: str
    node: str
    slice: str
    batch: int
    action: str
    attempt: int
    hosts: tuple[str, ...]
    timeout: Optional[float]


class HostResult(NamedTuple):
    """How one host ended an execution: an end state, and for a bad end what the host said."""

    state: str
    message: str = ""


# --- decisions -------------------------------------------------------------------------------------------------


class Start(NamedTuple):
    """Start this execution: apply ``Started`` first, then launch it. ``locks`` must be held while it runs.

    ``breaker`` is asked before (see ``breaking``); when it refuses, ``Refused`` is applied instead.
    """

    execution: Execution
    locks: tuple[str, ...] = ()
    breaker: Optional[NodeBreaker] = None


class Cancel(NamedTuple):
    """End this execution; ``reason`` is ``timeout`` (then apply ``TimedOut``) or ``cancel`` (then ``Finished``)."""

    execution_id: str
    reason: str


class Ask(NamedTuple):
    """Ask people to approve this node (or to do its work by hand): apply ``Asked``, then tell them."""

    node: str
    batch: int


class Expire(NamedTuple):
    """Nobody answered in time: apply ``TimedOut`` with this node and batch."""

    node: str
    batch: int


class Finish(NamedTuple):
    """Nothing is left to do: apply ``Ended`` with this state."""

    state: str
    explanation: str


Decision = Union[Start, Cancel, Ask, Expire, Finish]


# --- events ----------------------------------------------------------------------------------------------------


class Started(NamedTuple):
    """The execution is about to be launched. Applied, and persisted, before the launch."""

    execution: Execution


class Refused(NamedTuple):
    """The breaker before an execution does not let it start: ``why`` is what it said.

    What follows may change everything else: nothing more of the same answer of ``decide`` may be applied after it.
    """

    execution: Execution
    why: str


class Finished(NamedTuple):
    """The execution ended by itself or was ended on demand; a host without a result counts as ``error``."""

    execution_id: str
    results: Mapping[str, HostResult]
    outputs: Mapping[str, Any] = {}


class Lost(NamedTuple):
    """Nobody knows how the execution ended: its process is gone without a word.

    ``interrupted``: it was not the play's fault, whoever conducted it was killed. Then a node with ``on_lost: retry``
    is done again whether it has retries left or not.
    """

    execution_id: str
    why: str
    interrupted: bool = False


class TimedOut(NamedTuple):
    """An execution (by id) was ended for its timeout, or an approval (by node and batch) got no answer."""

    execution_id: str = ""
    node: str = ""
    batch: int = 0


class Asked(NamedTuple):
    """People have been asked about this node."""

    node: str
    batch: int = 0


class Approved(NamedTuple):
    """``by`` approved, or did the work of a manual item."""

    node: str
    by: str
    batch: int = 0
    reason: str = ""


class Denied(NamedTuple):
    """``by`` refused, or could not do the work of a manual item."""

    node: str
    by: str
    batch: int = 0
    reason: str = ""


class CancelAsked(NamedTuple):
    """Somebody wants the run to end; ``rollback`` overrides what the bundle says of cancelling."""

    by: str
    rollback: Optional[bool] = None


class LocksHeld(NamedTuple):
    """The run waits for a lock that another run holds, or (empty) has all its locks and goes on."""

    waiting_for: str = ""


class Ended(NamedTuple):
    """The run is over."""

    state: str
    explanation: str = ""


Event = Union[Started, Refused, Finished, Lost, TimedOut, Asked, Approved, Denied, CancelAsked, LocksHeld, Ended]
