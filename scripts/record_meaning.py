# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Condenses recordings of an AWX into what they mean, for tests/contract: record_meaning.py FOLDER [OUTPUT].

FOLDER holds one file for each request, ``NNN_name.json``, with ``request`` (method, path, body, auth, headers),
``status``, ``headers`` and ``body``. OUTPUT is tests/contract/recordings/awx.json where it is not given.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.contract.meaning import condense  # noqa: E402


def main(folder: Path, output: Path) -> None:
    """Write the meaning of every recording of a folder, one a line."""
    lines = []
    for path in sorted(folder.glob("[0-9]*_*.json")):
        number, _unused, name = path.stem.partition("_")
        meaning = {"number": int(number), "name": name, **condense(json.loads(path.read_text(encoding="utf-8")))}
        lines.append(json.dumps(meaning, ensure_ascii=False, separators=(",", ":")))
    output.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print(f"{len(lines)} recordings in {output}")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else REPOSITORY / "tests/contract/recordings/awx.json"
    )
