# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import time

import pytest
from holdfast.auth import passwords, sessions, tokens
from holdfast.auth.guard import Guard
from holdfast.db import models as m
from holdfast.db.base import now
from sqlalchemy import select

ANONYMOUS = {"detail": "Authentication credentials were not provided. To establish a login session, visit /api/login/."}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def passworded(world):
    """``lone`` and ``root`` can sign in by password too."""
    with world.controller.database.writing() as session:
        for name in ("lone", "root"):
            session.get_one(m.User, world.ids[name]).password = passwords.make("pw!")


def new_token(world, name: str, **more) -> tuple[int, str]:
    secret = tokens.generate()
    values = {"user_id": world.ids[name], "expires": tokens.expiry(100000), **more}
    with world.controller.database.writing() as session:
        row = m.Token(token_hash=tokens.digest(secret), **values)
        session.add(row)
        session.flush()
        return row.id, secret


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(""),
        {"Authorization": "Bearer"},
        {"Authorization": "Token x"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
        basic("nobody", "pw!"),
        basic("", ""),
        {"Cookie": "awx_sessionid=forged"},
        {"Cookie": "awx_sessionid=; ; =; x"},
    ],
)
def test_nobody_is_told_to_sign_in(app, headers):
    answer = app.get("/api/v2/me/", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == ANONYMOUS
    assert answer.headers["www-authenticate"] == "Bearer realm=api authorization_url=/api/o/authorize/"
    assert "x-api-product-version" not in answer.headers


def test_a_wrong_password_says_no_more_than_a_wrong_name(app, passworded):
    for headers in (basic("lone", "bad"), basic("nobody", "bad"), basic("ann", "")):
        answer = app.get("/api/v2/me/", headers=headers)
        assert (answer.status_code, answer.json()) == (401, ANONYMOUS)


def test_a_wrong_name_takes_as_long_as_a_wrong_password(app, world, passworded, monkeypatch):
    hashed: list[str] = []
    verify = passwords.verify
    monkeypatch.setattr(passwords, "verify", lambda password, kept: hashed.append(kept) or verify(password, kept))
    for name in ("lone", "nobody at all", "ann"):  # ann has no password at all
        Guard.of(world.controller).throttle._counts.clear()
        app.get("/api/v2/me/", headers=basic(name, "bad"))
    assert len(hashed) == 3


def test_each_way_in(app, world, passworded):
    for headers in (basic("lone", "pw!"), bearer(world.tokens["lone"])):
        assert app.get("/api/v2/me/", headers=headers).json()["results"][0]["username"] == "lone"


def test_basic_hashes_nothing_once_it_was_good(app, passworded, monkeypatch):
    assert app.get("/api/v2/me/", headers=basic("lone", "pw!")).status_code == 200
    monkeypatch.setattr(passwords, "verify", lambda *_unused: pytest.fail("hashed again"))
    for number in range(3):
        assert app.get(f"/api/v2/me/?search=x{number}", headers=basic("lone", "pw!")).status_code == 200


def test_basic_can_be_switched_off(app, world, passworded, as_):
    assert as_("root").patch("settings/authentication/", {"AUTH_BASIC_ENABLED": False}).status_code == 200
    try:
        assert app.get("/api/v2/me/", headers=basic("lone", "pw!")).status_code == 401
    finally:
        as_("root").patch("settings/authentication/", {"AUTH_BASIC_ENABLED": True})
    assert app.get("/api/v2/me/", headers=basic("lone", "pw!")).status_code == 200


def test_whoever_guesses_has_to_wait_and_whoever_knows_goes_on(app, world, passworded):
    Guard.of(world.controller).throttle._counts.clear()
    assert app.get("/api/v2/me/", headers=basic("lone", "pw!")).status_code == 200
    statuses = [app.get("/api/v2/me/", headers=basic("lone", f"guess{n}")).status_code for n in range(8)]
    assert statuses[:5] == [401] * 5
    assert set(statuses[5:]) == {429}
    assert app.get("/api/v2/me/?search=again", headers=basic("lone", "pw!")).status_code == 200
    assert app.get("/api/v2/me/", headers=bearer(world.tokens["lone"])).status_code == 200
    Guard.of(world.controller).throttle._counts.clear()


def test_a_token_that_only_reads_changes_nothing(app, world):
    _unused, secret = new_token(world, "root", scope="read")
    assert app.get("/api/v2/organizations/", headers=bearer(secret)).status_code == 200
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = app.request(method, f"/api/v2/organizations/{world.ids['a']}/", headers=bearer(secret))
        assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    shown = app.get(f"/api/v2/organizations/{world.ids['a']}/", headers=bearer(secret)).json()
    assert shown["summary_fields"]["user_capabilities"] == {"edit": False, "delete": False}


@pytest.mark.parametrize("scope", ["write", "read write"])
def test_a_token_that_writes_writes(app, world, scope):
    _unused, secret = new_token(world, "root", scope=scope)
    path = f"/api/v2/organizations/{world.ids['a']}/"
    assert app.patch(path, json={"description": scope}, headers=bearer(secret)).status_code == 200


def test_a_kept_answer_does_not_outlive_its_token(app, world, as_):
    key, secret = new_token(world, "lone")
    for _unused in range(2):
        assert app.get("/api/v2/me/", headers=bearer(secret)).status_code == 200
    assert as_("lone").delete(f"tokens/{key}/").status_code == 204
    assert app.get("/api/v2/me/", headers=bearer(secret)).status_code == 401


def test_a_token_ends_by_the_clock_whatever_is_kept(app, world, monkeypatch):
    _unused, secret = new_token(world, "lone", expires=now() + dt.timedelta(seconds=0.4))
    assert app.get("/api/v2/me/", headers=bearer(secret)).status_code == 200
    time.sleep(0.5)
    assert app.get("/api/v2/me/", headers=bearer(secret)).status_code == 401


def test_a_token_goes_with_its_user(app, world, as_):
    made = as_("root").post("users/", {"username": "brief", "password": "whatever"}).json()
    world.ids["brief"] = made["id"]
    _unused, secret = new_token(world, "brief")
    assert app.get("/api/v2/me/", headers=bearer(secret)).status_code == 200
    assert as_("root").delete(f"users/{made['id']}/").status_code == 204
    assert app.get("/api/v2/me/", headers=bearer(secret)).status_code == 401
    assert app.get("/api/v2/me/", headers=basic("brief", "whatever")).status_code == 401


def test_the_database_holds_no_token_and_no_password(app, world, as_):
    answer = as_("lone").post("tokens/", {"description": "d"}).json()
    text = world.controller.settings.folder.joinpath("controller.db").read_bytes()
    text += world.controller.settings.folder.joinpath("controller.db-wal").read_bytes()
    assert answer["token"].encode() not in text
    assert b"pw!" not in text
    assert as_("lone").get(f"tokens/{answer['id']}/").json()["token"] == "************"


def test_when_a_token_was_used_is_noted_beside_the_requests_and_drops_no_kept_answer(app, world):
    key, secret = new_token(world, "lone")
    database = world.controller.database
    app.get("/api/v2/me/", headers=bearer(secret))
    before = database.generations.total
    Guard.of(world.controller).uses.flush()
    assert database.generations.total == before
    with database.reading() as session:
        assert session.get_one(m.Token, key).last_used is not None


class TestSessions:
    """Signing in with a browser."""

    def login(self, app, name="lone", password="pw!", **more):
        app.cookies.clear()
        token = app.get("/api/").cookies["csrftoken"]
        form = {"username": name, "password": password, "next": "/api/", **more}
        return app.post("/api/login/", data=form, headers={"X-CSRFToken": token})

    def test_a_session_begins_and_ends(self, app, world, passworded):
        answer = self.login(app)
        assert answer.status_code == 302 and answer.headers["location"] == "/api/"
        assert answer.headers["x-api-session-cookie-name"] == "awx_sessionid"
        cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("awx_sessionid"))
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
        assert app.get("/api/v2/me/").json()["results"][0]["username"] == "lone"
        key = app.cookies["awx_sessionid"]
        assert app.get("/api/logout/").status_code == 302
        app.cookies.clear()
        assert app.get("/api/v2/me/", headers={"Cookie": f"awx_sessionid={key}"}).status_code == 401

    def test_only_the_hash_of_its_key_is_kept(self, app, world, passworded):
        self.login(app)
        with world.controller.database.reading() as session:
            kept = session.scalars(select(m.LoginSession.key_hash)).all()
        assert tokens.digest(app.cookies["awx_sessionid"]) in kept
        assert app.cookies["awx_sessionid"] not in kept

    @pytest.mark.parametrize(("name", "password"), [("lone", "bad"), ("nobody", "bad"), ("lone", ""), ("", "")])
    def test_a_wrong_password_begins_nothing(self, app, passworded, name, password):
        answer = self.login(app, name, password)
        assert answer.status_code == 401
        assert "awx_sessionid" not in app.cookies

    def test_without_its_token_a_form_is_refused(self, app, passworded):
        app.cookies.clear()
        assert app.post("/api/login/", data={"username": "lone", "password": "pw!"}).status_code == 403
        app.get("/api/")
        wrong = {"username": "lone", "password": "pw!", "csrfmiddlewaretoken": "x" * 32}
        assert app.post("/api/login/", data=wrong).status_code == 403

    @pytest.mark.parametrize(
        ("headers", "reason"),
        [
            ({}, "CSRF token missing."),
            ({"X-CSRFToken": "x" * 32}, "CSRF token from the 'X-Csrftoken' HTTP header incorrect."),
            ({"X-CSRFToken": "right", "Origin": "http://evil.example"},
             "Origin checking failed - http://evil.example does not match any trusted origins."),
            ({"X-CSRFToken": "right", "Origin": "null"},
             "Origin checking failed - null does not match any trusted origins."),
        ],
    )  # fmt: skip
    def test_a_change_by_cookie_must_come_from_our_pages(self, app, passworded, headers, reason):
        self.login(app)
        headers = {name: app.cookies["csrftoken"] if value == "right" else value for name, value in headers.items()}
        answer = app.patch("/api/v2/users/1/", json={}, headers=headers)
        assert (answer.status_code, answer.json()) == (403, {"detail": f"CSRF Failed: {reason}"})
        assert app.get("/api/v2/me/").status_code == 200

    def test_with_the_token_it_changes_something(self, app, world, passworded):
        self.login(app)
        headers = {"X-CSRFToken": app.cookies["csrftoken"], "Origin": "http://testserver"}
        path = f"/api/v2/users/{world.ids['lone']}/"
        assert app.patch(path, json={"first_name": "L"}, headers=headers).status_code == 200

    def test_a_bearer_token_needs_no_other_token_whatever_cookies_say(self, app, world, passworded):
        self.login(app)
        path = f"/api/v2/users/{world.ids['lone']}/"
        answer = app.patch(path, json={"last_name": "L"}, headers=bearer(world.tokens["lone"]))
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        "target", ["http://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", ""]
    )
    def test_nobody_is_sent_to_another_site(self, app, passworded, target):
        assert self.login(app, next=target).headers["location"] == "/api/v2/"

    def test_a_session_ends_by_the_clock_and_moves_on_while_it_is_used(self, app, world, passworded):
        self.login(app)
        database = world.controller.database
        kept = tokens.digest(app.cookies["awx_sessionid"])

        def session_row(session):
            return session.scalars(select(m.LoginSession).where(m.LoginSession.key_hash == kept)).one()

        with database.writing() as session:
            session_row(session).expires = now() + dt.timedelta(seconds=30)
        Guard.of(world.controller).uses._noted.clear()
        assert app.get("/api/v2/me/").status_code == 200
        Guard.of(world.controller).uses.flush()
        with database.reading() as session:
            assert session_row(session).expires > now() + dt.timedelta(seconds=1000)
        with database.writing() as session:
            session_row(session).expires = now() - dt.timedelta(seconds=1)
        assert app.get("/api/v2/me/").status_code == 401

    def test_another_password_ends_all_sessions_but_the_one_that_made_it(self, app, world, passworded, as_):
        self.login(app)
        other = app.cookies["awx_sessionid"]
        self.login(app)
        headers = {"X-CSRFToken": app.cookies["csrftoken"]}
        path = f"/api/v2/users/{world.ids['lone']}/"
        assert app.patch(path, json={"password": "another"}, headers=headers).status_code == 200
        assert app.get("/api/v2/me/").status_code == 200
        app.cookies.clear()
        assert app.get("/api/v2/me/", headers={"Cookie": f"awx_sessionid={other}"}).status_code == 401
        assert app.get("/api/v2/me/", headers=basic("lone", "pw!")).status_code == 401
        assert as_("root").patch(f"users/{world.ids['lone']}/", {"password": "pw!"}).status_code == 200
        assert app.get("/api/v2/me/", headers=basic("lone", "pw!")).status_code == 200

    def test_the_number_of_sessions_can_be_limited(self, world, passworded):
        with world.controller.database.writing() as session:
            user = session.get_one(m.User, world.ids["lone"])
            keys = [sessions.begin(session, user, 100, most=2) for _unused in range(4)]
            assert [sessions.find(session, key) is not None for key in keys] == [False, False, True, True]

    def test_over_tls_cookies_are_secure_and_referers_are_checked(self, world, passworded):
        from fastapi.testclient import TestClient
        from holdfast.app import create_app

        app = TestClient(create_app(world.controller), base_url="https://testserver", follow_redirects=False)
        assert "Secure" in app.get("/api/").headers["set-cookie"]
        token = app.cookies["csrftoken"]
        form = {"username": "lone", "password": "pw!", "csrfmiddlewaretoken": token}
        for referer, reason in (
            (None, "no Referer."),
            ("nonsense", "Referer is malformed."),
            ("http://testserver/", "Referer is insecure while host is secure."),
            ("https://evil.example/", "https://evil.example/ does not match any trusted origins."),
        ):
            headers = {"Referer": referer} if referer else {}
            refused = app.post("/api/login/", data=form, headers=headers)
            assert refused.status_code == 403 and reason in refused.text
        done = app.post("/api/login/", data=form, headers={"Referer": "https://testserver/api/login/"})
        assert done.status_code == 302
        assert all("Secure" in one for one in done.headers.get_list("set-cookie"))

    def test_behind_a_proxy_that_ends_tls_cookies_are_secure_too(self, world, passworded):
        from fastapi.testclient import TestClient
        from holdfast.app import create_app

        settings = world.controller.settings.model_copy(update={"base_url": "https://ops.example/"})
        app = TestClient(create_app(dataclasses.replace(world.controller, settings=settings)), follow_redirects=False)
        assert "Secure" in app.get("/api/").headers["set-cookie"]
        form = {"username": "lone", "password": "pw!", "csrfmiddlewaretoken": app.cookies["csrftoken"]}
        headers = {"Cookie": f"csrftoken={app.cookies['csrftoken']}", "Referer": "https://ops.example/api/login/"}
        done = app.post("/api/login/", data=form, headers=headers)
        assert done.status_code == 302
        assert all("Secure" in one for one in done.headers.get_list("set-cookie"))


@pytest.mark.parametrize("prefix", ["/api/v2", "/api/controller/v2"])
def test_what_awx_login_asks(app, world, passworded, prefix):
    """A user addressed by name makes a token with their password."""
    app.cookies.clear()
    body = {"description": "CLI", "application": None, "scope": "write"}
    made = app.post(f"{prefix}/users/lone/personal_tokens/", json=body, headers=basic("lone", "pw!"))
    assert made.status_code == 201, made.text
    shown = app.get(f"{prefix}/me/", headers=bearer(made.json()["token"])).json()["results"][0]
    assert shown["username"] == "lone" and shown["url"].startswith(prefix)
    other = app.post(f"{prefix}/users/ann/personal_tokens/", json=body, headers=basic("lone", "pw!"))
    assert other.status_code == 403
    assert app.get("/api/gateway/v1/me/", headers=bearer(made.json()["token"])).json()["count"] == 1
