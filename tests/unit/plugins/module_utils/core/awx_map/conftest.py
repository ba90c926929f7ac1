# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogs for the tests of the mapping, written as YAML and judged before they are used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Catalog
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.validate import Document, validate

REPOSITORY = Path(__file__).resolve().parents[6]
ITEMS = """
- metadata: {name: look}
  fulfillment: {automated: {module: ansible.builtin.ping}}
  compensation: {none: it only looks}
- metadata: {name: tell}
  presentation: {fields: [{name: text, default: nothing}]}
  fulfillment: {automated: {module: ansible.builtin.debug, with: {msg: $fields.text}}}
  compensation: {none: it only talks}
- metadata: {name: report}
  fulfillment: {automated: {role: example.test.report}}
  outputs: [{name: url}, {name: key, secret: true}, {name: ready, type: boolean}]
  compensation: {none: it only looks}
- metadata: {name: change}
  fulfillment: {automated: {role: example.test.change}}
  compensation: {automated: {role: example.test.unchange}, verify: {module: ansible.builtin.ping}}
- metadata: {name: play}
  fulfillment: {automated: {playbook: example.test.play}}
  compensation: {none: it only looks}
- {metadata: {name: by-hand}, fulfillment: {mode: manual, manual: {instructions: Move the cable., assignee: them}}}
"""
HEAD = {"apiVersion": "holdfast.ops/v1"}


def catalog_of(components: str, **bundle: object) -> Catalog:
    """A sound catalog with the items above and the bundle ``it`` of these components."""
    documents = [{**HEAD, "kind": "CatalogItem", **item} for item in yaml.safe_load(ITEMS)]
    body = {"metadata": {"name": "it"}, "components": yaml.safe_load(components), **bundle}
    return sound([*documents, {**HEAD, "kind": "CatalogBundle", **body}])


def sound(documents: Iterable[Any]) -> Catalog:
    """The catalog of documents that have no problem."""
    catalog, problems = validate([Document(one, f"{number}.yml") for number, one in enumerate(documents)])
    assert [problem.render() for problem in problems] == []
    return catalog


def catalog_in(folder: Path) -> Catalog:
    """The catalog of a folder."""
    return sound(one for file in sorted(folder.rglob("*.yml")) for one in yaml.safe_load_all(file.read_text()))


@pytest.fixture(scope="session", params=["workflows", "tests/catalog/examples"])
def real_catalog(request: pytest.FixtureRequest) -> Catalog:
    """The shipped catalog, and the examples that use every key."""
    return catalog_in(REPOSITORY / request.param)
