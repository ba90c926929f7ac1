# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NETCONF restores where a double shows what a server is left with; the lab has a real server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import CHANGED, Change, Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered, take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.netconf import Netconf
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part, whole

SPACE = "urn:ietf:params:xml:ns:netconf:base:1.0"
OLD, NEW = '<system xmlns="urn:s"><name>a</name></system>', '<system xmlns="urn:s"><name>b</name></system>'
TOKEN = "holdfast-1"
DIFFERENCE = Difference((Change(Place("config", "running"), CHANGED),))


class Server:
    """A server with running and candidate. ``commits`` counts, and stands in an attribute, as Junos has it."""

    def __init__(self) -> None:
        self.running = self.candidate = OLD
        self.pending: tuple[str, str] | None = None
        self.commits, self.locked, self.dirty_words = 0, False, ""

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        assert (module, arguments["xmlns"]) == ("ansible.netcommon.netconf_rpc", SPACE)
        content = arguments.get("content", "")
        answer = getattr(self, arguments["rpc"].replace("-", "_"))(content)
        assert secret is (arguments["rpc"] in ("get-config", "edit-config"))
        return {"stdout": answer or f'<rpc-reply xmlns="{SPACE}"><ok/></rpc-reply>'}

    def get_config(self, content: str) -> str:
        found = {"<source><running/></source>": self.running, "<source><candidate/></source>": self.candidate}[content]
        seen = found.replace("<system ", f'<system xmlns:j="urn:j" j:commit-seconds="{self.commits}" ')
        return f'<rpc-reply xmlns="{SPACE}"><data>{seen}</data></rpc-reply>'

    def edit_config(self, content: str) -> None:
        assert self.locked
        if self.dirty_words:
            raise HoldfastError(self.dirty_words)
        config = re.search("<config>(.*)</config>", content, re.DOTALL)
        assert config is not None and "<default-operation>replace</default-operation>" in content
        self.candidate = config.group(1)

    def discard_changes(self, content: str) -> None:
        assert content == ""
        self.candidate = self.running

    def lock(self, _content: str) -> None:
        assert not self.locked
        self.locked = True

    def unlock(self, _content: str) -> None:
        self.locked = False

    def commit(self, content: str) -> None:
        token = re.search(r"<persist>(.*)</persist>", content)
        if token is not None:
            self.pending = (token.group(1), self.running)
        else:
            assert content == ""
            self.pending = None
        self.running, self.commits = self.candidate, self.commits + 1

    def cancel_commit(self, content: str) -> None:
        if self.pending is None:
            raise HoldfastError("b'no confirmed commit is pending'")
        if f"<persist-id>{self.pending[0]}</persist-id>" != content:
            raise HoldfastError("b'invalid-value'")
        self.running, self.pending = self.pending[1], None

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        raise AssertionError


def snapshot(server: Server, platform: str = "netconf") -> Snapshot:
    return take(Netconf(), server, host="n1", platform=platform, now=0.0)


def test_what_was_prepared_and_never_committed_does_not_stay_in_the_candidate() -> None:
    server = Server()
    before = snapshot(server)
    assert list(Netconf().restore(server, before, Difference())) == []
    server.candidate = NEW
    assert list(Netconf().restore(server, before, Difference())) == ["discard-changes"]
    assert (server.running, server.candidate, server.commits) == (OLD, OLD, 0)


def test_nor_does_it_when_its_commit_is_cancelled() -> None:
    server, provider = Server(), Netconf()
    before = snapshot(server)
    server.candidate = NEW
    provider.timer.arm(server, TOKEN, 60, before)
    assert [each.token for each in provider.timer.armed(server)] == [TOKEN] and server.running == NEW
    assert list(provider.restore(server, before, DIFFERENCE)) == ["cancel-commit", "discard-changes"]
    assert (server.running, server.candidate) == (OLD, OLD)


@pytest.mark.parametrize("platform", ["netconf", "juniper_junos"])
def test_when_a_server_writes_the_time_of_a_commit_into_its_answers_that_is_no_state(platform: str) -> None:
    server = Server()
    rules = platform_named(platform)
    stored = part(snapshot(server, platform), rules, b"k" * 32)
    server.candidate = NEW
    server.commit("")
    done = Netconf().restore(server, whole(stored.view, stored.secrets), DIFFERENCE)
    assert list(done) == ["edit-config (replace) and commit"]
    assert part(snapshot(server, platform), rules, b"k" * 32).view.digest == stored.view.digest
    assert server.commits == 2 and not server.locked


def test_what_is_refused_is_said_and_leaves_neither_candidate_nor_lock() -> None:
    server = Server()
    before = snapshot(server)
    server.candidate = NEW
    server.commit("")
    server.dirty_words = "no such element"
    with pytest.raises(HoldfastError, match="<edit-config> was refused: no such element"):
        Netconf().restore(server, before, DIFFERENCE)
    assert (server.running, server.candidate, server.locked) == (NEW, NEW, False)


def test_a_server_that_falls_silent_is_silent_and_not_refusing() -> None:
    server = Server()
    before = snapshot(server)
    server.candidate = NEW
    server.commit("")

    def silent(_content: str) -> None:
        raise Unanswered("no answer")

    server.edit_config = silent  # type: ignore[method-assign]
    with pytest.raises(Unanswered):
        Netconf().restore(server, before, DIFFERENCE)
