# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of lists, and finding one row by what a path names it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from holdfast.api import named_urls
from holdfast.api.call import Call
from holdfast.api.errors import NotFound
from holdfast.api.registry import Resource

PAGE_SIZE = 25
MAX_PAGE_SIZE = 200
_MOST_DIGITS = 9


@dataclass
class PageOf:
    """One page: its rows, and how many there are in all (None where nobody wants to know)."""

    call: Call
    rows: Sequence[Any]
    count: int | None
    number: int
    size: int

    def body(self, results: list[Any]) -> dict[str, Any]:
        """The answer, with links to the pages before and after."""
        if self.count is None:
            return {"results": results}
        last = max(1, -(-self.count // self.size))
        return {
            "count": self.count,
            "next": self._link(self.number + 1) if self.number < last else None,
            "previous": self._link(self.number - 1) if self.number > 1 else None,
            "results": results,
        }

    def _link(self, number: int) -> str:
        pairs = [(name, value) for name, value in self.call.query if name not in ("page", "page_size")]
        pairs.append(("page", str(number)))
        if self.call.get("page_size"):
            pairs.append(("page_size", str(self.size)))
        return f"{quote(self.call.path)}?{urlencode(sorted(pairs, key=lambda pair: pair[0]))}"


def page(call: Call, query: Select[Any], resource: Resource) -> PageOf:
    """The page of a select that the request asks for. Raises NotFound for one that there is not."""
    if not resource.events:
        return _page(call, call.session, query, resource)
    with call.controller.database.events() as session:
        limit = _number(call.get("limit"))
        if limit:
            rows = session.scalars(query.limit(min(limit, MAX_PAGE_SIZE))).all()
            return PageOf(call, rows, None, 1, limit)
        return _page(call, session, query, resource)


def _page(call: Call, session: Session, query: Select[Any], resource: Resource) -> PageOf:
    model: Any = resource.model
    size = page_size(call)
    wanted = call.get("page", "1")
    counted = not any(name == "count_disabled" for name, _unused in call.query)
    ids = query.order_by(None).with_only_columns(model.id, maintain_column_froms=True).subquery()
    count = session.scalar(select(func.count()).select_from(ids)) if counted else None
    number = _page_number(wanted, count, size)
    rows = session.scalars(query.limit(size).offset((number - 1) * size)).all()
    return PageOf(call, rows, count, number, size)


def of_rows(call: Call, rows: Sequence[Any]) -> PageOf:
    """The page, that the request asks for, of rows that come from no table. Raises NotFound for one there is not."""
    size = page_size(call)
    number = _page_number(call.get("page", "1"), len(rows), size)
    return PageOf(call, rows[(number - 1) * size : number * size], len(rows), number, size)


def page_size(call: Call) -> int:
    """How many rows a page has; what makes no sense counts as not said."""
    return min(_number(call.get("page_size")), MAX_PAGE_SIZE) or PAGE_SIZE


def _number(text: str) -> int:
    """A number from an address; 0 for what is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0


def _page_number(wanted: str, count: int | None, size: int) -> int:
    last = 1 if count is None else max(1, -(-count // size))
    number = last if wanted == "last" else _number(wanted)
    if not 1 <= number <= last:
        raise NotFound(detail="Invalid page.")
    return number


def find(call: Call, resource: Resource, key: str) -> Any:
    """The row with this id or named URL, None when there is none."""
    if not is_id(key):
        return named_urls.find(call, resource, key)
    number = int(key) if len(key) < 20 else 2**63
    if number >= 2**63:
        return None
    if not resource.events:
        return call.session.get(resource.model, number)
    with call.controller.database.events() as session:
        return session.get(resource.model, number)


def is_id(key: str) -> bool:
    """Whether a part of a path is an id, and no name."""
    return key.isascii() and key.isdigit()
