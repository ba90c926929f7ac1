# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a CatalogBundle, as data: every key, its type, its default and what it means."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import versions
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape_common import (
    COUNT_PERCENT_OR_REFERENCE,
    DURATION,
    NAME,
    PRESENTATION,
    PROSE,
    REFERENCE,
    TARGET,
    TEXT,
    TIMEOUT,
    VARIABLE,
    breaker,
    metadata,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.vocabulary import (
    Anything,
    ByKey,
    Either,
    Flag,
    Key,
    ListOf,
    MapOf,
    Number,
    Object,
    Text,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states

LOCKS = ListOf(
    ListOf(TEXT, "the parts of one lock's name, a list of text", least=1), "a list of locks, each a list of parts"
)
BREAKER = breaker(
    Key(
        "target",
        Either(
            "a target such as service:jira, or a list of its parts",
            (TARGET, ListOf(TEXT, "the parts of a target, a list of text", least=1)),
        ),
        "What it stands before: a host, a group, a service or an item.",
        required=True,
    ),
    ("stop", "rollback", "fallback", "wait"),
    Key("fallback", NAME, "The component that takes over when it refuses, with `on_open: fallback`.", default=""),
)
_EDGES = Text("an edge", choices=tuple(states.EDGES))
_END_STATES = Text("an end state", choices=tuple(sorted(states.ENDED)))
NEED = Either(
    "the name of a component, or a mapping with 'node' and 'edge' or 'states'",
    (
        NAME,
        Object(
            "an edge from a component",
            (
                Key("node", NAME, "The component that comes before.", required=True),
                Key("edge", _EDGES, "Which end of it lets this component run.", default="success"),
                Key(
                    "states",
                    ListOf(_END_STATES, least=1),
                    "The very end states that let it run, instead of `edge`.",
                    default=(),
                ),
            ),
            forbidden={"on": "is read by YAML as the truth value true; the key is 'edge'"},
            exclusive=(("edge", "states"),),
        ),
    ),
)
RETRIES = Object(
    "further attempts",
    (
        Key("count", Number(whole=True, minimum=0), "How many further attempts.", required=True),
        Key(
            "only", Text("which hosts", choices=("failed_hosts", "all")), "On which hosts they are made.", default="all"
        ),
        Key("backoff", DURATION, "How long to wait before each.", default="0s"),
    ),
)
APPROVAL = Object(
    "an approval",
    (
        Key("quorum", Number(whole=True, minimum=1), "How many people must approve.", default=1),
        Key("four_eyes", Flag(), "Whether the person who asked for the run may not approve.", default=False),
        Key("timeout", TIMEOUT, "How long it waits for an answer; for ever when left out."),
        Key("on_timeout", Text("an answer", choices=("deny", "approve")), "What silence means then.", default="deny"),
        Key("message", PROSE, "What the people who approve should know.", default=""),
    ),
    together={"on_timeout": "timeout"},
)
_COMMON = (
    Key("needs", ListOf(NEED, "a list of components"), "What comes before it.", default=()),
    Key(
        "join", Text("a join", choices=("all", "any")), "Whether all of `needs` must be met, or any one.", default="all"
    ),
    Key("when", TEXT, "A condition; the component is skipped when it is false.", default=""),
    Key("description", PROSE, "What it is for.", default=""),
)
_OF_ITEMS = (
    Key("item", NAME, "The catalog item to carry out.", required=True),
    Key("fields", MapOf(Anything(), VARIABLE, "a mapping of answers"), "Answers to the item's questions.", default={}),
    Key("retries", RETRIES, "Further attempts after a bad end.", default={"count": 0}),
    Key("timeout", TIMEOUT, "How long one attempt may take; for ever when left out."),
    Key("locks", LOCKS, "What nobody else may work on meanwhile.", default=()),
    Key("breaker", BREAKER, "A circuit breaker that is asked before each start, and told how it went."),
    Key(
        "on_lost",
        Text("a policy", choices=("retry", "fail")),
        "What to do when nobody knows how an attempt ended.",
        default="retry",
    ),
)
_HOSTS = Key(
    "hosts", TEXT, "The hosts: an Ansible pattern or a reference; the controlling machine when left out.", default=""
)
_ITEMS_ONLY = "belongs to a component with an 'item'"
_NOT_OF_OTHERS = dict.fromkeys(("hosts", "fields", "retries", "locks", "breaker", "on_lost"), _ITEMS_ONLY)

_ITEM_COMPONENT = Object("a component that carries out an item", (*_OF_ITEMS[:1], _HOSTS, *_COMMON, *_OF_ITEMS[1:]))
_INNER_ITEM = Object(
    "a component inside a rollout",
    (*_OF_ITEMS[:1], *_COMMON, *_OF_ITEMS[1:]),
    forbidden={"hosts": "is the rollout's: every component inside it runs on the batch"},
)
_APPROVAL_COMPONENT = Object(
    "a component that waits for approval",
    (
        Key("approval", APPROVAL, "Who must approve, and by when. `{}` for one approval without limit.", required=True),
        *_COMMON,
    ),
    forbidden={**_NOT_OF_OTHERS, "timeout": "of an approval stands inside 'approval'"},
)
INNER_COMPONENT = ByKey("a component of the rollout", {"item": _INNER_ITEM, "approval": _APPROVAL_COMPONENT})
_LIMIT = "a reference such as $fields.budget"
ROLLOUT = Object(
    "a rollout",
    (
        Key("hosts", TEXT, "All hosts of the rollout: an Ansible pattern or a reference.", required=True),
        Key(
            "batch",
            Either(
                "a number of hosts, a percentage such as 25%, a reference, or a list of them",
                (
                    *COUNT_PERCENT_OR_REFERENCE.cases,
                    ListOf(COUNT_PERCENT_OR_REFERENCE, "a list of batch sizes", least=1),
                ),
            ),
            "How many hosts walk through the inner components at a time; the last of a list repeats.",
            default=1,
        ),
        Key(
            "max_failed_hosts",
            Either(f"a whole number, at least 0, or {_LIMIT}", (Number(whole=True, minimum=0), REFERENCE)),
            "How many hosts may fail before no further batch begins.",
            default=0,
        ),
        Key(
            "max_failed_percent",
            Either(f"a number from 0 to 100, or {_LIMIT}", (Number(minimum=0, maximum=100), REFERENCE)),
            "The same as a share of all hosts, rounded down.",
        ),
        Key(
            "components",
            MapOf(INNER_COMPONENT, NAME, "a mapping of components", least=1),
            "The inner graph.",
            required=True,
        ),
    ),
    exclusive=(("max_failed_hosts", "max_failed_percent"),),
)
_ROLLOUT_COMPONENT = Object(
    "a component that rolls out",
    (Key("rollout", ROLLOUT, "A graph that one batch of hosts after another walks through.", required=True), *_COMMON),
    forbidden={**_NOT_OF_OTHERS, "hosts": "of a rollout stands inside 'rollout'", "timeout": _ITEMS_ONLY},
)
COMPONENT = ByKey(
    "a component",
    {"item": _ITEM_COMPONENT, "approval": _APPROVAL_COMPONENT, "rollout": _ROLLOUT_COMPONENT},
)
_DERIVED = {"manual_minutes": "of a bundle is the sum over its items"}
_STOP_OR_ROLLBACK = Text("a policy", choices=("stop", "rollback"))
ORCHESTRATION = Object(
    "how the run is conducted",
    (
        Key("on_failure", _STOP_OR_ROLLBACK, "Whether a failure that nothing handles is undone.", default="stop"),
        Key(
            "rollback_scope",
            Text("a scope", choices=("host", "batch", "run")),
            "How much is undone: the host, its batch, or all that the run did.",
            default="batch",
        ),
        Key(
            "host_flow",
            Text("a flow", choices=("together", "per_host")),
            "Whether hosts wait for each other at every component, or go on each by its own.",
            default="together",
        ),
        Key("on_cancel", _STOP_OR_ROLLBACK, "Whether a cancelled run is undone.", default="stop"),
        Key("max_parallel", Number(whole=True, minimum=1), "How many executions may run at once.", default=10),
        Key("locks", LOCKS, "What no other run may work on meanwhile.", default=()),
    ),
)
BUNDLE = Object(
    "a catalog bundle",
    (
        Key("apiVersion", Text("a version", choices=versions.SUPPORTED), "The version of the format.", required=True),
        Key("kind", Text("a kind", choices=("CatalogBundle",)), "The kind of the document.", required=True),
        Key("metadata", metadata(forbidden=_DERIVED), "Its name and owner.", required=True),
        Key("presentation", PRESENTATION, "What people are asked when they launch it.", default={}),
        Key("orchestration", ORCHESTRATION, "How the run is conducted.", default={}),
        Key(
            "components",
            MapOf(COMPONENT, NAME, "a mapping of components", least=1),
            "The graph, by name.",
            required=True,
        ),
    ),
)
