# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials and their types. Secret inputs are encrypted with a key that the database does not hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast.db.base import Base, Stamped
from holdfast.db.models.links import Authored, to_one


class CredentialType(Stamped, Authored, Base):
    """What a kind of credential asks for and how a job is given it."""

    __tablename__ = "credential_types"
    __table_args__ = (Index("credential_types_name", "name", "kind", unique=True),)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    kind: Mapped[str] = mapped_column(String(32))
    namespace: Mapped[str | None] = mapped_column(String(1024))
    managed: Mapped[bool] = mapped_column(default=False)
    inputs: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    injectors: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    credentials: Mapped[list[Credential]] = relationship(back_populates="credential_type", passive_deletes="all")


class Credential(Stamped, Authored, Base):
    """One credential. A secret among ``inputs`` is kept as ``$encrypted$...`` (see ``auth.secrets``).

    ``owner_team`` is the team that it was made for; whoever administers that team administers it.
    """

    __tablename__ = "credentials"
    __table_args__ = (Index("credentials_name", "organization_id", "name", "credential_type_id", unique=True),)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    organization_id: Mapped[int | None] = to_one("organizations", on_delete="CASCADE")
    credential_type_id: Mapped[int] = to_one("credential_types", on_delete="RESTRICT", null=False)
    managed: Mapped[bool] = mapped_column(default=False)
    inputs: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    owner_team_id: Mapped[int | None] = to_one("teams")
    organization: Mapped[Any] = relationship("Organization", foreign_keys=[organization_id])
    owner_team: Mapped[Any] = relationship("Team", foreign_keys=[owner_team_id])
    credential_type: Mapped[CredentialType] = relationship(back_populates="credentials")
    input_sources: Mapped[list[CredentialInputSource]] = relationship(
        foreign_keys="CredentialInputSource.target_credential_id",
        back_populates="target_credential",
        order_by="CredentialInputSource.id",
        passive_deletes=True,
    )

    @property
    def kind(self) -> str | None:
        """The namespace of its type, under the name clients know."""
        return self.credential_type.namespace

    @property
    def cloud(self) -> bool:
        """True for a credential of a cloud."""
        return self.credential_type.kind == "cloud"

    @property
    def kubernetes(self) -> bool:
        """True for a credential of a cluster."""
        return self.credential_type.kind == "kubernetes"


class CredentialInputSource(Stamped, Authored, Base):
    """Says that an input of one credential is looked up in the secret store that another one leads to."""

    __tablename__ = "credential_input_sources"
    __table_args__ = (Index("credential_input_sources_field", "target_credential_id", "input_field_name", unique=True),)
    description: Mapped[str] = mapped_column(Text, default="")
    input_field_name: Mapped[str] = mapped_column(String(1024))
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, default=dict)
    target_credential_id: Mapped[int] = to_one("credentials", on_delete="CASCADE", null=False)
    source_credential_id: Mapped[int] = to_one("credentials", on_delete="CASCADE", null=False)
    target_credential: Mapped[Credential] = relationship(
        foreign_keys=[target_credential_id], back_populates="input_sources"
    )
    source_credential: Mapped[Credential] = relationship(foreign_keys=[source_credential_id])
