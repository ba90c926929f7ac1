# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab.image DEBIAN OUT``: make ``OUT/root`` and ``OUT/repository``; run APART, for its mounts."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.lab.commands import run
from tests.lab.repository import INSTALLED, KEY_PATH, build, in_root

REPOSITORY_NAME = "repository.lab"
"""What hosts call the machine with the packages; /etc/hosts says where it is."""

WRITTEN = {
    "etc/rpm/macros.lab": "%_dbpath /var/lib/rpm\n",
    "etc/dnf/plugins/local.conf": "[main]\nenabled=0\n",
    "etc/dnf/dnf.conf": "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\n"
    "skip_if_unavailable=False\n",
    "etc/yum.repos.d/lab.repo": f"""[lab]
name=Lab
baseurl=http://{REPOSITORY_NAME}/content
gpgkey=file://{KEY_PATH}
metadata_expire=1
retries=1
timeout=5
""",
    # An address that nobody answers costs ten seconds for every task.
    "etc/resolv.conf": "",
    "etc/machine-id": "",
    "etc/ssh/sshd_config.d/lab.conf": "PasswordAuthentication no\nUseDNS no\nMaxStartups 100\n"
    "HostKey /etc/ssh/ssh_host_ed25519_key\n",
}
NOT_STARTED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service", "console-getty.service"),
    *("getty.target", "e2scrub_reap.service", "systemd-journal-flush.service"),
)


def make(debian: Path, out: Path) -> None:
    """Lay a RHEL over a Debian."""
    merged, published = out / "merged", out / "repository"
    for folder in (out / "root", out / "work", merged, published):
        folder.mkdir()
    layers = f"lowerdir={debian},upperdir={out / 'root'},workdir={out / 'work'}"
    run("mount", "-t", "overlay", "overlay", "-o", layers, str(merged))
    run("mount", "-t", "proc", "proc", str(merged / "proc"))
    run("mount", "-t", "tmpfs", "tmpfs", str(merged / "run"))
    run("mount", "--bind", str(published), str(merged / "mnt"))
    for name, text in WRITTEN.items():
        path = merged / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
    for key in merged.glob("etc/ssh/ssh_host_*"):
        key.unlink()
    (merged / "etc/debian_version").unlink()
    build(merged, published)
    first = ("--repofrompath=first,file:///mnt/1", "--repo=first", "--setopt=first.gpgcheck=1")
    in_root(merged, "dnf", "--assumeyes", "--quiet", *first, "--releasever=9", "install", *INSTALLED)
    in_root(merged, "dnf", "clean", "all")
    in_root(merged, "systemctl", "enable", "shopfront.service", "ssh.service")
    in_root(merged, "systemctl", "mask", *NOT_STARTED)
    for mount in ("mnt", "run", "proc", ""):
        run("umount", str(merged / mount))
    merged.rmdir()


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
