# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/schema and the tables of docs/catalog.md anew, from the tables in core/catalog.

``--check`` only says whether they are up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import reference, schema

DOCS = Path(__file__).resolve().parents[1] / "docs"
MANUAL = DOCS / "catalog.md"


def wanted() -> dict[Path, str]:
    """Every generated file and what it has to hold."""
    files = {DOCS / "schema" / file: schema.render(kind) for kind, file in schema.FILES.items()}
    return {**files, MANUAL: with_tables(MANUAL.read_text(encoding="utf-8"))}


def with_tables(text: str) -> str:
    """The manual with its tables of keys made anew: what stands between their marks is replaced."""
    for kind in schema.FILES:
        begin, end = f"<!-- keys of {kind} -->", f"<!-- end of {kind} -->"
        table = reference.key_table(kind)
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        text = pattern.sub(lambda _unused, table=table, b=begin, e=end: f"{b}\n{table}{e}", text)  # type: ignore[misc]
    return text


def main(arguments: list[str]) -> int:
    """Exit status 1 when --check finds a file that differs."""
    only_check = "--check" in arguments
    stale = [
        (path, text) for path, text in wanted().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        print(f"{path}: {'differs from the tables' if only_check else 'written'}")
        if not only_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if stale and only_check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
