# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request's body to values for a row: types, limits, references, and AWX's words for what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import func, select

from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.api.registry import UNSET, Field, Resource

REQUIRED = "This field is required."
NOT_NULL = "This field may not be null."
NOT_BLANK = "This field may not be blank."
NOT_TEXT = "Not a valid string."
TOO_LONG = "Ensure this field has no more than {limit} characters."
NO_INTEGER = "A valid integer is required."
NO_NUMBER = "A valid number is required."
TOO_SMALL = "Ensure this value is greater than or equal to {limit}."
TOO_LARGE = "Ensure this value is less than or equal to {limit}."
LARGEST = 2147483647
"""What a field without limits of its own takes at most."""
NO_BOOLEAN = "Must be a valid boolean."
NO_CHOICE = '"{value}" is not a valid choice.'
NO_OBJECT = 'Invalid pk "{value}" - object does not exist.'
NO_ID = "Incorrect type. Expected pk value, received {kind}."
_TRUE = {"t", "T", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "1", 1}
_FALSE = {"f", "F", "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", "0", 0}


def clean(
    call: Call, resource: Resource, body: Mapping[str, Any], row: Any = None, partial: bool = False
) -> dict[str, Any]:
    """The values that a body gives for a row, by attribute; raises Invalid with every field that is wrong.

    ``row`` is what is changed, None for what is made; ``partial`` leaves out what the body does not name. What the
    resource does not know and what is read-only is passed over. Secret values are as given.
    """
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for one in resource.fields:
        if one.read_only or (one.create_only and row is not None):
            continue
        if one.name not in body:
            _left_out(one, row, partial, values, errors)
            continue
        try:
            values[one.attribute] = clean_value(call, one, body[one.name])
        except ValueError as error:
            errors[one.name] = list(error.args)
    if errors:
        raise Invalid(errors)
    return values


def _left_out(one: Field, row: Any, partial: bool, values: dict[str, Any], errors: dict[str, list[str]]) -> None:
    if partial:
        return
    if one.required:
        errors[one.name] = [REQUIRED]
    elif row is None and one.default is not UNSET:
        values[one.attribute] = one.default() if callable(one.default) else one.default


def clean_value(call: Call, one: Field, value: Any) -> Any:
    """One value, judged by its field; raises ValueError with AWX's messages."""
    if value is None:
        if one.null:
            return None
        return _nothing(one)
    check = _CHECKS.get(one.type)
    if check is not None:
        value = check(call, one, value)
    return one.clean(call, value) if one.clean is not None else value


def _nothing(one: Field) -> Any:
    """What null stands for in a field that cannot be null: text without letters, or no."""
    if one.type == "boolean":
        return False
    if one.type == "choice" and all(isinstance(choice, str) for choice, _label in one.choices):
        if (one.blank and not one.required) or any(choice == "" for choice, _label in one.choices):
            return ""
        raise ValueError(NO_CHOICE.format(value=""))
    if one.type == "string" and one.blank and not one.required:
        return ""
    raise ValueError("This field cannot be blank." if one.type == "string" and one.required else NOT_NULL)


def _text(_call: Call, one: Field, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(NOT_TEXT)
    text = str(value) if one.hidden else str(value).strip()
    if text == "" and (one.required or not one.blank):
        raise ValueError(NOT_BLANK)
    if "\x00" in text:
        raise ValueError("Null characters are not allowed.")
    if one.max_length is not None and len(text) > one.max_length:
        raise ValueError(TOO_LONG.format(limit=one.max_length))
    return text


def _integer(_call: Call, one: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str, float)):
        raise ValueError(NO_INTEGER)
    try:
        number = int(str(value).removesuffix(".0")) if len(str(value)) < 1000 else None
    except ValueError:
        number = None
    if number is None:
        raise ValueError(NO_INTEGER)
    _limits(one, number)
    return number


def _number(_call: Call, one: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, str, float)):
        raise ValueError(NO_NUMBER)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(NO_NUMBER) from None
    if not math.isfinite(number):
        raise ValueError(NO_NUMBER)
    _limits(one, number)
    return number


def _limits(one: Field, number: float) -> None:
    if one.min_value is not None and number < one.min_value:
        raise ValueError(TOO_SMALL.format(limit=one.min_value))
    most = one.max_value if one.max_value is not None else LARGEST
    if number > most:
        raise ValueError(TOO_LARGE.format(limit=most))
    if number < -LARGEST - 1:
        raise ValueError(TOO_SMALL.format(limit=-LARGEST - 1))


def _boolean(_call: Call, _one: Field, value: Any) -> bool:
    try:
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
    except TypeError:  # a list or an object
        pass
    raise ValueError(NO_BOOLEAN)


def _choice(_call: Call, one: Field, value: Any) -> Any:
    for choice, _label in one.choices:
        if choice is None or isinstance(value, bool) or not isinstance(value, (str, int)):
            continue
        if str(choice) == str(value):
            return choice
    if value == "" and one.blank:
        return ""
    raise ValueError(NO_CHOICE.format(value=value))


def _reference(call: Call, one: Field, value: Any) -> int | None:
    """The id of an object that is there. That the user may use it is for the resource's access to say."""
    if value == "" and one.null:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(NO_ID.format(kind=type(value).__name__))
    try:
        number = int(value)
    except ValueError:
        raise ValueError(NO_ID.format(kind="str")) from None
    if not one.to:
        _limits(one, number)
        return number
    model = call.controller.registry.resources[one.to].model
    if not -(2**63) <= number < 2**63 or call.session.get(model, number) is None:
        raise ValueError(NO_OBJECT.format(value=value))
    return number


_CHECKS: Mapping[str, Callable[[Call, Field, Any], Any]] = {
    "string": _text,
    "integer": _integer,
    "float": _number,
    "boolean": _boolean,
    "choice": _choice,
    "id": _reference,
}


def check_unique(call: Call, resource: Resource, values: Mapping[str, Any], row: Any = None) -> None:
    """Raise Invalid when another row has the same values in one of the resource's unique groups."""
    for group in resource.unique:
        fields = [resource.field_named(name) for name in group]
        attributes = [one.attribute for one in fields if one is not None]
        wanted = {name: values.get(name, getattr(row, name, None) if row is not None else None) for name in attributes}
        if wanted[attributes[0]] is None:
            continue
        model = resource.model
        query = select(func.count()).select_from(model).where(*(getattr(model, k) == v for k, v in wanted.items()))
        if row is not None:
            query = query.where(model.id != row.id)
        if call.session.scalar(query):
            raise Invalid(_taken(resource, group))


def _taken(resource: Resource, group: tuple[str, ...]) -> dict[str, list[str]]:
    labels = [name.replace("_", " ").capitalize() for name in group]
    names = f"{', '.join(labels[:-1])} and {labels[-1]}" if len(labels) > 1 else labels[0]
    key = group[0] if len(group) == 1 else "__all__"
    return {key: [f"{resource.verbose} with this {names} already exists."]}
