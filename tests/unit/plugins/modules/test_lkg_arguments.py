# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented of the actions on the archive is what is accepted."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils import lkg_arguments
from ansible_collections.holdfast.ops.plugins.modules import (
    lkg_baseline,
    lkg_diff,
    lkg_guard,
    lkg_info,
    lkg_promote,
    lkg_restore,
    lkg_snapshot,
)

from tests.unit.plugins.modules.documentation import documented


@pytest.mark.parametrize(
    ("module", "accepted"),
    [
        (lkg_promote, lkg_arguments.LKG_PROMOTE),
        (lkg_info, lkg_arguments.LKG_INFO),
        (lkg_diff, lkg_arguments.LKG_DIFF),
        (lkg_guard, lkg_arguments.LKG_GUARD),
        (lkg_snapshot, lkg_arguments.LKG_SNAPSHOT),
        (lkg_restore, lkg_arguments.LKG_RESTORE),
        (lkg_baseline, lkg_arguments.LKG_BASELINE),
    ],
)
def test_options(module: ModuleType, accepted: dict[str, Any]) -> None:
    told = documented(module)
    kept = {name: {key: option[key] for key in set(option) - {"description", "version_added_collection"}}
            for name, option in told["options"].items()}  # fmt: skip
    assert kept == accepted
    assert set(told["attributes"]) == {"check_mode", "diff_mode", "action"}
    assert any("HOLDFAST_STORE" in note for note in told["notes"])
    assert yaml.safe_load(module.EXAMPLES) and yaml.safe_load(module.RETURN)
