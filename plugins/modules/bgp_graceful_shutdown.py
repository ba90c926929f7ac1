#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin or end the graceful shutdown of BGP on a router that runs FRR."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bgp_graceful_shutdown
short_description: Begin or end the graceful shutdown of BGP on a router that runs FRR
description:
  - Sets or removes C(bgp graceful-shutdown) (RFC 8326) in the running configuration, for all neighbors of one VRF.
    Every session stays up; what is announced asks to be avoided, so that other routers move the traffic to other ways.
  - With O(save), the same line, and no other, is set or removed in the saved configuration too. What else is in the
    running configuration and was not saved stays unsaved.
  - Types the change into FRR's shell C(vtysh) on the host where the module runs, and reads the configuration again.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
options:
  state:
    description:
      - Whether the router shall be in graceful shutdown.
    type: str
    choices: [present, absent]
    default: present
  vrf:
    description:
      - The VRF whose BGP is meant.
    type: str
    default: default
  save:
    description:
      - Whether the saved configuration shall say the same.
    type: bool
    default: false
  config:
    description:
      - The file of the saved configuration.
    type: path
    default: /etc/frr/frr.conf
  vtysh:
    description:
      - FRR's shell, by name or path.
    type: str
    default: vtysh
attributes:
  check_mode:
    description: Can run in check mode and says what would be changed.
    support: full
  diff_mode:
    description: Returns the lines of both configurations.
    support: full
notes:
  - A graceful shutdown that was set for the whole router, outside of any C(router bgp), cannot be ended for one VRF.
seealso:
  - module: holdfast.ops.bgp_info
"""

EXAMPLES = r"""
- name: Ask everybody to avoid this router
  holdfast.ops.bgp_graceful_shutdown:

- name: Ask so after a reboot as well
  holdfast.ops.bgp_graceful_shutdown:
    save: true

- name: Be a way like any other again
  holdfast.ops.bgp_graceful_shutdown:
    state: absent
    save: true
"""

RETURN = r"""
graceful_shutdown:
  description: Whether the BGP of the VRF is in graceful shutdown now, or in check mode would be.
  returned: success
  type: bool
saved:
  description:
    - Whether the saved configuration has it, or in check mode would have it. It is V(null) when there was nothing to
      save and the file cannot be read.
  returned: success
  type: bool
"""

import os
import tempfile
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.ops.plugins.module_utils.core import frr
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.vtysh import ARGUMENTS, Vtysh


class Saved:
    """The saved configuration, as far as one BGP goes."""

    def __init__(self, module: AnsibleModule, header: str) -> None:
        self._module, self._header = module, header
        self._path = str(module.params["config"])

    def has_it(self) -> bool:
        """Whether it has the graceful shutdown. Raises HoldfastError when that cannot be known."""
        return frr.saved_as(self._text(), self._header)

    def write(self, wanted: bool) -> None:
        """Let it have it or not. Raises HoldfastError."""
        text = frr.save_as(self._text(), self._header, wanted)
        descriptor, new = tempfile.mkstemp(dir=self._module.tmpdir)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        self._module.atomic_move(new, self._path)

    def _text(self) -> str:
        try:
            with open(self._path, encoding="utf-8") as file:
                return file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise HoldfastError(f"the saved configuration {self._path} cannot be read: {error}") from None


def saved_now(saved: Saved, needed: bool) -> Optional[bool]:
    """Whether the saved configuration has it; None when that is neither known nor needed. Raises HoldfastError."""
    try:
        return saved.has_it()
    except HoldfastError as error:
        if needed:
            raise HoldfastError(f"it cannot be saved, so nothing was changed: {error}") from None
        return None


def lines(header: str, running: bool, saved: Optional[bool]) -> str:
    """Both configurations as a difference shows them."""
    text = f"running: {header}\n" + (f" {frr.LINE}\n" if running else "")
    return text + (f"saved: {header}\n" + (f" {frr.LINE}\n" if saved else "") if saved is not None else "")


def change(module: AnsibleModule, shell: Vtysh) -> dict[str, Any]:
    """Do what was asked and return the result. Raises HoldfastError."""
    wanted, save = module.params["state"] == "present", bool(module.params["save"])
    before = shell.instance()
    saved = Saved(module, before.header)
    saved_before = saved_now(saved, save)
    saved_after = wanted if save else saved_before
    if before.everywhere and not wanted:
        raise HoldfastError(
            f"the graceful shutdown is that of the whole router ('{frr.LINE}' outside of 'router bgp'), so it cannot be"
            f" ended for the VRF '{before.vrf}' alone; end it where it was set: 'no {frr.LINE}'"
        )
    if not module.check_mode:
        if before.draining != wanted:
            shell.type(*frr.commands(before, wanted))
            if shell.instance().draining != wanted:
                raise HoldfastError(
                    f"FRR took '{frr.commands(before, wanted)[-1]}' and its configuration did not change"
                )
        if saved_before != saved_after:
            saved.write(wanted)
    if saved_after and not wanted:
        module.warn(
            f"The saved configuration {module.params['config']} still has '{frr.LINE}': the next start of FRR brings it"
            " back, unless it is saved."
        )
    return {
        "changed": before.draining != wanted or saved_before != saved_after,
        "graceful_shutdown": wanted,
        "saved": saved_after,
        "diff": {
            "before": lines(before.header, before.draining, saved_before),
            "after": lines(before.header, wanted, saved_after),
        },
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "save": {"type": "bool", "default": False},
            "config": {"type": "path", "default": "/etc/frr/frr.conf"},
        },
        supports_check_mode=True,
    )
    try:
        result = change(module, Vtysh(module))
    except HoldfastError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
