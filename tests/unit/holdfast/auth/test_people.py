# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what to organizations, users, teams, roles and tokens, over HTTP. Many are attempts to gain power."""

from __future__ import annotations

import json

import pytest
from holdfast.auth import passwords
from holdfast.db import models as m

FORBIDDEN = {"detail": "You do not have permission to perform this action."}


def definitions_of(person):
    return {one["name"]: one["id"] for one in person.get("role_definitions/?page_size=100").json()["results"]}


def access_of(person, path):
    people = person.get(f"{path}/access_list/?page_size=100").json()["results"]
    return {one["username"]: one["summary_fields"] for one in people}


@pytest.mark.parametrize(
    ("name", "path", "count"),
    [
        ("root", "organizations/", 3),
        ("aud", "organizations/", 3),
        ("boss", "organizations/", 1),
        ("ann", "organizations/", 1),
        ("eye", "organizations/", 1),
        ("lone", "organizations/", 0),
        ("lone", "users/", 3),  # oneself and the superusers
        ("ann", "teams/", 1),
        ("ben", "teams/", 1),
        ("lone", "teams/", 0),
        ("ann", "inventories/", 0),
        ("boss", "inventories/", 1),
        ("eye", "credentials/", 1),
        ("bob", "credentials/", 1),
        ("ann", "credentials/", 0),
        ("lone", "tokens/", 1),
        ("ann", "applications/", 0),
        ("lone", "roles/?page_size=200", 2),
    ],
)
def test_lists_show_what_one_may_see(as_, name, path, count):
    assert as_(name).count(path) == count


def test_members_of_an_organization_see_each_other_and_no_others(as_, world):
    seen = set(as_("ann").ids("users/?page_size=200"))
    assert {world.ids[one] for one in ("ann", "ada", "tim", "root")} <= seen
    assert not seen & {world.ids[one] for one in ("ben", "lone")}
    assert world.ids["ben"] in as_("boss").ids("users/?page_size=200")  # administrators see all, by a setting


def test_whether_administrators_see_all_is_a_setting(as_, world):
    assert as_("root").patch("settings/system/", {"ORG_ADMINS_CAN_SEE_ALL_USERS": False}).status_code == 200
    try:
        assert world.ids["ben"] not in as_("boss").ids("users/?page_size=200")
    finally:
        as_("root").patch("settings/system/", {"ORG_ADMINS_CAN_SEE_ALL_USERS": True})


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("ann", "organizations/{b}/"),
        ("boss", "organizations/{b}/"),
        ("boss", "organizations/{b}/users/"),
        ("boss", "organizations/{b}/access_list/"),
        ("boss", "organizations/{b}/object_roles/"),
        ("boss", "organizations/{b}/activity_stream/"),
        ("ann", "users/{ben}/"),
        ("ann", "users/{ben}/tokens/"),
        ("ann", "users/{ben}/roles/"),
        ("ann", "teams/{gang}/"),
        ("ann", "teams/{gang}/users/"),
        ("boss", "inventories/{inventory_b}/"),
        ("boss", "inventories/{inventory_b}/hosts/"),
        ("boss", "credentials/{credential_b}/"),
        ("boss", "credentials/{credential_b}/access_list/"),
        ("ada", "inventories/{inventory_a}/"),
    ],
)
def test_what_one_may_not_see_is_refused_by_name_too(as_, world, name, path):
    answer = as_(name).get(path.format(**world.ids))
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)


