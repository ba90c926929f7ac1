# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of the actions that run and steer workflows, as data: one place for validation and documentation."""

from __future__ import annotations

WORKFLOW = {
    "workflow": {"type": "str", "default": ""},
    "fields": {"type": "dict", "default": {}},
    "fields_from": {"type": "str", "default": ""},
    "resume": {"type": "str", "default": ""},
    "catalog": {"type": "list", "elements": "path", "default": []},
    "check_nodes": {"type": "bool", "default": False},
}

APPROVE = {
    "run": {"type": "str", "required": True},
    "node": {"type": "str", "required": True},
    "decision": {"type": "str", "required": True, "choices": ["approve", "deny"]},
    "reason": {"type": "str", "default": ""},
    "batch": {"type": "int"},
}

AWX_NODE = {
    "state": {"type": "str", "default": "begin", "choices": ["begin", "end", "reported"]},
    "project": {"type": "path", "default": ""},
    "kind": {"type": "str", "default": "", "choices": ["", "item", "undo", "engine", "node"]},
    "name": {"type": "str", "default": ""},
    "component": {"type": "str", "default": ""},
    "run": {"type": "path", "default": ""},
    "values": {"type": "str", "default": "{}"},
    "path": {"type": "list", "elements": "str", "default": []},
}
