# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nodes of workflows and schedules give to the launch of their template."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column


class LaunchPrompts:
    """Values for the prompts of a template; None leaves one to the template.

    ``extra_data`` are variables; of secret answers it holds ``$encrypted$``, and ``secret_data`` the sealed answers.
    """

    extra_data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    secret_data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    scm_branch: Mapped[str | None] = mapped_column(String(1024))
    job_type: Mapped[str | None] = mapped_column(String(16))
    job_tags: Mapped[str | None] = mapped_column(Text)
    skip_tags: Mapped[str | None] = mapped_column(Text)
    limit: Mapped[str | None] = mapped_column(Text)
    diff_mode: Mapped[bool | None]
    verbosity: Mapped[int | None]
    forks: Mapped[int | None]
    job_slice_count: Mapped[int | None]
    timeout: Mapped[int | None]
