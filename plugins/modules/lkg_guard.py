#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change a host under a guard: it goes back by itself unless the change is proved good; the action does it all."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lkg_guard
short_description: Change a host under a guard that brings it back by itself
description:
  - Takes a snapshot of the host, arms a timer on the host itself, changes the host, proves that it can be reached over
    a new connection and that it is healthy, disarms the timer, and promotes the new state, which is the last known good
    one from then on.
  - When anything of that fails and the host still answers, it is brought back at once. When it does not answer, it goes
    back by itself as soon as its timer is due, with no help from anywhere. Either way the state is verified with a new
    snapshot, and the task fails and says how the host stands.
  - It does the same when the process that runs it is killed before the timer is disarmed.
  - The change is a role, a file of tasks or a module. It is played as a play of its own on this host alone, with the
    inventory, the extra variables, the vault secrets, the privileges and the connection of the command that runs. It
    knows no facts that were gathered before and no variables that tasks have set; give it what it needs in O(vars).
  - The change must leave everything that it changes in the sections of the snapshot, for only these can go back.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.ops.archive
  - holdfast.ops.archive.host
  - holdfast.ops.archive.chosen
  - holdfast.ops.archive.reached
options:
  role:
    description:
      - The role that is the change. One of this, O(tasks) and O(module) is needed.
    type: str
    default: ""
  tasks:
    description:
      - The file of tasks that is the change, looked for as C(include_tasks) does.
    type: str
    default: ""
  module:
    description:
      - The module that is the change, by its fully qualified name. Its arguments are O(vars).
    type: str
    default: ""
  vars:
    description:
      - Variables of the change, or the arguments of the module. What they hold is text; a template in them is rendered
        before the change begins.
    type: dict
    default: {}
  gather_facts:
    description:
      - Whether the change begins with gathering facts.
    type: bool
    default: true
  timer:
    description:
      - After how many seconds the host goes back by itself, 60 at least. The change, its proof and a restore must fit.
        A change that takes longer than all but the last ten seconds is ended.
    type: int
    default: 300
  settle:
    description:
      - How many seconds the host may need after the change until it answers over a new connection.
    type: int
    default: 30
  grace:
    description:
      - For how many seconds the host is waited for once its timer was due, so how long its own revert may take.
    type: int
    default: 300
  probes:
    description:
      - Health checks, as the option of the same name of M(holdfast.ops.health_check).
      - Without any, all that is proved is that the host can be reached.
    type: list
    elements: dict
    default: []
  probes_from:
    description:
      - Where the health checks run.
      - With V(host) on the host, as a task with that module would; for network devices that is where Ansible runs.
      - With V(controller) where Ansible runs, as its clients see the host.
    type: str
    choices: [host, controller]
    default: host
  retries:
    description:
      - How many attempts a health check has, unless it says so itself.
    type: int
    default: 5
  delay:
    description:
      - How many seconds lie between two attempts of a health check, unless it says so itself.
    type: float
    default: 2.0
  sections:
    description:
      - The sections of the snapshot; all of the platform where it is left out.
      - What is in none of them does not go back.
    type: list
    elements: str
    default: []
  promote:
    description:
      - Whether the new state becomes the last known good one. Either way it is kept in the archive.
    type: bool
    default: true
  reason:
    description:
      - Why the new state counts as good, for people.
    type: str
    default: ""
  labels:
    description:
      - Names of this change that are kept with the snapshot before it, by which M(holdfast.ops.lkg_restore) finds that.
        The first one must be different for each change outside of workflows.
    type: list
    elements: str
    default: []
  returns:
    description:
      - Values of the module's result that are to be reported as C(set_stats) would.
    type: list
    elements: str
    default: []
  left_over:
    description:
      - What a timer of an earlier guard means that will do nothing any more, for it is broken or its revert has ended.
        With V(fail) the task fails and names it, with V(report) it is only named.
      - One that is still going to revert stops this task in any case.
    type: str
    choices: [fail, report]
    default: fail
attributes:
  check_mode:
    support: full
    description: Takes the snapshot, arms and promotes nothing, plays the change in check mode, and says what would be
      armed. The snapshot is not kept.
  diff_mode:
    support: partial
    description: The change shows its differences in diff mode; so does a host that is not what it was.
