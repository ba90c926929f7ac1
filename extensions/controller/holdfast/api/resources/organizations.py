# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Organizations."""

from __future__ import annotations

from holdfast.api.registry import Field, Registry, Resource, plain
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAMED
from holdfast.db.models import Organization


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="organizations",
            type="organization",
            model=Organization,
            title="Organization",
            fields=(*NAMED, Field("max_hosts", "integer", default=0, min_value=0, max_value=2147483647)),
            related=AUTHORS,
            summary=AUTHORS_SUMMARY,
            summarize=plain("id", "name", "description"),
            unique=(("name",),),
            named_url=("name",),
        )
    )
