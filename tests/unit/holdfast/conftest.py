# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's tests are collected where it can run; ``test_controller_is_here`` says when it cannot."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parent
WITHOUT_THE_CONTROLLER = {"cli", "test_controller_is_here.py", "conftest.py", "__init__.py", "__pycache__"}
"""What needs nothing but the command line's own packages."""

controller_can_run = sys.version_info >= (3, 11) and importlib.util.find_spec("fastapi") is not None
collect_ignore = (
    [] if controller_can_run else [str(path) for path in HERE.iterdir() if path.name not in WITHOUT_THE_CONTROLLER]
)
