#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lkg_restore
short_description: Bring a host back to a state that the archive holds
description:
  - Reads the host as it is now and compares it with the state. Where nothing differs nothing is done. Otherwise what is
    there now is kept in the archive, the state is restored with its secrets, and the host is read once more.
  - The restore counts only when the host then matches the state, item by item. When it does not, the task fails and
    shows what differs.
  - A section that cannot be read, in the state or now, could not be verified. The task then fails before anything is
    touched.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.ops.archive
  - holdfast.ops.archive.host
  - holdfast.ops.archive.reached
options:
  state:
    description:
      - Which state, V(lkg) for the last known good one, V(previous) for the one before, V(last) for the newest
        snapshot, or the id of one or the beginning of it.
    type: str
    default: lkg
  label:
    description:
      - Restores the state before the guarded change that has this label, O(holdfast.ops.lkg_guard#module:labels),
        instead of one that O(state) names. Of the tries in a run it is that before the first.
      - When the archive has none, that change has never begun on this host, so nothing is done and the task succeeds.
      - The timers of that change which are still armed are disarmed once the host is seen to match.
      - The promotion that the guard made of that change is withdrawn then. The last known good state is again the one
        before; where there was none, the host has none. It stays when somebody has promoted another state since, and
        with O(sections), for the rest of the change still stands.
    type: str
    default: ""
  sections:
    description:
      - Which sections of the state to restore; all that the platform restores when it is left out.
    type: list
    elements: str
    default: []
  options:
    description:
      - What to read of the host, as with M(holdfast.ops.lkg_snapshot). When it is left out, what was chosen when the
        snapshot was taken.
    type: dict
  settle:
    description:
      - How many seconds after the restore the host may need to match, for services take a while to start.
    type: int
    default: 15
  run:
    description:
      - The id of the run that restores; it is kept with the snapshots before and after.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Reads the host and says what would be restored. Nothing is changed or kept.
  diff_mode:
    support: full
    description: Shows what is, or would be, changed on the host, with marks in the places of secrets.
notes:
  - When the host stops answering during the restore, the task fails and says that what came of it is not known.
seealso:
  - module: holdfast.ops.lkg_snapshot
  - module: holdfast.ops.lkg_guard
"""

EXAMPLES = r"""
- name: Bring the host back to its last known good state
  holdfast.ops.lkg_restore:
  become: true

- name: See what a restore would change
  holdfast.ops.lkg_restore:
  become: true
  check_mode: true
  diff: true

- name: Take a guarded change back
  holdfast.ops.lkg_restore:
    label: change-4711
  become: true

- name: Bring back only the files of an older snapshot
  holdfast.ops.lkg_restore:
    state: 20260104-020000
    sections: [files]
  become: true
"""

RETURN = r"""
host:
  description: The name of the host in the archive.
  returned: once the host was read
  type: str
  sample: web1
state:
  description: The state that was wanted; empty when a labelled change has never begun.
  returned: once the host was read
  type: dict
  sample:
    id: 20260105-134502-123-9f2c41
sections:
  description: The sections that were compared and restored.
  returned: once the host was read
  type: list
  elements: str
  sample: [packages, units, files]
same:
  description: Whether the host matched already, so that nothing was done.
  returned: once the host was read
  type: bool
changes:
  description:
    - Each item that differed before. C(added) is what was missing on the host, C(removed) what was too much.
  returned: once the host was read
  type: list
  elements: dict
  sample:
    - section: files
      item: /etc/chrony.conf
      change: changed
      added: 1
      removed: 1
      diff: ["@@ -3 +3 @@", "-server 192.0.2.2", "+server 192.0.2.1"]
done:
  description: What was done, for people.
  returned: once the host was read
  type: list
  elements: str
  sample: [wrote /etc/chrony.conf]
withdrawn:
  description: The promotions that were withdrawn, or would be in check mode; the newest first.
  returned: with O(label), once the host was read
  type: list
  elements: dict
  sample:
    - id: 20260105-134600-004-77ab12
      snapshot: 20260105-134559-871-3e9d10
verified:
  description: Whether the host was seen to match the state; false in check mode when it would be restored.
  returned: once the host was read
  type: bool
remaining:
  description: Each item that differs after the restore; as RV(changes).
  returned: once something was restored
  type: list
  elements: dict
  sample: []
before:
  description: The snapshot of the host as it was before.
  returned: once something was restored
  type: dict
  sample:
    id: 20260106-020000-001-11aa22
after:
  description: The snapshot of the host as it is now.
  returned: when the host could be read after the restore
  type: dict
  sample:
    id: 20260106-020013-001-33cc44
"""
