# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings, by category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast import setting_values
from holdfast.api import activity
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Conflict, Forbidden, Invalid
from holdfast.api.registry import Page, Registry, is_superuser
from holdfast.auth.policies.base import sees_all
from holdfast.seeds import errors as seeds_errors
from holdfast.seeds import settings as seeds


def _list(call: Call) -> Reply:
    """GET of all categories; who may see no settings sees none."""
    found = seeds.categories(call.prefix) if sees_all(call) else []
    return Reply(body={"count": len(found), "next": None, "previous": None, "results": found})


def _list_options(_call: Call) -> Mapping[str, Any]:
    fields = ("url", "slug", "name")
    return {"GET": {name: {"type": "string", "hidden": False, "label": name.capitalize()} for name in fields}}


def _values(call: Call) -> dict[str, Any]:
    """What has been set, and what the controller computes."""
    found = setting_values.stored(call.session)
    base = call.controller.settings.base_url.rstrip("/")
    return {"TOWER_URL_BASE": base, **found} if base else found


def _page(category: str) -> Page:
    """The page of one category."""

    def show(call: Call) -> Reply:
        if not sees_all(call):
            raise Forbidden()
        return Reply(body=seeds.shown(category, _values(call)))

    def write(call: Call) -> Reply:
        if not is_superuser(call):
            raise Forbidden()
        before = setting_values.stored(call.session)
        partial = call.method == "PATCH"
        try:
            kept = seeds.validate_category(category, call.data, before, partial=partial)
        except seeds_errors.Invalid as error:
            raise Invalid(error.body) from None
        changes = setting_values.keep(call.session, call.controller.secrets, kept)
        for name, (old, new) in changes.items():
            activity.record(call, "update", "setting", None, changes={"name": name, "value": [old, new]})
        return show(call)

    def reset(call: Call) -> Reply:
        if not is_superuser(call):
            raise Forbidden()
        before = setting_values.stored(call.session)
        names = [one.name for one in seeds.settings_of(category)]
        setting_values.forget(call.session, names)
        for name in set(names) & set(before):
            shown = seeds.SETTINGS[name].shown(before[name])
            activity.record(call, "delete", "setting", None, changes={"name": name, "value": shown})
        return Reply(204)

    def options(_call: Call) -> Mapping[str, Any]:
        return {method: seeds.metadata(category, method) for method in ("PUT", "GET")}

    handlers = {"GET": show, "PUT": write, "PATCH": write, "DELETE": reset}
    return Page(handlers, title="Setting Detail", options=options)


def _logging_test(call: Call) -> Reply:
    """POST: whether lines of the log reach where they should; they are only written to this process's own output."""
    if not sees_all(call):
        raise Forbidden()
    if not setting_values.value(call.session, "LOG_AGGREGATOR_ENABLED"):
        raise Conflict({"error": "Logging not enabled"})
    raise Invalid({"error": "This controller does not send its log to an aggregator."})


def declare(registry: Registry) -> None:
    """Add a page for each category."""
    methods = ("GET", "PUT", "PATCH", "DELETE")
    registry.page(
        "settings", Page({"GET": _list}, title="Setting Categories", options=_list_options, listed=True, below=methods)
    )
    for category in seeds.CATEGORIES:
        registry.page(f"settings/{category}", _page(category))
    registry.page("settings/logging/test", Page({"POST": _logging_test}, title="Logging Connectivity Test"))
