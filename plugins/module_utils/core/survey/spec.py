# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX's survey_spec: what AWX refuses, what Holdfast refuses on top, how it is kept and shown, and fields as questions.

A survey_spec is ``{"name": ..., "description": ..., "spec": [question, ...]}``, or ``{}`` for none.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Field
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey.questions import (
    BY_FIELD_TYPE,
    ENCRYPTED,
    RULES,
    Question,
    choices_of,
    limit_of,
    lines_of,
    refusals,
)

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Key, type, AWX's word for the type. Clients may leave name and description out.
_PARTS = (("name", str, "string", False), ("description", str, "string", False), ("spec", list, "list of items", True))
_QUESTION_KEYS = (("type", str, "string"), ("question_name", str, "string"), ("variable", str, "string"),
                  ("required", bool, "boolean"))  # fmt: skip

# --- what AWX refuses --------------------------------------------------------------------------------------------


def check_spec(spec: Any, old: Optional[Mapping[str, Any]] = None) -> list[str]:
    """Why AWX would refuse a survey_spec; empty when it takes it. The first message is AWX's answer.

    ``old`` is the spec kept so far: only with it may a password default be given as ``$encrypted$`` (unchanged).
    """
    if not isinstance(spec, Mapping):
        return [f"Expected a json object for the survey spec, received {type(spec).__name__} type."]
    wrong = [message for message in (_wrong_part(spec, *part) for part in _PARTS) if message]
    if isinstance(spec.get("spec"), list) and not spec["spec"]:
        wrong.append("'spec' doesn't contain any items.")
    if wrong:
        return wrong[::-1]  # AWX answers with the last of these
    before = {each.get("variable"): each for each in (old or {}).get("spec") or () if isinstance(each, Mapping)}
    seen: set[str] = set()
    found = []
    for index, question in enumerate(spec["spec"]):
        message = next(_wrong_question(question, index, seen, before), None)
        found.extend([message] if message else [])
        if isinstance(question, Mapping) and isinstance(question.get("variable"), str):
            seen.add(question["variable"])
    return found


def _wrong_part(spec: Mapping[str, Any], key: str, kind: type, word: str, needed: bool) -> Optional[str]:
    if key not in spec:
        return f"Field '{key}' is missing from survey spec." if needed else None
    if isinstance(spec[key], kind):
        return None
    return f"Expected {word} for field '{key}', received {type(spec[key]).__name__} type."


def _wrong_question(question: Any, index: int, seen: set[str], before: Mapping[Any, Question]) -> Iterator[str]:
    """AWX's findings about one question, in AWX's order; later ones rely on there being no earlier one."""
    if not isinstance(question, Mapping):
        yield f"Survey question {index} is not a json object."
        return
    for key, kind, word in _QUESTION_KEYS:
        if key not in question:
            yield f"'{key}' missing from survey question {index}"
        elif not isinstance(question[key], kind):
            yield f"'{key}' in survey question {index} expected to be {word}."
    if question["variable"] in seen:
        yield f"'variable' '{question['variable']}' duplicated in survey question {index}."
    if question["type"] not in RULES:
        allowed = ", ".join(RULES)
        yield f"'{question['type']}' in survey question {index} is not one of '{allowed}' allowed question types."
    yield from _wrong_values(question, index)
    if RULES[question["type"]].has_choices:
        yield from _wrong_choices(question, index)
    yield from _wrong_encrypted(question, index, before)


def _wrong_values(question: Question, index: int) -> Iterator[str]:
    rule, default = RULES[question["type"]], question.get("default", "")
    if default != "" and not isinstance(default, rule.default_types):
        yield f"Default value {default} in survey question {index} expected to be {rule.default_word}."
    for key in ("min", "max"):
        if not isinstance(question.get(key), (int, type(None))):
            yield f"The {key} limit in survey question {index} expected to be integer."


def _wrong_choices(question: Question, index: int) -> Iterator[str]:
    if "choices" not in question:
        yield f"Survey question {index} of type {question['type']} must specify choices."
        return
    defaults = lines_of(question.get("default", ""))
    if question["type"] == "multiplechoice" and len(defaults) > 1:
        yield "Multiple Choice (Single Select) can only have one default value."
    if not all(_among(default, question["choices"]) for default in defaults):
        yield "Default choice must be answered from the choices listed."


def _among(default: str, choices: Any) -> bool:
    """As AWX looks: in a list an element, in a text any part of it."""
    if isinstance(choices, str):
        return default in "\n".join(lines_of(choices))
    return isinstance(choices, (list, tuple, Mapping)) and default in choices


def _wrong_encrypted(question: Question, index: int, before: Mapping[Any, Question]) -> Iterator[str]:
    default = question.get("default")
    if not isinstance(default, str) or not default.startswith(ENCRYPTED):
        return
    if question["type"] != "password":
        yield (
            f"{ENCRYPTED} is a reserved keyword for password question defaults, "
            f"survey question {index} is type {question['type']}."
        )
    elif _kept_default(question, before) is None:
        yield f"{ENCRYPTED} is a reserved keyword, may not be used for new default in position {index}."


def _kept_default(question: Question, before: Mapping[Any, Question]) -> Optional[str]:
    """The password default kept so far under this variable; an empty text counts whatever the type was."""
    old = before.get(question["variable"], {})
    default = old.get("default")
    return default if isinstance(default, str) and (default == "" or old.get("type") == "password") else None


# --- what Holdfast refuses on top --------------------------------------------------------------------------------