@pytest.mark.parametrize("name", ["aud", "eye", "ann", "lone", "bob"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "organizations/", {"name": "mine"}),
        ("PATCH", "organizations/{a}/", {"description": "mine"}),
        ("DELETE", "organizations/{a}/", None),
        ("POST", "organizations/{a}/users/", {"id": 1}),
        ("POST", "organizations/{a}/admins/", {"username": "evil", "password": "evil-evil"}),
        ("POST", "teams/", {"name": "evil", "organization": "{a}"}),
        ("PATCH", "teams/{crew}/", {"name": "evil"}),
        ("POST", "teams/{crew}/users/", {"id": "{lone}"}),
        ("POST", "users/", {"username": "evil", "password": "evil-evil"}),
        ("PATCH", "users/{ada}/", {"password": "evil-evil"}),
        ("DELETE", "users/{ada}/", None),
        ("POST", "applications/", {"name": "x", "client_type": "public", "authorization_grant_type": "password",
                                   "organization": "{a}"}),
        ("PATCH", "inventories/{inventory_a}/", {"name": "evil"}),
        ("POST", "users/{ada}/personal_tokens/", {"scope": "write"}),
        ("POST", "users/{ada}/tokens/", {"scope": "write"}),
    ],
)  # fmt: skip
def test_auditors_members_and_strangers_change_nothing(as_, world, name, method, path, body):
    filled = body and {
        key: world.ids[value.strip("{}")] if isinstance(value, str) and value.startswith("{") else value
        for key, value in body.items()
    }
    answer = as_(name).ask(method, path.format(**world.ids), filled)
    assert answer.status_code == 403, answer.text


