# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breakers in the API: what it shows, who may say what, and what it answers to nonsense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import words
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Call
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_store import FILE, Breakers
from fastapi.testclient import TestClient
from holdfast.auth import tokens
from holdfast.context import Controller
from holdfast.db import models as m

from ..auth.world import World
from .conftest import Person

ROOT = "holdfast/breakers/"
JIRA = "service:jira"
FAILED = {"calls": [{"failed": True, "duration": 1.5, "said": "HTTP 503"}]}
BODIES = {words.RELEASE: {"trial": 1}, words.REPORT: FAILED}
As = Callable[[str], Person]


def test_it_is_found_from_its_index(as_: As) -> None:
    index = as_("lone").get("holdfast/").json()
    assert index == {"breakers": "/api/v2/holdfast/breakers/"}
    assert as_("lone").get("holdfast/breakers/").json()["results"] == []


def test_everybody_reads_them(as_: As, store: Breakers) -> None:
    for number in range(30):
        store.report(f"host:h{number:02}", Call(number % 2 == 0, said="down"))
    store.trip("service:a/b c%", "maintenance", "alice")
    page = as_("lone").get(ROOT + "?page=2&page_size=20").json()
    assert (page["count"], len(page["results"])) == (31, 11)
    assert page["previous"] == "/api/v2/holdfast/breakers/?page=1&page_size=20" and page["next"] is None
    last = page["results"][-1]
    assert (last["target"], last["state"], last["why"]) == ("service:a/b c%", "forced_open", "maintenance")
    shown = as_("lone").get(last["url"].removeprefix("/api/v2/")).json()
    assert shown["data"] == store.need("service:a/b c%").to_dict()
    assert shown["history"][0]["at"].endswith("UTC") and shown["at"] >= shown["data"]["since"]
    looked = as_("lone").get(last["related"]["look"].removeprefix("/api/v2/")).json()
    assert looked["allowed"] is False and "is held open by alice since" in looked["message"]
    assert as_("lone").get(ROOT + "?page=9").status_code == 404


def test_what_the_clock_alone_changes_is_shown(as_: As, store: Breakers, clock: Any) -> None:
    store.trip(JIRA, "down", "alice", wait=60)
    assert as_("ann").get(f"{ROOT}{JIRA}/").json()["state"] == "open"
    clock.ahead += 61
    assert as_("ann").get(f"{ROOT}{JIRA}/").json()["state"] == "half_open", "no answer is kept"


def test_one_that_nobody_spoke_to_is_not_there(as_: As, store: Breakers) -> None:
    answer = as_("ann").get(f"{ROOT}{JIRA}/")
    assert (answer.status_code, answer.json()) == (
        404,
        {"detail": "There is no breaker 'service:jira'.", "target": JIRA},
    )
    assert as_("ann").get(f"{ROOT}{JIRA}/look/").json()["allowed"] is True
    assert store.list() == [], "looking makes none"


@pytest.mark.parametrize("kind", list(words.FIELDS))
@pytest.mark.parametrize("name", ["root", "boss", "ann", "ada", "aud", "eye", "lone"])
def test_who_may_say_what(as_: As, store: Breakers, kind: str, name: str) -> None:
    may = {"root", "boss"} if kind in words.OF_PEOPLE else {"root", "boss", "ann"}
    answer = as_(name).post(f"{ROOT}{JIRA}/{kind}/", BODIES.get(kind, {}))
    assert answer.status_code == (200 if name in may else 403), answer.text
    if name not in may:
        assert ("administer an organization" if kind in words.OF_PEOPLE else "launch a template") in answer.text
        assert store.get(JIRA) is None, "nothing was said to it"


def test_nobody_and_a_token_that_only_reads(app: TestClient, controller: Controller, world: World) -> None:
    assert app.get(f"/api/v2/{ROOT}").status_code == 401
    assert app.post(f"/api/v2/{ROOT}{JIRA}/ask/", json={}).status_code == 401
    secret = tokens.generate()
    with controller.database.writing() as session:
        session.add(
            m.Token(
                token_hash=tokens.digest(secret), user_id=world.ids["root"], expires=tokens.expiry(9000), scope="read"
            )
        )
    headers = {"Authorization": f"Bearer {secret}"}
    assert app.get(f"/api/v2/{ROOT}{JIRA}/look/", headers=headers).status_code == 200
    assert app.post(f"/api/v2/{ROOT}{JIRA}/ask/", json={}, headers=headers).status_code == 403


def test_a_breaker_from_its_first_failure_to_its_trial(as_: As, clock: Any) -> None:
    ann = as_("ann")
    for _number in range(3):
        assert ann.post(f"{ROOT}{JIRA}/ask/", {"by": "job 7"}).json()["answer"]["allowed"] is True
        told = ann.post(f"{ROOT}{JIRA}/report/", FAILED).json()
    assert told["changed"] is True and told["breaker"]["state"] == "open"
    refused = ann.post(f"{ROOT}{JIRA}/ask/", {"by": "job 7"}).json()["answer"]
    assert refused["allowed"] is False and "3 of 3 calls failed" in refused["message"] and refused["retry_at"]
    clock.ahead += 61
    first = ann.post(f"{ROOT}{JIRA}/ask/", {"by": "job 7"}).json()
    assert first["answer"] == {"allowed": True, "state": "half_open", "trial": 1, "message": "", "retry_at": None}
    assert first["breaker"]["trials"][0]["by"] == "job 7 (ann)", "whose token it was cannot be left out"
    assert ann.post(f"{ROOT}{JIRA}/ask/").json()["answer"]["allowed"] is False
    ann.post(f"{ROOT}{JIRA}/release/", {"trial": 1})
    assert ann.post(f"{ROOT}{JIRA}/ask/").json()["answer"]["trial"] == 2
    body = {"calls": [{"failed": False, "trial": 2}], "asked": first["at"]}
    assert ann.post(f"{ROOT}{JIRA}/report/", body).json()["breaker"]["state"] == "closed"


