# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What browsers send: cookies and forms."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from holdfast.api.call import Call
from holdfast.api.errors import Invalid

_MOST_FIELDS = 100


def cookies(call: Call) -> Mapping[str, str]:
    """The cookies that came along."""
    found: dict[str, str] | None = call.cache.get("cookies")
    if found is None:
        pairs = (part.strip().partition("=") for part in call.headers.get("cookie", "").split(";"))
        found = call.cache["cookies"] = {name: value.strip('"') for name, _unused, value in pairs if name}
    return found


def form(call: Call) -> Mapping[str, str]:
    """The body as a form: the last value of each field. Raises Invalid for more fields than any form has."""
    text = call.raw_body.decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise Invalid(f"The form has more than {_MOST_FIELDS} fields.") from None
