# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller as an application: ``create_app(controller)`` makes one, and there are no globals."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from holdfast import __version__
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
    app = FastAPI(title="Holdfast", version=__version__, docs_url="/docs", redoc_url=None, lifespan=lifespan)
    observer.add_routes(app)
    app.mount("/api", Api(controller, observer.request))
    return app
