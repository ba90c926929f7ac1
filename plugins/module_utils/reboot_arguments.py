# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of verified_reboot, as data: one place for validation and documentation."""

from __future__ import annotations

VERIFIED_REBOOT = {
    "when_pending": {"type": "bool", "default": False},
    "reboot_timeout": {"type": "int", "default": 600},
    "connect_timeout": {"type": "int", "default": 5},
    "pre_reboot_delay": {"type": "int", "default": 0},
    "pre_checks": {"type": "list", "elements": "str", "default": []},
    "post_checks": {"type": "list", "elements": "str", "default": []},
    "services": {"type": "list", "elements": "str", "default": []},
    "require_clear": {"type": "bool", "default": True},
    "checks_timeout": {"type": "int", "default": 120},
    "msg": {"type": "str", "default": "Reboot for maintenance"},
}
