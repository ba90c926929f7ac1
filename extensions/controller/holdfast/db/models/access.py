# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles: who may do what to which object, as AWX has them.

A role belongs to one object (or to none: the two singletons). Users and teams hold roles. Which role brings which other
role with it is not in the database: it follows from the types (``seeds.roles``) and from the organization an object is
in, so that making or moving an object, and giving a role, are a few rows, however much hangs on them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast.db.base import Base, Stamped, now
from holdfast.db.models.links import Authored, to_one


class Role(Base):
    """One role of one object. ``content_type`` is the object's type as clients know it, e.g. ``job_template``."""

    __tablename__ = "roles"
    __table_args__ = (Index("roles_object", "content_type", "object_id", "role_field", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    role_field: Mapped[str] = mapped_column(String(64))
    content_type: Mapped[str | None] = mapped_column(String(64))
    object_id: Mapped[int | None]
    singleton_name: Mapped[str | None] = mapped_column(String(64), unique=True)
    members: Mapped[list[Any]] = relationship(
        "User",
        secondary="role_users",
        primaryjoin="Role.id == RoleUser.role_id",
        secondaryjoin="User.id == RoleUser.user_id",
        viewonly=True,
    )


class RoleDefinition(Stamped, Authored, Base):
    """A named set of permissions. ``content_type`` is the kind of object it is given for, None: the whole system."""

    __tablename__ = "role_definitions"
    name: Mapped[str] = mapped_column(String(512), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    content_type: Mapped[str | None] = mapped_column(String(64))
    managed: Mapped[bool] = mapped_column(default=False)
    permissions: Mapped[list[Any]] = mapped_column(JSON, default=list)


class RoleUser(Base):
    """A role that a user holds. What of the role clients look for stands here too."""

    __tablename__ = "role_users"
    __table_args__ = (Index("role_users_pair", "role_id", "user_id", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"))
    user_id: Mapped[int] = to_one("users", on_delete="CASCADE", null=False)
    content_type: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[int]
    role_definition_id: Mapped[int] = to_one("role_definitions", on_delete="RESTRICT", null=False)
    created: Mapped[dt.datetime] = mapped_column(default=now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    role: Mapped[Role] = relationship(viewonly=True)
    role_definition: Mapped[RoleDefinition] = relationship(viewonly=True)
    user: Mapped[Any] = relationship("User", foreign_keys=[user_id], viewonly=True)
    created_by: Mapped[Any] = relationship("User", foreign_keys=[created_by_id], viewonly=True)


class RoleTeam(Base):
    """A role that every member of a team holds. What of the role clients look for stands here too."""

    __tablename__ = "role_teams"
    __table_args__ = (Index("role_teams_pair", "role_id", "team_id", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"))
    team_id: Mapped[int] = to_one("teams", on_delete="CASCADE", null=False)
    content_type: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[int]
    role_definition_id: Mapped[int] = to_one("role_definitions", on_delete="RESTRICT", null=False)
    created: Mapped[dt.datetime] = mapped_column(default=now)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    role: Mapped[Role] = relationship(viewonly=True)
    role_definition: Mapped[RoleDefinition] = relationship(viewonly=True)
    team: Mapped[Any] = relationship("Team", viewonly=True)
    created_by: Mapped[Any] = relationship("User", foreign_keys=[created_by_id], viewonly=True)