class TestGainingPower:
    """What people have tried elsewhere."""

    @pytest.mark.parametrize("name", ["boss", "ann"])
    @pytest.mark.parametrize("flag", ["is_superuser", "is_system_auditor"])
    def test_by_a_flag_on_oneself(self, as_, world, name, flag):
        path = f"users/{world.ids[name]}/"
        answer = as_(name).patch(path, {flag: True})
        assert (answer.status_code, answer.json()) == (403, {"detail": f"Cannot change {flag}."})
        assert as_("root").get(path).json()[flag] is False

    @pytest.mark.parametrize("flag", ["is_superuser", "is_system_auditor"])
    def test_by_making_somebody_powerful(self, as_, world, flag):
        body = {"username": f"made_{flag}", "password": "evil-evil", flag: True}
        assert as_("boss").post(f"organizations/{world.ids['a']}/users/", body).status_code == 403
        assert as_("root").count(f"users/?username=made_{flag}") == 0

    def test_by_a_role_of_the_system(self, as_, world):
        roles = as_("root").get("roles/?page_size=200").json()["results"]
        system = [one["id"] for one in roles if not one["summary_fields"]]
        assert len(system) == 2
        for key in system:
            for name in ("boss", "aud", "ann"):
                assert as_(name).post(f"users/{world.ids[name]}/roles/", {"id": key}).status_code == 403
                assert as_(name).post(f"roles/{key}/users/", {"id": world.ids[name]}).status_code == 403
            answer = as_("root").post(f"teams/{world.ids['crew']}/roles/", {"id": key})
            assert answer.json() == {"msg": "You cannot grant system-level permissions to a team."}

    @pytest.mark.parametrize("victim", ["root", "aud", "bob", "ben", "lone"])
    def test_over_somebody_who_is_not_in_the_organization(self, as_, world, victim):
        path = f"users/{world.ids[victim]}/"
        assert as_("boss").patch(path, {"password": "evil-evil"}).status_code == 403
        assert as_("boss").patch(path, {"username": "evil"}).status_code == 403
        assert as_("boss").delete(path).status_code == 403

    @pytest.mark.parametrize("victim", ["root", "aud", "bob", "ben"])
    def test_by_pulling_somebody_into_the_organization(self, as_, world, victim):
        for below in ("users", "admins"):
            answer = as_("boss").post(f"organizations/{world.ids['a']}/{below}/", {"id": world.ids[victim]})
            assert answer.status_code == 403
        role = world.role("organization", world.ids["a"], "member_role")
        assert as_("boss").post(f"users/{world.ids[victim]}/roles/", {"id": role}).status_code == 403
        assert as_("boss").post(f"roles/{role}/users/", {"id": world.ids[victim]}).status_code == 403

    def test_by_pulling_in_somebody_who_may_more_than_oneself(self, as_, world):
        world.give("inventory", world.ids["inventory_b"], "admin_role", "lone")
        answer = as_("boss").post(f"organizations/{world.ids['a']}/users/", {"id": world.ids["lone"]})
        assert answer.status_code == 403
        role = world.role("inventory", world.ids["inventory_b"], "admin_role")
        as_("root").post(f"users/{world.ids['lone']}/roles/", {"id": role, "disassociate": True})

    def test_somebody_who_belongs_to_nothing_and_may_nothing_can_be_taken_in(self, as_, world):
        made = as_("root").post("users/", {"username": "fresh", "password": "fresh-fresh"}).json()["id"]
        path = f"organizations/{world.ids['a']}/users/"
        assert as_("boss").post(path, {"id": made}).status_code == 204
        assert as_("boss").patch(f"users/{made}/", {"first_name": "F"}).status_code == 200
        assert as_("boss").post(path, {"id": made, "disassociate": True}).status_code == 204
        assert as_("boss").patch(f"users/{made}/", {"first_name": "G"}).status_code == 403
        assert as_("boss").delete(f"users/{made}/").status_code == 403
        assert as_("root").delete(f"users/{made}/").status_code == 204

    def test_by_giving_oneself_roles_on_what_one_does_not_administer(self, as_, world):
        for type_, thing in (("inventory", "inventory_a"), ("job_template", "jt_a"), ("credential", "credential_a"),
                             ("inventory", "inventory_b"), ("organization", "a"), ("organization", "b")):  # fmt: skip
            role = world.role(type_, world.ids[thing], "admin_role")
            for name in ("ann", "eye", "ben", "lone"):
                assert as_(name).post(f"users/{world.ids[name]}/roles/", {"id": role}).status_code in (400, 403)
                assert as_(name).post(f"roles/{role}/users/", {"id": world.ids[name]}).status_code in (400, 403)

    def test_by_a_team_that_one_does_not_administer(self, as_, world):
        role = world.role("team", world.ids["crew"], "admin_role")
        for name in ("tim", "ann", "eye"):
            assert as_(name).post(f"users/{world.ids[name]}/roles/", {"id": role}).status_code == 403

    def test_by_a_team_of_another_organization(self, as_, world):
        """Whoever administers an object gives it to teams that they see; members of the team get no more."""
        role = world.role("inventory", world.ids["inventory_a"], "use_role")
        assert as_("boss").post(f"teams/{world.ids['gang']}/roles/", {"id": role}).status_code == 204
        assert as_("bob").get(f"inventories/{world.ids['inventory_a']}/").status_code == 200
        assert as_("bob").patch(f"inventories/{world.ids['inventory_a']}/", {"name": "evil"}).status_code == 403
        gone = {"id": role, "disassociate": True}
        assert as_("boss").post(f"teams/{world.ids['gang']}/roles/", gone).status_code == 204
        assert as_("bob").get(f"inventories/{world.ids['inventory_a']}/").status_code == 403

    def test_by_circles_of_teams(self, as_, world):
        crew, gang = world.ids["crew"], world.ids["gang"]
        own = {"id": world.role("team", crew, "member_role")}
        assert as_("root").post(f"teams/{crew}/roles/", own).status_code == 400
        assert as_("root").post(f"teams/{gang}/roles/", own).status_code == 204
        back = {"id": world.role("team", gang, "admin_role")}
        assert as_("root").post(f"teams/{crew}/roles/", back).status_code == 400
        assert as_("root").post(f"roles/{back['id']}/teams/", {"id": crew}).status_code == 400
        assert as_("root").post(f"teams/{gang}/roles/", {**own, "disassociate": True}).status_code == 204

    @pytest.mark.parametrize("field", ["admin_role", "member_role"])
    def test_an_organization_is_not_given_to_a_team(self, as_, world, field):
        role = world.role("organization", world.ids["a"], field)
        expected = {"msg": "You cannot assign an Organization participation role as a child role for a Team."}
        assert as_("root").post(f"teams/{world.ids['crew']}/roles/", {"id": role}).json() == expected
        assert as_("root").post(f"roles/{role}/teams/", {"id": world.ids["crew"]}).json() == expected

    def test_credentials_stay_within_their_organization_whoever_asks(self, as_, world):
        role = world.role("credential", world.ids["credential_a"], "use_role")
        expected = {"msg": "You cannot grant credential access to a user not in the credentials' organization"}
        for name in ("root", "boss"):
            answer = as_(name).post(f"users/{world.ids['ben']}/roles/", {"id": role})
            assert (answer.status_code, answer.json()) == (400, expected)
            answer = as_(name).post(f"roles/{role}/users/", {"id": world.ids["ben"]})
            assert (answer.status_code, answer.json()) == (400, expected)
        assert as_("root").post(f"teams/{world.ids['gang']}/roles/", {"id": role}).status_code == 400
        assert as_("boss").post(f"users/{world.ids['ada']}/roles/", {"id": role}).status_code == 204
        assert as_("ada").get(f"credentials/{world.ids['credential_a']}/").status_code == 200
        assert (
            as_("boss").post(f"users/{world.ids['ada']}/roles/", {"id": role, "disassociate": True}).status_code == 204
        )
        assert as_("ada").get(f"credentials/{world.ids['credential_a']}/").status_code == 403

    def test_by_moving_things(self, as_, world):
        """What one administers cannot be moved where one has no say, nor taken from there."""
        assert as_("boss").patch(f"teams/{world.ids['crew']}/", {"organization": world.ids["b"]}).status_code == 403
        path = f"inventories/{world.ids['inventory_a']}/"
        assert as_("boss").patch(path, {"organization": world.ids["b"]}).status_code == 403
        path = f"credentials/{world.ids['credential_a']}/"
        assert as_("boss").patch(path, {"organization": world.ids["b"]}).status_code in (400, 403)

    def test_the_last_superuser_stays_and_nobody_deletes_themselves(self, as_, world):
        for key in (world.ids["root"],):
            answer = as_("root").delete(f"users/{key}/")
            assert (answer.status_code, answer.json()) == (403, {"detail": "Cannot delete user."})
        assert as_("boss").delete(f"users/{world.ids['boss']}/").status_code == 403

    def test_by_an_assignment(self, as_, world):
        definitions = {
            one["name"]: one["id"] for one in as_("root").get("role_definitions/?page_size=100").json()["results"]
        }
        body = {"role_definition": definitions["Organization Admin"], "object_id": str(world.ids["a"])}
        for name in ("ann", "eye", "bob", "lone"):
            assert as_(name).post("role_user_assignments/", {**body, "user": world.ids[name]}).status_code == 403
        assert as_("boss").post("role_user_assignments/", {**body, "user": world.ids["ben"]}).status_code == 403
        for name in ("aud", "eye", "ann"):
            for one in as_(name).ids("role_user_assignments/?page_size=100"):
                assert as_(name).delete(f"role_user_assignments/{one}/").status_code == 403

    def test_by_scheduling_what_somebody_else_launched(self, as_, world):
        path = f"jobs/{world.ids['job_a']}/create_schedule/"
        secret, foreign = {"extra_vars": {"pw": "$encrypted$"}}, {"inventory": world.ids["inventory_b"]}
        for prompts, status in ((secret, 403), (foreign, 403), ({}, 201)):
            with world.controller.database.writing() as session:
                job = session.get_one(m.Job, world.ids["job_a"])
                job.prompts, job.created_by_id = prompts, world.ids["ada"]
                job.inventory_id = world.ids["inventory_a"]
            answer = as_("ann").post(path)
            assert answer.status_code == status, answer.text

    def test_what_may_be_done_by_an_assignment(self, as_, world):
        definitions = {
            one["name"]: one["id"] for one in as_("root").get("role_definitions/?page_size=100").json()["results"]
        }
        body = {"role_definition": definitions["Inventory Use"], "object_id": str(world.ids["inventory_a"]),
                "user": world.ids["ada"]}  # fmt: skip
        made = as_("boss").post("role_user_assignments/", body)
        assert made.status_code == 201, made.text
        assert as_("ada").get(f"inventories/{world.ids['inventory_a']}/").status_code == 200
        assert as_("boss").delete(f"role_user_assignments/{made.json()['id']}/").status_code == 204
        assert as_("ada").get(f"inventories/{world.ids['inventory_a']}/").status_code == 403


