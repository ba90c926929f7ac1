# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys of templates: the rules are the core's, here their secrets are sealed and opened."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core import survey

from holdfast.auth.secrets import ENCRYPTED, MARK, SecretBox

PASSWORD = "password"


def questions(template: Any) -> list[Mapping[str, Any]]:
    """The questions that a launch of this template asks; none when its survey is off."""
    if not getattr(template, "survey_enabled", False):
        return []
    return list((template.survey_spec or {}).get("spec") or ())


def is_enabled(template: Any) -> bool:
    """Whether answers are judged: the survey is on, and there is one."""
    return bool(template.survey_enabled and template.survey_spec)


def password_variables(template: Any) -> list[str]:
    """The variables of questions whose answers are never shown."""
    return [one["variable"] for one in questions(template) if one["type"] == PASSWORD]


def problem_with(spec: Any, old: Mapping[str, Any]) -> str:
    """Why a spec cannot be kept, in AWX's words where AWX refuses it too; "" when it can."""
    found = survey.check_spec(spec, old) or survey.check_spec_strict(spec)
    return found[0] if found else ""


def sealed(spec: Mapping[str, Any], old: Mapping[str, Any], secrets: SecretBox) -> dict[str, Any]:
    """A spec as the database may hold it; it must be one that ``problem_with`` has nothing against."""
    return _with_defaults(survey.stored_spec(spec, old), lambda text: text if _is_sealed(text) else secrets.seal(text))


def opened(spec: Mapping[str, Any], secrets: SecretBox) -> dict[str, Any]:
    """A kept spec with its secret defaults in clear."""
    return _with_defaults(copy.deepcopy(dict(spec)), secrets.open)


def _is_sealed(text: str) -> bool:
    return text.startswith(MARK)


def _with_defaults(spec: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    for question in spec.get("spec") or ():
        default = question.get("default")
        if question.get("type") == PASSWORD and isinstance(default, str) and default:
            question["default"] = change(default)
    return spec


def with_defaults(template: Any, answers: Mapping[str, Any], secrets: SecretBox) -> dict[str, Any]:
    """The answers of a launch with the defaults of the questions left out, in clear."""
    spec = {"spec": questions(template)}
    return survey.fill_defaults(opened(spec, secrets), answers, include_required=True)


def check(template: Any, answers: Mapping[str, Any], require: bool = True) -> list[tuple[str, list[str]]]:
    """What is wrong with the answers, for each question that they are wrong for: its variable and the messages."""
    found = []
    for question in questions(template):
        messages = survey.check_answers({"spec": [question]}, answers, require)
        if messages:
            found.append((question["variable"], messages))
    return found


def seal_values(values: Mapping[str, Any], secrets: SecretBox) -> dict[str, str]:
    """Secret answers as the database may hold them; ``secrets.open_all`` gives them back."""
    return {name: secrets.seal_value(one) for name, one in values.items()}


def open_values(kept: Mapping[str, str], secrets: SecretBox) -> dict[str, Any]:
    """The secret answers again."""
    return secrets.open_all(kept)


def hidden(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Values for people: those of these names read ``$encrypted$``."""
    secret = set(names)
    return {name: ENCRYPTED if name in secret else value for name, value in values.items()}
