#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: awx_node
short_description: Begin and end what a job of AWX does for a catalog
description:
  - For the playbooks that C(holdfast export awx) writes. They are played by job templates of AWX or AAP, and this
    module stands between those and the catalog.
  - At the beginning it takes the answers out of the extra variables, checks them, and writes what has to run into
    files that only their owner can read and that Ansible removes when it ends. Values from outside are marked
    C(!unsafe) there and are never rendered as templates.
  - A node of a workflow also finds out, by what the jobs before it left behind, whether it runs or is skipped, and
    leaves behind in which state it is and what it reported.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
options:
  state:
    description:
      - V(begin) takes in the answers, V(end) says how a node ended, V(reported) says again what another component has
        reported.
    type: str
    default: begin
    choices:
      - begin
      - end
      - reported
  project:
    description:
      - The folder of the exported project. Needed unless O(state=reported).
    type: path
    default: ""
  kind:
    description:
      - What the job is for, an item, the undo of one, a whole bundle by the engine, or one component of a bundle.
        Needed unless O(state=reported).
    type: str
    default: ""
    choices:
      - ""
      - item
      - undo
      - engine
      - node
  name:
    description:
      - The name of the item or the bundle. Needed unless O(state=reported).
    type: str
    default: ""
  component:
    description:
      - The component of the bundle, with O(kind=node).
    type: str
    default: ""
  run:
    description:
      - The folder of the record of the run that the engine made, with O(state=end).
    type: path
    default: ""
  values:
    description:
      - What was reported, as JSON, with O(state=reported).
    type: str
    default: "{}"
  path:
    description:
      - Which part of it, with O(state=reported).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: There is nothing to compare.
  action:
    support: full
    description: Runs on the controlling side and connects to no host.
notes:
  - Use it with C(run_once).
  - Files of extra variables are read by YAML's own rules, so that the answer C("2.10") stays text where ansible-core
    2.19 reads a number.
seealso:
  - module: holdfast.ops.workflow
"""

EXAMPLES = r"""
- name: Take in the answers
  holdfast.ops.awx_node:
    project: "{{ playbook_dir }}/../.."
    kind: node
    name: rolling-deploy
    component: smoke
  run_once: true
  register: holdfast_begun
"""

RETURN = r"""
runs:
  description: Whether the node runs.
  returned: when O(state=begin)
  type: bool
  sample: true
why:
  description: Why it does not.
  returned: when O(state=begin)
  type: str
  sample: "the condition is false: fields.preflight == 'yes'"
hosts:
  description: The host pattern to play on; one that matches nothing when the node is skipped.
  returned: when O(state=begin)
  type: str
  sample: web
expected:
  description: The hosts of that pattern.
  returned: when O(state=begin)
  type: list
  elements: str
  sample: [web1, web2]
tasks:
  description: The file with the tasks to include.
  returned: when a role or module is to run
  type: str
  sample: /root/.ansible/tmp/ansible-local-1/holdfast-x/tasks.yml
verify:
  description: The file with the tasks that verify an undo.
  returned: when an undo is verified by a role or module
  type: str
  sample: /root/.ansible/tmp/ansible-local-1/holdfast-x/verify.yml
variables:
  description: The file with variables to load.
  returned: when a playbook or the engine is to run
  type: str
  sample: /root/.ansible/tmp/ansible-local-1/holdfast-x/variables.yml
"""
