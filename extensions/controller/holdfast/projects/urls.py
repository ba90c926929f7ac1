# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that projects are fetched from: which there may be, and AWX's words for those that may not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

SCHEMES = {"git": ("ssh", "git", "git+ssh", "http", "https", "file"), "archive": ("http", "https")}
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")
_BRANCH = re.compile(r"^-|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{")
_REFSPEC = re.compile(r"^-|[\x00-\x1f\x7f]|::")


@dataclass(frozen=True)
class Source:
    """An address without the user name and password that it may hold. ``plain`` is what a program is given."""

    plain: str
    scheme: str
    host: str
    username: str = ""
    password: str = ""

    @property
    def is_ssh(self) -> bool:
        """True when it is reached with a key."""
        return self.scheme.endswith("ssh")


def source(scm_type: str, url: str, file_roots: Sequence[Path] = ()) -> Source:
    """The parts of an address. Raises ValueError in AWX's words for one that cannot be.

    ``file_roots`` are the folders below which repositories may lie on this machine.
    """
    url = url.strip()
    if not url:
        raise ValueError("SCM URL is required.")
    if _UNSAFE.search(url) or url.startswith("-"):
        raise ValueError(f"Invalid {scm_type} URL")
    parts = _parts(scm_type, url)
    if parts.scheme not in SCHEMES[scm_type]:
        raise ValueError(f"Unsupported {scm_type} URL")
    if parts.scheme == "file":
        return _file(parts, file_roots)
    host = parts.hostname or ""
    if not host:
        raise ValueError(f"Host is required for {parts.scheme} URL")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if host.startswith("-") or username.startswith("-"):
        raise ValueError(f"Invalid {scm_type} URL")
    return _plain(url, parts, username, password)


def _parts(scm_type: str, url: str) -> SplitResult:
    if "://" in url:
        parts = _split(scm_type, url)
        if parts.scheme == "git+ssh":
            raise ValueError(f"Unsupported {scm_type} URL")
        return parts
    if scm_type != "git":
        raise ValueError(f"Invalid {scm_type} URL")
    if ":" in url:
        return _split(scm_type, f"git+ssh://{_of_scp(url)}")
    return _split(scm_type, f"file://{url}" if url.startswith("/") else f"file:///{url}")


def _split(scm_type: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _unused = parts.port, parts.hostname
    except ValueError:
        raise ValueError(f"Invalid {scm_type} URL") from None
    return parts


def _of_scp(url: str) -> str:
    """``user@host:path`` as the rest of a URL."""
    user, _unused, place = url.rpartition("@")
    if place.startswith("[") and "]:" in place:
        host, path = place.split("]:", 1)
        host += "]"
    elif place.count(":") > 1:
        raise ValueError("Invalid git URL")
    else:
        host, path = place.split(":", 1)
    return f"{user}@{host}/{path}" if user else f"{host}/{path}"


def _file(parts: SplitResult, roots: Sequence[Path]) -> Source:
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f'Unsupported host "{parts.netloc}" for file:// URL')
    path = Path(unquote(parts.path)).resolve()
    if not any(path == root.resolve() or path.is_relative_to(root.resolve()) for root in roots):
        raise ValueError(
            "Unsupported git URL: repositories on this machine must lie below a folder that "
            "HOLDFAST_PROJECT_FILE_ROOTS names"
        )
    return Source(f"file://{path}", "file", "")


def _plain(url: str, parts: SplitResult, username: str, password: str) -> Source:
    """Without a password; the user name stays where ssh needs it."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if parts.scheme == "git+ssh":
        text = url if not password else f"{username}@{url.rpartition('@')[2]}"
        return Source(text, "git+ssh", host, username)
    place = f"{host}:{parts.port}" if parts.port is not None else host
    if parts.scheme == "ssh":
        place = f"{username}@{place}" if username else place
        return Source(parts._replace(netloc=place).geturl(), "ssh", host, username)
    return Source(parts._replace(netloc=place).geturl(), parts.scheme, place, username, password)


def password_in(url: str) -> str:
    """The password that an address holds, as it stands there; "" for none."""
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def is_branch(text: str) -> bool:
    """True for what can be a branch, tag or commit: nothing that git would read as an option or as two."""
    return not _BRANCH.search(text)


def is_refspec(text: str) -> bool:
    """True for what can be refspecs, one or more with blanks between."""
    return not _REFSPEC.search(text) and not any(part.startswith("-") for part in text.split())
