#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the state of a host's packages: what is installed, what is open, what waits for a restart."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patch_info
short_description: Read the state of a host's packages
description:
  - Says which packages are installed, which was dnf's last transaction, which advisories are open, whether a reboot is
    pending and why, which services still run what was replaced, and from which boot and kernel the host runs.
  - Reads the change that the role C(holdfast.ops.patch_rhel) has written down, and says whose it is.
  - Waits for a dnf that is at work, so that what it is about to do is not missed. Changes nothing.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
options:
  mark:
    description:
      - The file in which the role has written down its last change.
    type: path
    required: true
  runs:
    description:
      - Names of the change that asks. The recorded change is its own if it carries one of them, or if none is given.
    type: list
    elements: str
    default: []
  advisories:
    description:
      - Whether to ask the repositories for open advisories.
    type: bool
    default: true
  wait:
    description:
      - How long to wait for a dnf that is at work, in seconds.
    type: int
    default: 300
  only_mark:
    description:
      - Whether to return no more than RV(change) and RV(mine), which needs neither dnf nor rpm.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check mode and does the same.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
    support: none
seealso:
  - module: ansible.builtin.dnf
  - module: holdfast.ops.verified_reboot
"""

EXAMPLES = r"""
- name: Look at the packages
  holdfast.ops.patch_info:
    mark: /var/lib/holdfast/patch_rhel.json
  register: packages

- name: Show what is open
  ansible.builtin.debug:
    msg: "{{ packages.advisories | map(attribute='id') | unique }}"
"""

RETURN = r"""
packages:
  description: The installed packages as C(name-epoch:version-release.arch), without an epoch of 0 and imported keys.
  returned: unless O(only_mark=true)
  type: list
  elements: str
history:
  description: The number of dnf's last transaction, 0 if there is none.
  returned: unless O(only_mark=true)
  type: int
advisories:
  description: The open advisories, one entry for each package they would update.
  returned: unless O(only_mark=true)
  type: list
  elements: dict
  sample:
    - id: RHSA-2026:0002
      kind: Important/Sec.
      package: openssl-libs-1:3.2.2-6.el9.x86_64
  contains:
    id:
      description: The advisory.
      type: str
    kind:
      description: What dnf says of it, such as V(bugfix), V(enhancement) or V(Important/Sec.).
      type: str
    package:
      description: The package that closes it.
      type: str
advisories_error:
  description: Why advisories are not known; empty when they are, or were not asked for.
  returned: unless O(only_mark=true)
  type: str
reboot:
  description: Whether a reboot is pending.
  returned: unless O(only_mark=true)
  type: dict
  contains:
    known:
      description: Whether the host can tell.
      type: bool
    pending:
      description: Whether one is pending.
      type: bool
    reasons:
      description: What asks for it.
      type: list
      elements: str
    note:
      description: Why the host cannot tell.
      type: str
services:
  description: The services that still run what was replaced.
  returned: unless O(only_mark=true)
  type: list
  elements: str
boot_id:
  description: The boot that the host runs from.
  returned: unless O(only_mark=true)
  type: str
kernel:
  description: The kernel that runs.
  returned: unless O(only_mark=true)
  type: str
change:
  description: The recorded change, as the role wrote it; empty if there is none.
  returned: success
  type: dict
mine:
  description: Whether the recorded change is that of the one who asks.
  returned: success
  type: bool
