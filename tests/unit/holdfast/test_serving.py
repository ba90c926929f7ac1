# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller begins alone in its folder, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from holdfast import serving
from holdfast.engine.port import EngineInUse


def test_a_second_controller_leaves_the_first_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path))
    job = tmp_path / "controller" / "jobs" / "job-1"
    job.mkdir(parents=True)
    first = serving.alone(tmp_path / "controller")
    try:
        with pytest.raises(EngineInUse, match=f"in use by process {os.getpid()}"):
            serving.serve(port=0)
    finally:
        first.release()
    assert job.is_dir()
    assert sorted(os.listdir(tmp_path)) == ["controller"]
    assert sorted(os.listdir(tmp_path / "controller")) == ["controller.db.lock", "jobs"]
