# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: are they right, what do defaults add, and how text from a command line becomes an answer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Field
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem, did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey.questions import (
    ENCRYPTED,
    Question,
    refusals,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey.spec import question_of

_WHOLE = re.compile(r"[+-]?[0-9]{1,300}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]{1,300}(\.[0-9]{0,300})?|\.[0-9]{1,300})([eE][+-]?[0-9]{1,4})?", re.ASCII)


class AnswerError(HoldfastError):
    """Text that cannot be read as an answer to its question."""


def questions_in(spec: Mapping[str, Any]) -> Iterator[Question]:
    """The questions of a survey_spec that ``check_spec`` accepts, in order; none for the empty spec ``{}``."""
    yield from spec.get("spec") or ()


def check_answers(spec: Mapping[str, Any], answers: Mapping[str, Any], require: bool = True) -> list[str]:
    """Every reason why AWX would refuse the answers, in its words and in the order of the questions.

    The spec must be one that ``check_spec`` accepts. Answers without a question are not looked at. ``require`` false
    lets required ones be left out, as AWX does for the nodes of a workflow.
    """
    return [message for question in questions_in(spec) for message in refusals(question, answers, require)]


def fill_defaults(
    spec: Mapping[str, Any], answers: Mapping[str, Any], include_required: bool = False
) -> dict[str, Any]:
    """The answers with defaults for the questions left out, by AWX's rules.

    A default that its own question refuses is left out silently; so the default of a multiselect, which a spec holds
    as one text, is never filled in, and ``""`` only where text is asked for. A required question gets its default only
    with ``include_required`` (for launches that do not check answers). The answer ``$encrypted$`` to a password
    question stands for the default. Password defaults must be given in clear: a masked one is never filled in.
    """
    filled: dict[str, Any] = {}
    given = dict(answers)
    for question in questions_in(spec):
        variable, default = question["variable"], question.get("default")
        asked_for = question["type"] == "password" and given.get(variable) == ENCRYPTED
        if asked_for:
            del given[variable]
        if _is_masked(question, default) or default is None or refusals(question, {variable: default}):
            continue
        if variable in given or asked_for or include_required or not question.get("required"):
            filled[variable] = default
    filled.update(given)
    return filled


def _is_masked(question: Question, default: Any) -> bool:
    return question["type"] == "password" and isinstance(default, str) and default.startswith(ENCRYPTED)


def check_default(field: Field) -> Optional[str]:
    """Why a field's own rule refuses its default, None when it does not or there is none.

    Stricter than AWX, which drops such a default silently. The default of a multiselect is a list of choices here.
    """
    if field.default is None:
        return None
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    if field.type != "password" and isinstance(default, str) and default.startswith(ENCRYPTED):
        return f"the default of '{field.name}' begins with {ENCRYPTED}, which stands for passwords that are not shown"
    question = question_of(field)
    found = refusals(question, {field.name: _hidden(default) if field.type == "password" else default})
    return found[0] if found else None


class _HiddenText(str):
    """A password on its way into a message: AWX's messages hold the answer, a terminal's log must not."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        return ENCRYPTED


class _HiddenOther:
    """The same for a password that is no text."""

    def __format__(self, form: str) -> str:
        return ENCRYPTED


def _hidden(password: Any) -> Any:
    return _HiddenText(password) if isinstance(password, str) else _HiddenOther()


def launch_problems(fields: Sequence[Field], answers: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong with the answers to a launch: unknown names first, then AWX's messages in order.

    Each problem's path is ``("fields", NAME)``. Passwords are not shown in them.
    """
    known = {field.name for field in fields}
    hint = "" if known else "it asks nothing"
    problems = [
        Problem(("fields", str(name)), f"there is no question '{name}'", hint or did_you_mean(str(name), known))
        for name in answers
        if name not in known
    ]
    for field in fields:
        given = {field.name: answers[field.name]} if field.name in answers else {}
        if field.type == "password":
            given = {name: _hidden(password) for name, password in given.items()}
        for message in refusals(question_of(field), given):
            problems.append(Problem(("fields", field.name), message, field.description))
    return problems


# --- text from a command line ------------------------------------------------------------------------------------


def coerce_text(field: Field, text: str) -> Any:
    """The answer that text from a command line means, by the type of its question; AnswerError when it means none.

    ``"3"`` is 3 for an integer or float; for a multiselect ``"a,b"`` or a JSON list ``'["a", "b"]'`` is a list (a text
    that is one of the choices is that choice, and empty text is the empty list); every other type takes text as it is.
    Whether the answer is allowed is for ``check_answers`` to say.
    """
    read = _READERS.get(field.type)
    return read(field, text) if read else text


def coerce_answers(fields: Sequence[Field], answers: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The answers with every text coerced by its field, and what could not be read. Other values stay as they are."""
    known = {field.name: field for field in fields}
    coerced: dict[str, Any] = {}
    problems = []
    for name, value in answers.items():
        coerced[name] = value
        if name in known and isinstance(value, str):
            try:
                coerced[name] = coerce_text(known[name], value)
            except AnswerError as error:
                problems.append(Problem(("fields", name), str(error)))
    return coerced, problems


def _read_integer(field: Field, text: str) -> int:
    if not _WHOLE.fullmatch(text.strip()):
        raise AnswerError(f"'{field.name}' must be a whole number, such as 3, not {text!r}")
    return int(text)


def _read_float(field: Field, text: str) -> float:
    if _WHOLE.fullmatch(text.strip()):
        return int(text)
    number = float(text) if _DECIMAL.fullmatch(text.strip()) else math.nan
    if not math.isfinite(number):
        raise AnswerError(f"'{field.name}' must be a number, such as 0.5, not {text!r}")
    return number


def _read_list(field: Field, text: str) -> list[Any]:
    if text in field.choices:
        return [text]
    if text.lstrip().startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise AnswerError(f"'{field.name}' begins like a JSON list and is none: {text!r}") from None
        return list(value)
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if "" in parts:
        raise AnswerError(f"'{field.name}' must be a list such as a,b with nothing empty in it, not {text!r}")
    return parts


_READERS: Mapping[str, Callable[[Field, str], Any]] = {
    "integer": _read_integer,
    "float": _read_float,
    "multiselect": _read_list,
}
