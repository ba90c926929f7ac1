# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operating systems that hosts and routers run on: built once, kept in the cache under what goes into it.

Layers, so that a change of the lab's packages does not cost a debootstrap: ``debian-<key>`` is a plain Debian with
systemd, ssh, dnf and rpm; ``rhel-<key>`` lies above it and makes it a RHEL 9 with the application in version 1. It also
holds the repository. ``router-<key>`` lies above it as well and has FRR, ``appliance-<key>`` HAProxy and Open vSwitch.
All are built in a folder of another name and moved into place.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.lab import places
from tests.lab.commands import CONTAINED, LabError, remove_tree, run
from tests.lab.router_image import KINDS

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "python3", "python3-dnf", "dnf"),
    *("dnf-plugins-core", "rpm", "createrepo-c", "gnupg", "iproute2", "iputils-ping", "ca-certificates", "procps"),
    *("less", "kmod", "nftables"),
)


class NoMirror(LabError):
    """What hosts run on cannot be fetched from here."""


@dataclass(frozen=True)
class Image:
    """What hosts, routers and appliances are made of."""

    layers: tuple[Path, ...]
    router: tuple[Path, ...]
    appliance: tuple[Path, ...]
    repository: Path

    @property
    def launch(self) -> dict[str, str]:
        """What the supervisor is told: the layers as overlayfs wants them, the uppermost first, and the packages."""
        return {
            "lower": ":".join(str(layer) for layer in self.layers),
            "router": ":".join(str(layer) for layer in self.router),
            "appliance": ":".join(str(layer) for layer in self.appliance),
            "repository": str(self.repository),
        }


def ensure(say: Callable[[str], None]) -> Image:
    """Build what the cache does not have yet, one process at a time, and return it. Raises LabError, and NoMirror."""
    cache = places.cache()
    debian, rhel, router, appliance = (cache / f"{kind}-{key}" for kind, key in keys().items())
    with places.locked(cache / "build.lock"):
        if not debian.exists():
            say("building the Debian underneath (once, a few minutes)")
            trial = _empty(cache / "building-debian")
            include = f"--include={','.join(PACKAGES)}"
            try:
                run(*CONTAINED, "debootstrap", "--variant=minbase", include, SUITE, str(trial), MIRROR)
            except LabError as error:
                raise NoMirror(f"The lab's hosts cannot be built: {error}") from error
            remove_tree(trial / "var/cache/apt", trial / "var/lib/apt/lists")
            trial.rename(debian)
        if not rhel.exists():
            say("building packages, repository and the RHEL above it (once)")
            trial = _empty(cache / "building-rhel")
            run(*CONTAINED, sys.executable, "-m", "tests.lab.image", str(debian), str(trial))
            remove_tree(trial / "work")
            trial.rename(rhel)
        for kind, path in (("router", router), ("appliance", appliance)):
            if not path.exists():
                say(f"building the Debian with {', '.join(KINDS[kind].packages)} (once)")
                trial = _empty(cache / f"building-{kind}")
                run(*CONTAINED, sys.executable, "-m", "tests.lab.router_image", kind, str(debian), str(trial))
                remove_tree(trial / "work")
                trial.rename(path)
    above = {kind: (path / "root", debian) for kind, path in (("router", router), ("appliance", appliance))}
    return Image((rhel / "root", debian), above["router"], above["appliance"], rhel / "repository")


def forget_unfinished() -> None:
    """Remove what a build left that was killed."""
    lock = places.try_lock(places.cache() / "build.lock")
    if lock is not None:
        try:
            remove_tree(*places.cache().glob("building-*"))
        finally:
            os.close(lock)


def clear() -> None:
    """Remove everything from the cache. Raises LabError while a lab is up, whose hosts stand on it."""
    up = places.lab_names()
    if up:
        raise LabError(f"the cache is in use by the lab {up[0]!r}; take it down first")
    with places.locked(places.cache() / "build.lock"):
        remove_tree(places.cache())


def keys() -> dict[str, str]:
    """Under which names the layers are kept: digests of all that goes into them."""
    debian = _digest([SUITE, *PACKAGES])
    own = [places.FILES.parent / name for name in ("image.py", "repository.py")]
    contents = [path.read_text(encoding="utf-8") for path in [*own, *sorted(places.FILES.iterdir())]]
    router = (places.FILES.parent / "router_image.py").read_text(encoding="utf-8")
    above = {kind: _digest([debian, kind, router]) for kind in KINDS}
    return {"debian": debian, "rhel": _digest([debian, *contents]), **above}


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _empty(folder: Path) -> Path:
    """A new folder; what an interrupted build left there goes."""
    remove_tree(folder)
    folder.mkdir(parents=True)
    return folder
