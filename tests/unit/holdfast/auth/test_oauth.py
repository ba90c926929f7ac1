# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that get tokens by OAuth 2."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from holdfast.auth import codes, passwords, tokens
from holdfast.auth.codes import Allowed, Codes
from holdfast.auth.secrets import SecretBox
from holdfast.db import models as m

BACK = "https://client.example/back"


@pytest.fixture(scope="module")
def programs(world, as_):
    """A program for each grant and type of client; and ann has a password."""
    with world.controller.database.writing() as session:
        session.get_one(m.User, world.ids["ann"]).password = passwords.make("pw!")
    made = {}
    for name, kind, grant in (
        ("trusted", "confidential", "password"),
        ("web", "confidential", "authorization-code"),
        ("app", "public", "authorization-code"),
    ):
        body = {"name": name, "client_type": kind, "authorization_grant_type": grant, "organization": world.ids["a"]}
        answer = as_("boss").post("applications/", {**body, "redirect_uris": BACK})
        assert answer.status_code == 201, answer.text
        made[name] = answer.json()
    return made


def who(program):
    return program["client_id"], program["client_secret"]


def ask(app, program, **form):
    app.cookies.clear()
    return app.post("/api/o/token/", data=form, auth=who(program))


def me(app, token):
    app.cookies.clear()
    return app.get("/api/v2/me/", headers={"Authorization": f"Bearer {token}"})


PASSWORD = {"grant_type": "password", "username": "ann", "password": "pw!"}


def test_a_secret_is_shown_once_and_kept_as_a_hash(programs, as_, world):
    program = programs["trusted"]
    assert len(program["client_secret"]) == 128
    assert as_("boss").get(f"applications/{program['id']}/").json()["client_secret"] == "************"
    assert "client_secret" not in programs["app"]
    with world.controller.database.reading() as session:
        kept = session.get_one(m.Application, program["id"]).client_secret
    assert kept == tokens.digest(program["client_secret"])


