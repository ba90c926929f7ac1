# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of hosts: read to the byte, and put back with all that is known of them by the real shell."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unreadable
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import on_target

from tests.unit.plugins.module_utils.core.lkg.providers.linux_host import LinuxHost

ODD = 'it\'s, a "name" with $HOME'


@pytest.fixture
def host(tmp_path: Path) -> LinuxHost:
    made = LinuxHost(tmp_path)
    etc = tmp_path / "etc"
    (etc / "conf.d").mkdir(parents=True)
    (etc / "plain").write_bytes(b"one\n\ntwo\n\n")
    (etc / ODD).write_bytes(b"\xff\xfe\r\n no end")
    (etc / "conf.d" / "empty.cfg").write_bytes(b"")
    (etc / "conf.d" / "link.cfg").symlink_to("../linked")
    (etc / "linked").write_bytes(b"linked\n")
    (etc / "conf.d" / "other.txt").write_bytes(b"not looked for\n")
    (etc / "plain").chmod(0o640)
    return made


def patterns(host: LinuxHost) -> list[str]:
    etc = host.folder / "etc"
    return [f"{etc}/plain", f"{etc}/{ODD}", f"{etc}/conf.d/*.cfg", f"{etc}/none"]


def read(host: LinuxHost) -> dict[str, object]:
    return on_target.read_files(host, patterns(host), "files")


def restored(host: LinuxHost, wanted: dict[str, object]) -> list[str]:
    restoring, beside = on_target.files_of(wanted)
    status, said = host.run_bundle(Bundle(f'{on_target.SHELL}\n{restoring}\nrestore_files\nexit "$failed"\n', beside))
    assert status == 0
    return said


def test_what_is_read_is_every_byte_and_who_owns_it(host: LinuxHost) -> None:
    found = read(host)
    etc = f"{host.folder}/etc"
    assert found[f"{etc}/plain"] == "one\n\ntwo\n\n"
    assert str(found[f"{etc}/{ODD}"]).encode("utf-8", "surrogateescape") == b"\xff\xfe\r\n no end"
    assert found[f"{etc}/conf.d/link.cfg"] == "linked\n" and found[f"{etc}/conf.d/empty.cfg"] == ""
    assert len(found) == 5
    files = found["attributes"]["files"]  # type: ignore[index]
    assert files[f"{etc}/plain"]["mode"] == "640"
    assert files[f"{etc}/conf.d/link.cfg"]["link"] == "../linked"
    assert read(host) == found


DAMAGES = {
    "changed": 'echo more >> "$STATE/etc/plain"',
    "gone": 'rm "$STATE/etc/plain" "$STATE/etc/it\'s"*',
    "too many": 'echo x > "$STATE/etc/conf.d/more.cfg"; echo y > "$STATE/etc/none"',
    "a mode": 'chmod 0644 "$STATE/etc/plain"',
    "no link any more": 'rm "$STATE/etc/conf.d/link.cfg"; echo own > "$STATE/etc/conf.d/link.cfg"',
    "a link elsewhere": 'ln -sfn /nowhere "$STATE/etc/conf.d/link.cfg"',
    "a link instead": 'ln -sfn linked "$STATE/etc/plain"',
    "a folder that is gone": 'rm -rf "$STATE/etc/conf.d"',
    "a write that was interrupted": 'echo half > "$STATE/etc/.holdfast-new"; echo > "$STATE/etc/plain"',
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_whatever_happened_to_them_files_come_back_and_only_those_that_were_looked_for(
    host: LinuxHost, damage: str
) -> None:
    wanted = read(host)
    host.tool("damage", damage)
    host.run("ansible.builtin.command", {"argv": ["damage"]})
    kept = (host.folder / "etc" / "conf.d" / "other.txt").exists()
    assert restored(host, wanted)
    assert read(host) == wanted
    assert restored(host, wanted) == [], "nothing is done twice"
    assert (host.folder / "etc" / "conf.d" / "other.txt").exists() == kept
    assert not list(host.folder.rglob("*holdfast-new"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_not_taken_for_empty(host: LinuxHost) -> None:
    (host.folder / "etc" / "plain").chmod(0)
    with pytest.raises(Unreadable, match="plain cannot be read"):
        read(host)


def test_a_file_that_cannot_be_read_to_its_end_is_not_taken_for_what_came(host: LinuxHost) -> None:
    real = shutil.which("base64")
    host.tool("base64", f'[ ! -f /dev/stdin ] || {{ echo "an error of the disk" >&2; echo aGFsZg==; exit 1; }}; {real}')
    with pytest.raises(Unreadable, match="an error of the disk"):
        read(host)


def test_a_host_that_says_something_else_is_not_believed(host: LinuxHost) -> None:
    host.tool("base64", "echo '!!!'")
    with pytest.raises(Unreadable, match="what is no file"):
        read(host)


def test_a_file_that_cannot_be_given_to_its_owner_is_written_and_that_is_said(host: LinuxHost) -> None:
    wanted = read(host)
    plain = host.folder / "etc" / "plain"
    plain.write_bytes(b"other\n")
    host.tool("chown", "exit 1")
    restoring, beside = on_target.files_of(wanted)
    script = f'{on_target.SHELL}\n{restoring}\nrestore_files\nexit "$failed"\n'
    status, said = host.run_bundle(Bundle(script, beside))
    assert (status, len(said)) == (1, 1)
    assert re.fullmatch(f"FAILED: {plain} was written, and cannot be given to .+:.+ with the mode 640", said[0])
    assert plain.read_bytes() == b"one\n\ntwo\n\n" and plain.stat().st_mode & 0o777 == 0o600


def test_a_snapshot_without_a_section_says_why_it_cannot_be_restored() -> None:
    torn = Snapshot("r1", "frr", 1.0, {}, {"config": "no daemon answers"})
    with pytest.raises(HoldfastError, match=r"snapshot of r1 .* section 'config' was not read: no daemon answers"):
        on_target.section(torn, "config")
    with pytest.raises(HoldfastError, match="was not read: it was not asked for"):
        on_target.section(torn, "startup")
    with pytest.raises(HoldfastError, match="does not say of its files"):
        on_target.files_of({"/etc/x": "text"})
