# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalog models as plain data and back, so that a run can be understood long after its catalog has changed."""

from __future__ import annotations

import collections.abc
import dataclasses
import typing
from functools import cache
from typing import Any, TypeVar, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

M = TypeVar("M")


def to_data(model: Any) -> Any:
    """A model as plain data; what is at its default is left out."""
    if dataclasses.is_dataclass(model):
        found = {}
        for entry in dataclasses.fields(model):
            value = getattr(model, entry.name)
            default = entry.default_factory() if callable(entry.default_factory) else entry.default
            if value != default:
                found[entry.name] = to_data(value)
        return found
    if isinstance(model, (list, tuple)):
        return [to_data(value) for value in model]
    if isinstance(model, collections.abc.Mapping):
        return {str(key): to_data(value) for key, value in model.items()}
    return model


def from_data(kind: type[M], data: Any) -> M:
    """The model that ``to_data`` wrote. Raises HoldfastError for data that is none of that kind."""
    try:
        return typing.cast(M, _build(kind, data))
    except (TypeError, AttributeError, KeyError) as error:
        raise HoldfastError(f"this is no stored {kind.__name__}: {error}") from error


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: Any, data: Any) -> Any:
    if data is None:
        return None
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _build(hints[name], value) for name, value in data.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return tuple(_build(arguments[0], value) for value in data)
    if origin is collections.abc.Mapping:
        return {key: _build(arguments[1], value) for key, value in data.items()}
    if origin is Union:
        inner = [one for one in arguments if one is not type(None)]
        return _build(inner[0], data) if len(inner) == 1 else data
    return data
