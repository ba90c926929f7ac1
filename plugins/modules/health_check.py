#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask many health probes at once until each is known to be healthy or not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: health_check
short_description: Ask many health probes at once until each is healthy or not
description:
  - Asks every probe again and again until enough good answers in a row say that it is healthy, or enough bad ones that
    it is not. All probes are asked at the same time, each at its own pace.
  - A probe asks over HTTP, opens a TCP connection or runs a command, on the host where the module runs.
  - Fails when any probe is not healthy, and then names every such probe, its attempts, why, and the last answer.
  - Every attempt uses a new connection. Redirects are not followed and proxies are not used.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.ops.breaker_policy.reported
options:
  probes:
    description:
      - What to ask. What a probe does not say for itself is taken from the options of the module.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - A name for people. Without one, the target is its name.
        type: str
      url:
        description:
          - Where to ask over HTTP. Makes it an HTTP probe.
        type: str
      method:
        description:
          - The method of the request.
        type: str
        default: GET
      headers:
        description:
          - Headers of the request. Their values are never shown.
        type: dict
        default: {}
      request_body:
        description:
          - The body of the request.
        type: str
        default: ""
      host:
        description:
          - Where to connect. Makes it a TCP probe.
        type: str
      port:
        description:
          - The port to connect to.
        type: int
      argv:
        description:
          - The program and its arguments; no shell is involved. Makes it a command probe. What it writes is its body.
          - Command probes do not run in check mode.
        type: list
        elements: str
      status:
        description:
          - The good HTTP status values or exit codes. Without any, V(200) for HTTP and V(0) for a command.
        type: list
        elements: int
      body_contains:
        description:
          - A text that the body must hold.
        type: str
        default: ""
      body_regex:
        description:
          - A regular expression that must be found in the body.
        type: str
        default: ""
      json:
        description:
          - What the body, as JSON, must hold. A key is a path such as V(checks.db.state) or V(nodes.0.up).
        type: dict
        default: {}
      max_latency:
        description:
          - How long a good answer may take at most, in seconds.
        type: float
      timeout:
        description:
          - The probe's own O(timeout).
        type: float
      retries:
        description:
          - The probe's own O(retries).
        type: int
      delay:
        description:
          - The probe's own O(delay).
        type: float
      success_threshold:
        description:
          - The probe's own O(success_threshold).
        type: int
      failure_threshold:
        description:
          - The probe's own O(failure_threshold).
        type: int
  retries:
    description:
      - How many attempts at most, the first one included.
    type: int
    default: 5
  delay:
    description:
      - How long to wait between two attempts, in seconds.
    type: float
    default: 10.0
  timeout:
    description:
      - How long one attempt may take, in seconds.
    type: float
    default: 5.0
  success_threshold:
    description:
      - How many good answers in a row make a probe healthy.
    type: int
    default: 1
  failure_threshold:
    description:
      - How many bad answers in a row make a probe unhealthy. Without it, as many as O(retries).
    type: int
  validate_certs:
    description:
      - Whether an HTTPS server must prove who it is.
    type: bool
    default: true
attributes:
  check_mode:
    description: Asks in check mode as well, save for command probes, which are skipped.
    support: partial
    details: A command could change something, so it is not run.
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
    support: none
"""

EXAMPLES = r"""
- name: Prove that the service stays healthy for a while
  holdfast.ops.health_check:
    probes:
      - name: web
        url: http://127.0.0.1:8080/health
        json:
          status: healthy
          version: "2"
        max_latency: 0.5
      - name: database
        host: db.example.com
        port: 5432
      - name: queue
        argv: [/usr/bin/queue-status, --short]
        body_contains: running
    retries: 10
    delay: 1
    success_threshold: 5
    failure_threshold: 3

- name: Open the breaker of the group when the first host of it is not healthy
  holdfast.ops.health_check:
    probes:
      - url: http://127.0.0.1:8080/health
    breaker:
      target: group:web
      minimum_number_of_calls: 1
      failure_rate_threshold: 10
