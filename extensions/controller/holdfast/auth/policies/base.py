# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of all types of objects are made of.

Data that is judged has been cleaned: it holds the attributes of rows, ``inventory_id`` and not ``inventory``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, false, or_, select

from holdfast import setting_values
from holdfast.api.call import Call
from holdfast.api.errors import ApiError
from holdfast.api.registry import Access, is_superuser
from holdfast.auth import roles
from holdfast.auth.tokens import can_write
from holdfast.db.models import ExecutionEnvironment

_ORDER = ("edit", "delete", "start", "schedule", "copy", "adhoc", "use", "unattach")


def sees_all(call: Call) -> bool:
    """True for superusers and auditors of the whole system."""
    return call.user is not None and (call.user.is_superuser or call.user.is_system_auditor)


def setting(call: Call, key: str) -> Any:
    """A setting that decides who may do what; looked up once for each request."""
    kept: dict[str, Any] = call.cache.setdefault("settings", {})
    if key not in kept:
        kept[key] = setting_values.value(call.session, key)
    return kept[key]


def related(
    call: Call,
    data: Mapping[str, Any],
    field: str,
    role: str,
    row: Any = None,
    mandatory: bool = False,
    content_type: str = "",
) -> bool:
    """Whether the user may let ``field`` point to what the data says, and away from what it pointed to.

    They need ``role`` on both. ``mandatory``: it has to point to something, and what it points to is judged even where
    it stays. ``content_type`` is the type it points to, where that is not the field's name.
    """
    attribute = f"{field}_id"
    new, changed = data.get(attribute), attribute in data
    current = getattr(row, attribute) if row is not None and (changed or mandatory) else None
    if row is not None and new == current:
        changed = False
    if not new and row is None and mandatory:
        return is_superuser(call)
    judged = [one for one, asked in ((new, changed), (current, changed or mandatory)) if one and asked]
    return all(roles.user_has(call, content_type or field, one, role) for one in judged)


def anywhere(call: Call, content_type: str, *fields: str) -> bool:
    """Whether the user holds one of these roles on any object of this type at all."""
    return is_superuser(call) or any(any(roles.holdings(call).ids(content_type, field)) for field in fields)


def environment(call: Call, data: Mapping[str, Any], row: Any = None, field: str = "execution_environment") -> bool:
    """Whether the user may let ``field`` point to the execution environment that the data says."""
    new = data.get(f"{field}_id")
    if not new or (row is not None and new == getattr(row, f"{field}_id")):
        return True
    visible = environments(call)
    query = select(ExecutionEnvironment.id).where(ExecutionEnvironment.id == new)
    return visible is None or call.session.scalar(query.where(visible)) is not None


def environments(call: Call) -> ColumnElement[bool] | None:
    """The execution environments that the user may see: those of everybody and those of their organizations."""
    column = ExecutionEnvironment.organization_id
    seen = roles.visible(call, "organization", "read_role", column)
    return None if seen is None else or_(column.is_(None), seen)


class Policy(Access):
    """Superusers do everything, auditors of the system see everything, others what a subclass allows.

    A type with ``content_type`` has roles: who holds ``read_role`` sees an object, who holds ``admin_role`` changes it.
    Whether somebody may add an object of no data at all says whether there is any that they may add.
    ``shows`` are the keys of ``user_capabilities``.
    """

    content_type = ""
    shows: tuple[str, ...] = ()

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """The rows that the user may see."""
        if self.content_type:
            return roles.visible(call, self.content_type, "read_role")
        return None if sees_all(call) else false()

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Superusers may."""
        return is_superuser(call)

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who holds the admin role may, where there is one."""
        if self.content_type:
            return roles.has(call, self.content_type, row, "admin_role")
        return is_superuser(call)

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Who may change the object and see the other one."""
        return self.may_change(call, row, {}) and reads(call, child)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Who may change the object."""
        return self.may_change(call, row, {})

    def may_start(self, call: Call, row: Any) -> bool:
        """Whether the user may launch or update it."""
        return is_superuser(call)

    def may_cancel(self, call: Call, row: Any) -> bool:
        """Whether the user may cancel it while it runs."""
        return is_superuser(call)

    def may_copy(self, call: Call, row: Any) -> bool:
        """Whether the user may make another one like it."""
        return is_superuser(call)

    def capabilities(self, call: Call, rows: Sequence[Any]) -> Mapping[int, Mapping[str, bool]]:
        """What clients offer the user to do with each row; with a token that only reads, nothing."""
        if not self.shows:
            return {}
        shows = [one for one in _ORDER if one in self.shows]
        if call.token is not None and not can_write(call.token.scope):
            return {row.id: dict.fromkeys(shows, False) for row in rows}
        return {row.id: {one: self._can(call, row, one) for one in shows} for row in rows}

    def _can(self, call: Call, row: Any, what: str) -> bool:
        try:
            return self.can(call, row, what)
        except ApiError:  # a refusal that has something to say
            return False

    def can(self, call: Call, row: Any, what: str) -> bool:
        """One capability of one row."""
        if what == "edit":
            return self.may_change(call, row, {})
        if what == "delete":
            return self.may_delete(call, row)
        if what in ("start", "schedule"):
            return self.may_start(call, row)
        return what == "copy" and self.may_copy(call, row)


def reads(call: Call, row: Any) -> bool:
    """Whether the user may see an object, whatever it is."""
    access = call.controller.registry.of_row(row).access
    visible = access.visible(call)
    if visible is not None:
        model = type(row)
        if call.session.scalar(select(model.id).where(model.id == row.id, visible)) is None:
            return False
    return access.may_read(call, row)


class ReadOnly(Policy):
    """What is only ever made and changed by the system."""

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Nobody may."""
        return False

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Nobody may."""
        return False

    def may_delete(self, call: Call, row: Any) -> bool:
        """Nobody may."""
        return False
