# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a path to the view that answers it, and from whatever is raised on the way to an answer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import OperationalError

from holdfast.api import html, named_urls, options, pages, sublists, views
from holdfast.api.call import FORMATS, Call, Reply
from holdfast.api.errors import ApiError, Invalid, NotAllowed, NotFound, NotSignedIn
from holdfast.api.registry import Action, Page, Resource
from holdfast.db.base import roll_back

log = logging.getLogger("holdfast.api")
SAFE = ("GET", "HEAD", "OPTIONS")
OLD = '299 awx "This resource has been deprecated and will be removed in a future release."'
_TOO_MUCH = (
    *("Expression tree is too large", "too many SQL variables", "tables in a join", "pattern too complex"),
    *("too many terms in", "parser stack overflow", "user-defined function raised", "string or blob too big"),
)
"""What SQLite says of a statement made of a query that is too long, or of a regular expression that is too slow."""
_DEPRECATED = ("roles", "object_roles", "access_list")
"""Paths below objects that AWX calls deprecated, as it does all about roles."""


class NoPath(NotFound):
    """There is no such path at all, which is told with a page, as Django does."""


def answer(call: Call, root: str, parts: Sequence[str]) -> Reply:
    """The answer to a request for the path ``parts`` below the prefix; errors become answers too.

    ``root`` is ``v2`` below a version's prefix, ``api`` for paths such as ``/api/login/``.
    """
    try:
        reply = _route(call, parts) if root == "v2" else _root(call, parts)
    except ApiError as error:
        if call.method not in SAFE:
            roll_back(call.session)
        reply = _told(error)
    except OperationalError as error:
        if call.method not in SAFE or not any(one in str(error.orig) for one in _TOO_MUCH):
            raise
        reply = Reply(400, {"detail": f"This is more than the database can look for at once: {error.orig}."})
    if call.allow:
        reply.headers.setdefault("Allow", ", ".join(call.allow))
    if parts and (parts[0] == "roles" or (len(parts) == 3 and parts[2] in _DEPRECATED)):
        reply.headers["Warning"] = OLD
    return reply


def refused(call: Call, root: str, parts: Sequence[str], error: ApiError) -> Reply:
    """The answer to somebody who was turned away before any view was asked; it still says what the path has."""
    reply = _told(error)
    found = methods(call, root, parts)
    if found:
        reply.headers.setdefault("Allow", ", ".join(_with_head(found)))
    return reply


def _told(error: ApiError) -> Reply:
    if isinstance(error, NoPath):
        return Reply(404, html.NOT_FOUND, {}, html.CONTENT_TYPE)
    return Reply(error.status, error.body, dict(error.headers))


def _with_head(methods: Sequence[str]) -> tuple[str, ...]:
    return (*methods, *(("HEAD",) if "GET" in methods else ()), "OPTIONS")


def methods(call: Call, root: str, parts: Sequence[str]) -> tuple[str, ...]:
    """The methods of a path, none where there is nothing."""
    registry = call.controller.registry
    page = _page_at(call, root, parts)
    if page is not None:
        return tuple(page.handlers)
    resource = registry.resources.get(parts[0]) if root == "v2" and parts else None
    if resource is None:
        return ()
    if len(parts) <= 2:
        return resource.list_methods if len(parts) == 1 else resource.detail_methods
    action, sub = resource.actions.get("/".join(parts[2:])), resource.sublists.get("/".join(parts[2:]))
    if action is not None:
        return tuple(action.handlers)
    return sublists.methods(sub) if sub is not None else ()


def in_transaction(call: Call, root: str, parts: Sequence[str]) -> bool:
    """Whether a writing request gets a session that holds the database, or opens its own ones."""
    registry = call.controller.registry
    page = _page_at(call, root, parts)
    if page is not None:
        return page.transaction
    resource = registry.resources.get(parts[0]) if root == "v2" and len(parts) > 2 else None
    action = resource.actions.get("/".join(parts[2:])) if resource is not None else None
    return action.transaction if action is not None else True


def _page_at(call: Call, root: str, parts: Sequence[str]) -> Page | None:
    """The page at a path; the call learns what its path leaves open."""
    registry = call.controller.registry
    if root != "v2":
        return registry.roots.get("/".join(parts))
    found = registry.page_at(parts)
    if found is None:
        return None
    page, call.named = found
    return page


def _root(call: Call, parts: Sequence[str]) -> Reply:
    page = _page_at(call, "api", parts)
    if page is None:
        raise NoPath()
    return _page(call, "/".join(parts), page)


def _nothing_below(call: Call, parts: Sequence[str]) -> None:
    """Raise NotFound for what is not there below a page that has paths of its own."""
    page = call.controller.registry.pages.get(parts[0]) if len(parts) == 2 else None
    if page is not None and page.below:
        _allow(call, page.below)
        signed_in(call)
        raise NotFound()


