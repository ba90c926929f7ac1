#!/usr/bin/env python3
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/schema anew, from the tables in core/catalog. ``--check`` only says whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import schema

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schema"


def main(arguments: list[str]) -> int:
    """Exit status 1 when --check finds a file that differs."""
    stale = []
    for kind, file in schema.FILES.items():
        path, text = FOLDER / file, schema.render(kind)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if "--check" not in arguments:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path}: {'differs from the tables' if '--check' in arguments else 'written'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
