#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lkg_snapshot
short_description: Take a snapshot of a host and keep it in the archive
description:
  - Reads the state of a host, section by section, leaves out what changes by itself, takes the secrets out, and keeps
    both in the archive. Of an unchanged host the snapshot is the same again.
  - The task is C(changed) when the state differs from the last known good one, so that the difference is shown and
    handlers are told; without a last known good state it is compared with the newest snapshot. It never changes the
    host.
  - A section that cannot be read is a gap, which is named with its reason. When not one can be read, the task fails.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.ops.archive
  - holdfast.ops.archive.host
  - holdfast.ops.archive.chosen
  - holdfast.ops.archive.reached
options:
  sections:
    description:
      - Which sections of the platform to read; all of them when it is left out.
    type: list
    elements: str
    default: []
  require_complete:
    description:
      - Whether to fail, and to keep nothing, when a section cannot be read.
    type: bool
    default: false
  run:
    description:
      - The id of the run that takes it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Reads the host and compares, and keeps nothing.
  diff_mode:
    support: full
    description: Shows what has changed since the last known good state, with marks in the places of secrets.
seealso:
  - module: holdfast.ops.lkg_promote
  - module: holdfast.ops.lkg_restore
  - module: holdfast.ops.lkg_baseline
"""

EXAMPLES = r"""
- name: Keep the state of a RHEL host, with two more files
  holdfast.ops.lkg_snapshot:
    options:
      files: [/etc/myapp.conf, /etc/myapp.d]
  become: true

- name: Keep the state of a load balancer
  holdfast.ops.lkg_snapshot:
    platform: haproxy
    require_complete: true
  become: true

- name: Keep the configuration of a switch (ansible_network_os is cisco.ios.ios)
  holdfast.ops.lkg_snapshot:
"""

RETURN = r"""
host:
  description: The name of the host in the archive.
  returned: success
  type: str
  sample: web1
platform:
  description: What it is.
  returned: success
  type: str
  sample: rhel
snapshot:
  description: The snapshot in the archive; null in check mode.
  returned: success
  type: dict
  sample:
    id: 20260105-134502-123-9f2c41
    taken_at: 1767620702.123
    platform: rhel
digest:
  description: The digest of the state, the same again for a host that has not changed.
  returned: success
  type: str
  sample: 4f0c3b5d9b1f6a1e0c0c6a8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f
sections:
  description: The sections that it is about.
  returned: success
  type: list
  elements: str
  sample: [packages, units, files]
complete:
  description: Whether every section could be read.
  returned: success
  type: bool
gaps:
  description: The sections that could not be read, and why.
  returned: success
  type: dict
  sample: {}
compared_with:
  description:
    - The last known good state, or without one the newest snapshot before; null when there was none, and while the last
      known good state is of another platform.
  returned: success
  type: dict
  sample:
    id: 20260104-020000-001-11aa22
same:
  description: Whether nothing differs from O(ignore:compared_with); null when there was nothing to compare with.
  returned: success
  type: bool
changes:
  description: Each item that differs.
  returned: success
  type: list
  elements: dict
  sample:
    - section: files
      item: /etc/chrony.conf
      change: changed
      added: 1
      removed: 1
      diff: ["@@ -3 +3 @@", "-server 192.0.2.1", "+server 192.0.2.2"]
unread:
  description: Sections that one of the two could not read, of which nothing can be said, and why.
  returned: success
  type: dict
  sample: {}
"""
