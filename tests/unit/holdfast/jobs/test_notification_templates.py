# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notification templates: what they are configured with, which secrets they keep."""

from __future__ import annotations

import json
from typing import Any

import pytest
from holdfast.auth.secrets import ENCRYPTED
from holdfast.db.models import NotificationTemplate

from tests.unit.holdfast.jobs.world import World

SLACK = {"token": "xoxb-s3cret", "channels": ["#ops"]}


def _body(world: World, kind: str = "slack", configuration: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "name": world.name(),
        "organization": world.organization,
        "notification_type": kind,
        "notification_configuration": SLACK if configuration is None else configuration,
        **more,
    }


@pytest.mark.parametrize(
    ("kind", "configuration", "said"),
    [
        ("webhook", {}, ["Missing required fields for Notification Configuration: ['url', 'headers']."]),
        (
            "slack",
            {"token": 5, "channels": ["a"]},
            ["Configuration field 'token' incorrect type, expected password."],
        ),
        ("slack", {"token": "t", "channels": []}, ["No values specified for field 'channels'"]),
        (
            "webhook",
            {"url": "http://127.0.0.1", "headers": {}, "http_method": "GET"},
            ["HTTP method must be either 'POST' or 'PUT'."],
        ),
    ],
)
def test_a_wrong_configuration_is_refused(world: World, kind: str, configuration: Any, said: list[str]) -> None:
    assert world.refused("notification_templates/", _body(world, kind, configuration)) == {"__all__": said}


def test_its_secrets_are_sealed_and_stay_where_nobody_changes_them(world: World) -> None:
    made = world.post("notification_templates/", **_body(world))
    assert made["notification_configuration"] == {"token": ENCRYPTED, "channels": ["#ops"]}
    changed = {"notification_configuration": {"token": ENCRYPTED, "channels": ["#other"]}}
    assert world.send("PATCH", f"notification_templates/{made['id']}/", changed).status_code == 200
    with world.controller.database.reading() as session:
        kept = session.get_one(NotificationTemplate, made["id"]).notification_configuration
    assert "s3cret" not in json.dumps(kept)
    assert world.controller.secrets.open(kept["token"]) == "xoxb-s3cret"
    assert kept["channels"] == ["#other"]


def test_a_message_must_be_a_template(world: World) -> None:
    answer = world.refused("notification_templates/", _body(world, messages={"started": {"message": "{{ job.id"}}))
    assert "messages" in answer


def test_a_test_says_that_nothing_is_sent(world: World) -> None:
    made = world.post("notification_templates/", **_body(world))
    notice = world.post(f"notification_templates/{made['id']}/test/")
    assert notice["status"] == "failed"
    assert "does not send" in notice["error"]
    shown = world.get(f"notification_templates/{made['id']}/")
    assert [one["id"] for one in shown["summary_fields"]["recent_notifications"]] == [notice["notification"]]


def test_templates_take_them_for_their_beginnings_and_ends(world: World) -> None:
    made, template = world.post("notification_templates/", **_body(world)), world.template()
    for when in ("started", "success", "error"):
        path = f"job_templates/{template}/notification_templates_{when}/"
        world.post(path, id=made["id"])
        assert world.get(path)["count"] == 1
        world.post(path, id=made["id"], disassociate=True)
        assert world.get(path)["count"] == 0
