# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a path to the view that answers it, and from whatever is raised on the way to an answer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from holdfast.api import options, sublists, views
from holdfast.api.call import Call, Reply
from holdfast.api.errors import ApiError, NotAllowed, NotFound, NotSignedIn
from holdfast.api.registry import Action, Page, Resource

log = logging.getLogger("holdfast.api")
SAFE = ("GET", "HEAD", "OPTIONS")


def answer(call: Call, root: str, parts: Sequence[str]) -> Reply:
    """The answer to a request for the path ``parts`` below the prefix; errors become answers too.

    ``root`` is ``v2`` below a version's prefix, ``api`` for paths such as ``/api/login/``.
    """
    try:
        reply = _route(call, parts) if root == "v2" else _root(call, parts)
    except ApiError as error:
        reply = Reply(error.status, error.body, dict(error.headers))
        if call.method not in SAFE:
            call.session.rollback()
    if call.allow:
        reply.headers.setdefault("Allow", ", ".join(call.allow))
    return reply


def in_transaction(call: Call, root: str, parts: Sequence[str]) -> bool:
    """Whether a writing request gets a session that holds the database, or opens its own ones."""
    registry = call.controller.registry
    path = "/".join(parts)
    page = registry.pages.get(path) if root == "v2" else registry.roots.get(path)
    if page is not None:
        return page.transaction
    resource = registry.resources.get(parts[0]) if root == "v2" and len(parts) > 2 else None
    action = resource.actions.get("/".join(parts[2:])) if resource is not None else None
    return action.transaction if action is not None else True


def _root(call: Call, parts: Sequence[str]) -> Reply:
    page = call.controller.registry.roots.get("/".join(parts))
    if page is None:
        raise NotFound()
    return _page(call, "/".join(parts), page)


def _route(call: Call, parts: Sequence[str]) -> Reply:
    registry = call.controller.registry
    page = registry.pages.get("/".join(parts))
    if page is not None:
        return _page(call, "/".join(parts), page)
    resource = registry.resources.get(parts[0]) if parts else None
    if resource is None:
        raise NotFound()
    if len(parts) == 1:
        return _list(call, resource)
    if len(parts) == 2:
        return _detail(call, resource, parts[1])
    return _below(call, resource, parts[1], "/".join(parts[2:]))


def signed_in(call: Call) -> None:
    """Raise NotSignedIn for nobody."""
    if call.user is None:
        raise NotSignedIn()


def _allow(call: Call, methods: Sequence[str]) -> None:
    """Note the methods that a path has; raise NotAllowed for another one."""
    call.allow = (*methods, *(("HEAD",) if "GET" in methods else ()), "OPTIONS")
    if call.method not in call.allow:
        signed_in(call)
        raise NotAllowed(call.method)


def _page(call: Call, path: str, page: Page) -> Reply:
    _allow(call, tuple(page.handlers))
    if not page.public:
        signed_in(call)
    if call.method == "OPTIONS":
        return Reply(body=options.of_page(call, path, page))
    return page.handlers["GET" if call.method == "HEAD" else call.method](call)


def _list(call: Call, resource: Resource) -> Reply:
    _allow(call, resource.list_methods)
    signed_in(call)
    if call.method == "OPTIONS":
        return Reply(body=options.of_list(call, resource))
    if call.method == "POST":
        return views.create(call, resource)
    return resource.list_view(call, resource) if resource.list_view is not None else views.list_rows(call, resource)


def _detail(call: Call, resource: Resource, key: str) -> Reply:
    _allow(call, resource.detail_methods)
    signed_in(call)
    row = views.load(call, resource, key)
    if call.method == "OPTIONS":
        return Reply(body=options.of_detail(call, resource, row))
    if call.method in ("PUT", "PATCH"):
        return views.update(call, resource, row)
    if call.method == "DELETE":
        return views.delete(call, resource, row)
    return resource.detail_view(call, row) if resource.detail_view is not None else views.detail(call, resource, row)


def _below(call: Call, resource: Resource, key: str, name: str) -> Reply:
    action, sub = resource.actions.get(name), resource.sublists.get(name)
    if action is None and sub is None:
        raise NotFound()
    methods = tuple(action.handlers) if action is not None else sublists.methods(sub)  # type: ignore[arg-type]
    _allow(call, methods)
    signed_in(call)
    row = views.load(call, resource, key)
    if action is not None:
        return _action(call, resource, row, name, action)
    if sub is None:
        raise NotFound()
    if call.method == "OPTIONS":
        return Reply(body=options.of_sublist(call, resource, row, name, sub))
    return sublists.serve(call, row, resource, name, sub)


def _action(call: Call, resource: Resource, row: Any, name: str, action: Action) -> Reply:
    if call.method == "OPTIONS":
        return Reply(body=options.of_action(call, resource, row, name, action))
    return action.handlers["GET" if call.method == "HEAD" else call.method](call, row)
