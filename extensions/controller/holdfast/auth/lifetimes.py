# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long sessions and tokens last: as AWX's settings say where somebody has set them, else as the controller's."""

from __future__ import annotations

from sqlalchemy.orm import Session

from holdfast.db.models import Setting
from holdfast.settings import Settings


def session_seconds(session: Session, settings: Settings) -> int:
    """Seconds that a browser's session lasts after it was used."""
    row = session.get(Setting, "SESSION_COOKIE_AGE")
    return int(row.value) if row is not None else settings.session_seconds


def token_seconds(session: Session, settings: Settings) -> int:
    """Seconds that a token lasts."""
    row = session.get(Setting, "OAUTH2_PROVIDER")
    seconds = row.value.get("ACCESS_TOKEN_EXPIRE_SECONDS") if row is not None else None
    return int(seconds) if seconds is not None else settings.token_seconds
