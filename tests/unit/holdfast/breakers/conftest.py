# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that keeps breakers, on a port of its own, and the people of the tests of rights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import breakers_remote, breakers_store
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.controller_api import Server
from holdfast.app import create_app
from holdfast.context import Controller

from ..api import conftest as api
from ..auth.conftest import Person, app, as_
from ..auth.world import World, make_world

__all__ = ["Clock", "Person", "app", "as_", "controller"]

controller = api.controller
AHEAD = 10_000.0


class Clock:
    """The controller's clock: it goes as this machine's does, and hours ahead of it; it can be moved on."""

    def __init__(self) -> None:
        self.ahead = AHEAD

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def world(controller: Controller) -> World:
    return make_world(controller)


@pytest.fixture(autouse=True)
def store(controller: Controller, clock: Clock, tmp_path: Path) -> Iterator[breakers_store.Breakers]:
    """The breakers that the controller keeps, none of them used yet."""
    with breakers_store.Breakers(tmp_path / "store", clock) as kept:
        controller.services["breakers"] = kept
        yield kept


@pytest.fixture(scope="module")
def url(controller: Controller) -> Iterator[str]:
    """Where the controller really listens."""
    server = uvicorn.Server(uvicorn.Config(create_app(controller), port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def remote(url: str, world: World) -> Callable[[str], breakers_remote.Breakers]:
    """The breakers of the controller, as somebody with this person's token has them."""
    return lambda name: breakers_remote.Breakers(Server(url, world.tokens[name]))
