#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lkg_baseline
short_description: Say how far hosts are from their last known good states
description:
  - Compares the newest snapshot of each host in the archive with its last known good state, item by item, and gives one
    score for all of them, which is 100 % less the drifted by the checked items.
  - Of a configuration each block is an item.
  - A host that could not be reached, and a section that could not be read, were not checked. They stand apart and make
    the score neither better nor worse.
  - It connects to no host. Take the snapshots before, in the same play, and run this once.
  - The task is C(changed) when something has drifted.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.ops.archive
  - holdfast.ops.archive.offline
options:
  hosts:
    description:
      - The names of the hosts in the archive; all hosts of the play when it is left out.
    type: list
    elements: str
    default: []
  unreachable:
    description:
      - Hosts that could not be reached. Those of the play that it has lost are known without it.
    type: list
    elements: str
    default: []
  since:
    description:
      - A host whose newest snapshot was taken before this moment, in seconds since 1970, was not reached.
    type: float
  max_age:
    description:
      - A host whose newest snapshot is older than this was not reached. Such as V(90s), V(30m), V(2h) or V(7d).
    type: str
    default: ""
  minimum:
    description:
      - The task fails when the score is below this, in percent, and when nothing could be checked.
    type: float
attributes:
  check_mode:
    support: full
    description: Changes nothing. In check mode M(holdfast.ops.lkg_snapshot) keeps nothing that could be compared here.
  diff_mode:
    support: full
    description: Shows what has drifted as a unified diff for each host.
notes:
  - A section that only one of the two snapshots is about is passed over. Take both with the same O(ignore:options).
seealso:
  - module: holdfast.ops.lkg_snapshot
  - module: holdfast.ops.lkg_diff
"""

EXAMPLES = r"""
- name: Compare a fleet with its last known good states
  hosts: all
  gather_facts: false
  tasks:
    - name: Read every host as it is now
      holdfast.ops.lkg_snapshot:
      become: true

    - name: Judge them
      holdfast.ops.lkg_baseline:
        max_age: 1h
        minimum: 99.5
      run_once: true
"""

RETURN = r"""
consistency:
  description: The score of all hosts that were checked, in percent and never rounded up; null when none was.
  returned: success
  type: float
  sample: 99.87
checked:
  description: How many items were checked.
  returned: success
  type: int
  sample: 5321
drifted:
  description: How many of them have drifted.
  returned: success
  type: int
  sample: 7
hosts:
  description: Each host that was checked, with its own score, its drifted items, and the differences.
  returned: success
  type: list
  elements: dict
  sample:
    - host: sw1
      checked: 211
      drifted: 1
      consistency: 99.52
      items: ["config/running: interface GigabitEthernet0/1"]
      same: false
      changes: []
      unread: {}
unreachable_hosts:
  description: The hosts that could not be reached, and how that is known.
  returned: success
  type: dict
  sample:
    sw7: it was not seen since 2026-01-04 02:00:00
without_baseline:
  description: The hosts that have no last known good state, and why.
  returned: success
  type: dict
  sample:
    sw9: there is no snapshot of it
"""