def test_a_token_by_password(app, programs):
    answer = ask(app, programs["trusted"], **PASSWORD, scope="read")
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer" and answer.json()["scope"] == "read"
    assert me(app, answer.json()["access_token"]).json()["results"][0]["username"] == "ann"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({**PASSWORD, "password": "bad"}, 400, "invalid_grant"),
        ({**PASSWORD, "password": ""}, 400, "invalid_request"),
        ({**PASSWORD, "username": ""}, 400, "invalid_request"),
        ({**PASSWORD, "scope": "admin"}, 400, "invalid_scope"),
        ({**PASSWORD, "scope": ""}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "x"}, 400, "invalid_grant"),
    ],
)
def test_refusals(app, programs, form, status, error):
    answer = ask(app, programs["trusted"], **form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_who_is_no_client_gets_nothing(app, programs):
    app.cookies.clear()
    identifier, secret = who(programs["trusted"])
    for auth in ((identifier, "wrong"), ("nobody", secret), ("", ""), (identifier, "")):
        answer = app.post("/api/o/token/", data=PASSWORD, auth=auth)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert app.post("/api/o/token/", data=PASSWORD).status_code == 401
    body = {**PASSWORD, "client_id": identifier, "client_secret": secret}
    assert app.post("/api/o/token/", data=body).status_code == 200
    assert ask(app, programs["web"], **PASSWORD).json() == {"error": "unauthorized_client"}


def test_refreshing_ends_the_old_token_and_never_widens_it(app, programs, world):
    first = ask(app, programs["trusted"], **PASSWORD, scope="read").json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    wider = ask(app, programs["trusted"], **form, scope="write")
    assert wider.json() == {"error": "invalid_scope"}
    other = ask(app, programs["web"], **form)
    assert other.json() == {"error": "invalid_grant"}
    second = ask(app, programs["trusted"], **form).json()
    assert second["scope"] == "read"
    assert me(app, first["access_token"]).status_code == 401
    assert me(app, second["access_token"]).status_code == 200
    again = ask(app, programs["trusted"], **form)
    assert again.json() == {"error": "invalid_grant"}


def test_a_refresh_token_grows_old(app, programs, monkeypatch):
    first = ask(app, programs["trusted"], **PASSWORD).json()
    monkeypatch.setattr(tokens, "REFRESH_SECONDS", -1)
    answer = ask(app, programs["trusted"], grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (answer.status_code, answer.text) == (403, "The refresh token has expired.")


def test_revoking(app, programs):
    made = ask(app, programs["trusted"], **PASSWORD).json()
    app.cookies.clear()
    foreign = app.post("/api/o/revoke_token/", data={"token": made["access_token"]}, auth=who(programs["web"]))
    assert foreign.status_code == 200 and me(app, made["access_token"]).status_code == 200
    for _unused in range(2):
        app.cookies.clear()
        done = app.post("/api/o/revoke_token/", data={"token": made["access_token"]}, auth=who(programs["trusted"]))
        assert done.status_code == 200
    assert me(app, made["access_token"]).status_code == 401


class TestAuthorizing:
    """What happens in a browser."""

    def login(self, app):
        app.cookies.clear()
        token = app.get("/api/").cookies["csrftoken"]
        form = {"username": "ann", "password": "pw!"}
        assert app.post("/api/login/", data=form, headers={"X-CSRFToken": token}).status_code == 302

    def query(self, program, **more):
        return {
            "response_type": "code",
            "client_id": program["client_id"],
            "redirect_uri": BACK,
            "state": "s&t",
            **more,
        }

    def allow(self, app, program, **more):
        page = app.get("/api/o/authorize/", params=self.query(program, **more))
        assert page.status_code == 200, page.text
        form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
        return app.post("/api/o/authorize/", data={**form, "state": "s&t", "allow": "Authorize"})

    def code(self, answer):
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(BACK + "?")
        found = parse_qs(urlsplit(answer.headers["location"]).query)
        assert found["state"] == ["s&t"]
        return found["code"][0]

    def test_a_code_is_good_for_one_token(self, app, programs):
        self.login(app)
        code = self.code(self.allow(app, programs["web"]))
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        answer = ask(app, programs["web"], **form)
        assert answer.status_code == 200, answer.text
        assert me(app, answer.json()["access_token"]).json()["results"][0]["username"] == "ann"
        assert ask(app, programs["web"], **form).json() == {"error": "invalid_grant"}

    def test_a_public_program_must_prove_that_it_asked(self, app, programs):
        self.login(app)
        bare = app.get("/api/o/authorize/", params=self.query(programs["app"]))
        assert parse_qs(urlsplit(bare.headers["location"]).query)["error"] == ["invalid_request"]
        verifier = "v" * 50
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        more = {"code_challenge": challenge, "code_challenge_method": "S256"}
        for proof, status in (("w" * 50, 400), ("", 400), (verifier, 200)):
            self.login(app)
            form = {"grant_type": "authorization_code", "code": self.code(self.allow(app, programs["app"], **more))}
            form |= {"redirect_uri": BACK, "client_id": programs["app"]["client_id"], "code_verifier": proof}
            app.cookies.clear()
            assert app.post("/api/o/token/", data=form).status_code == status

    def test_a_code_is_for_its_program_and_its_address(self, app, programs):
        self.login(app)
        code = self.code(self.allow(app, programs["web"]))
        form = {"grant_type": "authorization_code", "code": code}
        assert ask(app, programs["trusted"], **form, redirect_uri=BACK).json() == {"error": "invalid_grant"}
        self.login(app)
        code = self.code(self.allow(app, programs["web"]))
        wrong = ask(app, programs["web"], grant_type="authorization_code", code=code, redirect_uri=BACK + "x")
        assert wrong.json() == {"error": "invalid_grant"}

    @pytest.mark.parametrize("target", ["https://evil.example/", BACK + "/more", "", "javascript:alert(1)"])
    def test_nobody_is_sent_to_an_address_that_was_not_registered(self, app, programs, target):
        self.login(app)
        answer = app.get("/api/o/authorize/", params=self.query(programs["web"], redirect_uri=target))
        if target:
            assert answer.status_code == 400 and "location" not in answer.headers
        else:
            assert answer.status_code == 200  # the only one that is registered

    def test_nobody_says_yes_without_knowing(self, app, programs):
        self.login(app)
        forged = app.post("/api/o/authorize/", data={**self.query(programs["web"]), "allow": "Authorize"})
        assert forged.status_code == 403
        app.cookies.clear()
        away = app.get("/api/o/authorize/", params=self.query(programs["web"]))
        assert away.status_code == 302 and away.headers["location"].startswith(
            "/api/login/?next=%2Fapi%2Fo%2Fauthorize"
        )

    def test_no_means_no(self, app, programs):
        self.login(app)
        page = app.get("/api/o/authorize/", params=self.query(programs["web"]))
        form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
        del form["allow"]
        answer = app.post("/api/o/authorize/", data=form)
        assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == ["access_denied"]

    @pytest.mark.parametrize(
        ("more", "error"),
        [({"response_type": "token"}, "unsupported_response_type"), ({"scope": "admin"}, "invalid_scope")],
    )
    def test_what_is_wrong_is_told_to_the_program(self, app, programs, more, error):
        self.login(app)
        answer = app.get("/api/o/authorize/", params=self.query(programs["web"], **more))
        assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == [error]

    def test_a_name_is_no_markup(self, app, programs, as_):
        path = f"applications/{programs['web']['id']}/"
        assert as_("boss").patch(path, {"name": "<script>alert(1)</script>"}).status_code == 200
        self.login(app)
        page = app.get("/api/o/authorize/", params=self.query(programs["web"], state='"><script>'))
        assert "<script>" not in page.text
        assert as_("boss").patch(path, {"name": "web"}).status_code == 200


def test_codes_grow_old_and_are_not_forged(monkeypatch):
    box = Codes(SecretBox("a key for tests only"))
    allowed = Allowed(1, "client", BACK, "read")
    code = box.give(allowed)
    assert Codes(SecretBox("another key for tests")).take(code) is None
    assert box.take(code[:-4] + "AAAA") is None
    assert box.take("") is None and box.take("x") is None and box.take("e30") is None
    assert box.take(code) == allowed and box.take(code) is None
    late = box.give(allowed)
    moment = codes.time.time() + codes.SECONDS + 1
    monkeypatch.setattr(codes.time, "time", lambda: moment)
    assert box.take(late) is None


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"redirect_uris": ""}, {"__all__": ["redirect_uris cannot be empty with grant_type authorization-code"]}),
        ({"redirect_uris": "javascript:alert(1)"}, None),
        ({"redirect_uris": "https://a.example/#fragment"}, None),
        ({"redirect_uris": "/local"}, None),
        ({"client_type": "other"}, {"client_type": ['"other" is not a valid choice.']}),
    ],
)
def test_what_is_wrong_with_a_new_program(as_, world, body, errors):
    whole = {"name": "wrong", "client_type": "public", "authorization_grant_type": "authorization-code",
             "organization": world.ids["a"], "redirect_uris": BACK, **body}  # fmt: skip
    answer = as_("root").post("applications/", whole)
    assert answer.status_code == 400
    assert answer.json() == errors if errors else "redirect_uris" in answer.json()


def test_nothing_else_that_was_sealed_is_a_code():
    box = SecretBox("a key for tests only")
    content = {"user_id": 1, "client_id": "x", "redirect_uri": "y", "scope": "write", "until": 9e12, "once": "z"}
    sealed = base64.urlsafe_b64encode(box.seal(json.dumps(content)).encode()).decode()
    assert Codes(box).take(sealed) is None
