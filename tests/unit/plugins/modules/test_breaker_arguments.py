# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented of breakers is what is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.breaker_arguments import CIRCUIT_BREAKER, REPORTED
from ansible_collections.holdfast.ops.plugins.modules import circuit_breaker, health_check

from tests.unit.plugins.modules.documentation import options


def same(documented: Mapping[str, Any], accepted: Mapping[str, Any]) -> None:
    """Compare two tables of options, key by key."""
    assert set(documented) == set(accepted)
    for name, option in accepted.items():
        for key in ("type", "required", "default", "choices", "aliases"):
            assert documented[name].get(key) == option.get(key), (name, key)


def test_circuit_breaker() -> None:
    same(options(circuit_breaker), CIRCUIT_BREAKER)


def test_health_check() -> None:
    documented = options(health_check)
    same({"breaker": documented["breaker"]}, {"breaker": health_check.ARGUMENTS["breaker"]})
    same(documented["breaker"]["suboptions"], REPORTED["options"])
