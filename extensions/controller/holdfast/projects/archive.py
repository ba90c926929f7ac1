# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project from an archive: downloaded within limits, unpacked without leaving its folder."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import os
import shutil
import stat
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

from holdfast.projects.access import Credential
from holdfast.projects.errors import ProjectError
from holdfast.projects.urls import Source

MOST_BYTES = 512 * 1024 * 1024
"""Of an archive."""
MOST_UNPACKED = 2 * 1024 * 1024 * 1024
MOST_FILES = 100_000
MOST_REDIRECTS = 10
_CHUNK = 256 * 1024
_LONGEST_LINK = 4096
_PATIENCE = 60.0
_AGENT = "holdfast"


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are followed by us: credentials do not go along to another host."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        """No request."""
        return


def download(source: Source, credential: Credential, path: Path, check: Callable[[], None]) -> str:
    """Download an archive into a file; returns its checksum. ``check`` raises when it is to stop."""
    url, first = source.plain, urlsplit(source.plain)
    opener = urllib.request.build_opener(_Stay)
    for _unused in range(MOST_REDIRECTS):
        check()
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ProjectError(f"the archive is redirected to {parts.scheme}://..., which is no web address")
        headers = {"User-Agent": _AGENT, "Accept": "*/*"}
        if (parts.scheme, parts.netloc) == (first.scheme, first.netloc):
            headers.update(_authorization(source, credential))
        try:
            with opener.open(urllib.request.Request(url, headers=headers), timeout=_PATIENCE) as answer:
                return _save(answer, path, check)
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in (301, 302, 303, 307, 308) or not error.headers.get("Location"):
                    raise ProjectError(f"{_shown(url)} answered {error.code} {error.reason}") from None
                url = urljoin(url, error.headers["Location"])
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ProjectError(f"{_shown(url)} cannot be reached: {reason}") from None
    raise ProjectError(f"{_shown(source.plain)} redirects more than {MOST_REDIRECTS} times")


def _shown(url: str) -> str:
    return url.partition("?")[0]


def _authorization(source: Source, credential: Credential) -> dict[str, str]:
    username, password = source.username or credential.username, source.password or credential.password
    if not (username or password):
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def _save(answer: Any, path: Path, check: Callable[[], None]) -> str:
    digest, size = hashlib.sha1(usedforsecurity=False), 0  # what AWX calls the revision of an archive
    with path.open("wb") as file:
        while chunk := answer.read1(_CHUNK):  # what there is: a slow server must not keep us from looking
            check()
            size += len(chunk)
            if size > MOST_BYTES:
                raise ProjectError(f"the archive is larger than {MOST_BYTES // 1024 // 1024} MiB")
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def unpack(path: Path, folder: Path, check: Callable[[], None]) -> None:
    """Unpack an archive into a new folder; one folder that holds all the rest is left out.

    Raises ProjectError for what is no archive, and for one with anything that does not belong into a project.
    """
    inside = folder / "unpacked"
    inside.mkdir(mode=0o755)
    unpacked = _Unpacked(inside, check)
    try:
        if zipfile.is_zipfile(path):
            unpacked.zip(path)
        elif tarfile.is_tarfile(path):
            unpacked.tar(path)
        else:
            raise ProjectError("the archive is neither a tar nor a zip file")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise ProjectError(f"the archive cannot be unpacked: {error}") from None
    held = list(inside.iterdir())
    if len(held) == 1 and held[0].is_dir() and not held[0].is_symlink():
        held[0].rename(folder / "project")
        inside.rmdir()
    else:
        inside.rename(folder / "project")


class _Unpacked:
    """What has been unpacked so far, and the rules for all of it."""

    def __init__(self, folder: Path, check: Callable[[], None]) -> None:
        self._folder = folder
        self._check = check
        self._files = 0
        self._bytes = 0

    def tar(self, path: Path) -> None:
        """Unpack a tar file, compressed or not."""
        links: list[tuple[Path, str]] = []
        with tarfile.open(path, "r:*") as file:
            for member in file:
                place = self._place(member.name)
                if member.isdir():
                    place.mkdir(mode=0o755, parents=True, exist_ok=True)
                elif member.isfile():
                    content = file.extractfile(member)
                    if content is not None:
                        self._write(place, content, member.mode)
                elif member.issym():
                    links.append((place, member.linkname))
                elif not member.name.startswith("pax_global_header"):
                    raise ProjectError(f"the archive holds {member.name!r}, which is no file, folder or symbolic link")
        self._links(links)

    def zip(self, path: Path) -> None:
        """Unpack a zip file."""
        links: list[tuple[Path, str]] = []
        with zipfile.ZipFile(path) as file:
            for member in file.infolist():
                mode = member.external_attr >> 16
                place = self._place(member.filename)
                if member.is_dir():
                    place.mkdir(mode=0o755, parents=True, exist_ok=True)
                elif stat.S_ISLNK(mode):
                    with file.open(member) as content:
                        links.append((place, content.read(_LONGEST_LINK).decode("utf-8", "surrogateescape")))
                elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                    raise ProjectError(f"the archive holds {member.filename!r}, which is no file, folder or link")
                else:
                    with file.open(member) as content:
                        self._write(place, content, mode)
        self._links(links)

    def _place(self, name: str) -> Path:
        """Where a member belongs. Raises ProjectError for one that would leave the folder, and for too many."""
        self._check()
        self._files += 1
        if self._files > MOST_FILES:
            raise ProjectError(f"the archive holds more than {MOST_FILES} files")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
            raise ProjectError(f"the archive holds {name!r}, which leads out of the project")
        return self._folder.joinpath(*path.parts)

    def _write(self, place: Path, content: IO[bytes], mode: int) -> None:
        """Write a file. Links come last, so nothing is written through one."""
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(place, flags, 0o755 if mode & 0o100 else 0o644), "wb") as file:
            for chunk in _chunks(content):
                self._check()
                self._bytes += len(chunk)
                if self._bytes > MOST_UNPACKED:
                    raise ProjectError(f"the archive holds more than {MOST_UNPACKED // 1024 // 1024} MiB")
                file.write(chunk)

    def _links(self, links: list[tuple[Path, str]]) -> None:
        """Make the links, those that stay in the project. Raises ProjectError for another one."""
        root = self._folder.resolve()
        for place, target in links:
            parent = place.parent.resolve()
            leads_to = Path(os.path.normpath(parent / target))
            if not (parent.is_relative_to(root) and leads_to.is_relative_to(root)) or os.path.isabs(target):
                raise _leaves(place, target)
            parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                (parent / place.name).symlink_to(target)
        for place, target in links:  # once all are there, for each may lead through others
            if not place.resolve().is_relative_to(root):
                raise _leaves(place, target)


def _leaves(link: Path, target: str) -> ProjectError:
    return ProjectError(f"the archive holds the link {link.name!r} to {target!r}, out of the project")


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(_CHUNK):
        yield chunk


def replace(tree: Path, new: Path, trash: Path) -> None:
    """Put a new folder in the place of a project's; the old one is deleted."""
    if tree.exists():
        tree.rename(trash)
    new.rename(tree)
    shutil.rmtree(trash, ignore_errors=True)
