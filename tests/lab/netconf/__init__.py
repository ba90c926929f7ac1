# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real NETCONF server (netconfd of Yuma123, from Debian) behind a real sshd, with a small switch as its model."""
