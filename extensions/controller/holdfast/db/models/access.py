# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles: who may do what to which object, as AWX has them.

A role belongs to one object (or to none: the two singletons). Users are members of roles; a role that is an ancestor
of another gives all that the other gives. ``role_ancestors`` holds every pair (each role is its own ancestor too), so
that a list is filtered with one look-up.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.db.base import Base


class Role(Base):
    """One role of one object. ``content_type`` is the object's type as clients know it, e.g. ``job_template``."""

    __tablename__ = "roles"
    __table_args__ = (Index("roles_object", "content_type", "object_id", "role_field", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    role_field: Mapped[str] = mapped_column(String(64))
    content_type: Mapped[str | None] = mapped_column(String(64))
    object_id: Mapped[int | None]
    singleton_name: Mapped[str | None] = mapped_column(String(64), unique=True)


class RoleUser(Base):
    """Membership of a user in a role."""

    __tablename__ = "role_users"
    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)


class RoleParent(Base):
    """``parent_id`` gives all that ``role_id`` gives. ``implicit``: it follows from the model, nobody granted it."""

    __tablename__ = "role_parents"
    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True, index=True)
    implicit: Mapped[bool] = mapped_column(default=True)


class RoleAncestor(Base):
    """The closure of ``role_parents``, with the object of the descendant, for one look-up."""

    __tablename__ = "role_ancestors"
    __table_args__ = (Index("role_ancestors_look_up", "ancestor_id", "content_type", "role_field", "object_id"),)
    descendant_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    ancestor_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    role_field: Mapped[str] = mapped_column(String(64))
    content_type: Mapped[str | None] = mapped_column(String(64))
    object_id: Mapped[int | None]
