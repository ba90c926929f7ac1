# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a catalog document says, as values: the only form the rest of the house knows.

Everything is frozen and made of tuples and plain values, so a model can be shared, compared and hashed by name.
Durations are seconds (float). Documents become these through ``shape`` (form) and ``validate`` (meaning).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

BatchStep = Union[int, str]  # a count, a percentage such as "25%", or a reference such as "$fields.batch"


@dataclass(frozen=True)
class Field:
    """One survey question. ``type``: text, textarea, password, integer, float, choice or multiselect."""

    name: str
    label: str = ""
    type: str = "text"
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    min: Optional[float] = None
    max: Optional[float] = None
    description: str = ""


@dataclass(frozen=True)
class Output:
    """A value an item promises to report. ``type``: string, integer, float, boolean, list or dict."""

    name: str
    type: str = "string"
    secret: bool = False
    description: str = ""


@dataclass(frozen=True)
class Action:
    """Something Ansible can run: a playbook, role or module by its FQCN (a playbook also by path)."""

    kind: str
    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    become: Optional[bool] = None
    gather_facts: bool = False


@dataclass(frozen=True)
class Compensation:
    """How an item is undone and how the undo is verified, or the written reason why nothing is to undo."""

    action: Optional[Action] = None
    verify: Optional[Action] = None
    none_reason: str = ""


@dataclass(frozen=True)
class BreakerUse:
    """The circuit breaker that is asked before each start of a component, and told how it ended.

    ``target``: the parts of its name, references allowed in a component's. ``on_open``: stop, rollback, fallback or
    wait ("": as the bundle says ``on_failure``); ``fallback``: the component that then takes over. ``policy``: what is
    given of ``core/breaker``'s; nothing given leaves the breaker as it is.
    """

    target: tuple[str, ...] = ()
    on_open: str = ""
    fallback: str = ""
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GuardUse:
    """The guard under which an item runs: ``lkg_guard``, with what is given of its ``options``, references allowed.

    ``action`` is what the guard plays; ``restores``: the item is undone by a restore, for it says nothing else.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    action: Optional[Action] = None
    restores: bool = True


@dataclass(frozen=True)
class Item:
    """One action of the catalog. ``mode``: automated or manual; ``manual_minutes``: what it takes a person.

    Under a ``guard``, ``action``, ``outputs`` and ``compensation`` are what that makes of them (see ``guarding``).
    """

    name: str
    version: str = "1.0.0"
    title: str = ""
    owner: str = ""
    labels: tuple[str, ...] = ()
    description: str = ""
    manual_minutes: float = 0.0
    fields: tuple[Field, ...] = ()
    mode: str = "automated"
    action: Optional[Action] = None
    instructions: str = ""
    assignee: str = ""
    outputs: tuple[Output, ...] = ()
    compensation: Optional[Compensation] = None
    breaker: Optional[BreakerUse] = None
    guard: Optional[GuardUse] = None


@dataclass(frozen=True)
class Need:
    """An edge from a parent. ``edge``: success, failure or always; ``states`` (end states) overrides it."""

    node: str
    edge: str = "success"
    states: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retries:
    """Further attempts after a bad end; ``only``: all or failed_hosts; ``backoff`` in seconds before each."""

    count: int = 0
    only: str = "all"
    backoff: float = 0.0


@dataclass(frozen=True)
class Approval:
    """A person's word. ``timeout`` in seconds (None: waits for ever); ``on_timeout``: deny or approve."""

    quorum: int = 1
    four_eyes: bool = False
    timeout: Optional[float] = None
    on_timeout: str = "deny"
    message: str = ""


@dataclass(frozen=True)
class Rollout:
    """A graph walked by one batch of hosts after another, with a failure budget over the whole rollout.

    The budget is ``max_failed_hosts`` or, where given, ``max_failed_percent`` of all hosts (rounded down).
    """

    hosts: str
    batch: tuple[BatchStep, ...] = (1,)
    max_failed_hosts: Union[int, str] = 0
    max_failed_percent: Union[float, str, None] = None
    components: tuple[Component, ...] = ()


@dataclass(frozen=True)
class Component:
    """A node of a bundle. ``kind``: item, approval or rollout. ``timeout`` in seconds; ``on_lost``: retry or fail.

    ``breaker`` stands before that of the item. ``fallback_of``: the components (``ROLLOUT.NAME`` inside a rollout) of
    which a breaker must have refused for this one to run at all; its ``needs`` name them, or the rollouts around them.
    """

    name: str
    kind: str = "item"
    item: str = ""
    hosts: str = ""
    needs: tuple[Need, ...] = ()
    join: str = "all"
    when: str = ""
    retries: Retries = Retries()
    timeout: Optional[float] = None
    locks: tuple[tuple[str, ...], ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    on_lost: str = "retry"
    rollout: Optional[Rollout] = None
    approval: Optional[Approval] = None
    description: str = ""
    breaker: Optional[BreakerUse] = None
    fallback_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """A graph of components that is launched as one run.

    ``on_failure``: stop or rollback; ``rollback_scope``: host, batch or run; ``host_flow``: together or per_host;
    ``on_cancel``: stop or rollback; ``locks``: each a tuple of parts that name one thing, references allowed.
    """

    name: str
    version: str = "1.0.0"
    title: str = ""
    owner: str = ""
    labels: tuple[str, ...] = ()
    description: str = ""
    fields: tuple[Field, ...] = ()
    on_failure: str = "stop"
    rollback_scope: str = "batch"
    host_flow: str = "together"
    on_cancel: str = "stop"
    max_parallel: int = 10
    locks: tuple[tuple[str, ...], ...] = ()
    components: tuple[Component, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """Items and bundles by name."""

    items: Mapping[str, Item] = field(default_factory=dict)
    bundles: Mapping[str, Bundle] = field(default_factory=dict)
