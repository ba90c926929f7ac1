# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ssh-agent for one job: it holds the job's private keys as long as the job runs.

A key is on disk only while ``ssh-add`` reads it, in a folder that nobody else can enter. A key with a passphrase is
opened here: nothing can be typed where there is no terminal.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from holdfast.jobs.credentials import SshKey

SOCKET = "agent"
_PATIENCE = 10.0


def unlocked(key: SshKey) -> str:
    """The text of a private key without its passphrase, with the newline at its end that ssh wants."""
    text = key.text if key.text.endswith("\n") else f"{key.text}\n"
    if not key.passphrase:
        return text
    openssh = "BEGIN OPENSSH PRIVATE KEY" in text
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        private = load(text.encode(), key.passphrase.encode())
    except TypeError:
        return text  # it has no passphrase
    except ValueError:
        where = f"credential type {key.type_name}"
        raise HoldfastError(f"{where}: ssh_key_unlock is not the passphrase of ssh_key_data") from None
    except UnsupportedAlgorithm as error:
        raise HoldfastError(f"credential type {key.type_name}: ssh_key_data cannot be opened: {error}") from None
    form = serialization.PrivateFormat.OpenSSH if openssh else serialization.PrivateFormat.TraditionalOpenSSL
    return private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


class KeyAgent:
    """A running ssh-agent with the keys of a job.

    ``sockets`` is a private folder with a short name, ``private`` the job's. The agent carries the job's
    ``environment`` and names its folder, so that whoever ends the job's processes finds it too.
    """

    def __init__(
        self, keys: Sequence[SshKey], sockets: Path, private: Path, environment: Mapping[str, str], name: str
    ) -> None:
        program, add = shutil.which("ssh-agent"), shutil.which("ssh-add")
        if not program or not add:
            raise HoldfastError("ssh-agent and ssh-add were not found; a credential with a private key needs OpenSSH")
        self.socket = str(sockets / SOCKET)
        self._environment = {**environment, "SSH_AUTH_SOCK": self.socket, "SSH_ASKPASS_REQUIRE": "never"}
        self._agent = subprocess.Popen(
            [name, "-D", "-a", self.socket],
            executable=program,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._await_socket()
            for number, key in enumerate(keys):
                self._add(add, key, private / f"key-{number}")
        except BaseException:
            self.stop()
            raise

    def _await_socket(self) -> None:
        begin = time.monotonic()
        while not os.path.exists(self.socket):
            if self._agent.poll() is not None or time.monotonic() - begin > _PATIENCE:
                raise HoldfastError(f"ssh-agent did not start with the socket {self.socket}")
            time.sleep(0.002)

    def _add(self, program: str, key: SshKey, folder: Path) -> None:
        """Give a key to the agent; ``ssh-add`` takes the certificate that lies beside it along."""
        path = home.private_folder(folder) / "ssh_key_data"
        try:
            _write(path, unlocked(key))
            if key.certificate:
                _write(folder / "ssh_key_data-cert.pub", f"{key.certificate.strip()}\n")
            done = subprocess.run(
                [program, str(path)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                start_new_session=True,  # without a terminal, even when the controller has one
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HoldfastError(f"credential type {key.type_name}: ssh-add does not come to an end") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().replace(str(path), "ssh_key_data")
            raise HoldfastError(f"credential type {key.type_name}: the private key cannot be used: {said}")

    def stop(self) -> None:
        """End the agent, and with it the keys."""
        self._agent.kill()
        self._agent.wait()


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
