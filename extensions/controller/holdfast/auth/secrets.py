# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets at rest: encrypted with a key that lies beside the database and never in it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from cryptography.fernet import Fernet, InvalidToken

ENCRYPTED = "$encrypted$"
MARK = "$encrypted$HF1$"
"""What a kept secret begins with."""
_JSON = f"{MARK}json:"
"""What one begins with that is no text; what is encrypted never holds a colon."""


class SecretBox:
    """Encrypts and decrypts with one key."""

    def __init__(self, key: str) -> None:
        if len(key) < 16:
            raise HoldfastError("HOLDFAST_SECRET_KEY must have at least 16 characters; leave it out to have one made")
        digest = hashlib.sha256(b"holdfast secret box:" + key.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))
        self.signing_key = hashlib.sha256(b"holdfast signing:" + key.encode()).digest()

    def seal(self, text: str) -> str:
        """A secret as the database may hold it."""
        return MARK + self._fernet.encrypt(text.encode()).decode()

    def seal_value(self, value: Any) -> str:
        """The same of any value; ``open_all`` gives it back as what it was."""
        if isinstance(value, str):
            return self.seal(value)
        return _JSON + self.seal(json.dumps(value)).removeprefix(MARK)

    def open(self, kept: str) -> str:
        """The secret again; text that was never sealed comes back as it is. Raises HoldfastError for a wrong key."""
        if not kept.startswith(MARK):
            return kept
        try:
            return self._fernet.decrypt(kept.removeprefix(_JSON).removeprefix(MARK).encode()).decode()
        except InvalidToken:
            raise HoldfastError(
                "a secret in the database was encrypted with another key; start with the HOLDFAST_SECRET_KEY (or the "
                "file secret_key) that this database was made with"
            ) from None

    def open_all(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A mapping with everything sealed in it opened."""
        return {name: self._opened(one) if isinstance(one, str) else one for name, one in values.items()}

    def _opened(self, kept: str) -> Any:
        text = self.open(kept)
        return json.loads(text) if kept.startswith(_JSON) else text


def key_of(given: str, folder: Path) -> str:
    """The key that was given, or the one kept in ``folder``, made on first need and readable by its owner alone."""
    if given:
        return given
    path = folder / "secret_key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    key = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key + "\n")
    return key