def check_spec_strict(spec: Mapping[str, Any]) -> list[str]:
    """What AWX takes and Holdfast does not, for a spec that ``check_spec`` accepts: things that fail at launch."""
    return [
        f"Survey question {index} ('{question['variable']}'): {message}"
        for index, question in enumerate(spec.get("spec") or ())
        for message in (*_strict_name(question), *_strict_choices(question), *_strict_limits(question))
    ]


def _strict_name(question: Question) -> Iterator[str]:
    if not _VARIABLE.fullmatch(question["variable"]):
        yield "the variable must be letters, digits and '_' and must not begin with a digit."


def _strict_choices(question: Question) -> Iterator[str]:
    if not RULES[question["type"]].has_choices:
        return
    choices = question["choices"]
    if not isinstance(choices, (str, list, tuple)):
        yield f"the choices must be a list, or text with one choice a line, not {type(choices).__name__}."
        return
    listed = choices_of(question)
    if not listed:
        yield "there must be at least one choice."
    for choice in listed:
        if not isinstance(choice, str):
            yield f"the choice {choice!r} must be text."
        elif lines_of(choice) != [choice]:
            yield f"the choice {choice!r} must be one line of text that is not blank."
        elif listed.count(choice) > 1:
            yield f"the choice {choice!r} is there more than once."
            return


def _strict_limits(question: Question) -> Iterator[str]:
    rule = RULES[question["type"]]
    if not rule.has_choices:
        least, most = limit_of(question, "min", float), limit_of(question, "max", float)
        if least is not None and most is not None and least > most:
            yield f"min {question['min']} is larger than max {question['max']}."
    default = rule.default_of(question.get("default"))
    if default is None or (default == "" and rule.field_type in ("text", "textarea", "password")):
        return
    wrong = refusals(question, {question["variable"]: default})
    if wrong and rule.name == "password":
        yield "the default breaks the question's own limits."
    elif wrong:
        yield f"the default is refused by the question itself: {wrong[0]}"


# --- how it is kept and shown ------------------------------------------------------------------------------------


def stored_spec(spec: Mapping[str, Any], old: Optional[Mapping[str, Any]] = None) -> dict[str, Any]:
    """A copy as AWX keeps it: as posted, without the blank lines of choices and of their defaults.

    A password default given as ``$encrypted$`` becomes the one in ``old``. The spec must have passed ``check_spec``.
    """
    kept: dict[str, Any] = copy.deepcopy(dict(spec))
    before = {each["variable"]: each for each in (old or {}).get("spec") or ()}
    for question in kept.get("spec") or ():
        for key in ("choices", "default") if RULES[question["type"]].has_choices else ():
            if isinstance(question.get(key), str):
                question[key] = "\n".join(lines_of(question[key]))
        default = question.get("default")
        if question["type"] == "password" and isinstance(default, str) and default.startswith(ENCRYPTED):
            question["default"] = _kept_default(question, before)
    return kept


def displayed_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A copy for people and clients: a password default that is not empty reads ``$encrypted$``."""
    shown: dict[str, Any] = copy.deepcopy(dict(spec))
    for question in shown.get("spec") or ():
        if question.get("type") == "password" and question.get("default"):
            question["default"] = ENCRYPTED
    return shown


# --- fields as questions -----------------------------------------------------------------------------------------


def to_spec(fields: Sequence[Field], name: str = "", description: str = "") -> dict[str, Any]:
    """The survey_spec of fields; ``{}``, AWX's empty survey, when there are none.

    ``from_spec`` gives the same fields again (a label that equals the name is the same as none). Password defaults are
    in clear: show ``displayed_spec`` of it. AWX itself takes only whole numbers as limits, also for floats.
    """
    if not fields:
        return {}
    return {"name": name, "description": description, "spec": [question_of(field) for field in fields]}


def question_of(field: Field) -> dict[str, Any]:
    """One field as a question; limits and default only where there are any."""
    rule = BY_FIELD_TYPE[field.type]
    question: dict[str, Any] = {
        "question_name": field.label or field.name,
        "question_description": field.description,
        "required": field.required,
        "type": rule.name,
        "variable": field.name,
    }
    if rule.has_choices:
        question["choices"] = list(field.choices)
    for key, limit in (("min", field.min), ("max", field.max)):
        if limit is not None:
            question[key] = int(limit) if isinstance(limit, float) and limit.is_integer() else limit
    if field.default is not None:
        many = rule.name == "multiselect" and isinstance(field.default, (list, tuple))
        question["default"] = "\n".join(map(str, field.default)) if many else field.default
    return question


def from_spec(spec: Mapping[str, Any]) -> tuple[Field, ...]:
    """The fields of a survey_spec that AWX takes; raises HoldfastError for a type that does not exist.

    What means nothing is left behind: limits of choices, ``new_question``, an empty default where text is no answer.
    """
    return tuple(_field_of(question) for question in spec.get("spec") or ())


def _field_of(question: Question) -> Field:
    rule = RULES.get(question["type"])
    if rule is None:
        raise HoldfastError(f"question '{question['variable']}' has the unknown type '{question['type']}'")
    label = question.get("question_name") or ""
    return Field(
        name=question["variable"],
        label="" if label == question["variable"] else label,
        type=rule.field_type,
        required=bool(question.get("required")),
        default=rule.default_of(question.get("default")),
        choices=tuple(str(choice) for choice in choices_of(question)) if rule.has_choices else (),
        min=None if rule.has_choices else _limit(question, "min"),
        max=None if rule.has_choices else _limit(question, "max"),
        description=question.get("question_description") or "",
    )


def _limit(question: Question, key: str) -> Optional[float]:
    limit = question.get(key)
    return limit if isinstance(limit, (int, float)) else limit_of(question, key, float)
