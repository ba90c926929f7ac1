# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the core. Edges translate them once, where they meet a person."""

from __future__ import annotations


class HoldfastError(Exception):
    """Base of every error that Holdfast raises on purpose; its text is written for the person who reads it."""
