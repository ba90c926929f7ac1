# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server as a process on a free port of this machine, for tests, and the port ``Device`` over ncclient."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered

from tests.lab.commands import run, tail, wait_until
from tests.lab.places import REPOSITORY


class Endpoint(NamedTuple):
    """Where a server is, and the private key that signs in."""

    host: str
    port: int
    key: Path


class Server:
    """A NETCONF server. Use it with ``with``; ``reboot`` kills it and starts it again."""

    host = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        for name in ("client", "host"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))

    @property
    def key(self) -> Path:
        """What signs in."""
        return self._folder / "client"

    def start(self) -> None:
        """Start it, and wait until it serves. Raises LabError."""
        log = self._folder / "log"
        command = [sys.executable, "-m", "tests.lab.netconf", "--port", str(self.port)]
        command += ["--folder", str(self._folder / "server"), "--host-key", str(self._folder / "host")]
        command += ["--authorized", f"{self.key}.pub"]
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        wait_until(self._listens, 20, f"the NETCONF server does not serve:\n{tail(log)}")

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def reboot(self) -> None:
        """Kill it, and start it again."""
        self.stop()
        self.start()

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


class NcclientDevice:
    """What ``netconf_rpc`` does, without Ansible. ``secrets``: the operations that were said to hold secrets.

    ``timeout``: seconds after which one try to connect is given up.
    """

    def __init__(self, server: Union[Server, Endpoint], timeout: float = 20) -> None:
        self._server, self._timeout = server, timeout
        self._manager: Any = None
        self.secrets: list[str] = []

    def connect(self) -> None:
        """A session of its own. Raises Unanswered."""
        from ncclient import manager

        self.close()
        deadline = time.monotonic() + 10
        while True:
            try:
                self._manager = manager.connect(
                    host=self._server.host, port=self._server.port, username="root", key_filename=str(self._server.key),
                    hostkey_verify=False, allow_agent=False, look_for_keys=False, timeout=self._timeout,
                )  # fmt: skip
            except Exception as error:  # of ncclient, of paramiko, and of sockets
                if time.monotonic() > deadline:
                    raise Unanswered(str(error)) from error
                time.sleep(0.2)
            else:
                return

    def reconnect(self) -> None:
        """As the device of an action."""
        self.connect()

    def close(self) -> None:
        """End the session."""
        if self._manager is not None:
            with contextlib.suppress(Exception):  # it may have ended
                self._manager.close_session()
            self._manager = None

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        """Run ``netconf_rpc``; nothing else is asked of such a device."""
        from ncclient.operations import RPCError
        from ncclient.xml_ import to_ele

        assert module == "ansible.netcommon.netconf_rpc", module
        if secret:
            self.secrets.append(arguments["rpc"])
        if self._manager is None:
            self.connect()
        content = (
            f'<{arguments["rpc"]} xmlns="{arguments["xmlns"]}">{arguments.get("content", "")}</{arguments["rpc"]}>'
        )
        try:
            return {"stdout": self._manager.dispatch(to_ele(content)).xml}
        except RPCError as error:
            raise HoldfastError(f"{module} failed: b'{error}'") from error  # all that Ansible passes on
        except Exception as error:  # the session is gone
            raise Unanswered(str(error)) from error

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        """Not there."""
        raise AssertionError("a NETCONF device takes no file")
