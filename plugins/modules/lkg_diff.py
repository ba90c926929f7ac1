#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lkg_diff
short_description: Compare two snapshots of a host
description:
  - Compares two states of a host that are in the archive, item by item. Lines that change by themselves are no
    difference.
  - The task is C(changed) when they differ, so that the difference is shown and handlers are told. It changes nothing.
  - Secrets are compared and never shown; where one stood stands a mark that changes when it does.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.ops.archive
  - holdfast.ops.archive.host
  - holdfast.ops.archive.offline
options:
  before:
    description:
      - A snapshot, V(lkg) for the last known good one, V(previous) for the one before, V(last) for the newest, or the
        id of one or the beginning of it.
    type: str
    default: lkg
  after:
    description:
      - The snapshot to compare it with, named in the same way.
    type: str
    default: last
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: full
    description: Shows the difference as a unified diff.
seealso:
  - module: holdfast.ops.lkg_info
  - module: holdfast.ops.lkg_promote
"""

EXAMPLES = r"""
- name: See what has changed since the last known good state
  holdfast.ops.lkg_diff:
  register: drift
  failed_when: not drift.same
"""

RETURN = r"""
host:
  description: The host.
  returned: success
  type: str
  sample: sw1
before:
  description: The first snapshot.
  returned: success
  type: dict
  sample:
    id: 20260105-134502-123-9f2c41
after:
  description: The second snapshot.
  returned: success
  type: dict
  sample:
    id: 20260106-020000-001-11aa22
same:
  description: Whether everything could be compared and nothing differs.
  returned: success
  type: bool
changes:
  description: Each item that differs.
  returned: success
  type: list
  elements: dict
  sample:
    - section: config
      item: running
      change: changed
      added: 1
      removed: 1
      diff: ["@@ -12 +12 @@", "- description uplink", "+ description downlink"]
unread:
  description: Sections that one of the two could not read, of which nothing can be said, and why.
  returned: success
  type: dict
  sample: {}
"""
