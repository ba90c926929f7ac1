#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lkg_info
short_description: Say which snapshots of a host there are, and which is the last known good one
description:
  - Reads the archive of snapshots. Secrets are never shown; where one stood stands a mark that changes when it does.
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
      - A snapshot whose items are returned as well, V(lkg) for the last known good one, V(previous) for the one before,
        V(last) for the newest, or the id of one or the beginning of it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: Returns what has changed, or would change, in diff mode.
seealso:
  - module: holdfast.ops.lkg_diff
  - module: holdfast.ops.lkg_promote
"""

EXAMPLES = r"""
- name: See what there is of this host
  holdfast.ops.lkg_info:
  register: archive

- name: Refuse to go on without a state to fall back to
  ansible.builtin.assert:
    that: archive.lkg is not none

- name: Read the configuration that is known to be good
  holdfast.ops.lkg_info:
    state: lkg
  register: good
"""

RETURN = r"""
host:
  description: The host.
  returned: success
  type: str
  sample: sw1
snapshots:
  description: Its snapshots, the oldest first.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 20260105-134502-123-9f2c41
      taken_at: 1767620702.123
      platform: cisco_ios
      digest: 5c6dcccce949ed7505d70971c8e02187d32f7deeac3c794776dfbdf339b4a112
      complete: true
      gaps: {}
      run: ""
lkg:
  description: The promotion that made a snapshot the last known good state, with its evidence; none when there is none.
  returned: success
  type: dict
  sample:
    id: 20260105-134510-001-0a1b2c
    snapshot: 20260105-134502-123-9f2c41
    evidence:
      by: alice
      checks:
        - name: web
          healthy: true
          detail: GET http://127.0.0.1:8080/health
promotions:
  description: This promotion and those before it that are still in the archive, the newest first.
  returned: success
  type: list
  elements: dict
snapshot:
  description: The snapshot that O(state) means, with its C(items), that is section, item, kind and text of each, and
    the C(sections) that were read, those too in which there was nothing.
  returned: when O(state) is given
  type: dict
"""
