# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m holdfast.cli``: the command ``holdfast``, where its script is not on PATH."""

from __future__ import annotations

from holdfast.cli import main

main()
