# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects from archives: real ones, hostile ones, and web servers that mean no good."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from holdfast.projects import archive, urls
from holdfast.projects.access import Credential
from holdfast.projects.errors import Cancelled, ProjectError

from .sources import PLAYBOOK, authorized, web


def fine() -> None:
    pass


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_file_with_one_folder(tmp_path: Path, mode: str) -> None:
    path = tar(
        tmp_path / "a",
        (member("repo-1.0", tarfile.DIRTYPE), b""),
        (member("repo-1.0/site.yml", mode=0o4777), PLAYBOOK.encode()),
        (member("repo-1.0/sub/x.yml"), b"x"),
        (member("repo-1.0/link.yml", tarfile.SYMTYPE, "sub/x.yml"), b""),
        (member("repo-1.0/sub/up", tarfile.SYMTYPE, "../site.yml"), b""),
        mode=mode,
    )
    new = tmp_path / "new"
    new.mkdir()
    archive.unpack(path, new, fine)
    assert (new / "project/site.yml").read_text() == PLAYBOOK
    assert stat.S_IMODE((new / "project/site.yml").stat().st_mode) == 0o755
    assert (new / "project/link.yml").read_text() == "x"
    assert (new / "project/sub/up").read_text() == PLAYBOOK
    assert os.listdir(new) == ["project"]


def test_a_zip_file_without_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("site.yml", PLAYBOOK)
        file.writestr("roles/", "")
        file.writestr("roles/r/tasks/main.yml", "[]")
    (tmp_path / "new").mkdir()
    archive.unpack(tmp_path / "a", tmp_path / "new", fine)
    assert sorted(os.listdir(tmp_path / "new/project")) == ["roles", "site.yml"]


HOSTILE: dict[str, list[tuple[tarfile.TarInfo, bytes]]] = {
    "leads out": [(member("../evil"), b"x")],
    "leads out of": [(member("a/../../evil"), b"x")],
    "out of the project": [(member("/evil"), b"x")],
    "out of": [(member("a", tarfile.SYMTYPE, "/etc"), b"")],
    "the link 'a'": [(member("a", tarfile.SYMTYPE, "../.."), b""), (member("a/evil"), b"x")],
    "the link 'b'": [
        (member("d", tarfile.DIRTYPE), b""),
        (member("l", tarfile.SYMTYPE, "d"), b""),
        (member("l/b", tarfile.SYMTYPE, "../../evil"), b""),
    ],
    "the link 'x'": [
        (member("d/e/f/file"), b""),
        (member("x", tarfile.SYMTYPE, "d/e/f/up/../../../evil"), b""),
        (member("d/e/f/up", tarfile.SYMTYPE, "../../.."), b""),
    ],
    "the link 'y'": [
        (member("d/e/file"), b""),
        (member("z", tarfile.SYMTYPE, "d/e/up/../.."), b""),
        (member("d/e/up", tarfile.SYMTYPE, "../.."), b""),
        (member("z/made/y", tarfile.SYMTYPE, "file"), b""),
    ],
    "no file, folder or symbolic link": [(member("dev", tarfile.CHRTYPE), b"")],
    "no file, folder": [(member("pipe", tarfile.FIFOTYPE), b"")],
    "'hard', which is no file": [(member("a"), b"x"), (member("hard", tarfile.LNKTYPE, "a"), b"")],
}


@pytest.mark.parametrize("said", HOSTILE)
def test_hostile_tar_files(tmp_path: Path, said: str) -> None:
    path = tar(tmp_path / "a", *HOSTILE[said])
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)
    with pytest.raises(ProjectError, match=said):
        archive.unpack(path, inside, fine)
    assert sorted(os.listdir(tmp_path)) == ["a", "in"] and os.listdir(tmp_path / "in") == ["side"]
    assert not Path("/evil").exists()


def test_a_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    path = tar(
        tmp_path / "a", (member("l", tarfile.SYMTYPE, "keep"), b""), (member("l"), b"new"), (member("keep"), b"k")
    )
    (tmp_path / "new").mkdir()
    archive.unpack(path, tmp_path / "new", fine)
    assert (tmp_path / "new/project/keep").read_text() == "k"


