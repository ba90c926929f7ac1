# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller as an application: ``create_app(controller)`` makes one, and there are no globals."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from holdfast import __version__
from holdfast.api import openapi
from holdfast.api.http import Api
from holdfast.context import Controller
from holdfast.observe import Observer


def create_app(controller: Controller) -> FastAPI:
    """The application that serves a controller; its engine begins and ends with it."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        controller.begin()
        try:
            yield
        finally:
            controller.end()

    observer = Observer(controller)
    # Its documentation brings its own scripts: operations networks often reach nothing outside.
    app: FastAPI = FastAPIOffline("/docs", None, title="Holdfast", version=__version__, lifespan=lifespan)
    observer.add_routes(app)
    app.mount("/api", Api(controller, observer.request))
    _describe(app, controller)
    return app


def _describe(app: FastAPI, controller: Controller) -> None:
    """Have the documentation tell of the whole API, and of the few paths beside it."""
    own = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None or "x-whole" not in app.openapi_schema:
            document = openapi.document(controller.registry)
            beside = own()
            document["paths"].update(beside["paths"])
            document["components"]["schemas"].update(beside.get("components", {}).get("schemas", {}))
            app.openapi_schema = {**document, "x-whole": True}
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]
