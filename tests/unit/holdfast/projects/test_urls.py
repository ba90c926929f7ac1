# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of projects: which there may be, what a program is given of them, and what is said to the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from holdfast.projects import urls

ROOTS = (Path("/srv/git"),)


@pytest.mark.parametrize(
    ("url", "plain", "host", "username", "password"),
    [
        ("https://example.com/a.git", "https://example.com/a.git", "example.com", "", ""),
        ("https://u:p%40ss@example.com:8443/a.git", "https://example.com:8443/a.git", "example.com:8443", "u", "p@ss"),
        ("http://example.com/a", "http://example.com/a", "example.com", "", ""),
        ("ssh://git@example.com:2222/a.git", "ssh://git@example.com:2222/a.git", "example.com", "git", ""),
        ("git@example.com:team/a.git", "git@example.com:team/a.git", "example.com", "git", ""),
        ("example.com:team/a.git", "example.com:team/a.git", "example.com", "", ""),
        ("git@[fd00::1]:a.git", "git@[fd00::1]:a.git", "[fd00::1]", "git", ""),
        ("git://example.com/a", "git://example.com/a", "example.com", "", ""),
        ("file:///srv/git/a", "file:///srv/git/a", "", "", ""),
        ("/srv/git/team/a", "file:///srv/git/team/a", "", "", ""),
    ],
)
def test_what_git_is_given(url: str, plain: str, host: str, username: str, password: str) -> None:
    found = urls.source("git", url, ROOTS)
    assert (found.plain, found.host, found.username, found.password) == (plain, host, username, password)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "SCM URL is required."),
        ("ext::sh -c 'touch /tmp/x'", "Invalid git URL"),
        ("ext::sh%20-c", "Invalid git URL"),
        ("fd::17", "Invalid git URL"),
        ("-uploadpack=touch", "Invalid git URL"),
        ("ssh://-oProxyCommand=x/a", "Invalid git URL"),
        ("ssh://-l@example.com/a", "Invalid git URL"),
        ("https://example.com/a\nb", "Invalid git URL"),
        ("https://example.com:port/a", "Invalid git URL"),
        ("ftp://example.com/a", "Unsupported git URL"),
        ("javascript://example.com/a", "Unsupported git URL"),
        ("git+ssh://example.com/a", "Unsupported git URL"),
        ("https:///a", "Host is required for https URL"),
        ("file://other/a", 'Unsupported host "other" for file:// URL'),
    ],
)
def test_what_is_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        urls.source("git", url, ROOTS)
    assert str(caught.value) == said


@pytest.mark.parametrize("url", ["file:///etc", "/srv/gitlab/x", "file:///srv/git/../secret", "relative/path", "a"])
def test_folders_of_this_machine_must_be_named(url: str) -> None:
    with pytest.raises(ValueError, match="HOLDFAST_PROJECT_FILE_ROOTS"):
        urls.source("git", url, ROOTS)


def test_a_link_does_not_lead_out_of_a_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to("/etc")
    with pytest.raises(ValueError, match="FILE_ROOTS"):
        urls.source("git", f"file://{tmp_path}/root/link", (tmp_path / "root",))


def test_archives_come_from_the_web() -> None:
    assert urls.source("archive", "https://u:p@example.com/a.tar.gz?x=1").plain == "https://example.com/a.tar.gz?x=1"
    for url in ("ssh://example.com/a", "file:///srv/git/a", "git://example.com/a"):
        with pytest.raises(ValueError, match="Unsupported archive URL"):
            urls.source("archive", url, ROOTS)
    with pytest.raises(ValueError, match="Invalid archive URL"):
        urls.source("archive", "example.com/a.zip")


def test_branches_and_refspecs() -> None:
    for good in ("", "main", "release/1.2", "v1.0", "0123abc", "refs/pull/3/head"):
        assert urls.is_branch(good)
    for bad in ("-x", "--upload-pack=x", "a b", "a..b", "a~1", "a^", "x:y", "a\nb", "@{u}", "a*"):
        assert not urls.is_branch(bad)
    assert urls.is_refspec("refs/pull/*:refs/remotes/origin/pull/* +refs/heads/a:refs/b")
    for bad in ("--upload-pack=x", "refs/a --force", "ext::x"):
        assert not urls.is_refspec(bad)
