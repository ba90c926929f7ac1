# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of the lab and their repository: built with rpm, signed, with advisories, one state for each version.

A *state* is what a mirror would have published at some time: "1" is what the hosts are installed from, "2" brings a
security advisory that suggests a reboot and one that fixes bugs only, "3" a release of the application that installs,
starts and turns unhealthy. Each state keeps all older packages, so that a host can go back.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from tests.lab.commands import run
from tests.lab.places import FILES

UNHEALTHY_AFTER = 2.0
"""Seconds after its start until version 3 of the application turns unhealthy."""

KEY_NAME = "Holdfast Lab"
KEY_PATH = "/etc/pki/rpm-gpg/RPM-GPG-KEY-lab"
KEY_ORDER = f"""
%no-protection
Key-Type: RSA
Key-Length: 2048
Name-Real: {KEY_NAME}
Expire-Date: 0
%commit
"""


@dataclass(frozen=True)
class Package:
    """One package in one version: its spec file, and what the spec is told."""

    spec: str
    evr: str
    defines: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of the package's file."""
        return f"{self.spec}-{self.evr}.noarch.rpm"


@dataclass(frozen=True)
class Advisory:
    """What a vendor says about updates."""

    id: str
    kind: str
    severity: str
    title: str
    packages: tuple[Package, ...]
    reboot: bool = False


@dataclass(frozen=True)
class State:
    """What was published at one time, on top of everything before."""

    name: str
    packages: tuple[Package, ...]
    advisories: tuple[Advisory, ...] = ()


def _shopfront(version: str, unhealthy_after: float | None = None) -> Package:
    given = {"shopfront_version": version, "unhealthy_after": json.dumps(unhealthy_after)}
    return Package("shopfront", f"{version}-1.el9", given)


def _kernel(release: str) -> Package:
    return Package("kernel", f"5.14.0-{release}", {"kernel_release": release})


def _greeting(version: str) -> Package:
    return Package("greeting", f"{version}-1.el9", {"greeting_version": version})


SHOPFRONT = (_shopfront("1"), _shopfront("2"), _shopfront("3", unhealthy_after=UNHEALTHY_AFTER))
KERNELS = (_kernel("427.13.1.el9_4"), _kernel("427.20.1.el9_4"))
GREETINGS = (_greeting("1.0"), _greeting("1.1"))
STATES = (
    State("1", (Package("redhat-release", "9.4-1.el9"), SHOPFRONT[0], KERNELS[0], GREETINGS[0])),
    State(
        "2",
        (SHOPFRONT[1], KERNELS[1], GREETINGS[1]),
        (
            Advisory("LABSA-2026:0002", "security", "Important", "shopfront", (SHOPFRONT[1],), reboot=True),
            Advisory("LABSA-2026:0003", "security", "Moderate", "kernel", (KERNELS[1],), reboot=True),
            Advisory("LABBA-2026:0004", "bugfix", "None", "greeting", (GREETINGS[1],)),
        ),
    ),
    State("3", (SHOPFRONT[2],), (Advisory("LABSA-2026:0005", "security", "Critical", "shopfront", (SHOPFRONT[2],)),)),
)
INSTALLED = ("redhat-release", "shopfront", "kernel", "greeting")
"""What a host has from the beginning, each as state "1" has it."""


def in_root(root: Path, *command: str, given: str = "") -> str:
    """Run a program in another root folder, with a clean environment."""
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "GNUPGHOME": "/run/gnupg"}
    return run("chroot", str(root), *command, given=given, environment=clean)


def build(root: Path, published: Path) -> None:
    """Build, sign and publish every state, with the tools in ``root``, in which ``published`` is mounted on /mnt."""
    sources = root / "run" / "sources"
    shutil.copytree(FILES, sources)
    packages = [package for state in STATES for package in state.packages]
    for package in packages:
        defines = {"_sourcedir": "/run/sources", "_rpmdir": "/run/rpms", "_topdir": "/run/rpmbuild", **package.defines}
        given = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
        in_root(root, "rpmbuild", "-bb", "--quiet", *given, f"/run/sources/{package.spec}.spec")
    _sign(root, [f"/run/rpms/noarch/{package.file}" for package in packages])
    for at, state in enumerate(STATES):
        folder = published / state.name
        folder.mkdir()
        for package in [package for earlier in STATES[: at + 1] for package in earlier.packages]:
            shutil.copy(root / "run/rpms/noarch" / package.file, folder)
        in_root(root, "createrepo_c", "--quiet", f"/mnt/{state.name}")
        advisories = [advisory for earlier in STATES[: at + 1] for advisory in earlier.advisories]
        if advisories:
            (root / "run" / "updateinfo.xml").write_text(updateinfo(advisories), encoding="utf-8")
            in_root(root, "modifyrepo_c", "/run/updateinfo.xml", f"/mnt/{state.name}/repodata")


def _sign(root: Path, files: list[str]) -> None:
    """Sign packages with a key that is forgotten afterwards; hosts have its public half."""
    (root / "run" / "gnupg").mkdir(mode=0o700)
    in_root(root, "gpg", "--batch", "--quiet", "--generate-key", given=KEY_ORDER)
    public = in_root(root, "gpg", "--batch", "--armor", "--export", KEY_NAME)
    key = root / KEY_PATH.lstrip("/")
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_text(public, encoding="ascii")
    in_root(root, "rpm", "--import", KEY_PATH)
    # Debian's rpm looks for a gpg2, which Debian does not have.
    macros = {"_gpg_name": KEY_NAME, "_gpg_path": "/run/gnupg", "__gpg": "/usr/bin/gpg"}
    given = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    in_root(root, "rpmsign", *given, "--addsign", *files)
    in_root(root, "gpgconf", "--kill", "all")


def updateinfo(advisories: list[Advisory]) -> str:
    """The document in which a repository tells of its advisories."""
    return "<updates>\n" + "".join(_update(advisory) for advisory in advisories) + "</updates>\n"


def _update(advisory: Advisory) -> str:
    reboot = "<reboot_suggested>True</reboot_suggested>" if advisory.reboot else ""
    lines = []
    for package in advisory.packages:
        version, _dash, release = package.evr.partition("-")
        lines.append(
            f'<package name="{package.spec}" version="{version}" release="{release}" epoch="0" arch="noarch">'
            f"<filename>{package.file}</filename>{reboot}</package>"
        )
    return (
        f'<update from="lab@localhost" status="final" type="{advisory.kind}" version="1"><id>{advisory.id}</id>'
        f"<title>{escape(advisory.title)}</title><severity>{advisory.severity}</severity>"
        f'<issued date="2026-01-01 00:00:00"/><updated date="2026-01-01 00:00:00"/>'
        f"<description>{escape(advisory.title)}</description>{reboot}"
        f'<pkglist><collection short="lab"><name>lab</name>{"".join(lines)}</collection></pkglist></update>\n'
    )
