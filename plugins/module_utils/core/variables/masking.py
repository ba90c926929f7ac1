# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masking: no secret text leaves for records, logs or screens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Optional

MASKED = "$encrypted$"
SHORT = 3  # characters; a shorter secret would hide half of every text, so only a whole value is masked
SHORT_LINE = 6  # characters; a shorter line of a secret is too likely to be an ordinary word


class Mask:
    """Replaces every secret it knows by ``$encrypted$``.

    Inside text a secret is found as it is and as JSON writes it (with and without ``\\u`` escapes), the longest first;
    a secret of several lines also line by line (lines from six characters), as logs show it. Secrets of fewer than
    three characters are masked only where they are a whole value. A Mask never changes: ``plus`` gives a new one that
    knows more.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = frozenset(str(secret) for secret in secrets if str(secret) and str(secret) != MASKED)
        forms = {form for secret in self.secrets for form in _forms(secret)}
        known = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern: Optional[re.Pattern[str]] = None
        if known:
            # What was masked before is matched first: masking twice, or a secret such as "crypt", does not change it.
            self._pattern = re.compile("|".join(map(re.escape, [MASKED, *known])))

    def plus(self, secrets: Iterable[str]) -> Mask:
        """A mask that also knows these secrets."""
        return Mask((*self.secrets, *secrets))

    def apply(self, value: Any) -> Any:
        """The value with every secret masked in it: in text, keys and numbers at any depth.

        Tuples become lists. Keys that become equal are kept apart by a number.
        """
        if not self.secrets:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, (list, tuple)):
            return [self.apply(child) for child in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool) and repr(value) in self.secrets:
            return MASKED
        return value

    def text(self, text: str) -> str:
        """The text with every secret masked in it."""
        if text in self.secrets:
            return MASKED
        return self._pattern.sub(MASKED, text) if self._pattern else text

    def _mapping(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        masked: dict[Any, Any] = {}
        for key, child in value.items():
            shown = self.apply(key) if isinstance(key, (str, int, float)) else key
            name, count = shown, 1
            while name in masked:
                count += 1
                name = f"{shown} ({count})"
            masked[name] = self.apply(child)
        return masked


def _forms(secret: str) -> set[str]:
    """How a secret may stand inside text."""
    if len(secret) < SHORT:
        return set()
    lines = {line.strip() for line in secret.splitlines()}
    parts = {secret, *(line for line in lines if len(line) >= SHORT_LINE)}
    written = {json.dumps(part, ensure_ascii=ascii_only)[1:-1] for part in parts for ascii_only in (True, False)}
    return parts | written
