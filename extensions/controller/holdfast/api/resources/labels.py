# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels."""

from __future__ import annotations

from holdfast.api.registry import Field, Registry, Resource, Summary, plain
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAME, ORGANIZATION_LINK, STAMPS
from holdfast.db.models import Label


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="labels",
            type="label",
            model=Label,
            title="Label",
            fields=(*STAMPS, NAME, Field("organization", "id", to="organizations", required=True)),
            related=(*AUTHORS, ORGANIZATION_LINK),
            summary=(Summary("organization"), *AUTHORS_SUMMARY),
            summarize=plain("id", "name"),
            unique=(("name", "organization"),),
            detail_methods=("GET", "PUT", "PATCH"),
            named_url=("name", "organization"),
            search_fields=("name",),
        )
    )
