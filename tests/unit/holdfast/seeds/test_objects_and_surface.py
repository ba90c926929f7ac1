# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a new controller holds, and what a client finds at its roots."""

from __future__ import annotations

import datetime as dt

from holdfast.seeds import objects, surface
from holdfast.seeds.credential_types import MANAGED, check_inputs
from holdfast.seeds.roles import OBJECT_ROLES

NOW = dt.datetime(2026, 11, 21, 2, 48, 56, tzinfo=dt.timezone(dt.timedelta(hours=2)))
SEEDS = objects.seeds("admin", "edge", "9b9d", NOW)


def test_ids_are_those_that_scripts_know_by_heart() -> None:
    ids = {(one.type, one.values.get("name", one.values.get("hostname"))): one.id for one in SEEDS}
    assert ids["organization", "Default"] == 1
    assert ids["project", "Demo Project"] == 6
    assert ids["job_template", "Demo Job Template"] == 7
    assert ids["credential", "Demo Credential"] == 1
    assert ids["system_job_template", "Cleanup Expired OAuth 2 Tokens"] == 5
    assert ids["execution_environment", "AWX EE (latest)"] == 1
    assert ids["instance_group", "controlplane"] == 1
    assert ids["instance", "edge"] == 1


def test_templates_of_all_kinds_share_one_row_of_ids() -> None:
    kinds = {"system_job_template", "project", "job_template"}
    numbers = [one.id for one in SEEDS if one.type in kinds]
    assert numbers == sorted(set(numbers))


def test_roles_get_the_ids_they_have_in_a_fresh_system() -> None:
    """The order of the seeds is the order of the roles; 14 and 15 are the roles of the system."""
    ids: dict[tuple[str, int], int] = {}
    number = 0
    for one in SEEDS:
        for role in OBJECT_ROLES.get(one.type, ()):
            number += 1
            if role.field == "admin_role":
                ids[one.type, one.id] = number
        if one.type == "organization":
            number += 2
    assert ids == {
        ("organization", 1): 1,
        ("project", 6): 16,
        ("credential", 1): 20,
        ("credential", 2): 23,
        ("inventory", 1): 26,
        ("job_template", 7): 31,
        ("instance_group", 1): 34,
        ("instance_group", 2): 37,
    }


def test_a_seed_refers_only_to_what_was_made_before_or_is_linked_later() -> None:
    made = {("credential_type", number) for number in range(1, len(MANAGED) + 1)}
    for one in SEEDS:
        for name in ("organization", "project", "inventory", "credential_type"):
            if name in one.values:
                assert (name, one.values[name]) in made, one
        made.add((one.type, one.id))


def test_the_inputs_of_the_credentials_are_good_ones() -> None:
    for one in SEEDS:
        if one.type == "credential":
            assert check_inputs(MANAGED[one.values["credential_type"] - 1], dict(one.values["inputs"]))


def test_the_schedules_count_from_now_in_utc() -> None:
    rules = {one.id: one.values["rrule"] for one in objects.schedules(NOW)}
    assert rules == {
        1: "DTSTART:20261121T004856Z RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SU",
        2: "DTSTART:20261121T004856Z RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=TU",
        4: "DTSTART:20261121T004856Z RRULE:FREQ=WEEKLY;INTERVAL=1",
        5: "DTSTART:20261121T004856Z RRULE:FREQ=WEEKLY;INTERVAL=1",
    }


def test_the_root_lists_every_resource_in_order() -> None:
    root = surface.version_root()
    assert list(root)[:3] == ["ping", "instances", "instance_groups"]
    assert list(root)[-1] == "role_team_assignments"
    assert len(root) == 53
    assert root["inventory"] == "/api/v2/inventories/"
    assert root["service_index"] == "/api/v2/service-index/"
    assert surface.version_root("/api/controller/v2/")["jobs"] == "/api/controller/v2/jobs/"


def test_the_roots_above() -> None:
    root = surface.api_root(login_info="Hello")
    assert root["available_versions"] == {"v2": "/api/v2/"}
    assert (root["oauth2"], root["custom_login_info"]) == ("/api/o/", "Hello")
    controller = surface.controller_root()
    assert "oauth2" not in controller and controller["current_version"] == "/api/controller/v2/"
    assert surface.oauth_root()["token"] == "/api/o/token/"
    assert surface.bulk_root()["job_launch"] == "/api/v2/bulk/job_launch/"


def test_config_says_more_to_those_who_manage() -> None:
    everybody = surface.config()
    assert everybody["license_info"]["valid_key"] is True
    assert ["enable", "Enable"] in everybody["become_methods"]
    assert not set(everybody) & set(surface.config_for_managers("/projects", []))