"""

RETURN = r"""
probes:
  description: Every probe that was asked.
  returned: always
  type: list
  elements: dict
  sample:
    - name: web
      target: GET http://127.0.0.1:8080/health
      healthy: true
      attempts: 5
      status: 200
      latency: 0.004
      reasons: []
  contains:
    name:
      description: Its name.
      type: str
    target:
      description: What was asked.
      type: str
    healthy:
      description: Whether it is healthy.
      type: bool
    attempts:
      description: How often it was asked.
      type: int
    status:
      description: HTTP status or exit code of the last answer.
      type: int
    latency:
      description: How long the last answer took, in seconds.
      type: float
    reasons:
      description: Why the last answer was bad.
      type: list
      elements: str
breaker:
  description: The breaker after it was told; see RV(holdfast.ops.circuit_breaker#module:breaker).
  returned: when O(breaker) is given, and not in check mode
  type: dict
skipped_probes:
  description: Names of the probes that were not asked because of check mode.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.ops.plugins.module_utils.breaker_arguments import REPORTED
from ansible_collections.holdfast.ops.plugins.module_utils.core.health.model import (
    COMMAND,
    HTTP,
    TCP,
    Probe,
    probe_from,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.health.rules import (
    HEALTHY,
    ProbeProgress,
    check_probe,
    failure_text,
)
from ansible_collections.holdfast.ops.plugins.module_utils.probes import Looker, watch_all

PACE = {
    "timeout": {"type": "float", "default": 5.0},
    "retries": {"type": "int", "default": 5},
    "delay": {"type": "float", "default": 10.0},
    "success_threshold": {"type": "int", "default": 1},
    "failure_threshold": {"type": "int"},
}
PROBE = {
    "name": {"type": "str"},
    "url": {"type": "str"},
    "method": {"type": "str", "default": "GET"},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "request_body": {"type": "str", "default": ""},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "argv": {"type": "list", "elements": "str"},
    "status": {"type": "list", "elements": "int"},
    "body_contains": {"type": "str", "default": ""},
    "body_regex": {"type": "str", "default": ""},
    "json": {"type": "dict", "default": {}},
    "max_latency": {"type": "float"},
    "timeout": {"type": "float"},
    "retries": {"type": "int"},
    "delay": {"type": "float"},
    "success_threshold": {"type": "int"},
    "failure_threshold": {"type": "int"},
}
ARGUMENTS: dict[str, Any] = {
    "probes": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": PROBE,
        "mutually_exclusive": [("url", "host", "argv")],
        "required_one_of": [("url", "host", "argv")],
        "required_together": [("host", "port")],
    },
    "validate_certs": {"type": "bool", "default": True},
    "breaker": REPORTED,
    **PACE,
}


def probe_of(given: dict[str, Any], pace: dict[str, Any]) -> Probe:
    """A probe out of one entry of ``probes``; its kind follows from what it names."""
    kind = HTTP if given["url"] else TCP if given["host"] else COMMAND
    said = {key: value for key, value in given.items() if value is not None}
    probe = probe_from({**said, "name": given["name"] or "?", "kind": kind}, **pace)
    return probe if given["name"] else probe_from({**said, "name": probe.target, "kind": kind}, **pace)


def report(progress: ProbeProgress) -> dict[str, Any]:
    """What is returned of one probe."""
    last = progress.last
    return {
        "name": progress.probe.name,
        "target": progress.probe.target,
        "healthy": progress.verdict == HEALTHY,
        "attempts": progress.attempts,
        "status": last.status if last else None,
        "latency": round(last.latency, 3) if last and last.latency is not None else None,
        "reasons": list(progress.reasons),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    pace = {name: module.params[name] for name in PACE}
    probes = [probe_of(given, pace) for given in module.params["probes"]]
    wrong = [message for probe in probes for message in check_probe(probe)]
    if not probes:
        wrong = ["there is no probe: nothing would be proved"]
    if wrong:
        module.fail_json(msg="\n".join(wrong), probes=[], skipped_probes=[])
    asked = [probe for probe in probes if not (module.check_mode and probe.kind == COMMAND)]
    progress = watch_all(asked, Looker(module.params["validate_certs"]))
    result: dict[str, Any] = {
        "probes": [report(each) for each in progress],
        "skipped_probes": [probe.name for probe in probes if probe not in asked],
    }
    if failure_text(progress):
        module.fail_json(msg=failure_text(progress), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
