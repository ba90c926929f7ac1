#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controlling side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: circuit_breaker
short_description: Ask a circuit breaker before a call, and report to it after the call
description:
  - A circuit breaker remembers how calls of a target ended, and refuses further ones for a while when too many of them
    failed or were slow. A failure of an outside service then does not spread, and is noticed at once.
  - Breakers lie with the controller that E(HOLDFAST_BREAKERS_URL) names, otherwise in the store (E(HOLDFAST_STORE),
    else E(HOLDFAST_HOME)). All who ask the same controller, or share the store, see the same state, and it lasts beyond
    the play.
  - A breaker that cannot be asked lets nothing through. The task fails and says why.
  - With O(state=allow) the task fails at once when the breaker is open, and says since when, why, and when it will try
    again. What follows belongs in the C(rescue) of a block, such as a way to do it by hand.
  - An open breaker that has waited long enough becomes half-open and lets some trial calls through. When they go well,
    it closes.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.ops.breaker_policy
options:
  target:
    description:
      - What the breaker stands before, as C(KIND:NAME). The kind is V(host), V(group), V(service) or V(item).
    type: str
    required: true
    aliases:
      - name
  state:
    description:
      - V(allow) asks whether the target may be called now, and fails when it may not.
      - V(report) tells how a call ended, see O(outcome).
      - V(status) only looks.
      - V(open) opens the breaker by hand, until it is closed or reset, or for O(wait) seconds.
      - V(closed) closes it by hand; it begins to judge anew.
      - V(disabled) lets every call through, whatever becomes of it.
      - V(reset) closes it and forgets all calls.
    type: str
    default: allow
    choices:
      - allow
      - report
      - status
      - open
      - closed
      - disabled
      - reset
  outcome:
    description:
      - How the call ended. Needed with O(state=report).
    type: str
    choices:
      - success
      - failure
  permit:
    description:
      - The RV(permit) of the task that asked. It tells which trial the call was and when it began. Nothing is reported
        with the permit of a call that was refused, so a C(rescue) need not tell the two apart.
    type: dict
  duration:
    description:
      - How long the call took, in seconds. Without it, the time since the task that asked, as O(permit) tells.
    type: float
  reason:
    description:
      - What the failed call said, or why somebody opens or closes the breaker. Its first 200 characters are kept and
        shown, so it should hold no secret.
    type: str
    default: ""
  wait:
    description:
      - With O(state=open), try again after so many seconds instead of staying open.
    type: float
attributes:
  check_mode:
    support: full
    description: Says what the breaker would answer or become, and changes nothing.
  diff_mode:
    support: none
    description: There is nothing to compare.
  action:
    support: full
    description: Runs on the controlling side and connects to no host.
notes:
  - Policy options that are given hold from then on for everybody; those that are not given stay as they are.
  - A controller is asked with the token in E(HOLDFAST_BREAKERS_TOKEN), else with that in E(CONTROLLER_OAUTH_TOKEN)
    where E(CONTROLLER_HOST) is the same address. Its user needs a role to launch some template, and for O(state=open),
    O(state=closed), O(state=disabled) and O(state=reset) must administer an organization. These are variables of the
    environment in which Ansible itself runs.
  - RV(ignore:changed) is true when the state of the breaker or its policy changed, not for every call that is counted.
seealso:
  - module: holdfast.ops.health_check
"""

EXAMPLES = r"""
- name: Open a ticket, or note it down where Jira does not answer
  block:
    - name: Ask whether Jira may be called
      holdfast.ops.circuit_breaker:
        target: service:jira
        failure_rate_threshold: 50
        minimum_number_of_calls: 3
        wait_duration_in_open_state: 300
      register: jira

    - name: Open the ticket
      ansible.builtin.uri:
        url: https://jira.example.com/rest/api/2/issue
        method: POST
        body_format: json
        body: "{{ ticket }}"
        status_code: 201

    - name: Report that it went well
      holdfast.ops.circuit_breaker:
        target: service:jira
        state: report
        outcome: success
        permit: "{{ jira.permit }}"
  rescue:
    - name: Report that it failed, unless Jira was not called at all
      holdfast.ops.circuit_breaker:
        target: service:jira
        state: report
        outcome: failure
        permit: "{{ jira.permit }}"
        reason: "{{ ansible_failed_result.msg | default('no answer') }}"

    - name: Note the ticket down for people
      ansible.builtin.copy:
        content: "{{ ticket | to_nice_json }}"
        dest: /srv/tickets/by-hand.json
        mode: "0600"

- name: Hold everybody off while Jira is maintained
  holdfast.ops.circuit_breaker:
    target: service:jira
    state: open
    reason: maintenance until noon

- name: Look at the breaker of this host
  holdfast.ops.circuit_breaker:
    target: "host:{{ inventory_hostname }}"
    state: status
  register: found
"""

RETURN = r"""
allowed:
  description: Whether the target may be called.
  returned: with O(state=allow)
  type: bool
permit:
  description: What O(permit) of the report takes.
  returned: with O(state=allow)
  type: dict
  sample:
    allowed: true
    trial: 0
    asked: 1767620702.5
retry_at:
  description: When a breaker that refuses will try again; missing for one that people hold open.
  returned: when refused
  type: str
  sample: 2026-01-05 13:46:02 UTC
breaker:
  description: The breaker after this task.
  returned: success or refusal
  type: dict
  contains:
    target:
      description: What it stands before.
      type: str
      sample: service:jira
    state:
      description: V(closed), V(open), V(half_open), V(forced_open) or V(disabled).
      type: str
    since:
      description: When that state began; null when it was never another.
      type: str
    why:
      description: Why that state began.
      type: str
      sample: "3 of 3 calls failed, the limit is 50 %; the last failure: HTTP 503"
    by:
      description: Who changed it by hand.
      type: str
    retry_at:
      description: When an open one tries again.
      type: str
    calls:
      description: How many calls it is judged by now.
      type: int
    failed_calls:
      description: How many of them failed.
      type: int
    slow_calls:
      description: How many of them were slow.
      type: int
    failure_rate:
      description: The failed ones in percent.
      type: float
    slow_call_rate:
      description: The slow ones in percent.
      type: float
    trials_under_way:
      description: How many trial calls are under way.
      type: int
    totals:
      description: All calls that were ever reported or refused.
      type: dict
    last_failure:
      description: When the last call failed, and what was said.
      type: dict
    policy:
      description: Its policy.
      type: dict
    history:
      description: The last changes of its state, the newest last.
      type: list
      elements: dict
"""
