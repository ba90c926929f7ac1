# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, organizations, teams, and what they sign in with."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast.db.base import Base, Stamped
from holdfast.db.models import links
from holdfast.db.models.links import Authored, to_one


def new_id() -> str:
    """An id that names an object beyond this controller."""
    return str(uuid.uuid4())


class User(Stamped, Base):
    """Somebody who signs in. ``password`` is an Argon2 hash, or empty: no way in by password."""

    __tablename__ = "users"
    modified: Mapped[dt.datetime | None] = mapped_column(default=None)
    username: Mapped[str] = mapped_column(String(150), unique=True)
    first_name: Mapped[str] = mapped_column(String(150), default="")
    last_name: Mapped[str] = mapped_column(String(150), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    password: Mapped[str] = mapped_column(String(256), default="")
    is_superuser: Mapped[bool] = mapped_column(default=False)
    is_system_auditor: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    last_login: Mapped[dt.datetime | None]
    ansible_id: Mapped[str] = mapped_column(String(36), default=new_id)
    roles: Mapped[list[Any]] = relationship(
        "Role",
        secondary="role_users",
        primaryjoin="User.id == RoleUser.user_id",
        secondaryjoin="Role.id == RoleUser.role_id",
        viewonly=True,
    )


class Organization(Stamped, Authored, Base):
    """What owns everything else."""

    __tablename__ = "organizations"
    name: Mapped[str] = mapped_column(String(512), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    max_hosts: Mapped[int] = mapped_column(default=0)
    custom_virtualenv: Mapped[str | None] = mapped_column(String(100))
    default_environment_id: Mapped[int | None] = to_one("execution_environments", circular=True)
    ansible_id: Mapped[str] = mapped_column(String(36), default=new_id)
    default_environment: Mapped[Any] = relationship(
        "ExecutionEnvironment", foreign_keys=[default_environment_id], post_update=True
    )
    instance_groups: Mapped[list[Any]] = relationship("InstanceGroup", secondary=links.organization_instance_groups)
    galaxy_credentials: Mapped[list[Any]] = relationship("Credential", secondary=links.organization_galaxy)
    notification_templates_started: Mapped[list[Any]] = relationship(
        "NotificationTemplate", secondary=links.organization_notify_started
    )
    notification_templates_success: Mapped[list[Any]] = relationship(
        "NotificationTemplate", secondary=links.organization_notify_success
    )
    notification_templates_error: Mapped[list[Any]] = relationship(
        "NotificationTemplate", secondary=links.organization_notify_error
    )
    notification_templates_approvals: Mapped[list[Any]] = relationship(
        "NotificationTemplate", secondary=links.organization_notify_approvals
    )


class Team(Stamped, Authored, Base):
    """Users of an organization who are given roles together."""

    __tablename__ = "teams"
    __table_args__ = (Index("teams_name", "organization_id", "name", unique=True),)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    organization_id: Mapped[int] = to_one("organizations", on_delete="CASCADE", null=False)
    ansible_id: Mapped[str] = mapped_column(String(36), default=new_id)
    organization: Mapped[Organization] = relationship()


class Application(Stamped, Base):
    """A program that is given tokens by OAuth 2. ``client_secret`` is a hash."""

    __tablename__ = "applications"
    __table_args__ = (Index("applications_name", "organization_id", "name", unique=True),)
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(Text, default="")
    client_id: Mapped[str] = mapped_column(String(100), unique=True)
    client_secret: Mapped[str] = mapped_column(String(1024), default="")
    client_type: Mapped[str] = mapped_column(String(32))
    redirect_uris: Mapped[str] = mapped_column(Text, default="")
    authorization_grant_type: Mapped[str] = mapped_column(String(32))
    skip_authorization: Mapped[bool] = mapped_column(default=False)
    organization_id: Mapped[int | None] = to_one("organizations", on_delete="CASCADE")
    organization: Mapped[Any] = relationship("Organization")


class Token(Stamped, Base):
    """A token; only its hash is kept (SHA-256 of 256 random bits, so no slow hash is needed)."""

    __tablename__ = "tokens"
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    refresh_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    scope: Mapped[str] = mapped_column(String(32), default="write")
    expires: Mapped[dt.datetime]
    last_used: Mapped[dt.datetime | None]
    user_id: Mapped[int] = to_one("users", on_delete="CASCADE", null=False)
    application_id: Mapped[int | None] = to_one("applications", on_delete="CASCADE")
    user: Mapped[User] = relationship()
    application: Mapped[Any] = relationship("Application")


class LoginSession(Base):
    """A browser's session; ``key_hash`` is the hash of what its cookie holds."""

    __tablename__ = "login_sessions"
    id: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = to_one("users", on_delete="CASCADE", null=False)
    created: Mapped[dt.datetime]
    expires: Mapped[dt.datetime]
    user: Mapped[User] = relationship()
