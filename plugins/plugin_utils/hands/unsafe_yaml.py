# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables as a YAML file for Ansible, in which text from outside can never become a template.

``Unsafe`` text is written with the tag ``!unsafe``, everything else as it is, so that the author's own templates are
rendered. Text is always double-quoted and the file is pure ASCII: no word, number or date in it is taken for something
else, and no character is lost. Only half a surrogate pair (a byte that was no UTF-8) cannot be written: libyaml refuses
it, and it becomes U+FFFD.

ansible-core 2.19 reads ``!unsafe "yes"`` as true and ``!unsafe "3"`` as a number, quotes or not. Text that looks like a
value of another type is therefore written without the tag: none of it can hold a template.
"""

from __future__ import annotations

import datetime
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union

import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, render_path
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import Unsafe

MAX_DEPTH = 100
_LONG_KEY = 500  # characters; YAML takes a longer one only behind a question mark
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_RESOLVER = yaml.resolver.Resolver()
_SURROGATE = re.compile("[\ud800-\udfff]")


def write_vars(path: Union[str, Path], data: Any) -> None:
    """Write ``data`` (mappings, lists, text, numbers, true, false, None, dates as text) to a new file, mode 0600.

    Raises FileExistsError when there is anything at ``path``, also a dangling link, and HoldfastError for a value that
    YAML cannot carry; then no file is left behind.
    """
    content = dump(data).encode("ascii")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)


def dump(data: Any) -> str:
    """The YAML text of ``data``; raises HoldfastError as ``write_vars`` does."""
    return "---\n" + "".join(_emit(data, ())) + "\n"


def _emit(value: Any, path: DocumentPath) -> Iterator[str]:
    if len(path) > MAX_DEPTH:
        raise HoldfastError(f"a variable is nested more than {MAX_DEPTH} deep")
    pad = "\n" + "  " * (len(path) + 1)
    if isinstance(value, Mapping) and value:
        for index, (key, child) in enumerate(value.items()):
            yield f"{',' if index else '{'}{pad}{_key(key, path)}"
            yield from _emit(child, (*path, key))
        yield f"{pad[:-2]}}}"
    elif isinstance(value, (list, tuple)) and value:
        for index, child in enumerate(value):
            yield f"{',' if index else '['}{pad}"
            yield from _emit(child, (*path, index))
        yield f"{pad[:-2]}]"
    elif isinstance(value, Mapping):
        yield "{}"
    elif isinstance(value, (list, tuple)):
        yield "[]"
    else:
        yield _scalar(value, path)


def _key(key: Any, path: DocumentPath) -> str:
    written = _scalar(key, path)
    simple = written.startswith('"') and len(written) < _LONG_KEY
    return f"{written}: " if simple else f"? {written} : "


def _scalar(value: Any, path: DocumentPath) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return ("!unsafe " if isinstance(value, Unsafe) and not _looks_like_no_text(value) else "") + _quoted(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return _quoted(value.isoformat())
    raise HoldfastError(f"{render_path(path)}: a value of type {type(value).__name__} cannot be handed to a play")


def _looks_like_no_text(text: str) -> bool:
    """Whether YAML would take the text, unquoted, for something else: true, a number, a date, null, a merge."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, str(text), (True, False))  # type: ignore[no-untyped-call]
    return bool(tag != "tag:yaml.org,2002:str")


def _number(value: float) -> str:
    """A float as YAML 1.1 knows it: with a point, and infinity and nan in its own words."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    digits, exponent, power = float.__repr__(value).partition("e")
    return (digits if "." in digits else f"{digits}.0") + exponent + power


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    return '"' + "".join(map(_escaped, _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if 32 <= code < 127:
        return char
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
