# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of last known good states have in common: where the archive is, what they reach, what is chosen."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
notes:
  - The archive lies in E(HOLDFAST_STORE) or, without that, in E(HOLDFAST_HOME).
  - Needs C(git) 2.32 or newer where Ansible runs.
"""

    HOST = r"""
options:
  host:
    description:
      - The name of the host in the archive; its name in the inventory when it is left out.
    type: str
    default: ""
"""

    OFFLINE = r"""
attributes:
  action:
    support: full
    description: Runs on the controlling side and connects to no host.
"""

    REACHED = r"""
attributes:
  action:
    support: full
    description: Runs on the controlling side and reaches the host through modules. What it puts on a host for a restore
      or a timer is removed with that.
notes:
  - Needs the Python package C(cryptography) where Ansible runs, for the secrets of the archive.
  - Needs the collections whose modules read the platform, see C(docs/lkg.md).
  - On Linux it needs root (C(become)).
"""

    CHOSEN = r"""
options:
  platform:
    description:
      - What the host is, one of V(rhel), V(frr), V(haproxy), V(openvswitch), V(cisco_ios), V(arista_eos),
        V(juniper_junos), V(cli_config), V(netconf), V(windows).
      - When it is left out, the connection and C(ansible_network_os) tell. A host with a shell is V(rhel) then.
    type: str
    default: ""
  options:
    description:
      - What to read besides the usual, by the options of the platform, such as C(files) of V(rhel), a list of paths.
        See C(docs/lkg.md).
      - They are kept with the snapshot, so that whoever restores it reads the same things again.
    type: dict
    default: {}
"""
