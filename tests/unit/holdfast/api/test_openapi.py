# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAPI document: valid, whole, and served where people and programs look for it."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from fastapi.testclient import TestClient
from holdfast.api.openapi import document
from holdfast.context import Controller


@pytest.fixture(scope="module")
def whole(controller: Controller) -> dict[str, Any]:
    return document(controller.registry)


def _operations(whole: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for path in whole["paths"].values() for key, one in path.items() if key != "parameters"]


def test_it_is_valid(whole: dict[str, Any]) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(whole)


def test_every_reference_leads_somewhere(whole: dict[str, Any]) -> None:
    references = {part.split('"')[0] for part in json.dumps(whole).split('"$ref": "#/')[1:]}
    for reference in references:
        found: Any = whole
        for key in reference.split("/"):
            found = found[key]


def test_operations_have_names_of_their_own(whole: dict[str, Any]) -> None:
    counted = Counter(one["operationId"] for one in _operations(whole))
    assert [name for name, count in counted.items() if count > 1] == []
    assert {"job_templates_list", "job_templates_launch_create", "job_templates_labels_list"} <= set(counted)


def test_everything_that_is_declared_is_told(whole: dict[str, Any], controller: Controller) -> None:
    registry = controller.registry
    for resource in registry.resources.values():
        detail = whole["paths"][f"/api/v2/{resource.name}/{{id}}/"]
        assert {key.upper() for key in detail if key != "parameters"} == set(resource.detail_methods)
        for name in (*resource.sublists, *resource.actions):
            assert f"/api/v2/{resource.name}/{{id}}/{name}/" in whole["paths"]
    assert {f"/api/v2/{path}/" for path in registry.pages if path} <= set(whole["paths"])


def test_it_is_served(client: TestClient) -> None:
    below = client.get("/api/v2/schema/", auth=None).json()  # type: ignore[arg-type]
    beside = client.get("/openapi.json").json()
    assert below["paths"].keys() < beside["paths"].keys()
    assert "/healthz" in beside["paths"]


def test_its_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    wanted = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(wanted) >= 2
    for address in wanted:
        assert address.startswith("/"), address
        assert client.get(address).status_code == 200
