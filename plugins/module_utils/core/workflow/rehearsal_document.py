# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of the kind Rehearsal: their shape as data, what they mean, and how one of them is carried through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import STATES as BREAKER_STATES
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import versions
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.check import MISSING, clean
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape_common import (
    DURATION,
    NAME,
    PROSE,
    TARGET,
    TEXT,
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
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import (
    DocumentPath,
    Problem,
    ProblemsFound,
    did_you_mean,
    render_path,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import fill_defaults, launch_problems, to_spec
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.compile import compile_graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST, Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal import RUN_ID, Stage, mismatches

KIND = "Rehearsal"
UNDO_PREFIX = "undo-"

# --- the shape ---------------------------------------------------------------------------------------------------

_ANY = Text("a name", blank=True)
_END = Text("an end state", choices=tuple(sorted(states.ENDED - {states.SKIPPED})))
_STATE = Text("a state", choices=tuple(sorted(states.STATES)))
_RUN_STATE = Text("an end of a run", choices=tuple(sorted(states.RUN_ENDED)))
_NAMES = ListOf(TEXT, "a list of names")
_HOST_RESULT = Either(
    "an end state, or a mapping with state and message",
    (
        _END,
        Object(
            "a host's result",
            (
                Key("state", _END, "How it ends.", default=states.SUCCESSFUL),
                Key("message", PROSE, "What the host says."),
            ),
        ),
    ),
)
_RESULT_KEYS: Mapping[str, Any] = {
    "state": _END,
    "message": PROSE,
    "outputs": MapOf(Anything(), _ANY, "a mapping of outputs"),
    "takes": DURATION,
    "hosts": MapOf(_HOST_RESULT, _ANY, "results by host"),
}
"""What a result may say of all hosts; every other key of it is a host."""

_RESULT = Either("an end state, or a mapping of results by host", (_END, MapOf(Anything(), _ANY)))
_WHEN = (
    Key("at", DURATION, "When, from the beginning of the rehearsal."),
    Key("after", TEXT, "The execution with whose start it comes, such as web.drain/1."),
    Key("by", TEXT, "Who does it.", default="somebody"),
)
_BATCH = (
    Key("batch", Number(whole=True, minimum=1), "The batch that is meant, from 1.", default=1),
    Key("reason", PROSE, "What they say about it.", default=""),
)
_AT_OR_AFTER = (("at", "after"),)
_EVENT = ByKey(
    "something that people do",
    {
        "approve": Object(
            "an approval", (Key("approve", TEXT, "The node.", True), *_WHEN, *_BATCH), exclusive=_AT_OR_AFTER
        ),
        "deny": Object("a denial", (Key("deny", TEXT, "The node.", True), *_WHEN, *_BATCH), exclusive=_AT_OR_AFTER),
        "cancel": Object(
            "a cancel",
            (Key("cancel", Flag(), "true.", True), *_WHEN, Key("rollback", Flag(), "Whether to roll back.")),
            exclusive=_AT_OR_AFTER,
        ),
        "trip": Object(
            "a breaker that is opened",
            (Key("trip", TARGET, "The breaker.", True), *_WHEN, Key("for", DURATION, "How long; until it is reset.")),
            exclusive=_AT_OR_AFTER,
        ),
        "reset": Object(
            "a breaker that is closed", (Key("reset", TARGET, "The breaker.", True), *_WHEN), exclusive=_AT_OR_AFTER
        ),
    },
)
_STANDS = Text(
    "open, closed, disabled, or how long it is open",
    r"^(open|closed|disabled|[1-9][0-9]{0,8}(s|m|h|d))$",
    (),
    "open or 30s",
)
_BREAKER_STATE = Text("a state of a breaker", choices=BREAKER_STATES)
_STEP = Either("the label of an execution, or a list of those that come in any order", (TEXT, _NAMES))
_EXPECT = Object(
    "what is expected",
    (
        Key("state", _RUN_STATE, "How the run ends."),
        Key("explanation", TEXT, "Text in the run's explanation."),
        Key("order", ListOf(_STEP, "a list of executions"), "Every execution, in the order of their starts."),
        Key("not_started", _NAMES, "Nodes or executions that must not start."),
        Key("nodes", MapOf(_STATE, _ANY, "states by node"), "The states of nodes at the end."),
        Key("hosts", MapOf(MapOf(_STATE, _ANY), _ANY, "states by node and host"), "The states of hosts at the end."),
        Key("undone", MapOf(_NAMES, _ANY, "hosts by node"), "All that was undone."),
        Key("untouched", _NAMES, "All hosts on which nothing was ever started."),
        Key("breakers", MapOf(_BREAKER_STATE, TARGET, "states by breaker"), "How breakers stand at the end."),
        Key("refused", TEXT, "Text in the reason for which nothing starts at all."),
        Key("refused_event", TEXT, "Text in the reason for which an event of people is refused."),
    ),
)
REHEARSAL = Object(
    "a rehearsal",
    (
        Key("apiVersion", Text("a version", choices=versions.SUPPORTED), "The version of the format.", required=True),
        Key("kind", Text("a kind", choices=(KIND,)), "The kind of the document.", required=True),
        Key("metadata", metadata(), "Its name and what it shows.", required=True),
        Key("bundle", NAME, "The bundle to play.", required=True),
        Key("fields", MapOf(Anything(), _ANY, "a mapping of answers"), "The answers.", default={}),
        Key("hosts", MapOf(_NAMES, _ANY, "hosts by pattern"), "The hosts of every pattern in the bundle.", default={}),
        Key("limit", _NAMES, "The hosts to which the launch is limited."),
        Key("requested_by", TEXT, "Who launches.", default="rehearsal"),
        Key(
            "results",
            MapOf(
                Either("a result, or a list of results by attempt", (_END, MapOf(Anything(), _ANY), ListOf(_RESULT))),
                _ANY,
                "results by node",
            ),
            "How executions end, by node; what is not named succeeds.",
            default={},
        ),
        Key(
            "breakers", MapOf(_STANDS, TARGET, "states by breaker"), "How circuit breakers stand at first.", default={}
        ),
        Key("events", ListOf(_EVENT, "a list of events"), "What people do meanwhile.", default=()),
        Key("expect", _EXPECT, "What must come of it.", required=True),
    ),
)
"""The shape of a rehearsal, in the same words as that of the catalog."""


@dataclass(frozen=True)
class Rehearsal:
    """One rehearsal. ``given`` is the document without what was wrong with it; its script is in the same words."""

    name: str
    description: str
    bundle: str
    given: Mapping[str, Any]

    @property
    def expect(self) -> Mapping[str, Any]:
        """What is expected, as it was written."""
        found: Mapping[str, Any] = self.given["expect"]
        return {key: value for key, value in found.items() if value is not None}


def is_rehearsal(data: Any) -> bool:
    """Whether a document is meant as a rehearsal."""
    return isinstance(data, dict) and data.get("kind") == KIND


def parse_rehearsal(data: Any, problems: list[Problem]) -> Optional[Rehearsal]:
    """The rehearsal that a document describes, or None; appends to ``problems`` what is wrong with it."""
    before = len(problems)
    problems += versions.check(data)
    if len(problems) > before:
        return None
    given = clean(REHEARSAL, data, (), problems)
    if given is MISSING or len(problems) > before:
        return None
    hosts = {LOCALHOST, *(host for names in given["hosts"].values() for host in names)}
    for name, result in given["results"].items():
        attempts = result if isinstance(result, list) else [result]
        for index, one in enumerate(attempts):
            path = ("results", name, index) if isinstance(result, list) else ("results", name)
            _check_result(one, path, hosts, problems)
    for index, event in enumerate(given["events"]):
        if event["at"] is None and event["after"] is None:
            problems.append(Problem(("events", index), "says neither 'at' nor 'after'", "such as at: 10s"))
    if len(problems) > before:
        return None
    events = [{key: value for key, value in event.items() if value is not None} for event in given["events"]]
    about = given["metadata"]
    return Rehearsal(about["name"], about["description"], given["bundle"], {**given, "events": events})


def _check_result(result: Any, path: DocumentPath, hosts: Iterable[str], problems: list[Problem]) -> None:
    """A result that is a mapping: what it says of all hosts, and every other key a host of the rehearsal."""
    if not isinstance(result, dict):
        return
    for key, value in result.items():
        if key in _RESULT_KEYS:
            clean(_RESULT_KEYS[key], value, (*path, key), problems)
        else:
            _check_host(key, (*path, key), hosts, problems)
            clean(_HOST_RESULT, value, (*path, key), problems)
    for host in result.get("hosts") or () if isinstance(result.get("hosts"), dict) else ():
        _check_host(host, (*path, "hosts", host), hosts, problems)


def _check_host(host: str, path: DocumentPath, hosts: Iterable[str], problems: list[Problem]) -> None:
    if host not in hosts:
        known = [*hosts, *_RESULT_KEYS]
        problems.append(Problem(path, f"'{host}' is no host of this rehearsal", did_you_mean(host, known)))


# --- carried through ---------------------------------------------------------------------------------------------


def rehearse(rehearsal: Rehearsal, bundle: Bundle, catalog: Catalog, wrong: Iterable[Problem] = ()) -> list[Problem]:
    """Play a rehearsal: everything that came otherwise than expected; the paths lead into its document.

    ``wrong`` is what is wrong with the bundle and its items: it is told as it is, unless the rehearsal expects that
    the bundle is ``refused``.
    """
    refusals = list(wrong)
    graph, context = None, launch_context(rehearsal, bundle)
    if not refusals:
        try:
            graph = _graph(rehearsal, bundle, catalog, context)
        except ProblemsFound as error:
            refusals = list(error.problems)
    expected = rehearsal.expect.get("refused")
    if expected is not None:
        return _judge_refusal(str(expected), refusals)
    if graph is None:
        return refusals
    unknown = list(_unknown_nodes(rehearsal, graph))
    return unknown or _play(rehearsal, graph, context)


def _judge_refusal(expected: str, refusals: list[Problem]) -> list[Problem]:
    path = ("expect", "refused")
    if not refusals:
        return [Problem(path, f"nothing was refused, expected was {expected!r}")]
    told = [problem.render() for problem in refusals]
    if any(expected in text for text in told):
        return []
    return [Problem(path, f"{expected!r} is not in {'; '.join(told)!r}")]


def launch_context(rehearsal: Rehearsal, bundle: Bundle) -> dict[str, Any]:
    """The scopes of a rehearsal's launch; questions without an answer have their defaults."""
    answers = fill_defaults(to_spec(bundle.fields), dict(rehearsal.given["fields"]))
    answers = {field.name: answers.get(field.name, field.default) for field in bundle.fields}
    return {
        "fields": answers,
        "metadata": {"name": bundle.name, "version": bundle.version, "title": bundle.title},
        "request": {"run": RUN_ID, "requested_by": rehearsal.given["requested_by"]},
        "environment": {},
        "system": {},
    }


def _graph(rehearsal: Rehearsal, bundle: Bundle, catalog: Catalog, context: Mapping[str, Any]) -> Graph:
    """The graph of the launch; raises ProblemsFound with paths in the rehearsal's document."""
    problems = launch_problems(bundle.fields, rehearsal.given["fields"])
    if problems:
        raise ProblemsFound(problems)
    hosts: Mapping[str, list[str]] = {LOCALHOST: [LOCALHOST], **rehearsal.given["hosts"]}
    limit = rehearsal.given["limit"]
    try:
        return compile_graph(
            bundle, catalog, context, lambda p: hosts.get(p, []), None if limit is None else frozenset(limit)
        )
    except ProblemsFound as error:
        raise ProblemsFound([_in_rehearsal(problem, hosts) for problem in error.problems]) from error


def _in_rehearsal(problem: Problem, hosts: Mapping[str, list[str]]) -> Problem:
    """A problem of a launch, told of the rehearsal: its path in the bundle becomes part of the message."""
    key, hint = "bundle", problem.hint
    if "--limit" in problem.message:
        key = "limit"
    elif "host pattern" in problem.message:
        key, hint = "hosts", f"the rehearsal has {', '.join(sorted(hosts))}"
    return Problem((key,), f"{render_path(problem.path)} of the bundle: {problem.message}", hint)


def _unknown_nodes(rehearsal: Rehearsal, graph: Graph) -> Iterator[Problem]:
    """Results and expectations for nodes that the bundle does not have."""
    for name in rehearsal.given["results"]:
        bare = name[len(UNDO_PREFIX) :] if name.startswith(UNDO_PREFIX) else name
        if bare not in graph.nodes:
            yield Problem(("results", name), f"unknown node '{bare}'", did_you_mean(bare, graph.nodes))
    for key in ("nodes", "hosts", "undone"):
        for name in rehearsal.expect.get(key, {}):
            if name not in graph.nodes:
                yield Problem(("expect", key, name), f"unknown node '{name}'", did_you_mean(name, graph.nodes))


def _play(rehearsal: Rehearsal, graph: Graph, context: Mapping[str, Any]) -> list[Problem]:
    try:
        performance = Stage(graph, rehearsal.given, context).play()
    except HoldfastError as error:
        return [Problem(("expect",), str(error))]
    return mismatches(graph, performance, rehearsal.expect)
