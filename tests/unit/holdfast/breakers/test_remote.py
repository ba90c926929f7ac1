# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breakers of a controller from afar: the same as in its store, and an error whenever they cannot be asked."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import ipaddress
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, words
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Answer, Call
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.words import Word
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import (
    breakers,
    breakers_remote,
    breakers_store,
    controller_api,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.controller_api import Server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from holdfast.auth import tokens
from holdfast.cli.app import app as command
from holdfast.context import Controller
from holdfast.db import models as m
from typer.testing import CliRunner

from ..auth.world import World
from .conftest import AHEAD

JIRA = "service:jira"
TRIALS = Policy(permitted_number_of_calls_in_half_open_state=3, minimum_number_of_calls=1)
Remote = Callable[[str], breakers_remote.Breakers]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller_api, "PAUSE", 0.05)


# --- the same as in the store -----------------------------------------------------------------------------------------


def test_two_see_the_same_state(remote: Remote, store: breakers_store.Breakers) -> None:
    ann, bob = remote("ann"), remote("bob")
    assert ann.get(JIRA) is None and bob.list() == [] and bob.look(JIRA) == Answer(True, model.CLOSED)
    for _number in range(2):
        ann.report(JIRA, [Call(True, 1.0, "HTTP 503")])
    assert bob.ask(JIRA, "run 1").allowed
    opened = ann.report(JIRA, Call(True, 1.0, "HTTP 503"))
    assert opened == bob.need(JIRA) == store.need(JIRA) and opened.state == model.OPEN
    refused = bob.ask(JIRA, "run 1")
    assert not refused.allowed and refused.retry_at == opened.retry_at and "3 of 3 calls failed" in refused.message
    assert ann.need(JIRA).totals == (3, 3, 0, 1)
    assert [one.target for one in ann.list()] == [JIRA]


def test_every_word_does_what_it_does_in_the_store(remote: Remote, store: breakers_store.Breakers, clock: Any) -> None:
    boss = remote("boss")
    assert boss.trip(JIRA, "down", "alice", 30).state == model.OPEN
    clock.ahead += 31
    answer = boss.ask(JIRA, "run 1", TRIALS)
    assert (answer.allowed, answer.trial) == (True, 1) and boss.need(JIRA).policy == TRIALS
    boss.release(JIRA, answer.trial)
    assert store.need(JIRA).trials == ()
    assert boss.disable(JIRA, "quiet", "alice").state == model.DISABLED
    assert boss.close(JIRA, "", "alice").by == "alice (boss)"
    assert boss.trip(JIRA, "down", "alice").state == model.FORCED_OPEN
    assert boss.reset(JIRA, "", "").history[-1].by == "boss"
    boss.release(JIRA, 0)
    with pytest.raises(HoldfastError, match="no target of a breaker"):
        boss.ask("jira")
    with pytest.raises(HoldfastError, match=r"no breaker 'service:jiro' in the controller http.*service:jira"):
        boss.need("service:jiro")


def test_there_may_be_many_and_names_may_be_odd(remote: Remote, store: breakers_store.Breakers) -> None:
    odd = ["service:a/b c?d#e%2F", "service:über", "host:../..", "host:{target}"]
    for target in [*odd, *(f"host:h{number:03}" for number in range(250))]:
        store.report(target, Call(False))
    found = remote("lone").list()
    assert [one.target for one in found] == sorted([*odd, *(f"host:h{number:03}" for number in range(250))])
    for target in odd:
        assert remote("ann").report(target, Call(False)).totals.calls == 2
        assert remote("ann").need(target).target == target


