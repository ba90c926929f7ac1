# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a check here says no: with the body of the 400 that a client gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Invalid(ValueError):
    """What was given cannot be taken; ``body`` says why, under the names of the fields that are wrong."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(", ".join(f"{field}: {problem}" for field, problem in body.items()))
        self.body = dict(body)
