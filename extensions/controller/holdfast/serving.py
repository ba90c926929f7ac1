# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves one controller over HTTP until it is told to stop."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import logging.config
import os
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from pydantic import ValidationError

from holdfast import memory
from holdfast.app import create_app
from holdfast.build import build
from holdfast.engine.database import DatabaseLock
from holdfast.settings import Settings

KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: longer than the pauses of clients that poll, which is 5 s for ``awx``."""
GRACE = 10
"""Seconds that requests under way, and then jobs, have to end after a stop was asked for."""


def serve(
    host: str | None = None, port: int | None = None, tls_cert: Path | None = None, tls_key: Path | None = None
) -> None:
    """Serve until SIGINT or SIGTERM. Raises HoldfastError when it cannot begin."""
    memory.few_arenas()
    settings = read_settings(host, port)
    for path in (tls_cert, tls_key):
        if path is not None and not path.is_file():
            raise HoldfastError(f"there is no file {path}")
    set_up_logging(settings)
    with contextlib.ExitStack() as held:
        listener = listen(settings.host, settings.port)
        held.callback(listener.close)
        held.callback(alone(settings.folder).release)
        scheme = "https" if tls_cert is not None else "http"
        address = f"{scheme}://{_shown(settings.host)}:{listener.getsockname()[1]}/"
        if not settings.base_url:
            settings = settings.model_copy(update={"base_url": address})
        if not (settings.folder / "controller.db").exists() and not settings.database_url:
            _say(f"First start: making the database in {settings.folder}, which takes a few seconds.")
        controller = build(settings, tell_password=_tell_password)
        controller.on_begin.append(memory.give_back)
        _say(f"Holdfast listens on {address} (AWX API: {address}api/v2/, documentation: {address}docs)")
        config = uvicorn.Config(
            create_app(controller),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=KEEP_ALIVE,
            server_header=False,
            date_header=True,
            ssl_certfile=tls_cert,
            ssl_keyfile=tls_key,
            backlog=2048,
        )
        uvicorn.Server(config).run(sockets=[listener])


def alone(folder: Path) -> DatabaseLock:
    """A lock that is held while a controller works in its folder.

    A second one must find out before it does anything: it would end the jobs of the first as leftovers of its own past.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    lock = DatabaseLock(folder / "controller.db")
    lock.acquire()
    return lock


def read_settings(host: str | None, port: int | None) -> Settings:
    """The settings from the environment, with what the command line says over them."""
    given: dict[str, Any] = {}
    if host is not None:
        given["host"] = host
    if port is not None:
        given["port"] = port
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [
            f"HOLDFAST_{'_'.join(str(part) for part in one['loc']).upper()}: {one['msg']} (it is {one['input']!r})"
            for one in error.errors()
        ]
        raise HoldfastError("\n".join(lines)) from None


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Small answers leave at once: what is accepted inherits TCP_NODELAY."""
    family = socket.AF_INET6 if _is_ipv6(host) else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise HoldfastError(f"cannot listen on {host}:{port}: {error.strerror or error}; try another --port") from None
    return listener


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if _is_ipv6(host) else host


def _tell_password(password: str) -> None:
    _say(f"The first start made the user admin with the password {password}")
    _say("It is not shown again. Set HOLDFAST_ADMIN_PASSWORD before the first start to choose it yourself.")


def _say(line: str) -> None:
    print(line)
    sys.stdout.flush()


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as JSON."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(settings: Settings) -> None:
    """Log to stderr, as text or as JSON lines."""
    text = {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"text": text, "json": {"()": JsonLines}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": settings.log_format}},
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": {"holdfast": {"level": settings.log_level}, "uvicorn": {"level": "WARNING"}},
        }
    )
