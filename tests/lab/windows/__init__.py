# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of a Windows host: WinRM is spoken for real, what PowerShell would do is modelled.

Whatever is not modelled fails with exit code 125 and its name. docs/windows-double.md says what it proves and what not.
"""
