# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``survey_spec`` of templates: set, shown with its secrets hidden, deleted. The rules are the core's."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import displayed_spec

from holdfast.api import activity
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Action
from holdfast.db.base import now
from holdfast.jobs import surveys


def _show(_call: Call, row: Any) -> Reply:
    return Reply(body=displayed_spec(row.survey_spec or {}))


def _set(call: Call, row: Any) -> Reply:
    _refuse(call, row)
    spec, old = call.data, row.survey_spec or {}
    problem = surveys.problem_with(spec, old)
    if problem:
        raise Invalid({"error": problem})
    _write(call, row, surveys.sealed(spec, old, call.controller.secrets))
    return Reply(200)


def _delete(call: Call, row: Any) -> Reply:
    _refuse(call, row)
    _write(call, row, {})
    return Reply(200)


def _refuse(call: Call, row: Any) -> None:
    if not call.controller.registry.of_row(row).access.may_change(call, row, {}):
        raise Forbidden()


def _write(call: Call, row: Any, spec: dict[str, Any]) -> None:
    before = displayed_spec(row.survey_spec or {})
    row.survey_spec = spec
    row.modified = now()
    call.session.flush()
    after = displayed_spec(spec)
    if before != after:
        type_ = call.controller.registry.of_row(row).type
        activity.record(call, "update", type_, row, {"survey_spec": [before, after]})


ACTION = Action({"GET": _show, "POST": _set, "DELETE": _delete}, title="Job Template Survey Spec")
