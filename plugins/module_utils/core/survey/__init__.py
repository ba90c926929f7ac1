# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys: questions, answers and AWX's survey_spec. One set of rules for terminal, controller and portal."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.survey.answers import (
    check_answers,
    check_default,
    coerce_answers,
    coerce_text,
    fill_defaults,
    launch_problems,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey.spec import (
    check_spec,
    check_spec_strict,
    displayed_spec,
    from_spec,
    stored_spec,
    to_spec,
)

__all__ = [
    "check_answers",
    "check_default",
    "check_spec",
    "check_spec_strict",
    "coerce_answers",
    "coerce_text",
    "displayed_spec",
    "fill_defaults",
    "from_spec",
    "launch_problems",
    "stored_spec",
    "to_spec",
]
