#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a router that runs FRR says of its BGP: neighbors, what they are told, and what came from one router."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bgp_info
short_description: Read what a router that runs FRR says of its BGP
description:
  - Says whether the router is in graceful shutdown (RFC 8326), how its BGP neighbors are, how many routes each of them
    is told and how many of those ask to be avoided.
  - Says of the routes that came from one other router for which of them that router is the way that is used, and for
    which there is no other way.
  - Asks FRR's shell C(vtysh) on the host where the module runs. Changes nothing.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
options:
  vrf:
    description:
      - The VRF whose BGP is meant.
    type: str
    default: default
  neighbors:
    description:
      - Only these neighbors, as FRR calls them, by address or by interface. It is an error if there is none of a name.
    type: list
    elements: str
    default: []
  from_router:
    description:
      - The router id of another router, to look at what came from it. Of the neighbors only its sessions are returned.
    type: str
    default: ""
  vtysh:
    description:
      - FRR's shell, by name or path.
    type: str
    default: vtysh
attributes:
  check_mode:
    description: Can run in check mode and does the same.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
    support: none
notes:
  - The address families IPv4 and IPv6 unicast are looked at.
  - Other ways are looked for for the first 200 routes that came from the other router.
seealso:
  - module: holdfast.ops.bgp_graceful_shutdown
"""

EXAMPLES = r"""
- name: Look at the router
  holdfast.ops.bgp_info:
  register: bgp

- name: Show the neighbors that are down
  ansible.builtin.debug:
    msg: "{{ bgp.neighbors.values() | rejectattr('up') | map(attribute='name') }}"

- name: See at the neighbor for what this router is the way
  holdfast.ops.bgp_info:
    from_router: "{{ bgp.router_id }}"
  delegate_to: core1
  register: seen
"""

RETURN = r"""
as_number:
  description: The autonomous system.
  returned: success
  type: str
router_id:
  description: The router id, empty as long as no neighbor is configured.
  returned: success
  type: str
graceful_shutdown:
  description: Whether the BGP of the VRF is in graceful shutdown.
  returned: success
  type: bool
neighbors:
  description: The neighbors by name.
  returned: success
  type: dict
  contains:
    name:
      description: The address or interface.
      type: str
    told:
      description: A sentence for people, such as V(192.0.2.1 (core1) is Established).
      type: str
    remote_as:
      description: Its autonomous system.
      type: int
    router_id:
      description: Its router id, empty when it was never there.
      type: str
    state:
      description: The state of the session, such as V(Established).
      type: str
    up:
      description: Whether the session stands.
      type: bool
    admin_down:
      description: Whether it is shut down in the configuration.
      type: bool
    announced:
      description: How many routes it is told.
      type: int
    avoided:
      description: How many of these ask to be avoided.
      type: int
    draining:
      description: Whether the session stands and everything it is told asks to be avoided.
      type: bool
    serving:
      description: Whether the session stands and not everything it is told asks to be avoided.
      type: bool
    unseen:
      description: Address families in use that are not looked at.
      type: list
      elements: str
received:
  description: What came from the router of O(from_router).
  returned: when O(from_router) is given
  type: dict
  contains:
    sessions:
      description: The sessions that stand with it, as this router calls the neighbor.
      type: list
      elements: str
    count:
      description: How many routes came from it.
      type: int
    avoided:
      description: How many of these are avoided wherever there is another way.
      type: int
    used:
      description: The destinations for which it is the way that is used.
      type: list
      elements: str
    alone:
      description: The destinations for which there is no other way.
      type: list
      elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.ops.plugins.module_utils.core import frr
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.vtysh import ARGUMENTS, Vtysh

LOOKED_AT = 200
"""For so many routes other ways are looked for: each is a question of its own."""


def describe(shell: Vtysh, neighbor: frr.Neighbor) -> dict[str, Any]:
    """A neighbor, and what it is told."""
    families = [family for family in neighbor.families if family in frr.FAMILIES] if neighbor.up else []
    asked = [shell.show(f"{frr.FAMILIES[family]} neighbors {neighbor.name} advertised-routes") for family in families]
    counts = [frr.announced(document) for document in shell.ask(*asked)] if asked else []
    announced, avoided = (sum(pair[at] for pair in counts) for at in (0, 1))
    return {
        "name": neighbor.name,
        "told": f"{neighbor.told} is {'shut down' if neighbor.admin_down else neighbor.state}",
        "remote_as": neighbor.remote_as,
        "router_id": neighbor.router_id,
        "state": neighbor.state,
        "up": neighbor.up,
        "admin_down": neighbor.admin_down,
        "announced": announced,
        "avoided": avoided,
        "draining": neighbor.up and avoided == announced,
        "serving": neighbor.up and (avoided < announced or not announced),
        "unseen": [family for family in neighbor.families if family not in frr.FAMILIES] if neighbor.up else [],
    }


def look_for(shell: Vtysh, sessions: list[frr.Neighbor], router_id: str) -> dict[str, Any]:
    """What came from the router of an id, over the sessions that stand with it."""
    found: dict[str, Any] = {"sessions": [one.name for one in sessions], "count": 0, "avoided": 0}
    used: set[str] = set()
    alone: set[str] = set()
    for one in sessions:
        for family in [family for family in one.families if family in frr.FAMILIES]:
            words = frr.FAMILIES[family]
            received = frr.received(shell.ask(shell.show(f"{words} neighbors {one.name} routes"))[0])
            found["count"] += received.count
            found["avoided"] += received.avoided
            used.update(received.used)
            some = received.prefixes[:LOOKED_AT]
            ways = shell.ask(*(shell.show(f"{words} {prefix}") for prefix in some)) if some else []
            alone.update(prefix for prefix, way in zip(some, ways) if not frr.other_ways(way, router_id))
    return {**found, "used": sorted(used), "alone": sorted(alone)}


def look(shell: Vtysh, wanted: list[str], router_id: str) -> dict[str, Any]:
    """Everything that was asked for. Raises HoldfastError."""
    instance = shell.instance()
    document = shell.ask(shell.show("neighbors"))[0]
    neighbors = frr.chosen(frr.neighbors(document), wanted)
    ids = [str(one["localRouterId"]) for one in document.values() if isinstance(one, dict) and "localRouterId" in one]
    result: dict[str, Any] = {
        "as_number": instance.number,
        "router_id": ids[0] if ids else "",
        "graceful_shutdown": instance.draining,
    }
    if router_id:
        neighbors = {name: one for name, one in neighbors.items() if one.up and one.router_id == router_id}
        result["received"] = look_for(shell, list(neighbors.values()), router_id)
    return {**result, "neighbors": {name: describe(shell, one) for name, one in neighbors.items()}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "neighbors": {"type": "list", "elements": "str", "default": []},
            "from_router": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        found = look(Vtysh(module), module.params["neighbors"], module.params["from_router"])
    except HoldfastError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