def test_an_administrator_makes_people_in_their_organization(as_, world):
    made = as_("boss").post(f"organizations/{world.ids['a']}/users/", {"username": "new", "password": "new-new-new"})
    assert made.status_code == 201, made.text
    assert made.json()["id"] in as_("ann").ids(f"organizations/{world.ids['a']}/users/?page_size=100")
    assert as_("boss").delete(f"users/{made.json()['id']}/").status_code == 204


@pytest.mark.parametrize("path", ["users/", "users", "users//", "/users/", "users/?format=json"])
def test_an_administrator_makes_nobody_outside_of_their_organization(as_, path):
    answer = as_("boss").post(path, {"username": "outside", "password": "outside-outside"})
    assert answer.status_code in (403, 404), answer.text
    assert as_("root").count("users/?username=outside") == 0


def test_whether_administrators_manage_people_is_a_setting(as_, world):
    assert as_("root").patch("settings/system/", {"MANAGE_ORGANIZATION_AUTH": False}).status_code == 200
    try:
        assert as_("boss").patch(f"users/{world.ids['ada']}/", {"first_name": "A"}).status_code == 403
        assert as_("boss").post("teams/", {"name": "x", "organization": world.ids["a"]}).status_code == 403
        assert as_("boss").post(f"teams/{world.ids['crew']}/users/", {"id": world.ids["ada"]}).status_code == 403
    finally:
        as_("root").patch("settings/system/", {"MANAGE_ORGANIZATION_AUTH": True})
    assert as_("boss").patch(f"users/{world.ids['ada']}/", {"first_name": "A"}).status_code == 200


