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

from holdfast.api import named_urls
from holdfast.api.call import Call
from holdfast.api.errors import NotFound
from holdfast.api.registry import Resource

PAGE_SIZE = 25
MAX_PAGE_SIZE = 200


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
        pairs = [(name, value) for name, value in self.call.query if name != "page"]
        if number > 1:
            pairs.append(("page", str(number)))
        query = urlencode(sorted(pairs, key=lambda pair: pair[0]))
        path = quote(self.call.path)
        return f"{path}?{query}" if query else path


def page(call: Call, query: Select[Any], resource: Resource) -> PageOf:
    """The page of a select that the request asks for. Raises NotFound for one that there is not."""
    size = page_size(call)
    wanted = call.get("page", "1")
    counted = not any(name == "count_disabled" for name, _ in call.query)
    count = call.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) if counted else None
    number = _page_number(wanted, count, size)
    rows = call.session.scalars(query.limit(size).offset((number - 1) * size)).all()
    return PageOf(call, rows, count, number, size)


def page_size(call: Call) -> int:
    """How many rows a page has; what makes no sense counts as not said."""
    text = call.get("page_size")
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return min(size, MAX_PAGE_SIZE) if size > 0 else PAGE_SIZE


def _page_number(wanted: str, count: int | None, size: int) -> int:
    if wanted == "last" and count is not None:
        return max(1, -(-count // size))
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else 0
    if number < 1 or (count is not None and number > max(1, -(-count // size))):
        raise NotFound(detail="Invalid page.")
    return number


def find(call: Call, resource: Resource, key: str) -> Any:
    """The row with this id or named URL, None when there is none."""
    if key.isascii() and key.isdigit():
        number = int(key)
        row = call.session.get(resource.model, number) if number < 2**63 else None
        return row
    return named_urls.find(call, resource, key)
