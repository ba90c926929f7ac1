# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy_service on a real host with a real process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from .conftest import Host


def test_deploys_keeps_the_version_before_and_is_idempotent(host: Host) -> None:
    host.deploy("1")
    assert (host.serving, host.link(), host.link("previous")) == ("1", "1", "")
    host.deploy("2")
    assert (host.serving, host.link(), host.link("previous")) == ("2", "2", "1")
    pid = host.pid
    assert host.deploy("2").changed == 0
    assert host.deploy("2", run="another").changed == 0
    assert (host.pid, host.link("previous")) == (pid, "1")


@pytest.mark.slow
def test_check_mode_says_what_would_change_and_changes_nothing(host: Host) -> None:
    assert host.play("deploy", "1", check=True).changed > 0
    assert not host.root.exists()
    host.deploy("1")
    tree, pid = host.tree(), host.pid
    played = host.play("deploy", "2", check=True)
    assert played.status == 0 and played.changed > 0
    assert "Would stop app" in played.output
    assert (host.tree(), host.pid) == (tree, pid)
    assert host.play("deploy", "1", check=True).changed == 0


@pytest.mark.slow
def test_what_is_started_does_not_carry_the_marks_of_the_run(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_RUN", "r1")
    host.deploy("1")
    environment = Path(f"/proc/{host.pid}/environ").read_bytes().split(b"\0")
    assert b"HOLDFAST_RUN=r1" not in environment


def test_rollback_restores_the_version_before_once(host: Host) -> None:
    host.deploy("1", run="r1")
    host.deploy("2", run="r2")
    assert host.play("rollback", "2", run="r2", check=True).changed > 0
    assert host.serving == "2"
    assert host.play("rollback", "2", run="r2").status == 0
    assert (host.serving, host.link(), host.link("previous")) == ("1", "1", "")
    assert host.play("rollback", "2", run="r2").changed == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"deploy_service_start": "/bin/false"}, id="it does not start"),
        pytest.param({"deploy_service_stop": "/bin/false"}, id="the old one does not stop"),
    ],
)
def test_rollback_after_a_half_done_deploy(host: Host, broken: dict[str, str]) -> None:
    host.deploy("1", run="r1")
    assert host.play("deploy", "2", run="r2", **broken).status != 0
    played = host.play("rollback", "2", run="r2")
    assert played.status == 0, played.output
    assert (host.serving, host.link()) == ("1", "1")


@pytest.mark.slow
def test_a_version_that_cannot_be_fetched_touches_nothing(host: Host) -> None:
    host.deploy("1", run="r1")
    tree, pid = host.tree(), host.pid
    assert host.play("deploy", "9", run="r2").status != 0
    assert host.play("rollback", "9", run="r2").changed == 0
    assert (host.tree(), host.pid) == (tree, pid)


@pytest.mark.slow
def test_the_rollback_of_a_first_install_leaves_nothing_running(host: Host) -> None:
    host.deploy("1", run="r1")
    assert host.play("rollback", "1", run="r1").status == 0
    assert (host.pid, host.link()) == (0, "")


@pytest.mark.slow
def test_rollback_undoes_no_change_but_its_own(host: Host) -> None:
    host.deploy("1", run="r1")
    host.deploy("2", run="r2")
    host.deploy("2", run="r3")
    assert host.play("rollback", "2", run="r3").changed == 0
    assert host.serving == "2"
    assert host.play("rollback", "3").changed == 0
    assert host.serving == "2"


@pytest.mark.slow
def test_a_retry_and_another_run_after_a_broken_one_still_know_the_good_version(host: Host) -> None:
    host.deploy("1", run="r1")
    assert host.play("deploy", "2", run="r2", deploy_service_start="/bin/false").status != 0
    assert host.link() == "2"
    assert host.play("deploy", "2", run="r2", deploy_service_start="/bin/false").status != 0
    host.deploy("2", run="r3")
    assert host.serving == "2"
    assert host.play("rollback", "2", run="r3").status == 0
    assert (host.serving, host.link()) == ("1", "1")


@pytest.mark.slow
def test_a_resumed_run_undoes_what_its_origin_did(host: Host) -> None:
    host.deploy("1", run="r1")
    host.deploy("2", run="r2")
    played = host.play("rollback", "2", holdfast={"request": {"run": "r3", "origin": "r2"}})
    assert played.status == 0
    assert host.serving == "1"


@pytest.mark.slow
def test_old_releases_go_and_those_a_rollback_needs_stay(host: Host) -> None:
    for version in ("1", "2", "3"):
        host.deploy(version, deploy_service_keep=1)
    assert sorted(path.name for path in (host.root / "releases").iterdir()) == ["2", "3"]


def archive_of(host: Host, version: str) -> tuple[Path, str]:
    """The release as an archive on the controlling side, and its checksum."""
    source = host.folder / "source"
    subprocess.run(["git", "-C", str(source), "checkout", "--quiet", f"v{version}"], check=True)
    path = host.folder / f"app-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("app.py", "release.json"):
            archive.add(source / name, f"app-{version}/{name}")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_deploys_from_an_archive_with_the_right_checksum_only(host: Host) -> None:
    path, checksum = archive_of(host, "2")
    settings = {
        "deploy_service_source": "archive",
        "deploy_service_archive": str(path).replace("app-2", "app-{version}"),
        "deploy_service_archive_strip": 1,
    }
    wrong = host.play("deploy", "2", deploy_service_archive_checksum="sha256:" + "0" * 64, **settings)
    assert wrong.status != 0
    assert checksum in wrong.words and "nothing was changed" in wrong.words
    assert (host.link(), os.listdir(host.root / "releases")) == ("", [])
    right = {"deploy_service_archive_checksum": f"sha256:{checksum}", **settings}
    assert host.play("deploy", "2", check=True, **right).changed > 0
    host.deploy("2", **right)
    assert host.serving == "2"
    assert host.deploy("2", **right).changed == 0


@pytest.mark.parametrize("version", ["../2", ""])
def test_a_version_that_is_no_plain_name_is_refused(host: Host, version: str) -> None:
    played = host.play("deploy", version)
    assert played.status != 0
    assert "must be a plain name" in played.words
    assert not host.root.exists()
