# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of the actions that work on the archive of snapshots, as argument specs."""

from __future__ import annotations

from typing import Any

LKG_PROMOTE: dict[str, Any] = {
    "host": {"type": "str", "default": ""},
    "state": {"type": "str", "default": "last"},
    "checks": {"type": "list", "elements": "dict", "required": True},
    "run": {"type": "str", "default": ""},
    "reason": {"type": "str", "default": ""},
    "allow_incomplete": {"type": "bool", "default": False},
}

LKG_INFO: dict[str, Any] = {
    "host": {"type": "str", "default": ""},
    "state": {"type": "str", "default": ""},
}

LKG_DIFF: dict[str, Any] = {
    "host": {"type": "str", "default": ""},
    "before": {"type": "str", "default": "lkg"},
    "after": {"type": "str", "default": "last"},
}

LKG_GUARD: dict[str, Any] = {
    "role": {"type": "str", "default": ""},
    "tasks": {"type": "str", "default": ""},
    "module": {"type": "str", "default": ""},
    "vars": {"type": "dict", "default": {}},
    "gather_facts": {"type": "bool", "default": True},
    "timer": {"type": "int", "default": 300},
    "settle": {"type": "int", "default": 30},
    "grace": {"type": "int", "default": 300},
    "probes": {"type": "list", "elements": "dict", "default": []},
    "probes_from": {"type": "str", "choices": ["host", "controller"], "default": "host"},
    "retries": {"type": "int", "default": 5},
    "delay": {"type": "float", "default": 2.0},
    "platform": {"type": "str", "default": ""},
    "options": {"type": "dict", "default": {}},
    "sections": {"type": "list", "elements": "str", "default": []},
    "host": {"type": "str", "default": ""},
    "promote": {"type": "bool", "default": True},
    "reason": {"type": "str", "default": ""},
    "labels": {"type": "list", "elements": "str", "default": []},
    "returns": {"type": "list", "elements": "str", "default": []},
    "left_over": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
}

LKG_SNAPSHOT: dict[str, Any] = {
    "host": {"type": "str", "default": ""},
    "platform": {"type": "str", "default": ""},
    "sections": {"type": "list", "elements": "str", "default": []},
    "options": {"type": "dict", "default": {}},
    "require_complete": {"type": "bool", "default": False},
    "run": {"type": "str", "default": ""},
}

LKG_RESTORE: dict[str, Any] = {
    "host": {"type": "str", "default": ""},
    "state": {"type": "str", "default": "lkg"},
    "label": {"type": "str", "default": ""},
    "sections": {"type": "list", "elements": "str", "default": []},
    "options": {"type": "dict"},
    "settle": {"type": "int", "default": 15},
    "run": {"type": "str", "default": ""},
}

LKG_BASELINE: dict[str, Any] = {
    "hosts": {"type": "list", "elements": "str", "default": []},
    "unreachable": {"type": "list", "elements": "str", "default": []},
    "since": {"type": "float"},
    "max_age": {"type": "str", "default": ""},
    "minimum": {"type": "float"},
}
