# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers for people who look at the API with a browser: the same data, on a plain page with links."""

from __future__ import annotations

import html
import json
import re
from typing import Any

CONTENT_TYPE = "text/html; charset=utf-8"
NOT_FOUND = (
    b'<!doctype html>\n<html lang="en">\n<head><title>Not Found</title></head>\n'
    b"<body><h1>Not Found</h1><p>There is nothing at this address.</p></body>\n</html>\n"
)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="robots" content="NONE,NOARCHIVE"><title>{path} · REST API</title></head>
<body><h1>{method} {path}</h1><p>HTTP {status}</p>{allow}<pre>{body}</pre></body>
</html>
"""
_LINK = re.compile(r"&quot;(/api/[^&]*(?:&amp;[^&]*)*)&quot;")


def page(method: str, path: str, status: int, body: Any, allow: str) -> bytes:
    """A page that shows an answer."""
    shown = "" if body is None else html.escape(json.dumps(body, indent=2, ensure_ascii=False, default=str))
    return _PAGE.format(
        method=html.escape(method),
        path=html.escape(path),
        status=status,
        allow=f"<p>Allow: {html.escape(allow)}</p>" if allow else "",
        body=_LINK.sub(r'&quot;<a href="\1">\1</a>&quot;', shown),
    ).encode("utf-8", "replace")


def wanted(accept: str, asked: str) -> bool:
    """Whether a client would rather have a page than data: by ``?format=``, else by what it accepts."""
    if asked:
        return asked == "api"
    kinds = [one.split(";")[0].strip().lower() for one in accept.split(",")]
    return "text/html" in kinds and "application/json" not in kinds
