# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without ansible-runner the hands can be imported, and say what is missing when they are used."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import ansible_child


def test_without_ansible_runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ansible_runner.config.runner", None)
    spec = importlib.util.spec_from_file_location("ansible_child_alone", ansible_child.__file__)
    assert spec is not None
    assert spec.loader is not None
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    for use in (
        alone.require_runner,
        lambda: alone.prepare(tmp_path, "play.yml", {}, str(tmp_path)),
        lambda: alone.PlayChild(None, print, print, print),
    ):
        with pytest.raises(HoldfastError, match="pip install ansible-runner"):
            use()


def test_with_ansible_runner() -> None:
    ansible_child.require_runner()