def _route(call: Call, parts: Sequence[str]) -> Reply:
    registry = call.controller.registry
    page = _page_at(call, "v2", parts)
    if page is not None:
        return _page(call, "/".join(parts), page)
    resource = registry.resources.get(parts[0]) if parts else None
    if resource is None:
        _nothing_below(call, parts)
        raise NoPath()
    if len(parts) <= 2 and not (resource.list_methods, resource.detail_methods)[len(parts) - 1]:
        raise NoPath()
    if len(parts) == 1:
        return _list(call, resource)
    if len(parts) == 2:
        return _detail(call, resource, parts[1])
    return _below(call, resource, parts[1], "/".join(parts[2:]))


def signed_in(call: Call) -> None:
    """Raise NotSignedIn for nobody."""
    if call.user is None:
        raise NotSignedIn()


def _allow(
    call: Call, methods: Sequence[str], public: bool = False, any_format: bool = False, head: bool = True
) -> None:
    """Note the methods that a path has; raise NotAllowed for another one, NotFound for a format it has not."""
    call.allow = _with_head(methods) if head else (*methods, "OPTIONS")
    if not public:
        signed_in(call)
    if call.method not in call.allow:
        raise NotAllowed(call.method)
    asked = call.get("format")
    if asked and asked not in FORMATS and not any_format:
        raise NotFound()


def _page(call: Call, path: str, page: Page) -> Reply:
    _allow(call, tuple(page.handlers), page.public, page.any_format, page.head)
    if call.method == "OPTIONS":
        return Reply(body=options.of_page(call, path, page))
    reply = page.handlers["GET" if call.method == "HEAD" else call.method](call)
    if reply.content_type.startswith("text/html"):
        call.allow = ()
    return reply


def _list(call: Call, resource: Resource) -> Reply:
    _allow(call, resource.list_methods)
    if call.method == "OPTIONS":
        return Reply(body=options.of_list(call, resource))
    if call.method == "POST":
        return views.create(call, resource)
    return _rows(call, resource)


def _rows(call: Call, resource: Resource) -> Reply:
    try:
        return resource.list_view(call, resource) if resource.list_view is not None else views.list_rows(call, resource)
    except ApiError as error:
        if resource.error_key == "detail":
            raise
        raise Invalid({resource.error_key: str(error)}) from None


def _detail(call: Call, resource: Resource, key: str) -> Reply:
    _named(call, resource, key)
    _allow(call, resource.detail_methods)
    if call.method == "OPTIONS":
        return Reply(body=options.of_detail(call, resource, _load_if_any(call, resource, key)))
    row = _load(call, resource, key)
    if call.method in ("PUT", "PATCH"):
        return views.update(call, resource, row)
    if call.method == "DELETE":
        return views.delete(call, resource, row)
    return resource.detail_view(call, row) if resource.detail_view is not None else views.detail(call, resource, row)


def _below(call: Call, resource: Resource, key: str, name: str) -> Reply:
    action, sub = resource.actions.get(name), resource.sublists.get(name)
    _named(call, resource, key)
    if action is not None:
        _allow(call, tuple(action.handlers), action.public, action.any_format)
        if call.method == "OPTIONS":
            row = (_load if action.options is not None else _load_if_any)(call, resource, key)
            return Reply(body=options.of_action(call, resource, row, name, action))
        return _action(call, _load(call, resource, key, action.public), action)
    if sub is None:
        raise NoPath()
    _allow(call, sublists.methods(sub))
    row = _load(call, resource, key)
    if call.method == "OPTIONS":
        return Reply(body=options.of_sublist(call, resource, row, name, sub))
    return sublists.serve(call, row, resource, name, sub)


def _named(call: Call, resource: Resource, key: str) -> None:
    """Raise NoPath for a part of a path that can be neither an id nor a name of such an object."""
    if not pages.is_id(key) and named_urls.taken_apart(call.controller.registry, resource, key) is None:
        raise NoPath()


def _load(call: Call, resource: Resource, key: str, public: bool = False) -> Any:
    """The object of a path; where it is ``public`` for a handler that judges who may have it.

    What is not found by its name is told as little of as possible.
    """
    try:
        return (views.find if public else views.load)(call, resource, key)
    except NotFound:
        if not pages.is_id(key):
            call.allow = ()
            if resource.type == "job_template" and "++" not in key:
                raise NoPath() from None
        raise


def _load_if_any(call: Call, resource: Resource, key: str) -> Any:
    """The object of a path, None when there is none: ``awx`` learns from the OPTIONS of number 1 what objects take."""
    try:
        return _load(call, resource, key)
    except NotFound:
        if not pages.is_id(key):
            raise
        return None


def _action(call: Call, row: Any, action: Action) -> Reply:
    return action.handlers["GET" if call.method == "HEAD" else call.method](call, row)
