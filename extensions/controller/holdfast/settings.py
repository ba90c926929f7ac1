# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the controller: ``HOLDFAST_*`` in the environment, or arguments of ``holdfast serve``."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Literal

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What one controller is told. Folders are made when they are needed, for the owner alone."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", extra="ignore")

    home: Path = Field(default_factory=home.home)
    store: str = ""
    catalog: str = ""
    database_url: str = ""
    secret_key: SecretStr = SecretStr("")
    projects_root: Path | None = None
    project_file_roots: str = ""
    base_url: str = ""
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    admin_password: SecretStr = SecretStr("")
    host: str = "127.0.0.1"
    port: int = 8052
    job_slots: int = Field(default_factory=lambda: max(4, 4 * (os.cpu_count() or 1)), ge=1)
    max_body: int = Field(default=10 * 1024 * 1024, ge=1024)
    session_seconds: int = Field(default=1800, ge=60)
    token_seconds: int = Field(default=31536000000, ge=60)
    node_name: str = Field(default_factory=lambda: platform.node() or "holdfast")

    @property
    def folder(self) -> Path:
        """Where the controller keeps its own things."""
        return self.home / "controller"

    @property
    def store_folder(self) -> Path:
        """Where lies what terminals, runs and jobs share; raises HoldfastError for what is no folder."""
        return home.store({home.HOME: str(self.home), home.STORE: self.store})

    @property
    def projects(self) -> Path:
        """Where projects lie."""
        return self.projects_root or self.home / "projects"

    @property
    def file_roots(self) -> tuple[Path, ...]:
        """Below which folders git repositories on this machine may lie (names with colons between, none without)."""
        return tuple(Path(one) for one in self.project_file_roots.split(os.pathsep) if one)
