# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller under load, beside a bare FastAPI endpoint that returns the same bytes, in one run.

For ping, the list of templates (100 of them, 25 a page), the detail of a job and launches: what the server answers at
most, and at half of that the latencies over 16, 100 and 1,000 connections.
"""

from __future__ import annotations

import json
import urllib.request

from tests.bench import jobs
from tests.bench.load import Measured, Target, at_rate, saturation
from tests.bench.yardstick import yardstick
from tests.served import Served, controller

AWX = {"ping": 118, "template list": 12, "job detail": 37, "launch": 14}
"""What AWX 24.6.1 answered at most on such a machine (2 cores), in requests a second."""
AIM = {"ping": 1, "template list": 50, "job detail": 50, "launch": 10}
CONNECTIONS = (16, 100, 1000)


def report() -> None:
    """Print everything."""
    with controller() as served:
        print(f"the controller under load (idle memory {served.memory():.0f} MB, aim: 150)")
        template = jobs.prepare(served)
        for number in range(99):
            served.call("POST", f"/api/v2/job_templates/{template}/copy/", {"name": f"Copy {number}"})
        job = jobs.launched(served, template)
        paths = {
            "ping": "/api/v2/ping/",
            "template list": "/api/v2/job_templates/",
            "job detail": f"/api/v2/jobs/{job}/",
        }
        _reads(served, paths)
        _launches(served, template)


def _reads(served: Served, paths: dict[str, str]) -> None:
    bodies = {name.replace(" ", "-"): _body(served, path) for name, path in paths.items()}
    with yardstick(bodies) as port:
        for name, path in paths.items():
            bare = saturation(Target("127.0.0.1", port, f"/{name.replace(' ', '-')}"))
            target = Target("127.0.0.1", served.port, path, served.token)
            ours = saturation(target)
            _say_saturation(name, ours, bare, len(bodies[name.replace(" ", "-")]))
            for connections in CONNECTIONS:
                _say_latencies(connections, at_rate(target, connections, ours.rate / 2))


def _launches(served: Served, template: int) -> None:
    path = f"/api/v2/job_templates/{template}/launch/"
    target = Target("127.0.0.1", served.port, path, served.token, "POST", b"{}", (201,))
    found = saturation(target, seconds=3.0)
    print(
        f"  launch: {found.rate:.0f} a second at most ({found.rate / AWX['launch']:.0f} x AWX, aim {AIM['launch']} x), "
        f"{found.errors} errors {found.first_error}"
    )
    for connections in CONNECTIONS:
        _say_latencies(connections, at_rate(target, connections, found.rate / 2, 3.0))
    jobs.cancel_all(served)


def _body(served: Served, path: str) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{served.port}{path}")
    request.add_header("Authorization", f"Bearer {served.token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        raw: bytes = answer.read()
    json.loads(raw)
    return raw


def _say_saturation(name: str, ours: Measured, bare: Measured, size: int) -> None:
    print(
        f"  {name} ({size / 1000:.1f} KB): {ours.rate:.0f} a second at most ({ours.rate / AWX[name]:.0f} x AWX, aim "
        f"{AIM[name]} x), bare FastAPI {bare.rate:.0f} ({ours.rate / bare.rate:.2f} of it), "
        f"{ours.errors} errors {ours.first_error}"
    )


def _say_latencies(connections: int, found: Measured) -> None:
    print(
        f"    at half of it over {connections} connections: p50 {found.percentile(0.5):.1f} ms, "
        f"p95 {found.percentile(0.95):.1f} ms, {len(found.latencies)} answers, {found.errors} errors "
        f"{found.first_error}"
    )
