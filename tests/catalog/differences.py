# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where validator and JSON Schema may differ: what only the validator can know, and why.

A difference is named by the path and the message of the problem. What is not in this list must be judged alike.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem, render_path


class Difference(NamedTuple):
    """A rule that the schema cannot say."""

    name: str
    reason: str
    message: str
    path: str = ""


_REFERENCE = r"^(\$\S*|[a-z_]+(\.\S+)?): "
DIFFERENCES = (
    Difference("unknown-component", "names in one place must exist in another", r"^unknown component '"),
    Difference("needed-twice", "elements are compared by one of their parts", r"is needed twice$"),
    Difference("cycle", "a graph has to be walked", r"^cycle: "),
    Difference("never-runs", "a graph has to be walked", r"^can never run: "),
    Difference("unknown-item", "other documents have to be known", r"^unknown item '"),
    Difference("defined-twice", "other documents have to be known", r"is also defined in "),
    Difference("no-field", "the item's questions have to be known", r"has no field '"),
    Difference("no-value", "the item's questions have to be known", r"requires the field '.*', which has no value$"),
    Difference(
        "may-be-missing", "the item's and the bundle's questions have to be known", r"may be left without a value$"
    ),
    Difference(
        "answer-type", "the types of both sides of a reference have to be known", r"^a value of type \w+ cannot be "
    ),
    Difference("empty-answer", "answers may be of any type until the question is known", r"^must be the answer to '"),
    Difference("answer-refused", "the survey's rules judge the answer", r"", r"components\.[^ ]*\.fields\.[^ ]+$"),
    Difference("default-refused", "the survey's rules judge the default", r"", r"fields\[\d+\]\.default$"),
    Difference("limits", "two values have to be compared", r"^max \S+ is less than min \S+$"),
    Difference(
        "choice-twice",
        "kept simple in the schema: editors show the choice as it is",
        r"^the choice '.*' is there twice$",
    ),
    Difference(
        "name-twice", "elements are compared by one of their parts", r"^the (field|output) '.*' is there twice$"
    ),
    Difference("manual-outputs", "depends on a value elsewhere in the document", r"^a manual item reports nothing"),
    Difference("manual-hosts", "the item's mode has to be known", r"is done by hand and runs on no hosts$"),
    Difference("no-compensation", "the item's compensation has to be known", r"has no compensation, and '"),
    Difference(
        "breaker-target", "a target may be made of parts", r"is no target of a breaker: |^the target '.*' must be "
    ),
    Difference(
        "breaker-policy", "two values have to be compared", r"^sliding_window_size must be at most 10000 calls$"
    ),
    Difference(
        "breaker-fallback", "two values have to be compared", r"^('on_open: fallback' names|belongs to 'on_open)"
    ),
    Difference(
        "breaker-itself", "names in one place are compared with another", r"^nothing can take over from itself$"
    ),
    Difference("breaker-by-hand", "the item's mode has to be known", r"asks no breaker$"),
    Difference(
        "guard-what", "depends on a value elsewhere in the document", r"^a (manual item|playbook) .*(no )?guard"
    ),
    Difference("guard-output", "two names are compared", r"^the guard reports an output 'lkg' of its own$"),
    Difference(
        "guard-hosts", "the item's guard has to be known", r"^the item '.*' is under a guard, and nothing guards "
    ),
    Difference("fallback-needs", "the graph has to be known", r"^a fallback has no needs: "),
    Difference("condition", "a condition has to be parsed", r"", r"\.when$"),
    Difference("unknown-scope", "a reference has to be parsed", r"^'\$.*': unknown scope '"),
    Difference("whole-scope", "a reference has to be parsed", r"^'\$.*' names a whole scope: "),
    Difference(
        "scope-not-here", "what may be referred to depends on the place", _REFERENCE + r"'\w+' cannot be used here$"
    ),
    Difference("secret-in-clear", "whether a value is secret stands elsewhere", r"would be shown in clear here$"),
    Difference("reference-incomplete", "a reference has to be parsed", _REFERENCE + r".*needs a name behind it$"),
    Difference("reference-malformed", "a reference has to be parsed", r"^'\$.*' is a malformed reference: "),
    Difference("unknown-field", "the questions have to be known", _REFERENCE + r"unknown field '"),
    Difference("reference-parts", "the type of what is referred to has to be known", r"has no parts$"),
    Difference("reference-component", "the graph has to be known", _REFERENCE + r"unknown component '"),
    Difference(
        "unknown-output", "the item's outputs have to be known", _REFERENCE + r"'.*' has no (output|component) '"
    ),
    Difference("not-before", "the graph has to be walked", _REFERENCE + r"'.*' does not come before "),
    Difference("ambiguous", "the graph has to be known", _REFERENCE + r"'.*' is ambiguous: "),
)


def difference_of(problem: Problem) -> str:
    """The name of the difference that explains a problem, or "" when the schema must see it too."""
    path = render_path(problem.path)
    for one in sorted(DIFFERENCES, key=lambda one: not one.message):  # those known by their path only come last
        if re.search(one.message, problem.message) and re.search(one.path, path) and not _of_form(one, problem):
            return one.name
    return ""


_OF_FORM = re.compile(r"^(must be (?!the answer)|must not be |unknown key |the key |a key must|'.*' is not )")


def _of_form(one: Difference, problem: Problem) -> bool:
    """Differences that are known by their path only must not swallow problems of form at the same path."""
    return not one.message and _OF_FORM.search(problem.message) is not None
