# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reboot asks of Linux and of Windows, as scripts, and how the answers are read.

A script is text and nothing here runs one. Each is of one line for a POSIX shell, or of a few for PowerShell 5.1.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.reboots import Boot, Pending

_EPOCH = 11644473600
"""Seconds between 1601, where Windows counts from, and 1970."""
_TICKS = 10_000_000


class System:
    """What differs between the families of hosts. Scripts are asked for, answers are given back to be read."""

    good_service = ""
    """The state of a service that is up."""

    def state(self) -> str:
        """The script that says which boot the host runs from."""
        raise NotImplementedError

    def read_state(self, output: str) -> Boot:
        """Read its answer. Raises HoldfastError when it is none."""
        raise NotImplementedError

    def pending(self) -> str:
        """The script that says whether a reboot is pending."""
        raise NotImplementedError

    def read_pending(self, output: str) -> Pending:
        """Read its answer."""
        raise NotImplementedError

    def services(self, names: Sequence[str]) -> str:
        """The script that says in which state services are."""
        raise NotImplementedError

    def order(self, message: str, delay: int) -> str:
        """The script that orders the reboot."""
        raise NotImplementedError

    def refusal(self, status: int, output: str) -> str:
        """Why the order was refused; empty when it was not."""
        raise NotImplementedError

    def ready(self) -> str:
        """The script that says ``ready`` once the host is; empty when an answer is enough."""
        return ""


def read_services(output: str) -> dict[str, str]:
    """The states of services, by name, from lines ``name=state``."""
    return {
        name: state.strip() for name, equals, state in (line.rpartition("=") for line in output.splitlines()) if equals
    }


class Linux(System):
    """Linux with systemd. The boot id is the kernel's own, new with every boot."""

    good_service = "active"

    def state(self) -> str:
        """The boot id, when the first process began (in containers too, unlike uptime), the kernel."""
        return (
            'echo "boot_id=$(cat /proc/sys/kernel/random/boot_id)"; '
            'echo "boot_time=$(stat -c %Y /proc/1 2>/dev/null)"; '
            'echo "kernel=$(uname -r)"'
        )

    def read_state(self, output: str) -> Boot:
        """Read ``name=value`` lines."""
        said = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        if not said.get("boot_id"):
            raise HoldfastError(f"the host did not say its boot id, but: {_short(output)}")
        started = said.get("boot_time", "")
        return Boot(said["boot_id"].strip(), float(started) if started.isdigit() else None, said.get("kernel", ""))

    def pending(self) -> str:
        """Debian's marker; otherwise dnf's or yum-utils' needs-restarting, from what is known locally."""
        return (
            "export LC_ALL=C; PATH=$PATH:/usr/sbin:/sbin; "
            "if [ -e /run/reboot-required ]; then echo source=marker; sort -u /run/reboot-required.pkgs 2>/dev/null; "
            "elif command -v dnf >/dev/null; then echo source=dnf; dnf -q -C needs-restarting -r 2>&1; "
            "elif command -v needs-restarting >/dev/null; then echo source=yum; needs-restarting -r 2>&1; "
            "elif command -v apt-get >/dev/null; then echo source=apt; "
            "else echo source=none; fi; true"
        )

    def read_pending(self, output: str) -> Pending:
        """By what is said and not by the exit code, which is 1 for a pending reboot and for any error alike."""
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        source = lines[0] if lines else ""
        names = tuple(line.lstrip("* ") for line in lines[1:] if source == "source=marker" or line.startswith("*"))
        if source == "source=marker":
            return Pending(True, names or ("/run/reboot-required",))
        if source == "source=apt":
            return Pending(True)
        text = " ".join(lines[1:])
        if "Reboot is required" in text:
            return Pending(True, names or ("needs-restarting",))
        if "Reboot should not be necessary" in text or "No core libraries or services have been updated" in text:
            return Pending(True)
        why = (
            "it has neither dnf nor needs-restarting"
            if source == "source=none"
            else f"needs-restarting said: {_short(text)}"
        )
        return Pending(False, note=why)

    def services(self, names: Sequence[str]) -> str:
        """The units' states, as systemd says them."""
        listed = " ".join(shlex.quote(name) for name in names)
        return f'for unit in {listed}; do echo "$unit=$(systemctl is-active -- "$unit")"; done; true'

    def order(self, message: str, delay: int) -> str:
        """Now, or in whole minutes: shutdown knows no seconds."""
        when = f"+{delay // 60}" if delay >= 60 else "now"
        return f"PATH=$PATH:/usr/sbin:/sbin; shutdown -r {when} {shlex.quote(message)}"

    def refusal(self, status: int, output: str) -> str:
        """Anything but 0."""
        return "" if status == 0 else f"shutdown ended with {status}: {_short(output)}"


