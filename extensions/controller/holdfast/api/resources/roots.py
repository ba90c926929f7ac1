# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roots of the API: what a client asks first, to find everything else."""

from __future__ import annotations

from typing import Any

from holdfast import setting_values
from holdfast.api.call import Call, Reply
from holdfast.api.registry import Page, Registry
from holdfast.auth import csrf
from holdfast.seeds import surface


def _custom(call: Call) -> dict[str, Any]:
    """What settings put into a root."""
    names = {"logo": "CUSTOM_LOGO", "login_info": "CUSTOM_LOGIN_INFO", "login_redirect": "LOGIN_REDIRECT_OVERRIDE"}
    return {key: setting_values.value(call.session, name) for key, name in names.items()}


def _api(call: Call) -> Reply:
    """Browsers get here the token that their changes are proven with."""
    return Reply(body=surface.api_root(**_custom(call)), cookies=csrf.ensure(call))


def _controller(call: Call) -> Reply:
    return Reply(body=surface.controller_root(**_custom(call)), cookies=csrf.ensure(call))


def _version(call: Call) -> Reply:
    return Reply(body=surface.version_root(call.prefix))


def _oauth(_call: Call) -> Reply:
    return Reply(body=surface.oauth_root())


def _bulk(call: Call) -> Reply:
    return Reply(body=surface.bulk_root(call.prefix))


def declare(registry: Registry) -> None:
    """Add the pages."""
    registry.root("", Page({"GET": _api}, title="REST API", public=True))
    registry.root("controller", Page({"GET": _controller}, title="REST API", public=True))
    registry.root("o", Page({"GET": _oauth}, title="API OAuth 2 Authorization Root", public=True))
    registry.page("", Page({"GET": _version}, title="Version 2", public=True))
    registry.page("bulk", Page({"GET": _bulk}, title="Bulk"))
