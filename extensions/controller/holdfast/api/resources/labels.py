# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels, and the lists of labels that other objects have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, exists, func, select

from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.api.registry import Field, Registry, Resource, SubList, Summary, plain
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAME, ORGANIZATION_LINK, STAMPS
from holdfast.api.sublists import change
from holdfast.auth import policies
from holdfast.db.models import Label, links

MOST = 100
"""An object that has more labels than this gets no other one."""
SHOWN = 10
_TABLES: tuple[Table, ...] = (
    links.template_labels,
    links.job_labels,
    links.inventory_labels,
    links.template_node_labels,
    links.job_node_labels,
    links.schedule_labels,
)


def summary(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    """``summary_fields.labels`` of objects of one kind: how many labels each has, and the first ten by name."""
    if not rows:
        return {}
    table = type(rows[0]).labels.property.secondary
    held = {row.id: row.__dict__["labels"] for row in rows if "labels" in row.__dict__}
    found: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
    for owner, labels in held.items():
        found[owner] = [{"id": one.id, "name": one.name} for one in sorted(labels, key=lambda one: one.name)]
    asked = [row.id for row in rows if row.id not in held]
    if asked:
        query = select(table.c.left_id, Label.id, Label.name).join(Label, Label.id == table.c.right_id)
        query = query.where(table.c.left_id.in_(asked)).order_by(Label.name)
        for owner, label_id, name in call.session.execute(query):
            found[owner].append({"id": label_id, "name": name})
    return {owner: {"count": len(held), "results": held[:SHOWN]} for owner, held in found.items()}


def is_detached(call: Call, label: Label) -> bool:
    """True for a label that nothing has."""
    return not any(call.session.scalar(select(exists().where(table.c.right_id == label.id))) for table in _TABLES)


def sublist(owner: str) -> SubList:
    """The list of labels of an object; ``owner`` is its kind in a sentence (``job template``).

    A label that is there already is associated when it is made again, and one that nothing has any more is deleted.
    """

    def posted(call: Call, parent: Any, data: dict[str, Any]) -> dict[str, Any]:
        table = type(parent).labels.property.secondary
        held = call.session.scalar(select(func.count()).select_from(table).where(table.c.left_id == parent.id)) or 0
        if held > MOST:
            raise Invalid({"msg": f"Maximum number of labels for {owner} reached."})
        name, organization = data.get("name"), data.get("organization")
        if "id" in data or not isinstance(name, str) or not isinstance(organization, int) or abs(organization) >= 2**63:
            return data
        known = call.session.scalar(select(Label.id).where(Label.name == name, Label.organization_id == organization))
        return data if known is None else {"id": known}

    def detach(call: Call, parent: Any, label: Label, _data: dict[str, Any]) -> bool:
        if label not in parent.labels:  # whatever nothing has may be somebody else's
            return True
        change(call, parent, call.controller.registry.of_row(parent), made, label, False)
        if is_detached(call, label):
            call.session.delete(label)
            call.session.flush()
        return True

    made = SubList("labels", relation="labels", attach=True, create=True, posted=posted, on_detach=detach)
    return made


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
            access=policies.Labels(),
            unique=(("name", "organization"),),
            detail_methods=("GET", "PUT", "PATCH"),
            named_url=("name", "organization"),
            order_by=("organization__name", "name"),
        )
    )
