# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that have an HTTP status and a body in AWX's shape. ``dispatch`` is where they become answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError


class ApiError(HoldfastError):
    """Something the client is told: ``status`` and the JSON ``body``."""

    status = 400

    def __init__(self, body: Any, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        self.body = body if isinstance(body, (dict, list)) else {"detail": str(body)}
        self.status = status or type(self).status
        self.headers = dict(headers or {})
        super().__init__(str(body))


class Invalid(ApiError):
    """What was sent is wrong: a mapping of fields to messages, or one text as ``detail``."""


class NotSignedIn(ApiError):
    """Nobody, or nobody we know."""

    status = 401

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            detail or "Authentication credentials were not provided. To establish a login session, visit /api/login/.",
            headers={"WWW-Authenticate": "Bearer realm=api authorization_url=/api/o/authorize/"},
        )


class Forbidden(ApiError):
    """Somebody we know, who may not do this."""

    status = 403

    def __init__(self, detail: Any = "You do not have permission to perform this action.") -> None:
        super().__init__(detail)


class NotFound(ApiError):
    """There is no such thing. ``model`` is a class name, as Django says it."""

    status = 404

    def __init__(self, model: str = "", detail: str = "Not found.") -> None:
        super().__init__(f"No {model} matches the given query." if model else detail)


class NotAllowed(ApiError):
    """The resource has no such method, or not now."""

    status = 405

    def __init__(self, method: str = "", body: Any = None) -> None:
        super().__init__(body if body is not None else f'Method "{method}" not allowed.')


class Conflict(ApiError):
    """It is in use."""

    status = 409
