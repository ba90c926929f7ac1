# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of AWX's settings: what somebody has set, else the default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.auth.secrets import SecretBox
from holdfast.db.base import now
from holdfast.db.models import Setting
from holdfast.seeds.settings import SETTINGS


def stored(session: Session) -> dict[str, Any]:
    """Everything that has been set; secrets as they are kept."""
    rows = session.execute(select(Setting.key, Setting.value))
    return {key: value for key, value in rows if key in SETTINGS}


def value(session: Session, name: str, secrets: SecretBox | None = None) -> Any:
    """The value of a setting; a secret is in clear with ``secrets``."""
    row = session.get(Setting, name)
    found = SETTINGS[name].default if row is None else row.value
    return secrets.open(found) if secrets is not None and isinstance(found, str) else found


def keep(session: Session, secrets: SecretBox, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Write values that have been judged; returns the changes of those that are no secrets, before and after."""
    changes: dict[str, tuple[Any, Any]] = {}
    for name, wanted in values.items():
        known = SETTINGS[name]
        row = session.get(Setting, name)
        before = known.default if row is None else row.value
        kept = secrets.seal(wanted) if known.encrypted and isinstance(wanted, str) and wanted else wanted
        if row is None:
            session.add(Setting(key=name, value=kept))
        elif row.value != kept:
            row.value, row.modified = kept, now()
        if before != kept:
            changes[name] = (known.shown(before), known.shown(kept))
    session.flush()
    return changes


def forget(session: Session, names: Iterable[str]) -> None:
    """Let these settings have their defaults again; what only the controller itself sets stays."""
    wanted = [name for name in names if not SETTINGS[name].read_only and name != "LICENSE"]
    session.execute(delete(Setting).where(Setting.key.in_(wanted)))
