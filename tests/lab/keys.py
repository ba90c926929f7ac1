# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a lab: one that logs in, one that the hosts are known by."""

from __future__ import annotations

from pathlib import Path

from tests.lab.commands import run


def make(folder: Path, addresses: list[str]) -> dict[str, tuple[str, int]]:
    """Make both, write ``known_hosts`` for the addresses and return what the hosts need, by path."""
    for name in ("id_ed25519", "host_ed25519"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(folder / name))
    host = (folder / "host_ed25519.pub").read_text(encoding="ascii")
    kind, blob = host.split()[:2]
    (folder / "known_hosts").write_text("".join(f"{one} {kind} {blob}\n" for one in addresses), encoding="ascii")
    return {
        "etc/ssh/ssh_host_ed25519_key": ((folder / "host_ed25519").read_text(encoding="ascii"), 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": (host, 0o644),
        "root/.ssh/authorized_keys": ((folder / "id_ed25519.pub").read_text(encoding="ascii"), 0o600),
    }