def test_only_superusers_limit_hosts(as_, world):
    answer = as_("boss").patch(f"organizations/{world.ids['a']}/", {"max_hosts": 5})
    assert (answer.status_code, answer.json()) == (400, {"__all__": ["Cannot change max_hosts."]})
    assert (
        as_("boss").patch(f"organizations/{world.ids['a']}/", {"max_hosts": 0, "description": "d"}).status_code == 200
    )


def test_nobody_changes_their_own_name(as_, world):
    path = f"users/{world.ids['ann']}/"
    assert as_("ann").patch(path, {"first_name": "Ann", "username": "ann"}).status_code == 200
    assert as_("ann").patch(path, {"username": "boss2"}).json() == {"detail": "Cannot change username."}
    assert as_("boss").patch(path, {"username": "ann"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"username": ["This field is required."]}),
        ({"username": "x"}, {"password": ["Password required for new User."]}),
        ({"username": "ann", "password": "p"}, {"username": ["A user with that username already exists."]}),
        ({"username": "x y", "password": "p"}, {"username": [
            "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."]}),
        ({"username": "x", "password": "p", "email": "x"}, {"email": ["Enter a valid email address."]}),
        ({"username": "x", "password": "p" * 129}, {"password": ["Password max length is 128"]}),
        ({"username": "x" * 151, "password": "p"}, {"username": [
            "Ensure this field has no more than 150 characters."]}),
        ({"username": ["x"], "password": "p"}, {"username": ["Not a valid string."]}),
        ({"username": "x", "password": "p", "is_superuser": "perhaps"}, {"is_superuser": ["Must be a valid boolean."]}),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_new_user(as_, body, errors):
    answer = as_("root").post("users/", body)
    assert (answer.status_code, answer.json()) == (400, errors)


