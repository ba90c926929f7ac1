# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways around the rules: what belongs to others is neither shown nor changed by a path that leads past it."""

from __future__ import annotations

import threading
import time

import pytest
from fastapi.testclient import TestClient
from holdfast.auth import tokens
from holdfast.db import models as m

from .world import World


def test_hosts_and_groups_of_others_are_not_deleted_by_taking_them_out_of_an_inventory_of_ones_own(
    world: World, as_
) -> None:
    inventory, other = world.ids["inventory_a"], world.ids["inventory_b"]
    for kind in ("hosts", "groups"):
        theirs = as_("bob").post(f"{kind}/", {"name": "theirs" + kind, "inventory": other}).json()["id"]
        mine = as_("boss").post(f"{kind}/", {"name": "mine" + kind, "inventory": inventory}).json()["id"]
        for one in (theirs, mine):
            answer = as_("boss").post(f"inventories/{inventory}/{kind}/", {"id": one, "disassociate": True})
            assert answer.status_code == 204, answer.text
        assert as_("bob").get(f"{kind}/{theirs}/").status_code == 200
        assert as_("boss").get(f"{kind}/{mine}/").status_code == 404


def test_the_key_for_callbacks_is_for_who_sees_the_template(world: World, as_) -> None:
    template = world.ids["jt_a"]
    with world.controller.database.writing() as session:
        session.get_one(m.JobTemplate, template).host_config_key = "the key"
    path = f"job_templates/{template}/callback/"
    assert as_("ann").get(path).json()["host_config_key"] == "the key"
    for stranger in ("ben", "bob", "lone"):
        assert as_(stranger).get(path).status_code == 403


def test_labels_of_others_are_not_deleted_by_taking_them_from_a_template_that_has_them_not(world: World, as_) -> None:
    label = as_("bob").post("labels/", {"name": "theirs", "organization": world.ids["b"]}).json()["id"]
    path = f"job_templates/{world.ids['jt_a']}/labels/"
    assert as_("boss").post(path, {"id": label, "disassociate": True}).status_code == 204
    assert as_("bob").get(f"labels/{label}/").status_code == 200


def test_who_administers_a_team_makes_credentials_for_it_and_for_no_organization(world: World, as_) -> None:
    world.give("team", world.ids["crew"], "admin_role", "ada")
    body = {"name": "of the team", "credential_type": world.ids["machine"], "inputs": {}}
    assert as_("ada").post("credentials/", {**body, "organization": world.ids["a"]}).status_code == 403
    assert as_("ann").post("credentials/", {**body, "team": world.ids["crew"]}).status_code == 403
    assert as_("ada").post("credentials/", {**body, "team": world.ids["crew"]}).status_code == 201


@pytest.mark.parametrize(("change", "status"), [("is_superuser", 403), ("is_active", 401), ("", 401)])
def test_rights_that_are_taken_while_a_request_waits_for_its_turn_are_gone(
    world: World, app: TestClient, change: str, status: int
) -> None:
    database, secret, name = world.controller.database, tokens.generate(), f"waiting-{change}"
    with database.writing() as session:
        user = m.User(username=name, is_superuser=True)
        session.add(user)
        session.flush()
        session.add(m.Token(token_hash=tokens.digest(secret), user_id=user.id, expires=tokens.expiry(1000)))
    answers: list[int] = []

    def ask() -> None:
        headers = {"Authorization": f"Bearer {secret}"}
        answers.append(app.post("/api/v2/organizations/", json={"name": name}, headers=headers).status_code)

    asking = threading.Thread(target=ask)
    with database.writing() as session:
        asking.start()
        time.sleep(1)  # it has signed in by then, and waits
        row = session.get_one(m.User, user.id)
        if change:
            setattr(row, change, False)
        else:
            session.delete(row)
    asking.join(20)
    assert answers == [status]
