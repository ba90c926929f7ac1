# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How requests become answers: addresses, formats, bodies, errors, named URLs, clients that went away."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import anyio
import pytest
from fastapi.testclient import TestClient
from holdfast.api.http import Api
from holdfast.context import Controller
from holdfast.db.models import Organization
from sqlalchemy import func, select

ORGANIZATIONS = "/api/v2/organizations/"


def make(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_missing_slash_is_added(client: TestClient) -> None:
    answer = client.get("/api/v2/organizations?name=a%2Bb&page=1")
    assert (answer.status_code, answer.headers["location"]) == (301, "/api/v2/organizations/?name=a%2Bb&page=1")


def test_both_prefixes_lead_to_the_same_and_links_keep_theirs(client: TestClient) -> None:
    answer = client.get("/api/controller/v2/organizations/1/").json()
    assert answer["url"] == "/api/controller/v2/organizations/1/"
    assert answer["related"]["users"] == "/api/controller/v2/organizations/1/users/"


@pytest.mark.parametrize("path", ["/api/v2/nothing/", "/api/nothing/", "/api/v2/organizations/1/nothing/"])
def test_what_is_no_path_is_a_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "allow" not in answer.headers


def test_an_object_that_is_not_there_is_named_by_its_class(client: TestClient) -> None:
    answer = client.get(f"{ORGANIZATIONS}999/")
    assert (answer.status_code, answer.json()) == (404, {"detail": "No Organization matches the given query."})
    assert answer.headers["allow"] == "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
    assert client.get(f"{ORGANIZATIONS}99999999999999999999999999/").status_code == 404


def test_nobody_is_told_to_sign_in_and_not_the_version(client: TestClient) -> None:
    answer = client.get(ORGANIZATIONS, auth=("admin", "wrong"))
    assert answer.status_code == 401
    assert answer.json()["detail"].endswith("To establish a login session, visit /api/login/.")
    assert answer.headers["www-authenticate"].startswith("Bearer realm=api")
    assert "x-api-product-version" not in answer.headers
    assert client.get(ORGANIZATIONS).headers["x-api-product-version"] == "24.6.1"


def test_a_method_that_there_is_not(client: TestClient) -> None:
    answer = client.delete(ORGANIZATIONS)
    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "DELETE" not allowed.'})
    assert answer.headers["allow"] == "GET, POST, HEAD, OPTIONS"


def test_head_has_the_headers_and_no_body(client: TestClient) -> None:
    answer = client.head(ORGANIZATIONS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"<a/>", "application/xml", 415, "You did not use correct Content-Type"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "You did not use correct Content-Type"),
        (b'{"a":', "application/json", 400, "JSON parse error - Expecting value: line 1 column 6 (char 5)\nPossible"),
        (b'["x"]', "application/json", 400, "JSON parse error - not a JSON object"),
        (b'"x"', "application/json; charset=utf-8", 400, "JSON parse error - not a JSON object"),
        (b'{"name": NaN}', "application/json", 400, "Out of range float values are not JSON compliant: 'NaN'"),
        (b'{"name": "\\ud800"}', "application/json", 400, "surrogates not allowed"),
        (b'{"name": "\xff"}', "application/json", 400, "JSON parse error - 'utf-8' codec can't decode"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "application/json", 400, "JSON parse error"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "application/json", 400, "nested more than 100 levels deep"),
    ],
)
def test_a_body_that_is_no_json_object(client: TestClient, body: bytes, kind: str, status: int, said: str) -> None:
    answer = client.post(ORGANIZATIONS, content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"name": ["This field is required."]}),
        ({"name": None}, {"name": ["This field cannot be blank."]}),
        ({"name": ""}, {"name": ["This field may not be blank."]}),
        ({"name": "a\x00b"}, {"name": ["Null characters are not allowed."]}),
        ({"name": "a", "max_hosts": 10**30}, {"max_hosts": ["Ensure this value is less than or equal to 2147483647."]}),
        ({"name": "a", "max_hosts": "1e5"}, {"max_hosts": ["A valid integer is required."]}),
        (
            {"name": "a", "default_environment": 10**30},
            {"default_environment": [f'Invalid pk "{10**30}" - object does not exist.']},
        ),
    ],
)
def test_fields_that_are_wrong(client: TestClient, body: dict[str, Any], errors: dict[str, list[str]]) -> None:
    answer = client.post(ORGANIZATIONS, json=body)
    assert (answer.status_code, answer.json()) == (400, errors)


def test_a_format_by_parameter_stays_in_the_links(client: TestClient) -> None:
    answer = client.get(f"{ORGANIZATIONS}1/?format=json").json()
    assert answer["url"] == "/api/v2/organizations/1/?format=json"
    assert answer["related"]["users"] == "/api/v2/organizations/1/users/?format=json"
    bad = client.get(f"{ORGANIZATIONS}?format=zap")
    assert (bad.status_code, bad.json()) == (404, {"detail": "Not found."})


