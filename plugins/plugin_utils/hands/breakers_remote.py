# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The breakers of a controller, over its API: each word is one request, and the controller's clock decides.

What is not answered as a controller of Holdfast answers is an error, for a breaker that cannot be asked lets nothing
through. Whatever else may stand at the address, such as an AWX, is not taken for breakers that nobody spoke to yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Optional, TypeVar
from urllib.parse import quote, urlsplit

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import keeping, model, words
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Breaker, Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Answer
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.words import Heard, Word
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.controller_api import (
    NOT_HOLDFAST,
    ControllerApi,
    Server,
)

URL, TOKEN = "HOLDFAST_BREAKERS_URL", "HOLDFAST_BREAKERS_TOKEN"
FOR_JOBS = (URL, TOKEN)
"""What a credential may bring into a job, of all that Holdfast's own variables say."""
AWX_HOST, AWX_TOKEN, AWX_VERIFY = "CONTROLLER_HOST", "CONTROLLER_OAUTH_TOKEN", "CONTROLLER_VERIFY_SSL"
"""What AWX's clients are told by: taken for the same address only, for their token may be one of another server."""
ROOT = "/api/v2/holdfast/breakers/"
PAGE_SIZE = 200
LOOK_AGAIN = 1.0
"""Seconds for which a refusal is believed by whoever only looks: a run that waits looks at every turn of its own."""
_NO, _YES = ("0", "false", "no", "off", "f", "n"), ("", "1", "true", "yes", "on", "t", "y")
_PORTS = {"http": 80, "https": 443}

T = TypeVar("T")


def server(environ: Mapping[str, str]) -> Optional[Server]:
    """The controller that an environment names for breakers, None when it names none.

    Raises HoldfastError for an address that cannot be meant, and where there is no token for it.
    """
    named = environ.get(URL, "").strip()
    if not named:
        return None
    url = _address(named)
    same = _origin(environ.get(AWX_HOST, "")) == _origin(url)
    token = environ.get(TOKEN, "").strip() or (environ.get(AWX_TOKEN, "").strip() if same else "")
    if not token:
        raise HoldfastError(
            f"{URL}={url} needs a token of that controller: set {TOKEN}, or {AWX_TOKEN} together with {AWX_HOST}={url}"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise HoldfastError(f"what is set as the token for {URL}={url} is none: a token is one word of plain letters")
    return Server(url, token, not same or _verified(environ))


def _address(named: str) -> str:
    """The address of a controller, checked. What is wrong is told without it: there may be a password in it."""
    try:
        parts = urlsplit(named)
        good = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    plain = named.isascii() and named.isprintable() and not set(named) & set(" ?#")
    if not good or not plain:
        raise HoldfastError(f"{URL} must be the address of a controller, such as https://controller.example.com:8052")
    if "@" in parts.netloc:
        raise HoldfastError(f"{URL} must hold neither user nor password; a token of theirs belongs in {TOKEN}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _origin(address: str) -> tuple[str, str, Optional[int]]:
    """Scheme, host and port of an address; AWX's clients take one without a scheme for https."""
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None


def _verified(environ: Mapping[str, str]) -> bool:
    said = environ.get(AWX_VERIFY, "").strip().lower()
    if said not in (*_NO, *_YES):
        raise HoldfastError(f"{AWX_VERIFY}={said} says neither true nor false")
    return said in _YES


class Breakers(keeping.Breakers):
    """The breakers of a controller; several threads may share one, and nothing is open between two words."""

    def __init__(self, named: Server, clock: Callable[[], float] = time.time) -> None:
        self._api = ControllerApi(named)
        self._clock = clock
        self._ahead = 0.0
        self._refusals: dict[str, tuple[float, Answer]] = {}

    @property
    def place(self) -> str:
        """The controller."""
        return f"the controller {self._api.url}"

    def now(self) -> float:
        """The moment by the controller's clock, as its last answer told it."""
        return self._clock() + self._ahead

    def shut(self) -> None:
        """Nothing is open."""

    def say(self, target: str, word: Word, policy: Optional[Policy] = None) -> Heard:
        """Say a word to a breaker, by one request."""
        body = word.to_dict() if policy is None else {**word.to_dict(), "policy": asdict(policy)}
        path = f"{_path(target)}{word.kind}/"
        heard = self._read(path, self._api.good("POST", path, body), lambda data: _mine(target, data, word))
        self._refusals.pop(target, None)
        self._clock_is(heard.at)
        return heard

    def look(self, target: str) -> Answer:
        """What it would answer now; a refusal is not asked for again at once."""
        kept = self._refusals.get(target)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        path = f"{_path(target)}look/"
        answer = self._read(path, self._api.good("GET", path), words.answer_from)
        if answer.allowed:
            self._refusals.pop(target, None)
        else:
            self._refusals[target] = (time.monotonic() + LOOK_AGAIN, answer)
        return answer

    def get(self, target: str) -> Optional[Breaker]:
        """A breaker as it is now; None when the controller says itself that nothing was ever said to it."""
        path = _path(target)
        answer = self._api.ask("GET", path)
        if answer.status == 404 and isinstance(answer.data, dict) and answer.data.get("target") == target:
            return None
        found = self._read(path, self._api.data_of(path, answer), self._shown)
        if found.target != target:
            raise self._api.problem(path, f"tells of the breaker {found.target}", NOT_HOLDFAST)
        return found

    def list(self) -> list[Breaker]:
        """All breakers as they are now, by target."""
        found: list[Breaker] = []
        number, more = 0, True
        while more:
            number += 1
            path = f"{ROOT}?page={number}&page_size={PAGE_SIZE}"
            rows, more = self._read(path, self._api.good("GET", path), self._page)
            found += rows
        return found

    def _page(self, data: Any) -> tuple[Sequence[Breaker], bool]:
        return [self._shown(one) for one in data["results"]], data["next"] is not None

    def _shown(self, data: Any) -> Breaker:
        """A breaker as the API shows it to people, which has all of it under ``data``."""
        self._clock_is(float(data["at"]))
        return Breaker.from_dict(data["data"])

    def _clock_is(self, at: float) -> None:
        self._ahead = at - self._clock()

    def _read(self, path: str, data: Any, reads: Callable[[Any], T]) -> T:
        try:
            return reads(data)
        except (HoldfastError, KeyError, TypeError, ValueError, AttributeError) as error:
            why = str(error) if isinstance(error, HoldfastError) else f"{type(error).__name__}: {error}"
            raise self._api.problem(path, f"sent what cannot be read: {why}", NOT_HOLDFAST) from error


def _mine(target: str, data: Any, word: Word) -> Heard:
    """What came of a word to this breaker and to no other."""
    heard = words.heard_from(data, word)
    if heard.breaker.target != target:
        raise HoldfastError(f"it tells of the breaker {heard.breaker.target}")
    return heard


def _path(target: str) -> str:
    """The address of a breaker; raises BreakerProblem for what is no target."""
    model.new(target)
    return f"{ROOT}{quote(target, safe=':')}/"
