# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of `/api/v2/settings/`: which there are, what they may be, and what AWX says to what they may not."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from holdfast.seeds.errors import Invalid
from holdfast.seeds.settings.checks import BadValue, check
from holdfast.seeds.settings.jobs import JOBS
from holdfast.seeds.settings.logs import LOGGING
from holdfast.seeds.settings.model import CATEGORIES, Setting
from holdfast.seeds.settings.others import OTHERS
from holdfast.seeds.settings.sign_on import AUTHENTICATION, SIGN_ON
from holdfast.seeds.settings.system import SYSTEM

ALL = "all"
CHANGED = "changed"
_ENCRYPTED = "$encrypted$"

SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {one.name: one for one in (*SYSTEM, *JOBS, *LOGGING, *AUTHENTICATION, *OTHERS, *SIGN_ON)}
)
"""Every setting by its name."""


def categories(prefix: str) -> list[dict[str, str]]:
    """The list of categories; ``prefix`` is the root of the API, as `/api/v2/`."""
    return [{"url": f"{prefix}settings/{slug}/", "slug": slug, "name": name} for slug, name in CATEGORIES.items()]


def settings_of(category: str) -> tuple[Setting, ...]:
    """The settings of a category; KeyError when there is none of that slug."""
    if category not in CATEGORIES:
        raise KeyError(category)
    return tuple(one for one in SETTINGS.values() if category in (ALL, CHANGED, one.category))


def shown(category: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """A category as clients see it; ``stored`` are the values that somebody has set, and those the service computes."""
    return {
        one.name: one.shown(stored.get(one.name, one.default))
        for one in settings_of(category)
        if category != CHANGED or (one.name in stored and not one.read_only)
    }


def metadata(category: str, method: str) -> dict[str, Any]:
    """How OPTIONS describes the settings of a category for GET or PUT."""
    described = {one.name: one.metadata(method) for one in settings_of(category)}
    return {name: found for name, found in described.items() if found is not None}


def validate_setting(name: str, value: Any) -> Any:
    """The value to keep for a setting; raises Invalid with the body AWX answers, KeyError for an unknown name."""
    try:
        return check(SETTINGS[name], value)
    except BadValue as error:
        raise Invalid({name: error.problems}) from None


def validate_category(
    category: str, given: Mapping[str, Any], stored: Mapping[str, Any], *, partial: bool
) -> dict[str, Any]:
    """The values to store of what was given for a category, by PATCH (``partial``) or PUT.

    Names that the category does not have, and read-only ones, are passed over, as AWX does; so is a secret that is
    given back as it was shown. Raises Invalid with everything that is wrong.
    """
    kept: dict[str, Any] = {}
    problems: dict[str, Any] = {}
    for one in settings_of(category):
        if one.read_only or (one.encrypted and str(given.get(one.name)).startswith(_ENCRYPTED)):
            continue
        if one.name not in given:
            if one.required and not partial:
                problems[one.name] = ["This field is required."]
            continue
        try:
            kept[one.name] = check(one, given[one.name])
        except BadValue as error:
            problems[one.name] = error.problems
    if problems:
        raise Invalid(problems)
    _check_together(kept, stored)
    return kept


def _check_together(given: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    """What only several settings together can say."""
    now = {**stored, **given}
    said: list[str] = []
    if given.get("LOG_AGGREGATOR_ENABLED"):
        said += [
            f"Cannot enable log aggregator without providing {name}."
            for name in ("host", "type")
            if not now.get(f"LOG_AGGREGATOR_{name.upper()}")
        ]
    said += [
        "As of Django 4.0, the values in the CSRF_TRUSTED_ORIGINS setting must start with a scheme (usually http:// or "
        f"https://) but found {origin}. See the release notes for details."
        for origin in given.get("CSRF_TRUSTED_ORIGINS", ())
        if "://" not in origin
    ]
    if given.get("DISABLE_LOCAL_AUTH"):
        said.append("There are no remote authentication systems configured.")
    if said:
        raise Invalid({"__all__": ["\n".join(said)]})


__all__ = [
    "ALL",
    "CATEGORIES",
    "CHANGED",
    "SETTINGS",
    "Setting",
    "categories",
    "metadata",
    "settings_of",
    "shown",
    "validate_category",
    "validate_setting",
]
