# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments that have to do with circuit breakers, as data: one place for validation and documentation."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import COUNT, POLICY_TYPES, TIME

POLICY: dict[str, Any] = {
    name: {"type": type_, **({"choices": [COUNT, TIME]} if name == "sliding_window_type" else {})}
    for name, type_ in POLICY_TYPES.items()
}
"""A policy; what is not given stays as it is."""

CIRCUIT_BREAKER: dict[str, Any] = {
    "target": {"type": "str", "required": True, "aliases": ["name"]},
    "state": {
        "type": "str",
        "default": "allow",
        "choices": ["allow", "report", "status", "open", "closed", "disabled", "reset"],
    },
    "outcome": {"type": "str", "choices": ["success", "failure"]},
    "permit": {"type": "dict"},
    "duration": {"type": "float"},
    "reason": {"type": "str", "default": ""},
    "wait": {"type": "float"},
    **POLICY,
}

REPORTED: dict[str, Any] = {"type": "dict", "options": {"target": {"type": "str", "required": True}, **POLICY}}
"""A breaker that something reports to: its target, and its policy."""