notes:
  - Needs C(ansible-runner) where Ansible runs.
  - A task of the change after which Ansible's own connection breaks makes the change a failure. Let such a task run
    detached, with a delay.
  - What the change reports by C(set_stats) is reported by this task, for it has a play of its own.
  - A host that fails is neither rescued nor brought back by the play around it; there is nothing left to do for it.
seealso:
  - module: holdfast.ops.health_check
  - module: holdfast.ops.lkg_restore
  - module: holdfast.ops.lkg_promote
  - module: holdfast.ops.lkg_info
  - module: holdfast.ops.lkg_diff
"""

EXAMPLES = r"""
- name: Change the firewall, and take it back should it lock us out or the shop down
  holdfast.ops.lkg_guard:
    role: acme.site.firewall
    vars:
      firewall_policy: strict
    timer: 180
    probes:
      - name: shop
        url: http://127.0.0.1:8080/health
  become: true

- name: Change the configuration of a router by a module
  holdfast.ops.lkg_guard:
    module: cisco.ios.ios_config
    vars:
      parents: interface GigabitEthernet0/1
      lines: [ip address 192.0.2.1 255.255.255.0]
    labels: [change-4711]

- name: Roll a file of tasks out to one host after the other
  hosts: edges
  serial: 1
  gather_facts: false
  tasks:
    - name: Change the routing
      holdfast.ops.lkg_guard:
        tasks: change_routing.yml
        reason: the new provider announces our prefixes
"""

RETURN = r"""
state:
  description:
    - How the host stands.
    - V(promoted) and V(kept), the new state holds and is the last known good one, or only kept in the archive.
    - V(unchanged), nothing was begun.
    - V(restored) and V(reverted), it was brought back, or went back by itself, and that is verified.
    - V(differs), it is not what it was. V(unknown), it does not answer.
  returned: always
  type: str
  sample: promoted
host:
  description: The host in the archive.
  returned: always
  type: str
  sample: web1.example.com
platform:
  description: Its platform.
  returned: always
  type: str
  sample: rhel
timer:
  description: The timer that was armed, or would be, by name, with its seconds and how it reverts.
  returned: always
  type: dict
  sample:
    token: holdfast-1767620702-9f2c41
    seconds: 300
    how: an enabled timer of systemd
before:
  description: The snapshot before the change, as it is kept in the archive; empty when it came not so far.
  returned: always
  type: dict
  sample:
    id: 20260105-134502-123-9f2c41
after:
  description: The snapshot after the change; empty when it came not so far.
  returned: always
  type: dict
  sample:
    id: 20260105-134531-514-c01a77
outputs:
  description:
    - What the change reported of its host (C(set_stats) with C(per_host)), and beside it how the host stands.
    - C(lkg) holds the state, whether the host was verified in it, the ids of the snapshots before and after, and the
      command that shows what differs between them.
  returned: always
  type: dict
  sample:
    lkg:
      state: promoted
      verified: true
      before: 20260105-134502-123-9f2c41
      after: 20260105-134531-514-c01a77
      diff: holdfast lkg diff web1@20260105-134502-123-9f2c41 web1@20260105-134531-514-c01a77
checks:
  description: What the health checks found.
  returned: always
  type: list
  elements: dict
  sample:
    - name: shop
      healthy: true
      detail: http://127.0.0.1:8080/health
left_over:
  description: What was found of earlier guards, and did not stop this one.
  returned: always
  type: list
  elements: str
  sample: []
said:
  description: What was done, line by line.
  returned: always
  type: list
  elements: str
  sample:
    - armed, reverts by itself in 300 s unless all goes well
differences:
  description: What is still different from the state before.
  returned: when going back did not lead there
  type: dict
step:
  description: The step that failed.
  returned: on failure
  type: str
  sample: health checks
reason:
  description: Why it failed, and what came of going back.
  returned: on failure
  type: str
next_action:
  description: What a person does next.
  returned: on failure
  type: str
elapsed:
  description: The seconds from the beginning to the failure.
  returned: on failure
  type: float
"""
