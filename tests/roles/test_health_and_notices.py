# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""health_check against real services, and notify against a real webhook and a real mail server."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from email import message_from_string
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .conftest import Host, Played, play_role

from lab import free_ports  # isort: skip

REQUEST = {"run": "r7", "requested_by": "ada", "because": "health failed on app1: status 500"}


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.yml"
    localhost = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    path.write_text(json.dumps({"all": {"hosts": {"localhost": localhost}}}), encoding="utf-8")
    return path


# --- health --------------------------------------------------------------------------------------------------------


def test_health_names_every_bad_probe_and_skips_commands_in_check_mode(host: Host, tmp_path: Path) -> None:
    host.deploy("1")
    mark = tmp_path / "ran"
    probes = [
        {"name": "web", "url": f"http://127.0.0.1:{host.port}/health", "json": {"status": "healthy"}},
        {"name": "closed", "host": "127.0.0.1", "port": free_ports(1)[0]},
        {"name": "command", "argv": ["/bin/sh", "-c", f"touch {mark}; exit 4"]},
    ]
    pace = {"health_check_probes": probes, "health_check_retries": 2, "health_check_delay": 0}
    check = play_role(host.inventory, "health_check", pace, "h1", check=True)
    assert not mark.exists()
    assert "probe 'command'" not in check.output
    played = play_role(host.inventory, "health_check", {**pace, "health_check_version": "2"}, "h1")
    assert mark.exists()
    assert (played.status, played.changed) == (2, 0)
    for words in (
        "probe 'web'",
        'json \'version\' is \\"1\\", expected \\"2\\"',
        "probe 'closed'",
        "probe 'command'",
        "exit code 4, expected 0",
    ):
        assert words in played.words, played.output
    assert played.words.count("unhealthy after 2 attempts") >= 3
    well = {**pace, "health_check_probes": probes[:1], "health_check_version": "1"}
    assert play_role(host.inventory, "health_check", well, "h1").status == 0


# --- notices -------------------------------------------------------------------------------------------------------


class Webhook:
    """Remembers what was posted and answers with ``status``."""

    def __init__(self) -> None:
        posted = self.posted = list[dict[str, Any]]()
        webhook = self
        self.status = 204

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(webhook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/t0ken"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.server.shutdown()
    made.server.server_close()


def notify(inventory: Path, check: bool = False, **variables: Any) -> Played:
    said = {"notify_service": "web", "notify_from_version": "2", "notify_to_version": "3", "notify_kind": "rollback"}
    return play_role(inventory, "notify", {**said, "holdfast": {"request": REQUEST}, **variables}, "localhost", check)


def test_a_rollback_notice_names_versions_run_person_and_reason(inventory: Path, webhook: Webhook) -> None:
    played = notify(inventory, notify_webhook_url=webhook.url)
    assert (played.status, played.changed) == (0, 0), played.output
    (notice,) = webhook.posted
    assert notice["subject"] == "Web is rolled back from 3 to 2"
    assert (notice["from_version"], notice["to_version"], notice["run"]) == ("2", "3", "r7")
    for words in ("from 3 to 2", "Run r7 asked for by ada", "Why: health failed on app1: status 500"):
        assert words in notice["message"]
    assert "t0ken" not in played.output


def test_check_mode_tells_nobody(inventory: Path, webhook: Webhook) -> None:
    played = notify(inventory, check=True, notify_webhook_url=webhook.url)
    assert played.status == 0
    assert "Nobody is told: Web is rolled back" in played.words
    assert webhook.posted == []


def test_a_webhook_that_fails_fails_the_role_only_when_required(inventory: Path, webhook: Webhook) -> None:
    webhook.status = 500
    played = notify(inventory, notify_url=webhook.url)
    assert played.status == 0
    assert "could not be posted to the webhook (it answered 500)" in played.words
    assert "t0ken" not in played.output
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}/"
    played = notify(inventory, notify_url=nobody, notify_required=True)
    assert played.status != 0
    assert "it did not answer" in played.words


class Mailbox(socketserver.StreamRequestHandler):
    """Speaks as much SMTP as a mail needs."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in iter(self.rfile.readline, b""):
            word = line[:4].upper().strip()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = list(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(b"".join(lines).decode())  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")


def test_a_mail_is_sent(inventory: Path) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        mails = server.mails = list[str]()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = {"notify_mail_host": "127.0.0.1", "notify_mail_port": server.server_address[1]}
        played = notify(inventory, notify_mail_to=["ops@example.com"], notify_mail_secure="never", **where)
        server.shutdown()
    assert played.status == 0, played.output
    mail = message_from_string(mails[0])
    assert str(make_header(decode_header(mail["Subject"]))) == "Web is rolled back from 3 to 2"
    assert mail["To"] == "ops@example.com"
