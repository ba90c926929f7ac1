#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lkg_promote
short_description: Make a snapshot the last known good state of its host
description:
  - Moves the last known good state of a host to a snapshot that is in the archive, with the evidence of its health
    attached, that is who promoted it, when, in which run, and which checks passed.
  - Without at least one check, or with one that is not healthy, nothing is moved and the task fails. So it does for a
    snapshot that is older than the last known good state, and for one in which a section could not be read.
  - The state that was the last known good one before stays in the archive.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.ops.archive
  - holdfast.ops.archive.host
  - holdfast.ops.archive.offline
options:
  state:
    description:
      - Which snapshot, V(last) for the newest, or the id of one or the beginning of it.
    type: str
    default: last
  checks:
    description:
      - The checks that passed, as M(holdfast.ops.health_check) returns them in C(probes).
      - Of other checks a dictionary each, with C(name), C(healthy) and, if you like, C(detail).
    type: list
    elements: dict
    required: true
  run:
    description:
      - The id of the run that did the checks.
    type: str
    default: ""
  reason:
    description:
      - Why it counts as good, for people.
    type: str
    default: ""
  allow_incomplete:
    description:
      - Whether a snapshot may be promoted in which a section could not be read. It cannot be restored whole.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Judges the evidence and moves nothing.
  diff_mode:
    support: none
    description: Returns what has changed, or would change, in diff mode.
seealso:
  - module: holdfast.ops.health_check
  - module: holdfast.ops.lkg_info
  - module: holdfast.ops.lkg_diff
"""

EXAMPLES = r"""
- name: Prove that the service is healthy
  holdfast.ops.health_check:
    probes:
      - name: web
        url: http://127.0.0.1:8080/health
  register: health

- name: Keep this state as the last known good one
  holdfast.ops.lkg_promote:
    checks: "{{ health.probes }}"
    reason: the rollout of version 2 is healthy
"""

RETURN = r"""
host:
  description: The host whose snapshot it is.
  returned: success
  type: str
  sample: web1.example.com
snapshot:
  description: The snapshot that is the last known good state now, or would be.
  returned: success
  type: dict
  sample:
    id: 20260105-134502-123-9f2c41
    taken_at: 1767620702.123
    platform: rhel
before:
  description: The id of the snapshot that was the last known good state before; empty when there was none.
  returned: success
  type: str
  sample: 20260104-020000-001-11aa22
"""
