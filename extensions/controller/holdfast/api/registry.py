# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words in which resources are declared, and the registry that holds them.

A resource without behaviour of its own is a declaration: its model, fields, links, sub-lists and who may do what. The
views in ``views`` and ``sublists`` serve it from that alone; OPTIONS, OpenAPI and the filter language read the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select

from holdfast.api.call import Call, Reply


class _Unset:
    """No value at all, which is not the same as None."""

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET = _Unset()
Handler = Callable[..., Reply]


@dataclass(frozen=True)
class Field:
    """One field of a resource.

    ``type`` is AWX's word in OPTIONS (string, integer, boolean, float, id, choice, datetime, json, object, list,
    field). ``to`` names the resource that an ``id`` points to; it is kept in the attribute ``<name>_id``.
    ``column`` names another attribute that holds the value. ``value`` makes what is shown from a row instead.
    ``detail`` fields are not in lists. ``clean`` gets ``(call, value)`` of a well-typed value and returns the one to
    keep, or raises ValueError with what is wrong. ``create_only`` fields are taken when an object is made and passed
    over later. ``post`` replaces what OPTIONS says of the field for POST and PUT.
    """

    name: str
    type: str = "string"
    label: str = ""
    required: bool = False
    read_only: bool = False
    write_only: bool = False
    default: Any = UNSET
    choices: Sequence[tuple[Any, str]] = ()
    max_length: int | None = None
    min_value: int | None = None
    max_value: int | None = None
    null: bool = False
    blank: bool = True
    filterable: bool = True
    hidden: bool = False
    detail: bool = False
    create_only: bool = False
    to: str = ""
    column: str = ""
    help_text: str = ""
    value: Callable[[Call, Any], Any] | None = None
    clean: Callable[[Call, Any], Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    post: Mapping[str, Any] = field(default_factory=dict)

    @property
    def attribute(self) -> str:
        """The attribute of the model that holds the value."""
        return self.column or (f"{self.name}_id" if self.to else self.name)

    @property
    def shown_label(self) -> str:
        """The label, made of the name where none is given."""
        return self.label or self.name.replace("_", " ").capitalize()


Batch = Callable[[Call, Sequence[Any]], Mapping[int, Any]]
"""Makes a value for each of many rows with few queries; a row it leaves out has none."""


@dataclass(frozen=True)
class Related:
    """A link in ``related``: to the sub-path ``path``, or to where ``to(row)`` says (``(resource, id)`` or None)."""

    name: str
    path: str = ""
    to: Callable[[Any], tuple[str, Any] | str | None] | None = None
    when: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class Summary:
    """An entry of ``summary_fields``.

    Of the object that attribute ``name`` points to (its resource's ``summarize`` says what is shown), or whatever
    ``batch`` makes. Where a row has none the entry is left out.
    """

    name: str
    batch: Batch | None = None
    detail: bool = False


@dataclass(frozen=True)
class SubList:
    """A list below an object.

    ``resource`` is what it lists. ``relation`` is the parent's relationship that holds the objects, or ``query`` makes
    the select from ``(call, parent)``. ``parent_field`` is the field of the listed resource that points back: what is
    created here gets it. ``attach`` says whether objects are associated and disassociated here, ``create`` whether
    new ones may be made. ``posted`` gets ``(call, parent, data)`` of whatever is posted and returns what it stands for.
    ``on_attach``/``on_detach`` get ``(call, parent, child, data)`` and may refuse or do it
    themselves (returning True). ``ordered``: the order of association is kept.
    """

    resource: str
    relation: str = ""
    query: Callable[[Call, Any], Select[Any]] | None = None
    parent_field: str = ""
    attach: bool = False
    create: bool = False
    detach_deletes: bool = False
    ordered: bool = False
    posted: Callable[[Call, Any, dict[str, Any]], dict[str, Any]] | None = None
    on_attach: Callable[[Call, Any, Any, dict[str, Any]], bool | None] | None = None
    on_detach: Callable[[Call, Any, Any, dict[str, Any]], bool | None] | None = None
    role: str = "admin_role"
    superuser_only: bool = False
    title: str = ""


@dataclass(frozen=True)
class Action:
    """What a sub-path does that is no list: a handler ``(call, row)`` for each method.

    ``options`` gives fields of a POST for OPTIONS. ``title`` is its name there. A handler that does slow work before
    it needs the database to itself takes ``transaction = False`` and opens its own sessions. ``public``: nobody need
    sign in. ``any_format``: it knows other values of ``?format=`` than ``json`` and ``api``, and answers for them.
    """

    handlers: Mapping[str, Handler]
    title: str = ""
    options: Callable[[Call, Any], Mapping[str, Any]] | None = None
    fields: Sequence[Field] = ()
    transaction: bool = True
    public: bool = False
    any_format: bool = False


class Access:
    """Who may see and do what. This one lets superusers do all and auditors see all; subclasses let others."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """A condition on the rows that the user may see; None for all of them."""
        return None

    def may_read(self, call: Call, row: Any) -> bool:
        """May the user see this row?"""
        return True

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """May the user make an object of this (cleaned) data? Raises Invalid where AWX answers 400."""
        return is_superuser(call)

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """May the user make these changes?"""
        return is_superuser(call)

    def may_delete(self, call: Call, row: Any) -> bool:
        """May the user delete it?"""
        return self.may_change(call, row, {})

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """May the user put ``child`` into a sub-list of ``row``?"""
        return self.may_change(call, row, {})

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """May the user take ``child`` out again?"""
        return self.may_attach(call, row, relation, child, data)

    def may_copy(self, call: Call, row: Any) -> bool:
        """May the user make another one like it?"""
        return is_superuser(call)

    def not_copied(self, call: Call, row: Any) -> Mapping[str, list[str]] | None:
        """What a copy made by the user would lack, by AWX's words; None for kinds that AWX does not ask this of."""
        return None

    def capabilities(self, call: Call, rows: Sequence[Any]) -> Mapping[int, Mapping[str, bool]]:
        """``user_capabilities`` for each row; a row that is left out has none."""
        return {}


def is_superuser(call: Call) -> bool:
    """True for somebody who may do everything."""
    return call.user is not None and bool(call.user.is_superuser)


@dataclass(frozen=True)
class Hooks:
    """What a resource adds to the plain writing of its rows. Each is called within the transaction.

    ``validate(call, data, row)`` gets the cleaned data (``row`` is None for a new one), may change it and raises
    Invalid; ``created(call, row, data)`` and ``updated(call, row, before)`` follow the flush; ``deleting(call, row)``
    may refuse, or return a Reply and have done it in its own way.
    """

    validate: Callable[[Call, dict[str, Any], Any], None] | None = None
    created: Callable[[Call, Any, dict[str, Any]], None] | None = None
    updated: Callable[[Call, Any, dict[str, Any]], None] | None = None
    deleting: Callable[[Call, Any], Reply | None] | None = None
    copied: Callable[[Call, Any, Any], None] | None = None


@dataclass
class Resource:
    """One resource under the API's root.

    ``name`` is its path, ``type`` the ``type`` of its objects, ``model`` the class of its rows; ``title`` as in
    ``Job Template List``. ``unique`` are groups of fields that no two rows share. ``named_url`` are the fields that
    make its named URL, a reference first followed into its own. ``methods`` are those of list and detail.
    ``summarize`` makes what others' summary_fields show of its rows. ``finish`` gets ``(call, rows, shown)`` and has
    the last word on how rows are shown. ``copy`` names what a copy takes along.
    ``class_name`` is what error texts call the model, where that is not its own. ``error_key`` is under which key the
    list tells what is wrong with a request. ``events``: the rows lie in the database of events.

    For OPTIONS: ``list_title`` where the list is not called ``TITLE List``; ``types`` with their names, where its
    objects are of several or the type is called otherwise than the title; ``searchable`` is False where AWX says
    nothing of types and searching; ``related_search``: related objects can be searched, ``more_search`` in these too.
    """

    name: str
    type: str
    model: Any
    title: str
    fields: tuple[Field, ...]
    related: tuple[Related, ...] = ()
    summary: tuple[Summary, ...] = ()
    sublists: dict[str, SubList] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    access: Access = field(default_factory=Access)
    hooks: Hooks = field(default_factory=Hooks)
    unique: tuple[tuple[str, ...], ...] = ()
    named_url: tuple[str, ...] = ()
    list_methods: tuple[str, ...] = ("GET", "POST")
    detail_methods: tuple[str, ...] = ("GET", "PUT", "PATCH", "DELETE")
    order_by: tuple[str, ...] = ("id",)
    search_fields: tuple[str, ...] = ("name", "description")
    summarize: Batch | None = None
    finish: Callable[[Call, Sequence[Any], Sequence[dict[str, Any]]], None] | None = None
    base_query: Callable[[Call], Select[Any]] | None = None
    list_view: Handler | None = None
    detail_view: Handler | None = None
    object_roles: bool = False
    copy: tuple[str, ...] | None = None
    verbose_name: str = ""
    activity: bool = True
    delete_status: int = 204
    events: bool = False
    class_name: str = ""
    error_key: str = "detail"
    list_title: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    id_label: str = "ID"
    searchable: bool = True
    related_search: bool = True
    more_search: tuple[str, ...] = ()

    def field_named(self, name: str) -> Field | None:
        """The field of this name."""
        return self._by_name.get(name)

    def __post_init__(self) -> None:
        self._by_name = {one.name: one for one in self.fields}

    @property
    def model_name(self) -> str:
        """The class name that error texts use."""
        return self.class_name or str(self.model.__name__)

    @property
    def verbose(self) -> str:
        """The name in sentences: ``Job template``."""
        return self.verbose_name or self.type.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Page:
    """A path that is no resource: a handler ``(call)`` for each method. ``public``: nobody need sign in.

    ``options`` makes the ``actions`` of OPTIONS where ``fields`` (those of a POST) do not say it all. ``below`` are the
    methods of the paths right below it: one of these that there is not is not found as an object is not. ``listed``:
    it is a list, with pages. ``head``: HEAD is answered too. ``named`` tells of the parts of its path that may be
    anything, such as ``{target}``, what they are; the handler finds them in ``call.named``. ``parameters`` names what
    its GET takes of the usual ones.
    """

    handlers: Mapping[str, Handler]
    title: str = ""
    public: bool = False
    fields: Sequence[Field] = ()
    options: Callable[[Call], Mapping[str, Any]] | None = None
    transaction: bool = True
    any_format: bool = False
    listed: bool = False
    below: tuple[str, ...] = ()
    head: bool = True
    named: Mapping[str, str] = field(default_factory=dict)
    parameters: Sequence[str] = ()


class Registry:
    """All resources and pages of one controller."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.pages: dict[str, Page] = {}
        self.roots: dict[str, Page] = {}
        self._patterns: list[tuple[tuple[str, ...], Page]] = []
        self._by_type: dict[str, Resource] = {}
        self._by_model: dict[type[Any], Resource] = {}

    def add(self, *resources: Resource) -> None:
        """Add resources; of two for one type or model the first is where links go."""
        for resource in resources:
            self.resources[resource.name] = resource
            self._by_type.setdefault(resource.type, resource)
            self._by_model.setdefault(resource.model, resource)

    def page(self, path: str, page: Page) -> None:
        """Add a page at a path below the prefix, such as ``ping`` or ``bulk/job_launch``."""
        self.pages[path] = page
        if page.named:
            self._patterns.append((tuple(path.split("/")), page))

    def page_at(self, parts: Sequence[str]) -> tuple[Page, Mapping[str, str]] | None:
        """The page at a path, with what stands in it where it may be anything; None where there is none."""
        page = self.pages.get("/".join(parts))
        if page is not None and not page.named:
            return page, {}
        for pattern, one in self._patterns:
            if len(pattern) == len(parts) and all(_fits(name, part) for name, part in zip(pattern, parts, strict=True)):
                found = zip(pattern, parts, strict=True)
                return one, {name[1:-1]: part for name, part in found if name.startswith("{")}
        return None

    def root(self, path: str, page: Page) -> None:
        """Add a page at a path below ``/api/``, such as ``login``."""
        self.roots[path] = page

    def of_type(self, type_: str) -> Resource:
        """The resource of a type such as ``job_template``."""
        return self._by_type[type_]

    def knows_type(self, type_: str) -> bool:
        """True when a resource has this type."""
        return type_ in self._by_type

    def of_row(self, row: Any) -> Resource:
        """The resource of an object: by its class, so that a unified job template is found as what it is."""
        return self._by_model[type(row)]

    def of_model(self, model: type[Any]) -> Resource | None:
        """The resource of a class of rows."""
        return self._by_model.get(model)


def _fits(name: str, part: str) -> bool:
    return name.startswith("{") or name == part


def plain(*names: str) -> Batch:
    """A ``summarize`` that shows these attributes."""

    def summarize(_call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
        return {row.id: {name: getattr(row, name) for name in names} for row in rows}

    return summarize


def fields_of(*groups: Field | Iterable[Field]) -> tuple[Field, ...]:
    """Fields and groups of fields as one tuple."""
    found: list[Field] = []
    for one in groups:
        found.extend([one] if isinstance(one, Field) else one)
    return tuple(found)
