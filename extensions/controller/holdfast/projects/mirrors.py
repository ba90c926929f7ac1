# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirrors: where whoever runs the controller lets git look instead (``git config url.MIRROR.insteadOf ADDRESS``).

A site without the internet keeps copies of public repositories. Of its git configuration the updates of projects follow
these rules and nothing else: credentials and programs that it names are not for everyone who may update a project.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit


def settings(environ: Mapping[str, str] | None = None) -> list[str]:
    """The rules as settings of git: of the machine, of the user that the controller runs as, of its environment."""
    done = subprocess.run(
        ["git", "config", "--null", "--get-regexp", r"^url\..*\.insteadof$"],
        cwd="/",
        env=dict(os.environ if environ is None else environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    entries = [entry.partition("\n") for entry in done.stdout.split("\0") if entry]
    usable = ((key, value) for key, _unused, value in entries if value and "=" not in key)
    return [f"{key}={value}" for key, value in usable if not _has_password(_mirror(key))]


def are_local(found: Sequence[str]) -> bool:
    """Whether a mirror is a folder of this machine."""
    mirrors = [_mirror(one.partition("=")[0]) for one in found]
    return any(mirror.startswith(("/", "file://")) for mirror in mirrors)


def _mirror(key: str) -> str:
    return key.removeprefix("url.").rpartition(".")[0]


def _has_password(address: str) -> bool:
    try:
        return urlsplit(address).password is not None
    except ValueError:
        return True
