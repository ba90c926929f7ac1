# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small data centre of real parts: hosts like RHEL 9, a load balancer, a signed repository, and faults.

``python -m tests.lab up|down|status|fault`` from the root of the checkout; docs/lab.md says more.
"""
