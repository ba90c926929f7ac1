# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of the document format that this Holdfast reads."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem

GROUP = "holdfast.ops"
SUPPORTED = ("holdfast.ops/v1",)
NEWEST = SUPPORTED[-1]


def check(data: Any) -> list[Problem]:
    """What is wrong with the ``apiVersion`` of a document; an empty list when this Holdfast reads it."""
    version = data.get("apiVersion") if isinstance(data, dict) else None
    if isinstance(version, str) and version in SUPPORTED:
        return []
    if not isinstance(data, dict) or "apiVersion" not in data:
        return [Problem((), "has no 'apiVersion'", f"begin the document with 'apiVersion: {NEWEST}'")]
    path = ("apiVersion",)
    if isinstance(version, str) and version.startswith(f"{GROUP}/"):
        hint = f"it reads {', '.join(SUPPORTED)}; a newer Holdfast may read it"
        return [Problem(path, f"'{version}' is a version that this Holdfast does not read", hint)]
    return [Problem(path, f"{version!r} is no version of a Holdfast document", f"write '{NEWEST}'")]
