# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a controller from outside: health, readiness, metrics."""

from __future__ import annotations

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select, text

from holdfast.context import Controller
from holdfast.db.models import UnifiedJob

METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
"""The methods that are counted one by one; clients may think of others without end."""


class Observer:
    """Counts requests, and answers ``/healthz``, ``/readyz`` and ``/metrics``."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "holdfast_requests", "Requests answered.", ["method", "resource", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "holdfast_request_seconds", "Seconds from a request to its answer.", ["method"], registry=self._registry
        )
        self._jobs = Gauge("holdfast_jobs", "Jobs by type and status.", ["type", "status"], registry=self._registry)
        self._running = Gauge("holdfast_engine_running", "Units of work under way.", registry=self._registry)

    def request(self, method: str, path: str, status: int, seconds: float) -> None:
        """A request has been answered."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, _resource(path, self._controller), str(status)).inc()
        self._seconds.labels(method).observe(seconds)

    def add_routes(self, app: FastAPI) -> None:
        """Add the three paths."""
        app.add_api_route("/healthz", self._health, methods=["GET"], summary="The process answers", tags=["health"])
        app.add_api_route("/readyz", self._ready, methods=["GET"], summary="The database answers", tags=["health"])
        app.add_api_route("/metrics", self._metrics, methods=["GET"], summary="Prometheus metrics", tags=["health"])

    def _health(self) -> dict[str, str]:
        return {"status": "ok"}

    def _ready(self, response: Response) -> dict[str, str]:
        try:
            with self._controller.database.reading() as session:
                session.execute(text("SELECT 1"))
        except Exception:
            response.status_code = 503
            return {"status": "the database does not answer"}
        if not self._controller.started:
            response.status_code = 503
            return {"status": "starting or stopping"}
        return {"status": "ok"}

    def _metrics(self) -> Response:
        with self._controller.database.reading() as session:
            counts = session.execute(
                select(UnifiedJob.type, UnifiedJob.status, func.count()).group_by(UnifiedJob.type, UnifiedJob.status)
            ).all()
        self._jobs.clear()
        for kind, status, count in counts:
            self._jobs.labels(kind, status).set(count)
        self._running.set(len(self._controller.engine.running))
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


def _resource(path: str, controller: Controller) -> str:
    """The resource in a path: few words, whatever people send."""
    for part in path.split("/"):
        if part in controller.registry.resources or part in controller.registry.pages:
            return part
    return "other"
