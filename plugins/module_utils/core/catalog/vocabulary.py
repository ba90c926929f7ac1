# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words in which a document's shape is written down. They are data; ``check`` and ``schema`` read them.

Every shape has a ``says``: what is expected, for the message that somebody reads who wrote something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union


@dataclass(frozen=True)
class Text:
    """Text. ``choices``: one of these; else ``pattern``: a regular expression found in it; else anything not blank.

    ``example`` is a right value for the message about a wrong one; ``blank`` allows empty text.
    """

    says: str = "text"
    pattern: str = ""
    choices: tuple[str, ...] = ()
    example: str = ""
    blank: bool = False


@dataclass(frozen=True)
class Number:
    """A number, finite; ``whole`` for integers; the limits belong to the range."""

    whole: bool = False
    minimum: Optional[float] = None
    maximum: Optional[float] = None

    @property
    def says(self) -> str:
        """What is expected, limits included."""
        kind = "a whole number" if self.whole else "a number"
        if self.minimum is not None and self.maximum is not None:
            return f"{kind} from {self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"{kind}, at least {self.minimum:g}"
        return kind if self.maximum is None else f"{kind}, at most {self.maximum:g}"


@dataclass(frozen=True)
class Flag:
    """true or false."""

    says: str = "true or false"


@dataclass(frozen=True)
class Anything:
    """Any value that JSON can write: the keys of its mappings are text."""

    says: str = "any value"


@dataclass(frozen=True)
class ListOf:
    """A list, every element of one shape, at least ``least`` of them."""

    of: Shape
    says: str = "a list"
    least: int = 0


@dataclass(frozen=True)
class MapOf:
    """A mapping whose keys are names of the author's choice (``keys``), every value of one shape."""

    of: Shape
    keys: Text
    says: str = "a mapping of names"
    least: int = 0


@dataclass(frozen=True)
class Key:
    """One key of an Object. ``default`` is what a document means that leaves the key out."""

    name: str
    shape: Shape
    doc: str
    required: bool = False
    default: Any = None


@dataclass(frozen=True)
class Object:
    """A mapping with known keys.

    ``forbidden``: keys people try, and why they are none. ``exclusive``: pairs of keys that exclude each other.
    ``together``: keys that mean something only beside another.
    """

    says: str
    keys: tuple[Key, ...]
    doc: str = ""
    forbidden: Mapping[str, str] = field(default_factory=dict)
    exclusive: tuple[tuple[str, str], ...] = ()
    together: Mapping[str, str] = field(default_factory=dict)

    def key(self, name: str) -> Optional[Key]:
        """The key of this name, or None."""
        return next((key for key in self.keys if key.name == name), None)


@dataclass(frozen=True)
class ByKey:
    """One of several Objects, told apart by which one of the selecting keys is present."""

    says: str
    cases: Mapping[str, Object]


@dataclass(frozen=True)
class ByValue:
    """One of several Objects, told apart by the value of the key ``tag``; left out it means ``default``."""

    says: str
    tag: str
    default: str
    cases: Mapping[str, Object]


@dataclass(frozen=True)
class Either:
    """One of several shapes, told apart by the JSON type of the value."""

    says: str
    cases: tuple[Shape, ...]


Shape = Union[Text, Number, Flag, Anything, ListOf, MapOf, Object, ByKey, ByValue, Either]
