# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both kinds of documents have in common: names, durations, metadata, questions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.vocabulary import (
    Anything,
    ByValue,
    Either,
    Flag,
    Key,
    ListOf,
    MapOf,
    Number,
    Object,
    Text,
)

NAME = Text(
    "a name of small letters, digits, '_' and '-' that begins with a letter", r"^[a-z][a-z0-9_-]*$", (), "drain"
)
VARIABLE = Text(
    "a variable name of letters, digits and '_' that does not begin with a digit",
    r"^[A-Za-z_][A-Za-z0-9_]*$",
    (),
    "pool",
)
VERSION = Text("a version of three numbers", r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$", (), "1.0.0")
DURATION = Text("a duration: a whole number and a unit", durations.PATTERN, (), "10s, 5m, 2h or 3d")
TIMEOUT = Text("a duration above zero: a whole number and a unit", durations.ABOVE_ZERO, (), "10s, 5m, 2h or 3d")
TEXT = Text()
PROSE = Text(blank=True)
FQCN = Text(
    "a fully qualified name, namespace.collection.name",
    r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*){2,}$",
    (),
    "holdfast.ops.drain",
)
PLAYBOOK = Text(
    "a playbook, by its fully qualified name or as a path to a .yml file",
    r"^([a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*){2,}|.*\S.*\.ya?ml)$",
    (),
    "holdfast.ops.patch or playbooks/patch.yml",
)
REFERENCE = Text("a reference", r"^\$[a-z]+\..+$", (), "$fields.batch")
COUNT_PERCENT_OR_REFERENCE = Either(
    "a number of hosts, a percentage such as 25%, or a reference",
    (
        Number(whole=True, minimum=1),
        Text(
            "a percentage from 1% to 100%, or a reference",
            r"^((100|[1-9][0-9]?)%|\$[a-z]+\..+)$",
            (),
            "25% or $fields.batch",
        ),
    ),
)
ARGUMENTS = MapOf(Anything(), Text("a name", blank=True), "a mapping of arguments")


def metadata(*more: Key, forbidden: Mapping[str, str] = MappingProxyType({})) -> Object:
    """The shape of ``metadata``: what both kinds have, ``more`` keys of one kind, and keys that are ``forbidden``."""
    return Object(
        "the document's name and owner",
        (
            Key("name", NAME, "The name by which other documents and people call it.", required=True),
            Key("version", VERSION, "The version of this document.", default="1.0.0"),
            Key("title", PROSE, "A short title for people.", default=""),
            Key("owner", PROSE, "Who answers for it: a team or a person.", default=""),
            Key("labels", ListOf(TEXT), "Words to find it by.", default=()),
            Key("description", PROSE, "What it does, in a few sentences.", default=""),
            *more,
        ),
        forbidden=forbidden,
    )


# --- breakers ----------------------------------------------------------------------------------------------------

TARGET = Text("a kind and a name", r"^(host|group|service|item):\S.*$", (), "service:jira")
_PERCENT = Number(minimum=1, maximum=100)
_CALLS = Number(whole=True, minimum=1)
_POLICY = (
    Key("failure_rate_threshold", _PERCENT, "The share of failed calls, in percent, at which it opens."),
    Key("slow_call_rate_threshold", _PERCENT, "The share of slow calls, in percent, at which it opens."),
    Key("slow_call_duration_threshold", TIMEOUT, "A call that takes longer is slow."),
    Key("sliding_window_type", Text("a type", choices=("count", "time")), "What the window holds: calls, or seconds."),
    Key("sliding_window_size", _CALLS, "How many calls or seconds."),
    Key("minimum_number_of_calls", _CALLS, "The window is not judged before it holds so many calls."),
    Key("wait_duration_in_open_state", TIMEOUT, "How long it refuses before it tries again."),
    Key("permitted_number_of_calls_in_half_open_state", _CALLS, "How many trial calls it then lets through."),
    Key("trial_call_timeout", TIMEOUT, "A trial that nobody reports within so long is given to somebody else."),
)
POLICY_DURATIONS = frozenset(key.name for key in _POLICY if key.shape is TIMEOUT)
"""The keys of a breaker's policy that are durations in a document, and seconds in the model."""


def breaker(target: Key, paths: tuple[str, ...], *more: Key) -> Object:
    """The shape of ``breaker``; ``paths`` are the ways to go on when it is open."""
    doc = "What is done when it refuses; as `on_failure` says when left out."
    on_open = Key("on_open", Text("a way to go on", choices=paths), doc, default="")
    return Object("a circuit breaker", (target, on_open, *more, *_POLICY))


# --- questions ---------------------------------------------------------------------------------------------------


def _question(says: str, types: tuple[str, ...], *more: Key) -> Object:
    return Object(
        says,
        (
            Key("name", VARIABLE, "The name of the answer: `$fields.NAME`.", required=True),
            Key("type", Text("a type of question", choices=types), "The type of the answer.", default="text"),
            Key("label", PROSE, "The question as people read it; the name when left out.", default=""),
            Key("required", Flag(), "Whether an answer must be given, even when there is a default.", default=False),
            Key("default", Anything(), "The answer when none is given; it must pass the question's own rule."),
            Key("description", PROSE, "Help for the person who answers.", default=""),
            *more,
        ),
    )


_LENGTH = (
    Key("min", Number(whole=True, minimum=0), "The least number of characters."),
    Key("max", Number(whole=True, minimum=0), "The greatest number of characters."),
)
_WHOLE = (Key("min", Number(whole=True), "The least value."), Key("max", Number(whole=True), "The greatest value."))
_RANGE = (Key("min", Number(), "The least value."), Key("max", Number(), "The greatest value."))
_CHOICES = (Key("choices", ListOf(TEXT, least=1), "The answers to choose from, in this order.", required=True),)

_TEXT_FIELD = _question("a question for text", ("text", "textarea", "password"), *_LENGTH)
_INTEGER_FIELD = _question("a question for a whole number", ("integer",), *_WHOLE)
_FLOAT_FIELD = _question("a question for a number", ("float",), *_RANGE)
_CHOICE_FIELD = _question("a question with choices", ("choice", "multiselect"), *_CHOICES)
FIELD = ByValue(
    "a question",
    "type",
    "text",
    {
        "text": _TEXT_FIELD,
        "textarea": _TEXT_FIELD,
        "password": _TEXT_FIELD,
        "integer": _INTEGER_FIELD,
        "float": _FLOAT_FIELD,
        "choice": _CHOICE_FIELD,
        "multiselect": _CHOICE_FIELD,
    },
)
PRESENTATION = Object(
    "what people are asked",
    (
        Key(
            "fields",
            ListOf(FIELD, "a list of questions"),
            "The questions, in the order in which they are asked.",
            default=(),
        ),
    ),
)
