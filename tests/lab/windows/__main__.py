# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab.windows``: serve a double until it is told to end (SIGTERM)."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests import importable as _importable  # noqa: F401 - this checkout is holdfast.ops

from . import scheduling
from .control import Door
from .machine import Machine
from .server import Server

PASSWORD = "WINDOWS_DOUBLE_PASSWORD"


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.windows", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve at")
    parser.add_argument("--port", type=int, default=0, help="the port to serve at; 0 takes a free one and says which")
    parser.add_argument("--name", default="WIN1", help="the computer's name")
    parser.add_argument("--user", default="ansible", help=f"who may sign in; the password is {PASSWORD} or Secret1!")
    parser.add_argument("--control", type=Path, help="where to make the socket for tests")
    parser.add_argument("--certificate", type=Path, help="serve HTTPS with this certificate")
    parser.add_argument("--key", type=Path, help="and this key")
    return parser.parse_args()


def main() -> None:
    """Serve."""
    chosen = arguments()
    signal.signal(signal.SIGTERM, lambda *_ignored: sys.exit(0))
    machine = Machine(chosen.name, chosen.user, os.environ.get(PASSWORD, "Secret1!"))
    with (
        tempfile.NamedTemporaryFile("w", prefix="double-ntlm-") as known,
        Server(machine, chosen.host, chosen.port) as server,
    ):
        # Clients name the computer, or nothing, as the domain of a local user.
        known.writelines(f"{domain}:{machine.user}:{machine.password}\n" for domain in ("", machine.name))
        known.flush()
        os.environ["NTLM_USER_FILE"] = known.name
        if chosen.certificate:
            server.with_certificate(chosen.certificate, chosen.key)
        if chosen.control:
            chosen.control.unlink(missing_ok=True)
            Door(machine, chosen.control).open()
        threading.Thread(target=scheduling.watch, args=(machine,), daemon=True).start()
        print(f"serving {machine.name} at {chosen.host} {server.server_address[1]}", flush=True)
        try:
            server.serve_forever()
        finally:
            if chosen.control:
                chosen.control.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
