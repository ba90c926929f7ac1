# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holdfast's own programs: the command line and the controller. They start Ansible; they never import it."""

__version__ = "1.0.0"
