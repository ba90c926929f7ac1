# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hands of health probes, against real sockets and processes, and the module that uses them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils import probes
from ansible_collections.holdfast.ops.plugins.module_utils.core.health.model import Observation, Probe
from ansible_collections.holdfast.ops.plugins.modules import health_check

PACE = {"timeout": 5.0, "retries": 5, "delay": 10.0, "success_threshold": 1, "failure_threshold": None}
NOTHING: dict[str, Any] = dict.fromkeys(health_check.PROBE)


class Answers(BaseHTTPRequestHandler):
    """Says what it was asked; drips on /drip, hangs on /hang, speaks no HTTP on /noise."""

    def do_GET(self) -> None:
        if self.path == "/noise":
            self.wfile.write(b"what?\r\n\r\n")
            return
        if self.path == "/hang":
            time.sleep(3)
        body = f"{self.path} {self.headers.get('Authorization')} {self.headers.get('X-Mark')}".encode()
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "100" if self.path == "/drip" else str(len(body)))
        self.end_headers()
        try:
            for _part in range(30 if self.path == "/drip" else 0):
                self.wfile.write(b".")
                time.sleep(0.1)
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def look(**probe: Any) -> Observation:
    return probes.Looker()(Probe(name="p", **probe))


def test_http_takes_the_answer_as_it_is(url: str) -> None:
    seen = look(url=url + "/x?y=1", headers={"X-Mark": "m"})
    assert (seen.ok, seen.status, seen.body) == (True, 200, "/x?y=1 None m")
    assert seen.latency is not None and seen.latency >= 0
    assert look(url=url + "/moved").status == 302


def test_a_user_in_the_url_is_sent_as_such(url: str) -> None:
    assert "Basic dTpwOnc=" in look(url=url.replace("//", "//u:p%3Aw@") + "/").body


@pytest.mark.parametrize("path", ["/hang", "/drip"])
def test_the_timeout_is_for_the_whole_answer(url: str, path: str) -> None:
    seen = look(url=url + path, timeout=0.5)
    assert (seen.ok, seen.error) == (False, "no answer within 0.5 s")


@pytest.mark.parametrize(
    ("probe", "error"),
    [
        ({"url": "http://127.0.0.1:1/"}, "Connection refused"),
        ({"kind": "tcp", "host": "127.0.0.1", "port": 1}, "Connection refused"),
        ({"kind": "command", "argv": ("/nowhere/program",)}, "No such file"),
        ({"kind": "command", "argv": ("sleep", "9"), "timeout": 0.2}, "had not ended after 0.2 s and was killed"),
        ({"url": "http://127.0.0.1:99999/"}, "range"),
    ],
)
def test_what_goes_wrong_is_an_observation(probe: dict[str, Any], error: str) -> None:
    seen = look(**probe)
    assert not seen.ok
    assert error in seen.error


def test_what_is_not_http_is_an_observation(url: str) -> None:
    seen = look(url=url + "/noise")
    assert (seen.ok, seen.error.startswith("no HTTP answer")) == (False, True)


def test_tcp_connects() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert look(kind="tcp", host="127.0.0.1", port=server.getsockname()[1]).ok


def test_a_command_reports_its_exit_code_and_both_its_outputs() -> None:
    seen = look(kind="command", argv=("sh", "-c", "echo out; echo err >&2; exit 3"))
    assert (seen.ok, seen.status, seen.body) == (True, 3, "out\nerr\n")


def test_all_probes_are_asked_at_the_same_time() -> None:
    """Each waits for all the others: one after another they would never end."""
    together = threading.Barrier(8, timeout=20)

    def meet(probe: Probe) -> Observation:
        together.wait()
        return Observation(ok=True, status=200)

    found = probes.watch_all([Probe(name=str(number)) for number in range(8)], meet)
    assert [each.probe.name for each in found] == [str(number) for number in range(8)]
    assert {each.verdict for each in found} == {"healthy"}


def test_a_probe_waits_its_own_delay_between_attempts() -> None:
    slept: list[float] = []
    answers = iter([Observation(ok=False, error="no"), Observation(ok=False, error="no"), Observation(True, 200)])
    found = probes.watch(Probe(name="p", delay=7.0), lambda _unused: next(answers), slept.append)
    assert (found.verdict, found.attempts, slept) == ("healthy", 3, [7.0, 7.0])


def test_no_probe_at_all_is_no_verdict() -> None:
    assert probes.watch_all([], look) == []


@pytest.mark.parametrize(
    ("given", "kind", "name"),
    [
        ({"url": "http://h/x", "method": "GET"}, "http", "GET http://h/x"),
        ({"host": "h", "port": 5}, "tcp", "tcp h:5"),
        ({"argv": ["a", "b"], "name": "mine"}, "command", "mine"),
    ],
)
def test_the_kind_and_name_follow_from_what_is_asked(given: dict[str, Any], kind: str, name: str) -> None:
    probe = health_check.probe_of({**NOTHING, **given, "retries": 2}, PACE)
    assert (probe.kind, probe.name) == (kind, name)
    assert (probe.retries, probe.delay, probe.timeout) == (2, 10.0, 5.0)
