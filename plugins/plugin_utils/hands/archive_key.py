# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of the archive: with it secrets are marked in views, and encrypted apart.

It lies in ``archive.key`` beside the archive. Where a vault password is known when it is made (``password_file``) it is
encrypted with that; one that is plain can be encrypted later by ``ansible-vault encrypt``, and given another password
by ``ansible-vault rekey``: what is in the archive stays as it is.

Secrets are not each encrypted by ansible-vault. That derives a key for every text anew, for tens of milliseconds of a
processor, and gives another result each time; here the same secrets of a host give the same bytes (AES-SIV), so that an
unchanged host adds nothing to the archive. Each is bound to its host: it cannot be put under another one's name.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import json
import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import encoded
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home, vault

with contextlib.suppress(ImportError):  # vault says that it is missing
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

NAME = "archive.key"
PASSWORD_FILE = "HOLDFAST_VAULT_PASSWORD_FILE"
LABEL = "holdfast"
_HEADER = b"$HOLDFAST_SECRETS;1;AES-SIV\n"
_BOUND = b"holdfast secrets 1"


class ArchiveKey:
    """What is derived from the one key: ``marks`` for the marks in views, and the cipher of secrets."""

    def __init__(self, key: bytes) -> None:
        vault.require_cryptography()
        self.marks = hmac.digest(key, b"holdfast archive: marks", "sha256")
        self._cipher = AESSIV(hmac.digest(key, b"holdfast archive: secrets", "sha512"))

    def seal(self, host: str, hidden: Mapping[str, str]) -> bytes:
        """The secrets of a host as the archive may hold them; the same again for the same."""
        plain = json.dumps(dict(hidden), sort_keys=True).encode()
        return _HEADER + self._cipher.encrypt(plain, [_BOUND, encoded(host)])

    def open(self, host: str, sealed: bytes) -> dict[str, str]:
        """The secrets again. Raises HoldfastError when they are another host's, damaged, or of another key."""
        if not sealed.startswith(_HEADER):
            raise HoldfastError(f"the secrets of {host} are not in a form that this Holdfast reads")
        try:
            plain = self._cipher.decrypt(sealed[len(_HEADER) :], [_BOUND, encoded(host)])
        except InvalidTag:
            raise HoldfastError(
                f"the secrets of {host} cannot be opened: they are damaged, or were encrypted with another {NAME}"
            ) from None
        return {str(mark): str(secret) for mark, secret in json.loads(plain).items()}


def password_file(environ: Mapping[str, str] | None = None) -> Path | None:
    """The file that holds the vault password of the key, as the environment names it."""
    named = (os.environ if environ is None else environ).get(PASSWORD_FILE, "")
    return Path(named).expanduser() if named else None


def password_from(path: Path) -> bytes:
    """The vault password in a file, or what a program puts out, as Ansible takes it."""
    try:
        if os.access(path, os.X_OK):
            password = subprocess.run([path], stdout=subprocess.PIPE, check=True, timeout=60).stdout
        else:
            password = path.read_bytes()
    except (OSError, subprocess.SubprocessError) as error:
        raise HoldfastError(f"cannot get the vault password from {path}: {error}") from error
    if not password.strip():
        raise HoldfastError(f"{path} holds no vault password")
    return password.strip(b"\r\n")


def load(store: Path, passwords: Sequence[bytes] = (), make: bool = False) -> ArchiveKey:
    """The key of a store; ``make`` makes one where there is none. ``passwords`` are tried besides the named file's."""
    path = store / NAME
    named = password_file()
    own = [password_from(named)] if named else []
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        if not make:
            raise HoldfastError(f"{path} is missing: without it the secrets of this archive cannot be read") from None
        data = _make(store, path, own)
    except OSError as error:
        raise HoldfastError(f"cannot read {path}: {error.strerror}") from error
    if vault.is_encrypted(data):
        hint = f"{path} (name a file with its password in {PASSWORD_FILE})"
        data = vault.decrypt(data, [*own, *passwords], hint)
    try:
        key = base64.b64decode(data.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise HoldfastError(f"{path} holds no key of an archive")
    return ArchiveKey(key)


def _make(store: Path, path: Path, own: Sequence[bytes]) -> bytes:
    """Make a key, whole from the moment it can be seen; when somebody else was faster, theirs."""
    home.store_folder(store)
    data = base64.b64encode(secrets.token_bytes(32)) + b"\n"
    if own:
        data = vault.encrypt(data, own[0], LABEL)
    fresh = path.with_name(f".{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        mode = 0o640 if home.is_shared(store) else 0o600
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, path)
        finally:
            fresh.unlink()
    except FileExistsError:
        return path.read_bytes()
    except OSError as error:
        raise HoldfastError(f"cannot make {path}: {error.strerror}") from error
    return data