"""

import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.reboot_systems import Linux
from ansible_collections.holdfast.ops.plugins.module_utils.recorded_change import is_mine, read_mapping

LOCKS = (
    "/var/lib/dnf/rpmdb_lock.pid",
    "/var/cache/dnf/download_lock.pid",
    "/var/cache/dnf/metadata_lock.pid",
)
"""Where dnf writes who works: it holds these while it downloads, and while it changes packages."""

RPM = ("rpm", "--query", "--all", "--queryformat", "%{NAME} %{NEVRA}\\n")
HISTORY = ("dnf", "--quiet", "history", "list")
ADVISORIES = ("dnf", "--quiet", "updateinfo", "list", "--available")
SERVICES = ("dnf", "--quiet", "--cacheonly", "needs-restarting", "--services")

Run = Callable[[Sequence[str]], "tuple[int, str, str]"]


def packages(output: str) -> list[str]:
    """The packages from lines ``NAME NEVRA``. A key that was imported is a package to rpm only."""
    pairs = [line.split() for line in output.splitlines()]
    return sorted(pair[1] for pair in pairs if len(pair) == 2 and pair[0] != "gpg-pubkey")


def last_transaction(output: str) -> int:
    """The highest number in the table of transactions."""
    return max((int(number) for number in re.findall(r"^\s*(\d+)\s*\|", output, re.MULTILINE)), default=0)


def advisories(output: str) -> list[dict[str, str]]:
    """The rows of ``updateinfo list``: an advisory, what it is, and a package that closes it."""
    rows = [line.split() for line in output.splitlines()]
    return [{"id": row[0], "kind": row[1], "package": row[2]} for row in rows if len(row) == 3 and "-" in row[2]]


def at_work(paths: Sequence[str]) -> int:
    """The process that holds one of dnf's locks; 0 when nobody does. A lock of a process that is gone is none."""
    for path in paths:
        try:
            with open(path, encoding="ascii") as file:
                pid = int(file.read().strip() or 0)
        except (OSError, ValueError):
            continue
        if pid > 0 and os.path.exists(f"/proc/{pid}"):
            return pid
    return 0


def wait_for_dnf(paths: Sequence[str], patience: float) -> None:
    """Return once no dnf is at work. Raises HoldfastError when one still is after so many seconds."""
    deadline = time.monotonic() + patience
    while True:
        pid = at_work(paths)
        if not pid:
            return
        if time.monotonic() > deadline:
            raise HoldfastError(f"another dnf is at work (process {pid}) and did not end within {patience:g} s")
        time.sleep(0.5)


def ask(run: Run, command: Sequence[str]) -> str:
    """What a command prints. Raises HoldfastError when it fails."""
    status, output, complaint = run(command)
    if status != 0:
        said = " ".join((complaint or output).split())
        raise HoldfastError(f"'{' '.join(command)}' ended with {status}: {said or 'it said nothing'}")
    return output


def describe(run: Run, with_advisories: bool) -> dict[str, Any]:
    """Everything about the packages. Raises HoldfastError when what is needed cannot be known."""
    system = Linux()
    boot = system.read_state(ask(run, ("/bin/sh", "-c", system.state())))
    pending = system.read_pending(ask(run, ("/bin/sh", "-c", system.pending())))
    found: list[dict[str, str]] = []
    why = ""
    if with_advisories:
        try:
            found = advisories(ask(run, ADVISORIES))
        except HoldfastError as error:
            why = str(error)
    _status, said, _complaint = run(SERVICES)
    return {
        "packages": packages(ask(run, RPM)),
        "history": last_transaction(ask(run, HISTORY)),
        "advisories": found,
        "advisories_error": why,
        "reboot": pending.as_result(),
        "services": sorted(line.strip() for line in said.splitlines() if line.strip().endswith(".service")),
        "boot_id": boot.boot_id,
        "kernel": boot.kernel,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "mark": {"type": "path", "required": True},
            "runs": {"type": "list", "elements": "str", "default": []},
            "advisories": {"type": "bool", "default": True},
            "wait": {"type": "int", "default": 300},
            "only_mark": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    module.run_command_environ_update = {"LC_ALL": "C.UTF-8", "LANGUAGE": "C"}
    try:
        change = read_mapping(given["mark"])
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"the recorded change in {given['mark']} cannot be read: {error}")
    try:
        wait_for_dnf(LOCKS, given["wait"])
        found: dict[str, Any] = {}
        if not given["only_mark"]:
            found = describe(lambda command: module.run_command(list(command)), given["advisories"])
    except HoldfastError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, change=change, mine=is_mine(change, given["runs"]), **found)


if __name__ == "__main__":
    main()
