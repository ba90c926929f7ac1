# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a CatalogItem, as data: every key, its type, its default and what it means."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import versions
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape_common import (
    ARGUMENTS,
    FQCN,
    PLAYBOOK,
    PRESENTATION,
    PROSE,
    TARGET,
    TEXT,
    VARIABLE,
    breaker,
    metadata,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.vocabulary import (
    ByKey,
    ByValue,
    Either,
    Flag,
    Key,
    ListOf,
    Number,
    Object,
    Text,
)


def _action(kind: str, name: Text, doc: str) -> Object:
    return Object(
        f"a {kind} to run",
        (
            Key(kind, name, doc, required=True),
            Key("with", ARGUMENTS, "Its variables or options. Values may hold references.", default={}),
            Key(
                "become",
                Flag(),
                "Whether it runs with the privileges of another user; the inventory's way when left out.",
            ),
            Key("gather_facts", Flag(), "Whether facts are gathered before it.", default=False),
        ),
    )


ACTION = ByKey(
    "what Ansible runs",
    {
        "playbook": _action(
            "playbook", PLAYBOOK, "A playbook, by its fully qualified name or as a path to a `.yml` file."
        ),
        "role": _action("role", FQCN, "A role, by its fully qualified name."),
        "module": _action("module", FQCN, "A module, by its fully qualified name."),
    },
)
MANUAL = Object(
    "work that a person does",
    (
        Key("instructions", TEXT, "What the person has to do.", required=True),
        Key("assignee", PROSE, "Who is asked: a team or a person.", default=""),
    ),
)


def _mode(name: str) -> Key:
    return Key("mode", Text("a mode", choices=(name,)), "Whether Ansible or a person does it.", default="automated")


FULFILLMENT = ByValue(
    "how the item is carried out",
    "mode",
    "automated",
    {
        "automated": Object(
            "an automated fulfillment",
            (_mode("automated"), Key("automated", ACTION, "What Ansible runs.", required=True)),
            forbidden={"manual": "belongs to 'mode: manual'"},
        ),
        "manual": Object(
            "a manual fulfillment",
            (_mode("manual"), Key("manual", MANUAL, "What a person does.", required=True)),
            forbidden={"automated": "belongs to 'mode: automated'"},
        ),
    },
)
OUTPUT = Object(
    "a value that the item reports",
    (
        Key("name", VARIABLE, "The name of the value: `$outputs.COMPONENT.NAME`.", required=True),
        Key(
            "type",
            Text("a type of value", choices=("string", "integer", "float", "boolean", "list", "dict")),
            "The type of the value.",
            default="string",
        ),
        Key("secret", Flag(), "Whether it is masked wherever people could read it.", default=False),
        Key("description", PROSE, "What the value means.", default=""),
    ),
)
COMPENSATION = ByKey(
    "how the item is undone",
    {
        "automated": Object(
            "an automated undo",
            (
                Key("automated", ACTION, "What Ansible runs to undo the item.", required=True),
                Key("verify", ACTION, "What Ansible runs afterwards to prove that the undo worked."),
            ),
        ),
        "none": Object(
            "a written waiver",
            (Key("none", TEXT, "The reason why there is nothing to undo.", required=True),),
            forbidden={"verify": "belongs to 'automated': without an undo nothing is to verify"},
        ),
    },
)
BREAKER = breaker(
    Key("target", TARGET, "What it stands before, such as `service:jira`.", required=True), ("stop", "rollback", "wait")
)
_SECONDS = Number(whole=True, minimum=0)
GUARD = Either(
    "lkg, or a mapping with 'lkg' and its options",
    (
        Text("a guard", choices=("lkg",)),
        Object(
            "a guard",
            (
                Key(
                    "lkg",
                    Object(
                        "the options of a guard",
                        (
                            Key(
                                "timer",
                                Number(whole=True, minimum=60),
                                "After how many seconds a host goes back by itself; 300 when left out.",
                            ),
                            Key("settle", _SECONDS, "How many seconds it may need after the change until it answers."),
                            Key("grace", _SECONDS, "For how many seconds its own way back is waited for."),
                            Key(
                                "probes",
                                ListOf(ARGUMENTS, "a list of health checks"),
                                "Health checks that prove the change. Values may hold references.",
                            ),
                            Key(
                                "probes_from",
                                Text("a place", choices=("host", "controller")),
                                "Where they run: on the host, or where Ansible runs.",
                            ),
                            Key("retries", Number(whole=True, minimum=1), "How many attempts each of them has."),
                            Key("delay", Number(minimum=0), "How many seconds lie between two attempts."),
                            Key("platform", TEXT, "The platform of the hosts; told by the connection when left out."),
                            Key(
                                "options",
                                ARGUMENTS,
                                "What the platform lets you choose, such as `files`. Values may hold references.",
                            ),
                            Key("sections", ListOf(TEXT), "The sections of the snapshots; all when left out."),
                            Key("promote", Flag(), "Whether the new state becomes the last known good one."),
                            Key("reason", TEXT, "Why the new state counts as good, for people."),
                            Key(
                                "left_over",
                                Text("a way", choices=("fail", "report")),
                                "What a timer of an earlier guard means that will do nothing any more.",
                            ),
                        ),
                    ),
                    "The options of `lkg_guard` that are not as there.",
                    required=True,
                ),
            ),
        ),
    ),
)
ITEM = Object(
    "a catalog item",
    (
        Key("apiVersion", Text("a version", choices=versions.SUPPORTED), "The version of the format.", required=True),
        Key("kind", Text("a kind", choices=("CatalogItem",)), "The kind of the document.", required=True),
        Key(
            "metadata",
            metadata(
                Key(
                    "manual_minutes",
                    Number(minimum=0, maximum=525600),
                    "The minutes a person needs to do this by hand.",
                    default=0,
                ),
            ),
            "Its name and owner.",
            required=True,
        ),
        Key("presentation", PRESENTATION, "What people are asked.", default={}),
        Key("fulfillment", FULFILLMENT, "How it is carried out.", required=True),
        Key("outputs", ListOf(OUTPUT, "a list of outputs"), "The values it reports to later components.", default=()),
        Key("compensation", COMPENSATION, "How it is undone, or why that is not needed."),
        Key("breaker", BREAKER, "A circuit breaker that is asked before it is carried out, and told how it went."),
        Key("guard", GUARD, "A guard under which it runs: each host goes back by itself unless it is proved good."),
    ),
)