def test_passwords_follow_the_rules_that_are_set(as_, world):
    as_("root").patch("settings/authentication/", {"LOCAL_PASSWORD_MIN_LENGTH": 8, "LOCAL_PASSWORD_MIN_DIGITS": 1})
    try:
        path = f"users/{world.ids['ann']}/"
        assert as_("ann").patch(path, {"password": "short1"}).json() == {
            "password": ["Password must be at least 8 characters long."]
        }
        assert as_("ann").patch(path, {"password": "long enough"}).json() == {
            "password": ["Password must contain at least 1 digits."]
        }
        assert as_("ann").patch(path, {"password": "$encrypted$"}).status_code == 200
    finally:
        as_("root").patch("settings/authentication/", {"LOCAL_PASSWORD_MIN_LENGTH": 0, "LOCAL_PASSWORD_MIN_DIGITS": 0})


@pytest.mark.parametrize("nothing", ["$encrypted$", ""])
def test_a_password_that_stands_for_itself_changes_nothing(as_, world, nothing):
    with world.controller.database.reading() as session:
        before = session.get_one(m.User, world.ids["ann"]).password
    assert as_("ann").patch(f"users/{world.ids['ann']}/", {"password": nothing}).status_code == 200
    with world.controller.database.reading() as session:
        assert session.get_one(m.User, world.ids["ann"]).password == before


def test_who_is_imported_without_a_password_cannot_sign_in(as_, world):
    made = as_("root").post("users/", {"username": "imported", "password": ""})
    assert made.status_code == 201
    with world.controller.database.reading() as session:
        kept = session.get_one(m.User, made.json()["id"]).password
    assert not passwords.verify("", kept)
    assert as_("root").delete(f"users/{made.json()['id']}/").status_code == 204


@pytest.mark.parametrize("word", ["password", "password__startswith", "password__regex"])
@pytest.mark.parametrize("path", ["users/?{}=x", "teams/?created_by__{}=x", "tokens/?user__{}=x", "users/?order_by={}"])
def test_no_filter_tells_a_password(as_, path, word):
    assert as_("root").get(path.format(word)).status_code in (400, 403)


@pytest.mark.parametrize(
    "path",
    ["tokens/?token=x", "tokens/?token_hash__startswith=a", "tokens/?refresh_hash__isnull=true",
     "applications/?client_secret__startswith=a", "users/?is_active=true"],
)  # fmt: skip
def test_no_filter_tells_a_secret(as_, path):
    assert as_("root").get(path).status_code in (400, 403)


def test_roles_are_listed_where_they_are_held(as_, world):
    held = as_("boss").get(f"users/{world.ids['ann']}/roles/").json()["results"]
    assert {one["summary_fields"]["resource_name"] for one in held} == {"Org a", "jt a"}
    assert all(one["summary_fields"]["user_capabilities"] == {"unattach": True} for one in held)
    own = as_("ann").get(f"users/{world.ids['ann']}/roles/").json()["results"]
    assert all(one["summary_fields"]["user_capabilities"] == {"unattach": False} for one in own)
    system = as_("root").get(f"users/{world.ids['root']}/roles/").json()["results"]
    assert [one["name"] for one in system] == ["System Administrator"]


def test_parents_and_children_of_roles(as_, world):
    key = world.role("job_template", world.ids["jt_a"], "execute_role")
    parents = as_("root").get(f"roles/{key}/parents/").json()["results"]
    assert {(one["name"], one["summary_fields"]["resource_type"]) for one in parents} == {
        ("Admin", "job_template"),
        ("Execute", "organization"),
    }
    for one in parents:
        assert key in as_("root").ids(f"roles/{one['id']}/children/?page_size=200")


def test_an_access_list_says_by_which_roles(as_, world):
    people = access_of(as_("boss"), f"organizations/{world.ids['a']}")
    assert {"boss", "ann", "ada", "eye", "tim", "root", "aud"} <= set(people)
    assert "bob" not in people and "lone" not in people
    (direct,) = people["eye"]["direct_access"]
    assert direct["role"]["name"] == "Auditor" and "read_role" in direct["descendant_roles"]
    assert people["aud"]["indirect_access"][0]["descendant_roles"] == ["read_role"]