class Windows(System):
    """Windows with PowerShell 5.1 or newer. The boot id is the time of the last boot, as Windows writes it."""

    good_service = "Running"

    def state(self) -> str:
        """The last boot time and the clock, in Windows' own unit, and the version."""
        return (
            "$os = Get-CimInstance -ClassName Win32_OperatingSystem -Property LastBootUpTime, Version\n"
            "ConvertTo-Json -Compress -InputObject @{\n"
            "boot = [string]$os.LastBootUpTime.ToFileTime()\n"
            "clock = [string][DateTime]::UtcNow.ToFileTimeUtc()\n"
            "version = [string]$os.Version\n"
            "}"
        )

    def read_state(self, output: str) -> Boot:
        """Read the JSON."""
        said = _json(output)
        booted, clock = filetime(said.get("boot")), filetime(said.get("clock"))
        if booted is None:
            raise HoldfastError(f"the host did not say when it booted, but: {_short(output)}")
        return Boot(str(said["boot"]), booted, str(said.get("version") or ""), clock)

    def pending(self) -> str:
        """The marks that servicing, Windows Update, renamed files and a renamed computer leave in the registry."""
        return (
            "$found = @()\n"
            "$windows = 'HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion'\n"
            "$control = 'HKLM:\\SYSTEM\\CurrentControlSet\\Control'\n"
            'if (Test-Path -LiteralPath "$windows\\Component Based Servicing\\RebootPending") '
            "{ $found += 'servicing' }\n"
            'if (Test-Path -LiteralPath "$windows\\WindowsUpdate\\Auto Update\\RebootRequired") '
            "{ $found += 'windows update' }\n"
            "$renames = (Get-Item -LiteralPath \"$control\\Session Manager\").GetValue('PendingFileRenameOperations')\n"
            "if ($renames) { $found += 'file renames' }\n"
            "$now = (Get-Item -LiteralPath \"$control\\ComputerName\\ActiveComputerName\").GetValue('ComputerName')\n"
            "$then = (Get-Item -LiteralPath \"$control\\ComputerName\\ComputerName\").GetValue('ComputerName')\n"
            "if ($now -ne $then) { $found += 'computer name' }\n"
            "ConvertTo-Json -Compress -InputObject @{ pending = @($found) }"
        )

    def read_pending(self, output: str) -> Pending:
        """Read the JSON."""
        reasons = _json(output).get("pending")
        if not isinstance(reasons, list):
            return Pending(False, note=f"the registry could not be read: {_short(output)}")
        return Pending(True, tuple(str(reason) for reason in reasons))

    def services(self, names: Sequence[str]) -> str:
        """The services' states; one that is not there has none."""
        listed = ", ".join(quoted(name) for name in names)
        return (
            f"foreach ($name in @({listed})) {{\n"
            "$service = Get-Service -Name $name -ErrorAction SilentlyContinue\n"
            'if ($service) { "$name=$($service.Status)" }\n'
            "}"
        )

    def order(self, message: str, delay: int) -> str:
        """Takes away the mark of an earlier logon prompt (see ``ready``), then orders the reboot.

        Less than two seconds would end PowerShell before it has answered.
        """
        return (
            f"Remove-Item -LiteralPath {quoted(_LOGON_MARK)} -Force -ErrorAction SilentlyContinue\n"
            "$ErrorActionPreference = 'Continue'\n"
            f'$said = & "$env:SystemRoot\\System32\\shutdown.exe" /r /t {max(delay, 2)} /c {quoted(message)} 2>&1\n'
            'ConvertTo-Json -Compress -InputObject @{ status = $LASTEXITCODE; said = (@($said) -join " ") }'
        )

    def refusal(self, status: int, output: str) -> str:
        """By the status of shutdown.exe, not of PowerShell. A reboot that is ordered already is none of ours."""
        said = _json(output)
        if not isinstance(said.get("status"), int):
            return f"PowerShell ended with {status}: {_short(output)}"
        return (
            "" if said["status"] == 0 else f"shutdown.exe ended with {said['status']}: {_short(str(said.get('said')))}"
        )

    def ready(self) -> str:
        """The key that Windows makes when it is about to show the logon prompt: updates are configured by then."""
        return f"if (Test-Path -LiteralPath {quoted(_LOGON_MARK)}) {{ 'ready' }} else {{ 'not ready' }}"


_LOGON_MARK = r"HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon\AutoLogonChecked"


def quoted(text: str) -> str:
    """Text as a literal of PowerShell, on one line. It takes five characters for single quotes."""
    flat = " ".join(text.splitlines())
    return "'" + "".join(char * 2 if char in "'\u2018\u2019\u201a\u201b" else char for char in flat) + "'"


def filetime(ticks: Any) -> Optional[float]:
    """Seconds since 1970 from Windows' hundreds of nanoseconds since 1601, or None when it is no number."""
    text = str(ticks)
    return int(text) / _TICKS - _EPOCH if text.isdigit() else None


def _json(output: str) -> dict[str, Any]:
    """The JSON object in an answer; empty when there is none."""
    try:
        found = json.loads(output[output.index("{") : output.rindex("}") + 1])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat[:197] + "..." if len(flat) > 200 else flat or "nothing"
