# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Linux targets revert by themselves: an enabled timer of systemd that runs a bundle.

Enabled and in /etc, for transient units vanish with a reboot; with a moment by the target's own clock, so that a
deadline that passed while the host was down fires at its next boot. The scripts stand in ``systemd_scripts``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import systemd_scripts as scripts
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle, Bundled
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Armed, Device, Reverted

_TOKEN = re.compile(r"holdfast-[a-z0-9-]{1,80}\Z")
_NAME = re.compile(r"[A-Za-z0-9_.@+-]{1,200}\Z")
_LAST_WORDS = 5


class SystemdTimer:
    """Timer of a Linux platform whose restores are bundles."""

    def __init__(self, bundled: Bundled, platform: str) -> None:
        self._bundled = bundled
        self._platform = platform

    def arm(self, device: Device, token: str, seconds: int, wanted: Snapshot) -> None:
        """As the port says: three round trips, one of them the transfer of the bundle."""
        _check_token(token)
        if seconds < 1:
            raise HoldfastError(f"a timer of {seconds} seconds cannot be armed; it must be 1 or more")
        if wanted.platform != self._platform:
            raise HoldfastError(f"a snapshot of {wanted.platform} cannot be what a timer of {self._platform} goes to")
        bundle = _checked(self._bundled.bundle(wanted))
        _do(device, "arm the timer", scripts.make_folder(token, scripts.needed(bundle)))
        device.put(f"{scripts.folder_of(token)}/pack", scripts.pack(bundle), "0600")
        _do(device, "arm the timer", scripts.arm(token, seconds, bundle))

    def armed(self, device: Device) -> Sequence[Armed]:
        """As the port says. ``left`` is 0 once a timer has begun to revert, and infinite when its units are broken."""
        said = _do(device, "look for timers", scripts.armed())
        return tuple(_armed(line) for line in said if line.startswith("timer "))

    def disarm(self, device: Device, token: str) -> None:
        """As the port says. A revert that has ended counts as begun, and its outcome stays for ``reverted``."""
        _check_token(token)
        said = _do(device, f"disarm {token}", scripts.disarm(token))
        if "begun" in said:
            ended = _reverted(token, said)
            how = "it is at it now" if ended is None else f"it has ended: {ended.said}"
            raise HoldfastError(f"{token} has already begun to revert; {how}")

    def reverted(self, device: Device, token: str) -> Optional[Reverted]:
        """As the port says."""
        _check_token(token)
        return _reverted(token, _do(device, f"read the outcome of {token}", scripts.outcome(token)))


def run_bundle(device: Device, bundle: Bundle) -> list[str]:
    """Run a bundle on the target at once, in a folder that is gone afterwards; returns what it said, line by line.

    Raises HoldfastError with its last words when it ends with a status other than 0, and what ``Device`` raises.
    """
    _checked(bundle)
    made = _do(device, "restore", scripts.make_run_folder(scripts.needed(bundle)))
    folder = next((line.partition(" ")[2] for line in made if line.startswith("folder ")), "")
    if not folder.startswith(f"{scripts.FOLDER}/run."):
        raise HoldfastError(f"restore: the host did not say which folder it made: {' '.join(made)}")
    device.put(f"{folder}/pack", scripts.pack(bundle), "0600")
    answers = _do(device, "restore", scripts.run_pack(folder, bundle), secret=True)
    said = [line[len("said ") :] for line in answers if line.startswith("said ") and line.strip() != "said"]
    status = next((line.partition(" ")[2] for line in answers if line.startswith("status ")), "")
    if status != "0":
        words = "; ".join(said[-_LAST_WORDS:]) or "it said nothing"
        raise HoldfastError(f"restore: the script on the host ended with status {status or 'unknown'}: {words}")
    return said


def _do(device: Device, what: str, script: str, secret: bool = False) -> list[str]:
    """Run one script of ``systemd_scripts``; returns its lines but the last, which says whether it could be done."""
    arguments = {"argv": ["/bin/sh", "-s"], "stdin": _at_once(script)}
    answer = device.run("ansible.builtin.command", arguments, secret)
    lines = [line.rstrip("\r") for line in str(answer.get("stdout", "")).splitlines()]
    last = lines[-1] if lines else ""
    if last == "ok":
        return lines[:-1]
    if last.startswith("failed "):
        raise HoldfastError(f"{what}: {last[len('failed ') :]}")
    words = str(answer.get("stderr") or last or "it said nothing").strip().splitlines()[-1]
    raise HoldfastError(f"{what}: the script on the host did not come to its end: {words}")


def _at_once(script: str) -> str:
    """The script as one that the shell reads whole before it begins, so that no program in it eats the rest of it."""
    return f"holdfast() {{\n{script}\n}}\nholdfast < /dev/null\n"


def _check_token(token: str) -> None:
    if not _TOKEN.match(token):
        raise HoldfastError(f"'{token}' is no name of a guard: 'holdfast-', then small letters, digits and '-'")


def _checked(bundle: Bundle) -> Bundle:
    wrong = [name for name in bundle.files if not _NAME.match(name) or name in (".", "..")]
    if wrong:
        raise HoldfastError(f"a bundle cannot have a file named '{wrong[0]}': letters, digits and any of _.@+- only")
    return bundle


def _armed(line: str) -> Armed:
    """``timer TOKEN STATE NOW [NEXT]``, the last two in seconds since the epoch."""
    _word, token, state, *times = line.split()
    if state == "begun":
        return Armed(token, 0.0)
    if state != "active" or len(times) < 2:
        return Armed(token, math.inf)
    return Armed(token, max(0.0, float(times[1]) - float(times[0])))


def _reverted(token: str, said: Sequence[str]) -> Optional[Reverted]:
    lines = [line[len("outcome ") :] for line in said if line.startswith("outcome ")]
    if not lines:
        return None
    words = [line for line in lines[1:] if line.strip()][-_LAST_WORDS:]
    complete = lines[0] == "complete"
    return Reverted(token, complete, "; ".join(words if complete else [lines[0], *words]))
