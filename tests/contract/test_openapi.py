# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the OpenAPI document allows, and much that it does not, is answered without a failure of our own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contract.clients import Clients
from tests.contract.stage import prepare
from tests.served import controller

SECONDS = 150
MANY, CHANGES = 200, 20
#: what would end the test itself: the token and the password that it comes with
SPARED = r"/(tokens|users|applications|logout|login|me)/"


@pytest.mark.slow
def test_no_request_gets_a_server_error(clients: Clients, tmp_path: Path) -> None:
    with controller(tmp_path / "home") as served:
        prepare(served)
        before = served.call("GET", "/api/v2/activity_stream/")["count"]
        done = clients.run(
            served,
            [
                *(clients.bin / "schemathesis", "run", f"{served.url}/openapi.json"),
                *("-H", f"Authorization: Bearer {served.token}", "--checks", "not_a_server_error"),
                *("--max-examples", "4", "--max-time", str(SECONDS), "--phases", "examples,coverage,fuzzing"),
                *("--exclude-path-regex", SPARED, "--no-shrink", "--continue-on-failure", "--seed", "1"),
                *("--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off"),
            ],
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout[-8000:]
        tested = re.search(r"Tested: (\d+)", done.stdout)
        assert tested, done.stdout
        assert int(tested.group(1)) > MANY, done.stdout
        # It got in, and what it asked for was done: requests that are all turned away would show nothing.
        assert served.call("GET", "/api/v2/activity_stream/")["count"] > before + CHANGES
