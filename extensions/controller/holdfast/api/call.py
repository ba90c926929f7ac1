# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on its way through the API: who asks, for what, and with which database session."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.api.errors import Invalid

if TYPE_CHECKING:
    from holdfast.context import Controller
    from holdfast.db.models import Token, User

FORMATS = ("json", "api")
"""What ``?format=`` may ask for: data, or a page for people that shows them."""

DEEPEST = 100
"""How many levels of lists and objects a body may have."""


def _no_number(name: str) -> None:
    raise ValueError(f"Out of range float values are not JSON compliant: {name!r}")


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):  # 1e999
        _no_number(text)
    return found


def _check_depth(value: Any) -> None:
    """Raise Invalid for what is nested so deeply that somebody means harm."""
    level = [value]
    for _unused in range(DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise Invalid(f"JSON parse error - nested more than {DEEPEST} levels deep")


def _check_text(value: Any) -> None:
    """Raise Invalid for halves of characters, which are no text."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"JSON parse error - {error}") from None


@dataclass
class Reply:
    """An answer: ``body`` is JSON data, or bytes with a ``content_type``; ``stream`` gives bytes piece by piece."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    stream: Iterable[bytes] | None = None
    cookies: list[str] = field(default_factory=list)


@dataclass
class Call:
    """What views are given.

    ``prefix`` is how the API was reached (``/api/v2/``); every link in the answer begins with it. ``query`` holds the
    parameters in order, names may repeat. ``user`` is None for nobody. ``secure``: the request came over TLS. ``allow``
    are the methods the path has, for the header of the same name. ``named`` are the parts of the path that the page at
    it leaves open. An answer that depends on more than the database says
    so with ``keep = False``.
    """

    controller: Controller
    method: str
    path: str
    prefix: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    raw_body: bytes
    session: Session
    user: User | None = None
    token: Token | None = None
    scheme: str = ""
    client: str = ""
    secure: bool = False
    request_id: str = ""
    allow: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    keep: bool = True
    cache: dict[Any, Any] = field(default_factory=dict)
    _data: Any = None

    @property
    def data(self) -> dict[str, Any]:
        """The body as a JSON object (``{}`` for none); raises Invalid in AWX's words."""
        if self._data is None:
            self._data = self._parse()
        return dict(self._data)

    def _parse(self) -> dict[str, Any]:
        if not self.raw_body.strip():
            return {}
        try:
            parsed = json.loads(self.raw_body.decode("utf-8"), parse_constant=_no_number, parse_float=_finite)
        except UnicodeDecodeError as error:
            raise Invalid(f"JSON parse error - {error}") from None
        except (ValueError, RecursionError) as error:
            raise Invalid(f"JSON parse error - {error}\nPossible cause: trailing comma.") from None
        if not isinstance(parsed, dict):
            raise Invalid("JSON parse error - not a JSON object")
        _check_depth(parsed)
        if b"\\ud" in self.raw_body.lower():
            _check_text(parsed)
        return parsed

    def get(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        found = default
        for key, value in self.query:
            if key == name:
                found = value
        return found

    def url(self, *parts: Any) -> str:
        """The address of ``parts`` below the prefix: ``call.url("jobs", 3)`` is ``/api/v2/jobs/3/``.

        Whoever asked for a format by a parameter gets addresses that ask for it too.
        """
        return f"{self.prefix}{'/'.join(map(str, parts))}/{self.suffix}"

    @functools.cached_property
    def suffix(self) -> str:
        """What the addresses of an answer end with."""
        found = self.get("format")
        return f"?format={found}" if found in FORMATS else ""

    def fetch(self, model: type[Any], ids: Iterable[int | None]) -> dict[int, Any]:
        """The objects with these ids, by id, with one query for those the session does not hold.

        They are held for the rest of the request: the session would forget them, and read each again.
        """
        wanted = {one for one in ids if one is not None}
        found: dict[int, Any] = {}
        missing = []
        for one in wanted:
            known = self.session.identity_map.get(self.session.identity_key(model, one))
            if known is None:
                missing.append(one)
            else:
                found[one] = known
        if len(missing) == 1:  # what a session is asked by a key is cheaper than any select
            row = self.session.get(model, missing.pop())
            found.update({row.id: row} if row is not None else {})
        for start in range(0, len(missing), 500):
            rows = self.session.scalars(select(model).where(model.id.in_(missing[start : start + 500])))
            found.update({row.id: row for row in rows})
        self.cache.setdefault("fetched", []).append(found)
        return found