def test_a_policy_is_given_in_part(as_: As) -> None:
    ann = as_("ann")
    ann.post(f"{ROOT}{JIRA}/ask/", {"policy": {"minimum_number_of_calls": 7}})
    policy = ann.post(f"{ROOT}{JIRA}/ask/", {"policy": {"sliding_window_size": 20}}).json()["breaker"]["policy"]
    assert (policy["minimum_number_of_calls"], policy["sliding_window_size"]) == (7, 20)
    wrong = ann.post(f"{ROOT}{JIRA}/ask/", {"policy": {"failure_rate_threshold": 101}})
    assert wrong.json() == {"detail": "failure_rate_threshold is a percentage: at most 100"}
    assert ann.post(f"{ROOT}{JIRA}/ask/", {"policy": "strict"}).json() == {
        "policy": ["Expected an object with options of a policy."]
    }


def test_the_activity_stream_tells_what_people_decided(as_: As) -> None:
    before = as_("root").count("activity_stream/")
    as_("boss").post(f"{ROOT}{JIRA}/trip/", {"why": "maintenance until noon", "by": "the night shift"})
    as_("boss").post(f"{ROOT}{JIRA}/trip/", {"why": "once more"})
    as_("ann").post(f"{ROOT}{JIRA}/report/", FAILED)
    as_("boss").post(f"{ROOT}{JIRA}/reset/")
    entries = as_("root").get("activity_stream/?object1=breaker&order_by=id").json()["results"][-2:]
    assert as_("root").count("activity_stream/") == before + 2, "what changed nothing is not in it, and no call"
    assert [(one["summary_fields"]["actor"]["username"], one["changes"]) for one in entries] == [
        ("boss", {"name": JIRA, "state": ["closed", "forced_open"], "why": "maintenance until noon"}),
        ("boss", {"name": JIRA, "state": ["forced_open", "closed"], "why": "reset by hand"}),
    ]
    shown = as_("lone").get(f"{ROOT}{JIRA}/").json()["history"]
    assert [turn["by"] for turn in shown] == ["the night shift (boss)", "boss"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("jira/ask", {}, "is no target of a breaker"),
        ("db:x/trip", {}, "is no target of a breaker"),
        (f"{JIRA}/release", {}, "the number of the trial"),
        (f"{JIRA}/release", {"trial": "1"}, "the number of a trial"),
        (f"{JIRA}/report", {}, "calls must be a list"),
        (f"{JIRA}/report", {"calls": [{"failed": "yes"}]}, "calls[0] must be an object with failed"),
        (f"{JIRA}/report", {"calls": [{"failed": True, "durations": 3}]}, "calls[0] has no 'durations'"),
        (f"{JIRA}/report", {"calls": [{"failed": True, "duration": -1}]}, "calls[0].duration must be a number"),
        (f"{JIRA}/report", {"calls": [{"failed": True}] * 20_001}, "1 to 20000 calls"),
        (f"{JIRA}/trip", {"wait": 10**400}, "wait must be a number of seconds"),
        (f"{JIRA}/trip", {"wait": 0}, "wait must be more than 0"),
        (f"{JIRA}/trip", {"why": ["x"]}, "why must be text, not list"),
        (f"{JIRA}/ask", {"policy": {"trial_call_timeout": 10**400}}, "trial_call_timeout must be a number"),
        (f"{JIRA}/ask", {"policy": {"speed": 1}}, "a breaker's policy has no 'speed'"),
    ],
)
def test_what_cannot_be_meant_is_told(as_: As, store: Breakers, path: str, body: Any, said: str) -> None:
    answer = as_("root").post(f"{ROOT}{path}/", body)
    assert answer.status_code == 400 and said in answer.json()["detail"]
    assert store.list() == []


def test_a_wait_beyond_all_calendars_is_told_all_the_same(as_: As) -> None:
    as_("root").post(f"{ROOT}{JIRA}/trip/", {"wait": 1e14})
    assert as_("root").get(f"{ROOT}{JIRA}/").json()["retry_at"] == "9999-12-31 23:59:59 UTC"


def test_other_paths_and_methods_are_refused(as_: As) -> None:
    assert as_("root").get(f"{ROOT}{JIRA}/trip/").status_code == 405
    assert as_("root").delete(f"{ROOT}{JIRA}/").status_code == 405
    assert as_("root").post(f"{ROOT}{JIRA}/break/").status_code == 404
    assert as_("root").get(f"{ROOT}{{target}}/").status_code == 400, "it is a name as others are"
    told = as_("root").ask("OPTIONS", f"{ROOT}{JIRA}/trip/").json()
    assert list(told["actions"]["POST"]) == ["why", "by", "wait", "policy"]


def test_a_store_that_cannot_be_used_is_told(as_: As, store: Breakers) -> None:
    store.store.mkdir(mode=0o700)
    (store.store / FILE).write_bytes(b"no database at all, but long enough to be looked at as one")
    for answer in (
        as_("root").get(ROOT),
        as_("root").get(f"{ROOT}{JIRA}/look/"),
        as_("root").post(f"{ROOT}{JIRA}/ask/"),
    ):
        assert answer.status_code == 503 and "cannot use the breakers in" in answer.json()["detail"]
