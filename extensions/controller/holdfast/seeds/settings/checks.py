# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a setting may be: the checks, with the words AWX uses."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from holdfast.seeds.settings.model import Kind, Setting

Problems = list[str] | dict[str, Any]

_TRUE = ("t", "true", "on", "y", "yes", "1")
_FALSE = ("f", "false", "off", "n", "no", "0")
_LONGEST_NUMBER = 1000
_TRAILING_ZEROS = re.compile(r"\.0*\s*$")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?", re.IGNORECASE)
_IMAGE = re.compile(r"data:image/(png|jpeg|gif);base64,([A-Za-z0-9+/=]+)")
_MOUNT_OPTIONS = ["z", "O", "ro", "rw"]
_LIFETIMES = ("ACCESS_TOKEN_EXPIRE_SECONDS", "AUTHORIZATION_CODE_EXPIRE_SECONDS", "REFRESH_TOKEN_EXPIRE_SECONDS")


class BadValue(ValueError):
    """A value cannot be taken; ``problems`` says why, by item or key where the value has such."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(str(problems))
        self.problems = problems


def _refuse(problem: str) -> BadValue:
    return BadValue([problem])


def check(setting: Setting, value: Any) -> Any:
    """The value to keep for a setting; raises BadValue."""
    if value == "" and setting.kind in ("integer", "id") and setting.allow_null:
        value = None
    if value is None:
        if setting.allow_null:
            return None
        raise _refuse("This field may not be null.")
    kept = _CHECKS[setting.kind](setting, value)
    if not setting.supported and kept != setting.default and (kept or setting.default):
        raise _refuse("This controller signs people in by itself and does not use this setting.")
    return kept


def _boolean(_setting: Setting, value: Any) -> bool:
    word = str(value).lower() if isinstance(value, (bool, int, str)) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _refuse("Must be a valid boolean.")


def _number(value: Any, lowest: int | None, highest: int | None) -> int:
    if isinstance(value, str) and len(value) > _LONGEST_NUMBER:
        raise _refuse("String value too large.")
    try:
        number = int(_TRAILING_ZEROS.sub("", str(value)))
    except ValueError:
        raise _refuse("A valid integer is required.") from None
    if lowest is not None and number < lowest:
        raise _refuse(f"Ensure this value is greater than or equal to {lowest}.")
    if highest is not None and number > highest:
        raise _refuse(f"Ensure this value is less than or equal to {highest}.")
    return number


def _integer(setting: Setting, value: Any) -> int:
    return _number(value, setting.min_value, setting.max_value)


def _text(value: Any, *, allow_blank: bool = False) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _refuse("Not a valid string.")
    text = str(value).strip()
    if not text and not allow_blank:
        raise _refuse("This field may not be blank.")
    if "\0" in text:
        raise _refuse("Null characters are not allowed.")
    return text


def _string(setting: Setting, value: Any) -> str:
    return _text(value, allow_blank=setting.allow_blank)


def _url(setting: Setting, value: Any) -> str:
    text = _text(value, allow_blank=setting.allow_blank)
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in ("http", "https") and parts.port != 0 and not re.search(r"\s", text)
    except ValueError:
        is_good = False
    if not is_good or not (_HOST.fullmatch(parts.hostname or "") or ":" in (parts.hostname or "")):
        raise _refuse("Enter a valid URL")
    return text


def _choice(setting: Setting, value: Any) -> str:
    if value == "" and setting.allow_blank:
        return ""
    if str(value) not in dict(setting.choices):
        raise _refuse(f'"{value}" is not a valid choice.')
    return str(value)


def _each(items: Mapping[str, Any], one: Callable[[Any], Any]) -> dict[str, Any]:
    """Every item checked; all that are wrong are named by their keys."""
    kept: dict[str, Any] = {}
    problems: dict[str, Any] = {}
    for key, value in items.items():
        try:
            if value is None:
                raise _refuse("This field may not be null.")
            kept[key] = one(value)
        except BadValue as error:
            problems[key] = error.problems
    if problems:
        raise BadValue(problems)
    return kept


def _list(_setting: Setting, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise _refuse(f'Expected a list of items but got type "{type(value).__name__}".')
    return list(_each({str(index): one for index, one in enumerate(value)}, _text).values())


def _strings(value: Any) -> list[str]:
    """The paths of a list, for the two kinds that say it in other words."""
    if not isinstance(value, list):
        raise _refuse(f"Expected list of strings but got {type(value)} instead.")
    for one in value:
        if not isinstance(one, str):
            raise _refuse(f"Expected list of strings but got {type(one)} instead.")
    return value


def _paths(_setting: Setting, value: Any) -> list[str]:
    # Virtual environments of old; there are none here that a path could lead to.
    for path in _strings(value):
        raise _refuse(f"{path} is not a valid path choice.")
    return []


def _absolute(path: str) -> None:
    if not path.startswith("/"):
        raise _refuse(f"{path} is not a valid path choice. You must provide an absolute path.")


def _mounts(_setting: Setting, value: Any) -> list[str]:
    expected = "Invalid syntax. A string HOST-DIR[:CONTAINER-DIR[:OPTIONS]] is expected but got"
    for path in _strings(value):
        _absolute(path)
        parts = path.split(":")
        if len(parts) > 3:
            raise _refuse(f"{expected} {path}.")
        for part in parts[:2]:
            if not part:
                raise _refuse(f"{expected} {part}.")
            _absolute(part)
        if len(parts) == 3 and parts[2] not in _MOUNT_OPTIONS:
            raise _refuse(f"{parts[2]} is not a valid mount option. Allowed types are {_MOUNT_OPTIONS}")
    return sorted(value)


def _dict(_setting: Setting, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refuse(f'Expected a dictionary of items but got type "{type(value).__name__}".')
    return value


def _variables(setting: Setting, value: Any) -> dict[str, Any]:
    return _each(_dict(setting, value), _text)


def _token_lifetimes(setting: Setting, value: Any) -> dict[str, Any]:
    kept = _each(_dict(setting, value), lambda one: _number(one, 1, None))
    unknown = [name for name in kept if name not in _LIFETIMES]
    if unknown:
        raise _refuse(f"Invalid key names: {', '.join(unknown)}")
    return kept


def _datetime(_setting: Setting, value: Any) -> str:
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        formats = "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]"
        raise _refuse(f"Datetime has wrong format. Use one of these formats instead: {formats}.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.timezone.utc)
    return moment.astimezone(dt.timezone.utc).isoformat().replace("+00:00", "Z")


def _id(_setting: Setting, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).isdecimal():
        raise _refuse(f"Incorrect type. Expected pk value, received {type(value).__name__}.")
    return int(value)


def _logo(setting: Setting, value: Any) -> str:
    text = _text(value, allow_blank=setting.allow_blank)
    image = _IMAGE.fullmatch(text)
    if text and not image:
        raise _refuse(
            "Invalid format for custom logo. Must be a data URL with a base64-encoded GIF, PNG or JPEG image."
        )
    try:
        base64.b64decode(image[2] if image else "")
    except binascii.Error:
        raise _refuse("Invalid base64-encoded data in data URL.") from None
    return text


_CHECKS: Mapping[Kind, Callable[[Setting, Any], Any]] = {
    "boolean": _boolean,
    "integer": _integer,
    "string": _string,
    "url": _url,
    "choice": _choice,
    "list": _list,
    "paths": _paths,
    "mounts": _mounts,
    "dict": _dict,
    "variables": _variables,
    "token_lifetimes": _token_lifetimes,
    "datetime": _datetime,
    "id": _id,
    "logo": _logo,
}