@pytest.mark.parametrize("name", ["../evil", "/evil", "a\\..\\evil", "a/../../evil"])
def test_hostile_zip_files(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as file:
        file.writestr(zipfile.ZipInfo(name), "x")
    (tmp_path / "new").mkdir()
    with pytest.raises(ProjectError, match="leads out of the project"):
        archive.unpack(tmp_path / "a", tmp_path / "new", fine)


def test_a_link_in_a_zip_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    (tmp_path / "new").mkdir()
    with pytest.raises(ProjectError, match="the link 'link'"):
        archive.unpack(tmp_path / "a", tmp_path / "new", fine)


def test_a_link_in_a_zip_file_that_is_too_long(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        file.writestr(info, b"a" * 64_000_000)
    (tmp_path / "new").mkdir()
    tracemalloc.start()
    try:
        with pytest.raises(ProjectError, match="cannot be unpacked"):
            archive.unpack(tmp_path / "a", tmp_path / "new", fine)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", b"\0" * 3_000_000)
        file.writestr("second", b"x")
    monkeypatch.setattr(archive, "MOST_UNPACKED", 1_000_000)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with pytest.raises(ProjectError, match="holds more than 0 MiB"):
        archive.unpack(tmp_path / "a", tmp_path / "one", fine)
    monkeypatch.setattr(archive, "MOST_UNPACKED", 10_000_000)
    monkeypatch.setattr(archive, "MOST_FILES", 1)
    with pytest.raises(ProjectError, match="more than 1 files"):
        archive.unpack(tmp_path / "a", tmp_path / "two", fine)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x1f\x8bnonsense", b"PK\x03\x04nonsense"])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "new").mkdir()
    with pytest.raises(ProjectError, match=r"neither a tar nor a zip|cannot be unpacked"):
        archive.unpack(tmp_path / "a", tmp_path / "new", fine)


def gives(content: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def fetch(url: str, path: Path, credential: Credential | None = None, check: Callable[[], None] = fine) -> str:
    return archive.download(urls.source("archive", url), credential or Credential(), path, check)


def test_a_download_and_its_checksum(tmp_path: Path) -> None:
    with web(gives(b"content")) as address:
        revision = fetch(f"{address}/a.tar.gz", tmp_path / "a")
    assert revision == hashlib.sha1(b"content").hexdigest()
    assert (tmp_path / "a").read_bytes() == b"content"


def test_a_download_that_is_too_large_or_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def over() -> None:
        raise Cancelled("cancelled")

    with web(gives(b"x" * 1000)) as address:
        with pytest.raises(Cancelled):
            fetch(address, tmp_path / "a", check=over)
        monkeypatch.setattr(archive, "MOST_BYTES", 999)
        with pytest.raises(ProjectError, match="larger than"):
            fetch(address, tmp_path / "a")


def test_a_download_that_drips_can_be_cancelled(tmp_path: Path) -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not over.wait(0.05):
            handler.wfile.write(b"x")

    def check() -> None:
        if time.monotonic() - begin > 0.5:
            raise Cancelled("cancelled")

    begin = time.monotonic()
    threading.Timer(5, over.set).start()
    with web(drip) as address, pytest.raises(Cancelled):
        try:
            fetch(address, tmp_path / "a", check=check)
        finally:
            over.set()
    assert time.monotonic() - begin < 4


def test_credentials_stay_with_their_host(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def other(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Authorization"))
        gives(b"there")(handler)

    with web(other) as elsewhere:

        def first(handler: BaseHTTPRequestHandler) -> None:
            if not authorized(handler, "me", "s3cret"):
                return
            if handler.path == "/start":
                handler.send_response(302)
                handler.send_header("Location", "/next")
            else:
                handler.send_response(307)
                handler.send_header("Location", f"{elsewhere}/a?token=x")
            handler.end_headers()

        with web(first) as address:
            fetch(f"{address}/start", tmp_path / "a", Credential("me", "s3cret"))
            assert (tmp_path / "a").read_bytes() == b"there" and seen == [None]
            with pytest.raises(ProjectError, match="answered 401") as caught:
                fetch(f"{address}/start?key=1", tmp_path / "a")
            assert "key=1" not in str(caught.value)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.com/a", "gopher://x/"])
def test_redirects_stay_on_the_web(tmp_path: Path, location: str) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.end_headers()

    with web(answer) as address, pytest.raises(ProjectError, match="no web address"):
        fetch(address, tmp_path / "a")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    def around(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", handler.path)
        handler.end_headers()

    with web(around) as address, pytest.raises(ProjectError, match="redirects more than"):
        fetch(f"{address}/a", tmp_path / "a")
    with pytest.raises(ProjectError, match="cannot be reached"):
        fetch(f"{address}/a", tmp_path / "a")
