# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models become documents that mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.document import bundle_document, item_document
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.parse import parse_bundle, parse_item
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem

REPOSITORY = Path(__file__).resolve().parents[6]
FOLDERS = ("workflows", "tests/catalog/examples", "tests/rehearsals/items")
DOCUMENTS = [
    pytest.param(document, id=f"{document['kind']} {document['metadata']['name']}")
    for folder in FOLDERS
    for file in sorted((REPOSITORY / folder).rglob("*.yml"))
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_model_is_the_same_after_the_way_back(document: Any) -> None:
    parse, back = (parse_item, item_document) if document["kind"] == "CatalogItem" else (parse_bundle, bundle_document)
    problems: list[Problem] = []
    model = parse(document, problems)
    again = parse(yaml.safe_load(yaml.safe_dump(back(model), sort_keys=False)), problems)  # type: ignore[arg-type]
    assert problems == []
    assert again == model


def test_what_is_at_its_default_is_left_out() -> None:
    document = {
        "apiVersion": "holdfast.ops/v1",
        "kind": "CatalogItem",
        "metadata": {"name": "look"},
        "fulfillment": {"mode": "automated", "automated": {"module": "ansible.builtin.ping"}},
    }
    assert item_document(parse_item(document, [])) == document
