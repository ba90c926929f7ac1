#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: workflow
short_description: Run a workflow of the catalog
description:
  - Runs a bundle of the catalog as one run, from its first node to its end, with rollouts, approvals and rollback as
    the bundle says.
  - All nodes are played with what the running C(ansible-playbook) was given, that is its inventory, vault secrets,
    connection and privilege options, tags, forks and verbosity. Extra variables reach them only when their names begin
    with C(ansible_).
  - A supervisor process of its own conducts the run. When C(ansible-playbook) ends, also by Ctrl-C, the run is
    canceled and its children end.
  - Everything that is wrong with the document, the answers or the host patterns is told before anything is touched.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
options:
  workflow:
    description:
      - The name of a bundle in the catalog, or the path of a file that holds one.
      - Not needed with O(resume).
    type: str
    default: ""
  fields:
    description:
      - The answers to the bundle's questions, by name.
    type: dict
    default: {}
  fields_from:
    description:
      - The name of a variable that holds answers. They are taken as they are and never rendered as templates, which is
        right for everything that people have typed in. They outrank O(fields).
    type: str
    default: ""
  resume:
    description:
      - The id of a run to go on from. What it finished is not repeated. Its document, answers and hosts hold; secret
        answers are not stored and must be given again.
    type: str
    default: ""
  catalog:
    description:
      - Folders with documents, before those of E(HOLDFAST_CATALOG).
    type: list
    elements: path
    default: []
  check_nodes:
    description:
      - In check mode, also play every node in check mode. No result of these plays drives an edge.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Prints the plan and starts nothing.
  diff_mode:
    support: full
    description: Is passed on to the nodes.
  action:
    support: full
    description: Runs on the controlling side and connects to no host by itself.
notes:
  - Needs C(ansible-runner) in the Python that runs Ansible.
  - When a play is ended, a module that is under way on a remote host may still come to its end there. Services that a
    play has started on this machine go on.
  - Use it with C(run_once), or on a single host, for it runs once for every host of the play otherwise.
seealso:
  - module: holdfast.ops.approve
"""

EXAMPLES = r"""
- name: Roll out version 2
  holdfast.ops.workflow:
    workflow: rolling-deploy
    fields:
      pool: web
      version: "2"
  run_once: true

- name: Go on with a run that was interrupted
  holdfast.ops.workflow:
    resume: 20260105-134502-123-9f2c41
  run_once: true
"""

RETURN = r"""
run:
  description: The id of the run; empty when only a plan was printed.
  returned: when the launch was accepted
  type: str
  sample: 20260105-134502-123-9f2c41
state:
  description: How the run ended.
  returned: when the launch was accepted
  type: str
  sample: successful
path:
  description: The folder of the run's record.
  returned: when the launch was accepted
  type: str
  sample: /home/me/.local/state/holdfast/runs/20260105-134502-123-9f2c41
summary:
  description: How it ended, why, what was undone, what was not touched and what to do next, as lines for people.
  returned: when the launch was accepted
  type: list
  elements: str
  sample: ["rolling-deploy: successful after 40s"]
outputs:
  description:
    - What the nodes reported, by node; of each node a list with one dictionary for each batch, in their order.
    - Outputs that the catalog calls secret are not among them.
  returned: when a run ended successfully; the record of any run has them
  type: dict
  sample: {evidence: [{reboot_required: {app1: false}}]}
"""
