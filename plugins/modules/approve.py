#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: approve
short_description: Approve or deny a node of a run that waits for people
description:
  - Puts a decision into the inbox of a run and waits for its supervisor to take it. Also confirms that the work of a
    manual item is done.
  - Who decides is the user that runs Ansible, as the owner of the file in the inbox; root can be anybody.
  - Fails when the decision is refused, for example because the node does not wait, or needs four eyes and the same
    user asked for the run.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
options:
  run:
    description:
      - The id of the run.
    type: str
    required: true
  node:
    description:
      - The name of the node that waits; of one inside a rollout, C(ROLLOUT.NODE).
    type: str
    required: true
  decision:
    description:
      - What is decided.
    type: str
    required: true
    choices:
      - approve
      - deny
  reason:
    description:
      - Why, for the record.
    type: str
    default: ""
  batch:
    description:
      - The batch of a node inside a rollout, from 1. By default the one that waits.
    type: int
attributes:
  check_mode:
    support: full
    description: Checks that the run exists and decides nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
  action:
    support: full
    description: Runs on the controlling side and connects to no host.
seealso:
  - module: holdfast.ops.workflow
"""

EXAMPLES = r"""
- name: Approve the sign-off
  holdfast.ops.approve:
    run: 20260105-134502-123-9f2c41
    node: sign_off
    decision: approve
    reason: tests are green
"""

RETURN = r"""
run:
  description: The id of the run.
  returned: success
  type: str
  sample: 20260105-134502-123-9f2c41
node:
  description: The node that was decided on.
  returned: success
  type: str
  sample: sign_off
decision:
  description: What was decided.
  returned: success
  type: str
  sample: approve
by:
  description: Who decided.
  returned: success
  type: str
  sample: alice
"""
