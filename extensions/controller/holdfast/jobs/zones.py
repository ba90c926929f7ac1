# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time zones that schedules may name: those that dateutil brings along, as AWX takes them from there too."""

from __future__ import annotations

from dateutil.zoneinfo import get_zonefile_instance


def zones() -> list[str]:
    """The names of all time zones."""
    return sorted(get_zonefile_instance().zones)


def links() -> dict[str, str]:
    """The names that only say another name of a zone."""
    found = {name: str(getattr(zone, "_filename", name)) for name, zone in get_zonefile_instance().zones.items()}
    return {name: zone for name, zone in sorted(found.items()) if name != zone}
