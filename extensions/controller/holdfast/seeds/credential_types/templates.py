# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox in which the templates of injectors are rendered."""

from __future__ import annotations

from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

_LONGEST = 1_000_000


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, which also refuses arithmetic that would take all memory or never end."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and not (abs(left) <= _LONGEST and abs(right) <= 64):
            raise SecurityError("the result of ** is too large")
        if operator == "*" and _length(left, right) > _LONGEST:
            raise SecurityError("the result of * is too large")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("% on text is not allowed, the filter format is")
        return super().call_binop(context, operator, left, right)


def _length(left: Any, right: Any) -> int:
    """How long a repeated text or list gets; 0 when nothing is repeated."""
    for some, times in ((left, right), (right, left)):
        if isinstance(some, (str, list, tuple)) and isinstance(times, int):
            return len(some) * times
    return 0


def sandbox(*, strict: bool = False) -> ImmutableSandboxedEnvironment:
    """An environment for templates that somebody wrote; ``strict``: what is not there is an error."""
    return _Sandbox(undefined=StrictUndefined if strict else Undefined)
