# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seven types of questions: one rule each, in AWX's words.

A question is an element of ``survey_spec["spec"]``: a mapping with ``variable``, ``type``, ``required`` and more. The
messages are those that AWX 24.6.1 answers with; clients show and compare them, so they are kept to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Optional, Union

Question = Mapping[str, Any]
Number = Union[int, float]
ENCRYPTED = "$encrypted$"  # what stands for a password that is not shown

MISSING = "'{variable}' value missing"
TOO_SHORT = "'{variable}' value {value} is too small (length is {length} must be at least {limit})."
TOO_SMALL = "'{variable}' value {value} is too small (must be at least {limit})."
TOO_LARGE = "'{variable}' value {value} is too large (must be no more than {limit})."
WRONG_TYPE = "Value {value} for '{variable}' expected to be {wanted}."
NO_LIST = "'{variable}' value is expected to be a list."
NO_CHOICE = "Value {value} for '{variable}' expected to be one of {choices}."


@dataclass(frozen=True)
class Rule:
    """What one type of question asks for.

    ``name``: AWX's name of the type, ``field_type``: ours. ``refusals(question, value)`` gives AWX's messages about an
    answer. ``default_types``: what AWX lets a default be in a spec, ``default_word``: how it calls that.
    ``default_of``: the default of a spec as the answer it means, None when it can never be one.
    """

    name: str
    field_type: str
    refusals: Callable[[Question, Any], list[str]]
    default_types: tuple[type, ...] = (str,)
    default_word: str = "string"
    has_choices: bool = False
    default_of: Callable[[Any], Any] = lambda default: default


def lines_of(text: str) -> list[str]:
    """The lines of a text that are not blank: how AWX reads choices and defaults given as one text."""
    return [line for line in text.splitlines() if line.strip()]


def choices_of(question: Question) -> list[Any]:
    """The choices of a question, given as a list or as lines of text; none when they are neither."""
    choices = question.get("choices")
    if isinstance(choices, str):
        return list(lines_of(choices))
    return list(choices) if isinstance(choices, (list, tuple)) else []


def limit_of(question: Question, key: str, convert: Callable[[Any], Number]) -> Optional[Number]:
    """A question's ``min`` or ``max`` as AWX compares with it, None when there is none or it is no number."""
    limit = question.get(key)
    if limit is None or limit == "":
        return None
    try:
        return convert(limit)
    except (TypeError, ValueError, OverflowError):
        return None


def _limits(
    question: Question, value: Any, size: Number, convert: Callable[[Any], Number], too_small: str
) -> list[str]:
    """Messages for a size outside the limits; the limits are shown as the spec writes them."""
    least, most = limit_of(question, "min", convert), limit_of(question, "max", convert)
    about = {"variable": question["variable"], "value": value, "length": size}
    found = []
    if least is not None and size < least:
        found.append(too_small.format(limit=question["min"], **about))
    if most is not None and size > most:
        found.append(TOO_LARGE.format(limit=question["max"], **about))
    return found


def _text(question: Question, value: Any) -> list[str]:
    if not isinstance(value, str):
        return [WRONG_TYPE.format(value=value, variable=question["variable"], wanted="a string")]
    return _limits(question, value, len(value), int, TOO_SHORT)


def _integer(question: Question, value: Any) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, int):  # true and false are no integers
        return [WRONG_TYPE.format(value=value, variable=question["variable"], wanted="an integer")]
    return _limits(question, value, value, int, TOO_SMALL)


def _float(question: Question, value: Any) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return [WRONG_TYPE.format(value=value, variable=question["variable"], wanted="a numeric type")]
    return _limits(question, value, value, float, TOO_SMALL)


def _one_of(question: Question, value: Any) -> list[str]:
    choices = choices_of(question)
    return [] if value in choices else [NO_CHOICE.format(value=value, variable=question["variable"], choices=choices)]


def _some_of(question: Question, value: Any) -> list[str]:
    if not isinstance(value, list):
        return [NO_LIST.format(variable=question["variable"])]
    return [message for element in value for message in _one_of(question, element)]


def _unless_empty(default: Any) -> Any:
    """Forms send an empty text for "no default" where no text can be an answer."""
    return None if default == "" else default


def _first_line(default: Any) -> Any:
    """A form's line break behind the one choice does not count."""
    return next(iter(lines_of(default)), None) if isinstance(default, str) else default


def _lines(default: Any) -> Any:
    return lines_of(default) if isinstance(default, str) else default


# In the order in which AWX lists them when it refuses a type.
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("text", "text", _text),
        Rule("textarea", "textarea", _text),
        Rule("password", "password", _text),
        Rule("multiplechoice", "choice", _one_of, has_choices=True, default_of=_first_line),
        Rule("multiselect", "multiselect", _some_of, has_choices=True, default_of=_lines),
        Rule("integer", "integer", _integer, (int,), "integer", default_of=_unless_empty),
        Rule("float", "float", _float, (float, int), "float", default_of=_unless_empty),
    )
}
BY_FIELD_TYPE: Mapping[str, Rule] = {rule.field_type: rule for rule in RULES.values()}


def refusals(question: Question, answers: Mapping[str, Any], require: bool = True) -> list[str]:
    """AWX's messages about the answer to one question; ``require`` false lets a required one be left out."""
    variable = question["variable"]
    required = bool(question.get("required")) and require
    if question["type"] == "password" and answers.get(variable) == ENCRYPTED:
        # The placeholder asks for the default, whatever that is.
        return [MISSING.format(variable=variable)] if required and question.get("default") is None else []
    if variable not in answers:
        return [MISSING.format(variable=variable)] if required else []
    return RULES[question["type"]].refusals(question, answers[variable])
