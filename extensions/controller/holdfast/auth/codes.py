# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorization codes: what a user allowed a program, sealed, good once and for minutes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import asdict, dataclass

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

from holdfast.auth.secrets import SecretBox

SECONDS = 600.0
METHODS = ("S256", "plain")


@dataclass(frozen=True)
class Allowed:
    """What a user allowed: to whom, and how the program proves that it was the one that asked."""

    user_id: int
    client_id: str
    redirect_uri: str
    scope: str
    challenge: str = ""
    method: str = ""

    def proved(self, verifier: str) -> bool:
        """Whether this is what the challenge was made of."""
        if not self.challenge:
            return not verifier
        if self.method == "plain":
            made = verifier
        else:
            made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        return hmac.compare_digest(made.encode(), self.challenge.encode())


class Codes:
    """Gives codes, and takes each once. Which were taken is forgotten when they would be too old anyway."""

    def __init__(self, box: SecretBox) -> None:
        self._box = SecretBox(box.signing_key.hex())  # with a key of its own, so that nothing else sealed is a code
        self._taken: dict[str, float] = {}
        self._guard = threading.Lock()

    def give(self, allowed: Allowed) -> str:
        """The code that stands for what was allowed."""
        content = {**asdict(allowed), "until": time.time() + SECONDS, "once": secrets.token_hex(8)}
        return base64.urlsafe_b64encode(self._box.seal(json.dumps(content)).encode()).decode().rstrip("=")

    def take(self, code: str) -> Allowed | None:
        """What a code stands for, None for one that is none, too old, or was taken before."""
        try:
            kept = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)).decode()
            content = json.loads(self._box.open(kept)) if kept.startswith("$encrypted$") else None
        except (ValueError, HoldfastError):
            return None
        now = time.time()
        if not isinstance(content, dict) or content.pop("until", 0.0) < now:
            return None
        once = content.pop("once")
        with self._guard:
            self._taken = {name: until for name, until in self._taken.items() if until > now}
            if once in self._taken:
                return None
            self._taken[once] = now + SECONDS
        return Allowed(**content)
