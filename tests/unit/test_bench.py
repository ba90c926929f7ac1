# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make bench`` starts; what it measures is looked at by people."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def test_it_knows_what_it_measures() -> None:
    for needed in ("fastapi", "winrm"):
        pytest.importorskip(needed)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "nothing"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("there is no measurement 'nothing'; there are engine, breakers, "), done.stderr
