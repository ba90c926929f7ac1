#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verified_reboot
short_description: Reboot a host, prove that it did, and check it afterwards
description:
  - Reboots a host with Linux and systemd, or with Windows, and proves it. On Linux the kernel's boot id must be
    another one afterwards. On Windows the time of the last boot must be another one and later than the order.
  - A host that does not come back, or that comes back without having rebooted, makes the task fail. It does not become
    unreachable, so that C(rescue), an undo or a workflow can act on it. The message names the host, the step, the
    reason, the time and what to do next.
  - Only a host that does not answer before anything was ordered is unreachable.
  - Connections that are shared (ControlMaster of ssh) are let go. While the host is away every try uses a connection
    of its own.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
options:
  when_pending:
    description:
      - Reboot only when a reboot is pending. Fails when the host cannot say so.
      - On Linux that is asked of C(/run/reboot-required) and of C(needs-restarting), on Windows of the registry.
      - The checks after the reboot are made either way.
    type: bool
    default: false
  reboot_timeout:
    description:
      - How long the host may take until its reboot is proven, and Windows until it offers a logon, in seconds.
    type: int
    default: 600
  connect_timeout:
    description:
      - How long one try to reach the host may take meanwhile, in seconds.
    type: int
    default: 5
  pre_reboot_delay:
    description:
      - How long the host waits before it goes down, in seconds. Linux counts in whole minutes, Windows waits at least
        2 seconds.
    type: int
    default: 0
  pre_checks:
    description:
      - Commands that must end with 0 before anything is ordered. On Windows they are PowerShell's.
      - They are not run in check mode.
    type: list
    elements: str
    default: []
  post_checks:
    description:
      - Commands that must end with 0 afterwards. They are tried again until O(checks_timeout).
    type: list
    elements: str
    default: []
  services:
    description:
      - Services that must run afterwards (units of systemd, or services of Windows).
    type: list
    elements: str
    default: []
  require_clear:
    description:
      - Whether it is a failure when a reboot is still pending afterwards.
      - Renamed files of Windows alone are none, as some programs leave them behind for ever.
    type: bool
    default: true
  checks_timeout:
    description:
      - How long the checks afterwards may take to be good, in seconds.
    type: int
    default: 120
  msg:
    description:
      - What users of the host are told.
    type: str
    default: Reboot for maintenance
attributes:
  check_mode:
    support: full
    description: Looks at the host and says what it would do. The commands of O(pre_checks) are not run.
  diff_mode:
    support: none
    description: There is nothing to compare.
  action:
    support: full
    description: Runs on the controlling side and speaks with the host over its connection.
notes:
  - Needs no Python on the host.
  - On Linux it needs the rights to reboot (C(become)).
seealso:
  - module: ansible.builtin.reboot
  - module: ansible.windows.win_reboot
"""

EXAMPLES = r"""
- name: Reboot if the updates ask for it
  holdfast.ops.verified_reboot:
    when_pending: true
    services: [sshd, nginx]
    post_checks:
      - curl -fsS http://127.0.0.1/health
  become: true

- name: Reboot, and act on a host that stays away
  block:
    - name: Reboot
      holdfast.ops.verified_reboot:
        reboot_timeout: 300
  rescue:
    - name: Say what happened
      ansible.builtin.debug:
        msg: "{{ ansible_failed_result.msg }}"
"""

RETURN = r"""
rebooted:
  description: Whether a reboot was proven.
  returned: always
  type: bool
  sample: true
elapsed:
  description: Seconds from the order to the proof, or to the failure.
  returned: always
  type: float
  sample: 42.3
boot_id_before:
  description: The boot that the host ran from. On Windows the time of the boot in Windows' own unit.
  returned: once the host has answered
  type: str
  sample: 0f6cbd9e-4f5c-4c5e-9a3e-1a5a0a3f4c1d
boot_id_after:
  description: The boot that the host runs from now.
  returned: when a reboot was proven
  type: str
  sample: 7c0f9f0e-3f6b-4b0d-8f0e-1f6c6a6c1a55
boot_time_before:
  description: When that boot began, in seconds since 1970.
  returned: once the host has answered
  type: float
  sample: 1790000000.0
boot_time_after:
  description: When the boot began that the host runs from now.
  returned: when a reboot was proven
  type: float
  sample: 1790000600.0
kernel_before:
  description: The kernel, or the version of Windows.
  returned: once the host has answered
  type: str
  sample: 5.14.0-427.el9.x86_64
kernel_after:
  description: The kernel, or the version of Windows, after the reboot.
  returned: when a reboot was proven
  type: str
  sample: 5.14.0-503.el9.x86_64
pending_before:
  description: Whether a reboot was pending (C(pending)), whether the host could tell (C(known)), and the C(reasons).
  returned: once the host has answered
  type: dict
  sample: {known: true, pending: true, reasons: [kernel], note: ""}
pending_after:
  description: The same, afterwards.
  returned: once the checks afterwards were made
  type: dict
  sample: {known: true, pending: false, reasons: [], note: ""}
pre_checks:
  description: What came of each check before.
  returned: when a reboot was wanted
  type: list
  elements: dict
  sample: []
post_checks:
  description: What came of each check afterwards.
  returned: once the checks afterwards were made
  type: list
  elements: dict
  sample: [{name: "service 'nginx'", ok: true, detail: ""}]
step:
  description: The step that failed.
  returned: on failure
  type: str
  sample: waiting for the host to return
reason:
  description: Why it failed.
  returned: on failure
  type: str
  sample: no answer within 600 s
next_action:
  description: What a person does next.
  returned: on failure
  type: str
  sample: Look at its console and power state, and at the network to it. Once it answers, run again.
"""
