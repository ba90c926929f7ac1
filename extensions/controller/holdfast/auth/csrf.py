# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests by session cookie that change something must prove that they come from our own pages."""

from __future__ import annotations

from holdfast.api.call import Call


def check(call: Call) -> None:
    """Raise Forbidden for a change by session cookie without the token."""
