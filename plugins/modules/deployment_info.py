#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what the role deploy_service has put on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_info
short_description: Read what the role deploy_service has put on a host
description:
  - Reads the state file and the links in the folder of a service that the role holdfast.ops.deploy_service looks after.
  - Changes nothing. A folder that is not there is a host without any version.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
options:
  root:
    description:
      - The folder of the service.
    type: path
    required: true
  instances:
    description:
      - The instances of the service on this host. None is one instance without a name, whose link is C(current).
      - The link of an instance with a name is C(current-NAME).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Its name.
        type: str
        required: true
      port:
        description:
          - The port it listens on.
        type: int
        required: true
      server:
        description:
          - Its server in the load balancer.
        type: str
        required: true
  runs:
    description:
      - The ids of the change that asks. The recorded change is its own if it has one of them.
    type: list
    elements: str
    default: []
  version:
    description:
      - The version that is asked for. Without O(runs), the recorded change is the asking one's own if it was to this
        version, or if this is empty.
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in check mode and does the same.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
    support: none
"""

EXAMPLES = r"""
- name: Look at the service
  holdfast.ops.deployment_info:
    root: /opt/web
  register: web

- name: Say its version
  ansible.builtin.debug:
    msg: "{{ web.active.version }}"
"""

RETURN = r"""
active:
  description: The instance that serves.
  returned: success
  type: dict
  sample: {name: a, port: 8001, server: web1, link: current-a, version: "2"}
  contains:
    name:
      description: Its name, empty on a host with one instance.
      type: str
    port:
      description: Its port, 0 on a host with one instance.
      type: int
    server:
      description: Its server in the load balancer, empty on a host with one instance.
      type: str
    link:
      description: The link that points at its release, relative to the folder.
      type: str
    version:
      description: The version that the link points at, empty if there is none.
      type: str
spare:
  description: The other instance; on a host with one instance the same one.
  returned: success
  type: dict
  contains:
    name:
      description: Its name, empty on a host with one instance.
      type: str
    port:
      description: Its port, 0 on a host with one instance.
      type: int
    server:
      description: Its server in the load balancer, empty on a host with one instance.
      type: str
    link:
      description: The link that points at its release, relative to the folder.
      type: str
    version:
      description: The version that the link points at, empty if there is none.
      type: str
old:
  description: The instance that the recorded change began with; the active one if there is none.
  returned: success
  type: dict
  contains:
    name:
      description: Its name, empty on a host with one instance.
      type: str
    port:
      description: Its port, 0 on a host with one instance.
      type: int
    server:
      description: Its server in the load balancer, empty on a host with one instance.
      type: str
    link:
      description: The link that points at its release, relative to the folder.
      type: str
    version:
      description: The version that the link points at, empty if there is none.
      type: str
new:
  description: The instance that the recorded change started beside; the spare one if there is none.
  returned: success
  type: dict
  contains:
    name:
      description: Its name, empty on a host with one instance.
      type: str
    port:
      description: Its port, 0 on a host with one instance.
      type: int
    server:
      description: Its server in the load balancer, empty on a host with one instance.
      type: str
    link:
      description: The link that points at its release, relative to the folder.
      type: str
    version:
      description: The version that the link points at, empty if there is none.
      type: str
change:
  description: The recorded change, as the role wrote it; empty if there is none.
  returned: success
  type: dict
mine:
  description: Whether the recorded change is that of the one who asks.
  returned: success
  type: bool
state:
  description: The whole state file.
  returned: success
  type: dict
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.ops.plugins.module_utils.recorded_change import is_mine, read_mapping

ONLY: dict[str, Any] = {"name": "", "port": 0, "server": ""}


def look(root: str, instance: dict[str, Any]) -> dict[str, Any]:
    """An instance with its link and the version that link points at."""
    link = f"current-{instance['name']}" if instance["name"] else "current"
    try:
        version = os.path.basename(os.readlink(os.path.join(root, link)))
    except OSError:
        version = ""
    return {**instance, "link": link, "version": version}


def describe(root: str, instances: list[dict[str, Any]], runs: list[str], version: str) -> dict[str, Any]:
    """Everything this module returns. Raises OSError and ValueError for a state file that cannot be read."""
    state = read_mapping(os.path.join(root, "state.json"))
    change = state.get("change", {})
    found = {each["name"]: look(root, each) for each in instances or [ONLY]}
    names = list(found)
    active = state.get("active") if state.get("active") in found else names[0]
    spare = next((name for name in names if name != active), active)
    return {
        "active": found[active],
        "spare": found[spare],
        "old": found.get(change.get("instance"), found[active]),
        "new": found.get(change.get("other"), found[spare]),
        "change": change,
        "mine": is_mine(change, runs, version),
        "state": state,
    }


def main() -> None:
    """Run the module."""
    instance = {
        "name": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
        "server": {"type": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "instances": {"type": "list", "elements": "dict", "default": [], "options": instance},
            "runs": {"type": "list", "elements": "str", "default": []},
            "version": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        result = describe(given["root"], given["instances"], given["runs"], given["version"])
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"the state file in {given['root']} cannot be read: {error}")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
