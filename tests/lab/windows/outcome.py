# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a program on the double ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOT_MODELLED = 125


class NotModelled(Exception):
    """Something was asked for that the double does not model; the text names it."""


@dataclass(frozen=True)
class Outcome:
    """Exit code and what was written."""

    status: int = 0
    output: str = ""
    errors: str = ""


def not_modelled(what: str, for_module: bool = False) -> Outcome:
    """The loud end of whatever the double does not know; a module's is a result too, so that people read it."""
    text = f"windows double: not modelled: {what}"
    result = json.dumps({"failed": True, "rc": NOT_MODELLED, "msg": text}) + "\r\n"
    return Outcome(NOT_MODELLED, output=result if for_module else "", errors=text)


def said(values: Mapping[str, Any], status: int = 0) -> Outcome:
    """An end with a JSON object, as modules and scripts write it."""
    return Outcome(status, json.dumps(values) + "\r\n")