def test_browsers_get_a_page_without_markup_of_others(client: TestClient) -> None:
    make(client, ORGANIZATIONS, name="<script>alert(1)</script>")
    answer = client.get(f"{ORGANIZATIONS}?search=script", headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;script&gt;" in answer.text
    assert "<script>" not in answer.text
    assert 'href="/api/v2/organizations/' in answer.text
    assert client.get(f"{ORGANIZATIONS}?format=json", headers={"Accept": "text/html"}).json()["count"] > 0


def test_named_urls_lead_to_objects_whatever_is_in_their_names(client: TestClient) -> None:
    made = make(client, ORGANIZATIONS, name="a+b/c [d]")
    assert made["related"]["named_url"] == "/api/v2/organizations/a[+]b%2Fc %5Bd%5D/"
    label = make(client, "/api/v2/labels/", name="x", organization=made["id"])
    named = label["related"]["named_url"]
    assert named == "/api/v2/labels/x++a[+]b%2Fc %5Bd%5D/"
    assert client.get("/api/v2/labels/x++a%5B%2B%5Db%252Fc%20%255Bd%255D/").json()["id"] == label["id"]
    assert client.get(named).json()["id"] == label["id"]


@pytest.mark.parametrize(
    ("path", "kind"), [("labels/nope++Default/", "json"), ("labels/a++b++c/", "html"), ("labels/a/", "html")]
)
def test_named_urls_that_lead_nowhere(client: TestClient, path: str, kind: str) -> None:
    answer = client.get(f"/api/v2/{path}")
    assert answer.status_code == 404
    assert kind in answer.headers["content-type"]
    assert "allow" not in answer.headers


def test_pages_and_their_links(client: TestClient) -> None:
    for number in range(3):
        make(client, ORGANIZATIONS, name=f"page {number}")
    first = client.get(f"{ORGANIZATIONS}?search=page&page_size=1").json()
    assert first["count"] == 3
    assert first["previous"] is None
    assert first["next"] == "/api/v2/organizations/?page=2&page_size=1&search=page"
    second = client.get(first["next"]).json()
    assert second["previous"] == "/api/v2/organizations/?page=1&page_size=1&search=page"
    assert client.get(f"{ORGANIZATIONS}?page=last&page_size=1&search=page").json()["next"] is None
    assert set(client.get(f"{ORGANIZATIONS}?count_disabled=1").json()) == {"results"}
    for bad in ("0", "abc", "99", "9" * 40, "-1", "1e3"):
        answer = client.get(f"{ORGANIZATIONS}?page={bad}")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Invalid page."})
    for odd in ("0", "abc", "-5", "9" * 40):
        assert client.get(f"{ORGANIZATIONS}?page_size={odd}").status_code == 200


def test_hosts_tell_errors_in_their_own_way(client: TestClient) -> None:
    answer = client.get("/api/v2/hosts/?foo=bar")
    assert (answer.status_code, answer.json()) == (400, {"error": "Host has no field named 'foo'"})


def test_large_numbers_in_data_come_back(client: TestClient) -> None:
    body = {"name": "big", "organization": 1, "variables": json.dumps({"a": 10**40})}
    assert str(10**40) in client.post("/api/v2/inventories/", json=body).text
    data = client.get("/api/v2/inventories/?name=big").json()["results"][0]
    assert client.get(f"{data['url']}variable_data/").json() == {"a": 10**40}


class _Gone:
    """A client that sends a whole request and is not there any more."""

    def __init__(self, body: bytes) -> None:
        self._messages = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]
        self.status = 0

    async def receive(self) -> Mapping[str, Any]:
        if not self._messages:
            await anyio.sleep_forever()
        return self._messages.pop(0)

    async def send(self, message: Mapping[str, Any]) -> None:
        self.status = message.get("status", self.status)


def test_nothing_is_done_for_a_client_that_went_away(controller: Controller) -> None:
    api = Api(controller, lambda *_unused: None)
    basic = b"Basic " + base64.b64encode(b"admin:pw")
    scope = {
        "type": "http",
        "method": "POST",
        "path": ORGANIZATIONS,
        "raw_path": ORGANIZATIONS.encode(),
        "query_string": b"",
        "headers": [(b"authorization", basic), (b"content-type", b"application/json")],
    }

    def count() -> int:
        with controller.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Organization)) or 0

    before = count()
    gone = _Gone(b'{"name": "never"}')

    async def ask() -> None:
        with controller.database.writing():  # somebody else's turn, long enough for the client to leave
            pass
        await api(dict(scope), gone.receive, gone.send)

    anyio.run(ask)
    assert (gone.status, count()) == (499, before)