def test_twenty_that_ask_at_once_get_no_more_trials_than_are_permitted(
    remote: Remote, store: breakers_store.Breakers, clock: Any
) -> None:
    store.report(JIRA, Call(True, said="down"), TRIALS)
    clock.ahead += 61
    start, shared, told = threading.Barrier(20), remote("ann"), []

    def asks(number: int) -> None:
        keeper = shared if number % 2 else remote("ann")
        start.wait(30)
        told.extend(keeper.ask(JIRA, f"thread {number}").trial for _again in range(2))

    threads = [threading.Thread(target=asks, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(trial for trial in told if trial) == [1, 2, 3] and len(told) == 40
    assert store.need(JIRA).totals.refused == 37


def test_the_clock_of_the_controller_decides(remote: Remote, clock: Any) -> None:
    ann = remote("ann")
    slow = Policy(slow_call_duration_threshold=100.0, minimum_number_of_calls=1)
    asked = ann.say(JIRA, Word(words.ASK, "run 1"), slow)
    assert abs(ann.now() - clock()) < 5 and ann.now() > time.time() + AHEAD / 2
    clock.ahead += 101
    after = ann.say(JIRA, Word(words.REPORT, calls=(Call(False),), asked=asked.at)).breaker
    assert after.state == model.OPEN and "1 of 1 calls took longer than 100 s" in after.why
    assert ann.need(JIRA).state == model.OPEN and abs(ann.now() - clock()) < 5


def test_who_waits_does_not_look_at_every_turn(remote: Remote, store: breakers_store.Breakers) -> None:
    store.trip(JIRA, "down", "alice")
    ann = remote("ann")
    assert not ann.look(JIRA).allowed
    store.close(JIRA, "", "alice")
    assert not ann.look(JIRA).allowed, "it is believed for a moment"
    assert ann.ask(JIRA).allowed and ann.look(JIRA).allowed, "whoever asks knows at once"


# --- when it cannot be asked ------------------------------------------------------------------------------------------


def every_word(keeper: breakers_remote.Breakers) -> Iterator[str]:
    """What each way to ask or tell says when it fails."""
    for way in (
        lambda: keeper.ask(JIRA), lambda: keeper.look(JIRA), lambda: keeper.get(JIRA), keeper.list,
        lambda: keeper.report(JIRA, Call(True)), lambda: keeper.release(JIRA, 1), lambda: keeper.reset(JIRA, "", ""),
    ):  # fmt: skip
        with pytest.raises(HoldfastError) as caught:
            way()
        yield str(caught.value)


def test_a_token_that_is_not_known_is_refused(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keeper = breakers_remote.Breakers(Server(url, "s3cret-and-unknown"))
    for said in every_word(keeper):
        assert said.startswith(f"{url}/api/v2/holdfast/breakers/") and "answers 401: Authentication" in said
        assert said.endswith("make a token for it, with the scope write") and "s3cret" not in said
    assert "s3cret" not in caplog.text + repr(Server(url, "s3cret")) + repr(vars(keeper)["_api"])


def test_whoever_may_only_read_decides_nothing(
    url: str, remote: Remote, controller: Controller, world: World, store: breakers_store.Breakers
) -> None:
    with pytest.raises(HoldfastError, match=r"/trip/ answers 403: To open, close, .* you must administer"):
        remote("ann").trip(JIRA, "", "ann")
    with pytest.raises(HoldfastError, match=r"/ask/ answers 403: .* a role that lets you launch"):
        remote("lone").ask(JIRA)
    secret = tokens.generate()
    with controller.database.writing() as session:
        expires = tokens.expiry(9000)
        session.add(m.Token(token_hash=tokens.digest(secret), user_id=world.ids["root"], expires=expires, scope="read"))
    reader = breakers_remote.Breakers(Server(url, secret))
    assert reader.look(JIRA).allowed and reader.list() == []
    with pytest.raises(
        HoldfastError, match=r"answers 403: .*; use the token of somebody who may, with the scope write"
    ):
        reader.ask(JIRA)
    assert store.list() == []


def test_a_controller_that_is_down_lets_nothing_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    keeper = breakers_remote.Breakers(Server(f"http://127.0.0.1:{port}", "t"))
    for said in every_word(keeper):
        assert said.startswith(f"http://127.0.0.1:{port}/api/v2/holdfast/breakers/")
        assert said.endswith("refuses connections; see that the controller runs, and that this is its address")
    keeper = breakers_remote.Breakers(Server("http://nowhere.invalid", "t"))
    with pytest.raises(
        HoldfastError, match=r"nowhere\.invalid/.* (cannot be found|cannot be asked|gave no answer|answers)"
    ):
        keeper.ask(JIRA)


def test_one_that_restarts_is_asked_once_more(url: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = breakers_remote.Breakers(Server(url, world.tokens["ann"]))
    opened, attempts = keeper._api._opener.open, []

    def restarts(*arguments: Any, **named: Any) -> Any:
        attempts.append(time.monotonic())
        if len(attempts) == 1:
            raise ConnectionRefusedError(111, "Connection refused")
        return opened(*arguments, **named)

    monkeypatch.setattr(keeper._api._opener, "open", restarts)
    assert keeper.ask(JIRA).allowed
    assert len(attempts) == 2 and attempts[1] - attempts[0] >= controller_api.PAUSE


class Stranger(http.server.BaseHTTPRequestHandler):
    """Something else at the address; it answers everything in its own way."""

    answer: tuple[int, bytes] = (200, b"")
    heard: ClassVar[list[str]] = []

    def _say(self) -> None:
        status, body = self.answer
        type(self).heard.append(self.headers.get("Authorization", ""))
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(status)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _say

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served(kind: type[Stranger], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a stranger that answers, over TLS where there is a ``context``."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>Welcome</html>", "sent what is no JSON; see that a controller of Holdfast is at this address"),
        (200, b"{}", "sent what cannot be read"),
        (200, b"[]", "sent what cannot be read"),
        (200, b'{"results": [{"target": "service:jira"}], "next": null}', "sent what cannot be read"),
        (404, b'{"detail": "Not found."}', "answers 404: Not found.; see that a controller of Holdfast is"),
        (404, b"<html>", "answers 404; see that a controller of Holdfast is at this address"),
        (302, b"", "answers 302; name the address that it leads to"),
        (500, b'{"detail": "Internal error."}', "answers 500: Internal error."),
        (503, b'{"detail": "The breakers cannot be used: disk full"}', "answers 503: The breakers cannot be used"),
    ],
)
def test_what_is_no_controller_of_holdfast_is_no_yes(status: int, body: bytes, said: str) -> None:
    kind = type("Its", (Stranger,), {"heard": [], "answer": (status, body)})
    with served(kind) as address:
        for told in every_word(breakers_remote.Breakers(Server(address, "t"))):
            assert said in told
    assert len(kind.heard) == 7, "no redirection is followed, and nothing that was heard is sent again"  # type: ignore[attr-defined]


def test_an_answer_about_another_breaker_is_none(store: breakers_store.Breakers) -> None:
    other = store.report("service:other", Call(False))
    heard = words.Heard(other, 1.0, False, Answer(True, model.CLOSED)).to_dict()
    shown = {"at": 1.0, "data": other.to_dict()}
    for data, way in (
        (heard, lambda keeper: keeper.ask(JIRA)),
        (heard, lambda keeper: keeper.reset(JIRA, "", "")),
        (shown, lambda keeper: keeper.get(JIRA)),
    ):
        kind = type("Its", (Stranger,), {"heard": [], "answer": (200, json.dumps(data).encode())})
        with served(kind) as address, pytest.raises(HoldfastError, match="tells of the breaker service:other"):
            way(breakers_remote.Breakers(Server(address, "t")))


def certificate(folder: Path) -> tuple[str, str]:
    """A certificate for this machine that nobody trusts yet, and its key: two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(pem)
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_a_certificate_is_checked_before_the_token_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted, key = certificate(tmp_path)
    answer = json.dumps(Answer(True, model.CLOSED)._asdict()).encode()
    kind = type("Its", (Stranger,), {"heard": [], "answer": (200, answer)})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, key)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with served(kind, context) as address:
        with pytest.raises(HoldfastError, match=r"a certificate that is not trusted \(self-.*in SSL_CERT_FILE$"):
            breakers_remote.Breakers(Server(address, "t")).look(JIRA)
        assert kind.heard == []  # type: ignore[attr-defined]
        assert breakers_remote.Breakers(Server(address, "t", verify=False)).look(JIRA).allowed
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        assert breakers_remote.Breakers(Server(address, "t")).look(JIRA).allowed


# --- for people -------------------------------------------------------------------------------------------------------


def test_the_command_line_uses_them(url: str, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOLDFAST_BREAKERS_URL", url)
    monkeypatch.setenv("HOLDFAST_BREAKERS_TOKEN", world.tokens["boss"])

    def run(*arguments: str) -> str:
        return CliRunner().invoke(command, ["breakers", *arguments]).output

    assert run("list") == f"there is no breaker in the controller {url} yet\n"
    assert "is held open until it is reset: maintenance" in run("trip", JIRA, "--reason", "maintenance")
    assert "forced-open" in run("list") and "is forced-open since" in run("show", JIRA)
    assert run("reset", JIRA) == f"✔ breaker {JIRA} is closed\n"
    assert not (tmp_path / "home").exists(), "the own store is left alone"
    monkeypatch.setenv("HOLDFAST_BREAKERS_TOKEN", world.tokens["lone"])
    assert "answers 403: To open, close, disable or reset" in " ".join(run("trip", JIRA).split())


def test_a_controller_asks_no_other_one(tmp_path: Any) -> None:
    with pytest.raises(HoldfastError, match="start it without HOLDFAST_BREAKERS_URL"):
        breakers.kept(tmp_path, {"HOLDFAST_BREAKERS_URL": "http://127.0.0.1:8052"})
    assert breakers.kept(tmp_path, {}).place == str(tmp_path / "breakers.db")
