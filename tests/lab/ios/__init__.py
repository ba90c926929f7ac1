# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of a Cisco IOS switch: a command line over real SSH, behind it a model. See docs/ios-double.md.

Nothing that is not modelled is answered by a guess: it is refused, and named.
"""
