# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields, links and summaries that many resources have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.api.registry import Field, Related, Summary

CREATED = Field("created", "datetime", read_only=True)
MODIFIED = Field("modified", "datetime", read_only=True)
STAMPS = (CREATED, MODIFIED)
NAME = Field("name", required=True, max_length=512)
DESCRIPTION = Field("description", default="")
NAMED = (*STAMPS, NAME, DESCRIPTION)


def link_to(name: str, resource: str) -> Related:
    """A link to what ``name`` points to, in the resource of that name; left out where it points to nothing."""

    def target(row: Any) -> tuple[str, Any] | None:
        key = getattr(row, f"{name}_id")
        return None if key is None else (resource, key)

    return Related(name, to=target)


def below(*names: str) -> tuple[Related, ...]:
    """Links to sub-paths of the same names."""
    return tuple(Related(name, name) for name in names)


CREATED_BY = link_to("created_by", "users")
MODIFIED_BY = link_to("modified_by", "users")
AUTHORS = (CREATED_BY, MODIFIED_BY)
AUTHORS_SUMMARY = (Summary("created_by"), Summary("modified_by"))
ORGANIZATION = Field("organization", "id", to="organizations", null=True, default=None)
ORGANIZATION_LINK = link_to("organization", "organizations")


def counted(relation: str, *shown: str) -> Callable[[Any, Any], dict[int, Any]]:
    """A summary of a to-many relation: ``{count, results: [...]}`` with these attributes of the first ten."""

    def batch(_call: Any, rows: Any) -> dict[int, Any]:
        found = {}
        for row in rows:
            held = getattr(row, relation)
            results = [{name: getattr(one, name) for name in shown} for one in held[:10]]
            found[row.id] = {"count": len(held), "results": results}
        return found

    return batch
