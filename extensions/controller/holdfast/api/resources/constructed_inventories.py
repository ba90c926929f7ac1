# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constructed inventories: hosts of other inventories, grouped anew. They are kept and shown, not put together yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, select

from holdfast.api import variables
from holdfast.api.call import Call
from holdfast.api.registry import Field, Hooks, Registry, Resource
from holdfast.api.resources import inventories
from holdfast.auth import policies
from holdfast.db.models import Inventory

_DEFAULTS = {"source_vars": "", "update_cache_timeout": 0, "limit": "", "verbosity": 1}


def _kept(name: str) -> Callable[[Call, Inventory], Any]:
    return lambda _call, row: (row.constructed or {}).get(name, _DEFAULTS[name])


def _source_vars(_call: Call, text: str) -> str:
    variables.parse(text or "{}")
    return text


def _own(name: str, kind: str, **more: Any) -> Field:
    return Field(name, kind, null=True, default=None, filterable=False, value=_kept(name), **more)


def _validate(_call: Call, data: dict[str, Any], row: Inventory | None) -> None:
    given = {name: data.pop(name) for name in _DEFAULTS if data.get(name) is not None}
    for name in _DEFAULTS:
        data.pop(name, None)
    data["constructed"] = {**(row.constructed if row is not None else {}), **given}
    data["kind"] = "constructed"


def _all(_call: Call) -> Select[Any]:
    return select(Inventory).where(Inventory.kind == "constructed")


def declare(registry: Registry) -> None:
    """Add the resource, which shows some of the inventories in another way."""
    plain = registry.resources["inventories"]
    taken = ("host_filter", "kind")
    registry.add(
        Resource(
            name="constructed_inventories",
            type="inventory",
            model=Inventory,
            title="Constructed Inventory",
            types={"inventory": "Inventory"},
            fields=(
                *(one for one in inventories.FIELDS if one.name not in taken),
                Field("kind", "choice", choices=inventories.KINDS, read_only=True),
                _own("source_vars", "string", clean=_source_vars),
                _own("update_cache_timeout", "integer", min_value=0),
                _own("limit", "string"),
                _own("verbosity", "integer", min_value=0, max_value=2),
            ),
            related=inventories.RELATED,
            summary=inventories.SUMMARY,
            summarize=inventories.summarize,
            access=policies.Inventories(),
            hooks=Hooks(validate=_validate, deleting=plain.hooks.deleting),
            unique=plain.unique,
            named_url=plain.named_url,
            order_by=plain.order_by,
            base_query=_all,
            delete_status=202,
        )
    )
