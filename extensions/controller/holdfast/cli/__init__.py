# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``holdfast``."""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit status."""
    from holdfast.cli.app import app

    app()
