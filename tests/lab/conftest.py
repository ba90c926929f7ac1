# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of the lab, for its own tests."""

from __future__ import annotations

from tests.lab.fixture import can_have_labs, lab, lab_as_new

__all__ = ["can_have_labs", "lab", "lab_as_new"]