def test_an_access_list_tells_ways_through_teams_and_organizations(as_, world):
    world.give("inventory", world.ids["inventory_a"], "use_role", "crew")
    people = {
        one["username"]: one["summary_fields"]
        for one in as_("root")
        .get(f"inventories/{world.ids['inventory_a']}/access_list/?page_size=100")
        .json()["results"]
    }
    (by_team,) = people["tim"]["direct_access"]
    assert (by_team["role"]["team_name"], by_team["role"]["name"]) == ("team a", "Use")
    assert by_team["descendant_roles"] == ["use_role", "read_role"]
    (by_organization,) = people["boss"]["indirect_access"]
    assert by_organization["role"]["resource_type"] == "organization"
    assert "admin_role" in by_organization["descendant_roles"]
    assert "ann" not in people


def test_the_activity_stream_tells_who_did_what(as_, world):
    as_("boss").patch(f"teams/{world.ids['crew']}/", {"description": "before"})
    as_("boss").patch(f"teams/{world.ids['crew']}/", {"description": "after"})
    last = as_("boss").get(f"teams/{world.ids['crew']}/activity_stream/?order_by=-id").json()["results"][0]
    assert last["operation"] == "update" and last["changes"] == {"description": ["before", "after"]}
    assert last["summary_fields"]["actor"]["username"] == "boss"
    assert last["related"]["team"] == [f"/api/v2/teams/{world.ids['crew']}/"]


def test_the_activity_stream_outlives_its_actor_and_hides_secrets(as_, world):
    made = as_("root").post("users/", {"username": "gone", "password": "a-very-secret-word", "is_superuser": True})
    key = made.json()["id"]
    token = as_("root").post("tokens/", {}).json()["token"]
    as_("root").patch(f"users/{key}/", {"password": "another-secret-word"})
    as_("root").delete(f"users/{key}/")
    entries = as_("root").get("activity_stream/?page_size=200&order_by=-id").json()["results"]
    text = json.dumps(entries)
    for secret in ("a-very-secret-word", "another-secret-word", token, "argon2"):
        assert secret not in text
    assert {"password": ["hidden", "hidden"]} in [one["changes"] for one in entries]
    deleted = next(one for one in entries if one["operation"] == "delete" and one["object1"] == "user")
    assert deleted["changes"]["username"] == "gone" and "user" not in deleted["related"]


def test_the_activity_stream_of_others_stays_theirs(as_, world):
    as_("root").patch(f"inventories/{world.ids['inventory_b']}/", {"description": "secret plan of b"})
    for name in ("boss", "ann", "eye", "lone"):
        assert "secret plan of b" not in as_(name).get("activity_stream/?page_size=200&order_by=-id").text
    for name in ("bob", "root", "aud"):
        assert "secret plan of b" in as_(name).get("activity_stream/?page_size=200&order_by=-id").text


def test_a_kept_answer_does_not_outlive_what_goes_with_something_else(as_, world):
    """The database deletes the hosts of an inventory of an organization that is deleted; no statement names them."""
    made = as_("root").post("organizations/", {"name": "short-lived"}).json()["id"]
    inventory = as_("root").post("inventories/", {"name": "short-lived", "organization": made}).json()["id"]
    assert as_("root").post("hosts/", {"name": "short-lived", "inventory": inventory}).status_code == 201
    for _unused in range(2):
        assert as_("root").count("hosts/?name=short-lived") == 1
    assert as_("root").delete(f"organizations/{made}/").status_code == 204
    assert as_("root").count("hosts/?name=short-lived") == 0


def test_me_is_oneself_among_the_users(world, as_):
    shown = as_("ann").get("me/").json()["results"][0]
    assert shown["url"] == f"/api/v2/users/{world.ids['ann']}/"
    assert all(link.startswith(shown["url"]) for link in shown["related"].values())
    assert as_("ann").get(shown["related"]["teams"].removeprefix("/api/v2/")).status_code == 200
