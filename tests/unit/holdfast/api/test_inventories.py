# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories, hosts, groups and labels."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from fastapi.testclient import TestClient
from holdfast import inventory_data
from holdfast.context import Controller
from holdfast.db import models as m

V2 = "/api/v2"
_numbers = itertools.count(1)


class Tree:
    """An inventory, and its hosts and groups by name."""

    def __init__(self, client: TestClient, **more: Any) -> None:
        self._client = client
        body = {"name": f"tree {next(_numbers)}", "organization": 1, **more}
        self.id = self.made(f"{V2}/inventories/", body)["id"]
        self.url = f"{V2}/inventories/{self.id}/"
        self.groups: dict[str, int] = {}
        self.hosts: dict[str, int] = {}

    def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def host(self, name: str, *groups: str, **more: Any) -> int:
        self.hosts[name] = self.made(f"{self.url}hosts/", {"name": name, **more})["id"]
        for group in groups:
            self.link(group, "hosts", self.hosts[name])
        return self.hosts[name]

    def group(self, name: str, *children: str, **more: Any) -> int:
        self.groups[name] = self.made(f"{self.url}groups/", {"name": name, **more})["id"]
        for child in children:
            self.link(name, "children", self.groups[child])
        return self.groups[name]

    def link(self, group: str, what: str, key: int, **more: Any) -> Any:
        answer = self._client.post(f"{V2}/groups/{self.groups[group]}/{what}/", json={"id": key, **more})
        assert answer.status_code == 204, answer.text
        return answer

    def names(self, path: str) -> list[str]:
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return [one["name"] for one in answer.json()["results"]]

    def of(self, group: str, what: str) -> list[str]:
        return self.names(f"{V2}/groups/{self.groups[group]}/{what}/")


@pytest.fixture(scope="module")
def tree(client: TestClient) -> Tree:
    """all > (a > (b > c), d); hosts h1 in c, h2 in a and d, h3 in none, off in d and disabled."""
    found = Tree(client, variables="---\nregion: north\n")
    found.group("c")
    found.group("b", "c")
    found.group("a", "b", variables='{"tier": 1}')
    found.group("d")
    found.host("h1", "c", variables="port: 22")
    found.host("h2", "a", "d")
    found.host("h3")
    found.host("off", "d", enabled=False)
    return found


def test_what_is_in_an_inventory_is_counted(client: TestClient, tree: Tree) -> None:
    shown = client.get(tree.url).json()
    assert (shown["total_hosts"], shown["total_groups"], shown["has_active_failures"]) == (4, 4, False)
    summary = client.get(f"{V2}/hosts/{tree.hosts['h1']}/").json()["summary_fields"]["inventory"]
    assert (summary["total_hosts"], summary["total_groups"], summary["kind"]) == (4, 4, "")


def test_the_script_is_what_ansible_reads(client: TestClient, tree: Tree) -> None:
    assert client.get(f"{tree.url}script/").json() == {
        "all": {"vars": {"region": "north"}, "hosts": ["h3"], "children": ["a", "b", "c", "d"]},
        "a": {"hosts": ["h2"], "children": ["b"], "vars": {"tier": 1}},
        "b": {"children": ["c"]},
        "c": {"hosts": ["h1"]},
        "d": {"hosts": ["h2"]},
    }
    found = client.get(f"{tree.url}script/?hostvars=1&towervars=1&all=1").json()
    assert found["d"] == {"hosts": ["h2", "off"]}
    assert found["_meta"]["hostvars"]["h1"] == {
        "port": 22,
        "remote_host_enabled": "true",
        "remote_host_id": tree.hosts["h1"],
        "remote_tower_enabled": "true",
        "remote_tower_id": tree.hosts["h1"],
    }
    assert client.get(f"{tree.url}script/?host=h1").json() == {"port": 22}
    assert client.get(f"{tree.url}script/?host=off").status_code == 404


def test_slices_part_the_hosts_that_are_enabled(client: TestClient, tree: Tree) -> None:
    parts = [
        set(client.get(f"{tree.url}script/?hostvars=1&subset=slice{n}of2").json()["_meta"]["hostvars"]) for n in (1, 2)
    ]
    assert parts == [{"h1", "h3"}, {"h2"}]


@pytest.mark.parametrize(
    ("subset", "said"),
    [
        ("half", "Subset does not use any supported syntax."),
        ("slice1", "Could not parse subset as slice specification."),
        ("slice3of2", "Slice number must be less than total number of slices."),
        ("slice0of2", "Slice number must be 1 or higher."),
    ],
)
def test_a_subset_that_is_none(client: TestClient, tree: Tree, subset: str, said: str) -> None:
    answer = client.get(f"{tree.url}script/?subset={subset}")
    assert (answer.status_code, answer.json()["detail"]) == (400, said)


def test_the_tree_nests_groups_below_the_outermost(client: TestClient, tree: Tree) -> None:
    found = client.get(f"{tree.url}tree/").json()
    assert [one["name"] for one in found] == ["a", "d"]
    assert found[0]["children"][0]["children"][0]["name"] == "c"
    assert tree.names(f"{tree.url}root_groups/") == ["a", "d"]


def test_lists_below_groups_and_hosts(client: TestClient, tree: Tree) -> None:
    assert tree.of("a", "all_hosts") == ["h1", "h2"]
    assert tree.of("a", "hosts") == ["h2"]
    assert tree.of("b", "potential_children") == ["d"]
    assert tree.names(f"{V2}/hosts/{tree.hosts['h1']}/all_groups/") == ["a", "b", "c"]
    assert tree.names(f"{V2}/hosts/{tree.hosts['h1']}/groups/") == ["c"]
    shown = client.get(f"{V2}/hosts/{tree.hosts['h2']}/").json()["summary_fields"]["groups"]
    assert (shown["count"], [one["name"] for one in shown["results"]]) == (2, ["a", "d"])


@pytest.mark.parametrize(("parent", "child"), [("c", "a"), ("b", "a"), ("a", "a")])
def test_groups_never_go_in_circles(client: TestClient, tree: Tree, parent: str, child: str) -> None:
    path = f"{V2}/groups/{tree.groups[parent]}/children/"
    answer = client.post(path, json={"id": tree.groups[child]})
    assert (answer.status_code, answer.json()) == (400, {"error": "Cyclical Group association."})


def test_nothing_of_another_inventory_is_associated(client: TestClient, tree: Tree) -> None:
    other = Tree(client)
    other.group("x")
    other.host("y")
    said = {"detail": "Cannot associate two items from different inventories."}
    for path, key in (
        (f"groups/{tree.groups['a']}/children", other.groups["x"]),
        (f"groups/{tree.groups['a']}/hosts", other.hosts["y"]),
        (f"hosts/{tree.hosts['h1']}/groups", other.groups["x"]),
        (f"inventories/{tree.id}/hosts", other.hosts["y"]),
    ):
        answer = client.post(f"{V2}/{path}/", json={"id": key})
        assert (answer.status_code, answer.json()) == (400, said)


def test_hosts_and_groups_made_below_a_group(client: TestClient) -> None:
    tree = Tree(client)
    tree.group("web")
    known = tree.host("known")
    made = tree.made(f"{V2}/groups/{tree.groups['web']}/hosts/", {"name": "new"})
    assert made["inventory"] == tree.id
    answer = client.post(f"{V2}/groups/{tree.groups['web']}/hosts/", json={"name": "known"})
    assert answer.status_code == 204, "a host that is there is put in"
    assert tree.of("web", "hosts") == ["known", "new"]
    child = tree.made(f"{V2}/groups/{tree.groups['web']}/children/", {"name": "child"})
    assert (child["inventory"], tree.of("web", "children")) == (tree.id, ["child"])
    tree.link("web", "hosts", known, disassociate=True)
    assert tree.of("web", "hosts") == ["new"]
    assert client.get(f"{V2}/hosts/{known}/").status_code == 200


def test_disassociating_from_the_inventory_deletes(client: TestClient) -> None:
    tree = Tree(client)
    key = tree.host("gone")
    answer = client.post(f"{tree.url}hosts/", json={"id": key, "disassociate": True})
    assert answer.status_code == 204, answer.text
    assert client.get(f"{V2}/hosts/{key}/").status_code == 404


def test_a_deleted_group_takes_along_what_only_it_held(client: TestClient) -> None:
    tree = Tree(client)
    for name in ("shared", "own"):
        tree.group(name)
    tree.group("top", "shared", "own")
    tree.group("other", "shared")
    tree.host("in own", "own")
    tree.host("in both", "own", "other")
    tree.host("in shared", "shared")
    assert client.delete(f"{V2}/groups/{tree.groups['top']}/").status_code == 204
    assert tree.names(f"{tree.url}groups/") == ["other", "shared"]
    assert tree.names(f"{tree.url}hosts/") == ["in both", "in shared"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("hosts", {"name": "web"}, {"__all__": ["A Group with that name already exists."]}),
        ("groups", {"name": "h"}, {"__all__": ["A Host with that name already exists."]}),
        ("groups", {"name": "all"}, {"name": ["Invalid group name."]}),
        ("groups", {"name": "_meta"}, {"name": ["Invalid group name."]}),
        ("hosts", {"name": "a:0"}, {"name": ["Invalid port specification: 0"]}),
        ("hosts", {"name": "a:x"}, {"name": ["Invalid port specification: x"]}),
        ("hosts", {"name": "{{ x }}"}, {"name": ["Inline Jinja variables are not allowed.: {{ x }}"]}),
        ("hosts", {"name": "h"}, {"__all__": ["Host with this Name and Inventory already exists."]}),
        ("hosts", {}, {"name": ["This field is required."]}),
    ],
)
def test_hosts_and_groups_that_are_refused(
    client: TestClient, path: str, body: dict[str, Any], said: dict[str, Any]
) -> None:
    tree = Tree(client)
    tree.group("web")
    tree.host("h")
    answer = client.post(f"{tree.url}{path}/", json=body)
    assert (answer.status_code, answer.json()) == (400, said)


def test_a_port_in_a_name_becomes_a_variable(client: TestClient) -> None:
    tree = Tree(client)
    made = tree.made(f"{tree.url}hosts/", {"name": "far:2222", "variables": "a: 1"})
    assert made["name"] == "far"
    assert client.get(f"{V2}/hosts/{made['id']}/variable_data/").json() == {"a": 1, "ansible_ssh_port": 2222}


def test_ports_in_names_of_many_hosts(client: TestClient) -> None:
    tree = Tree(client)
    hosts = [{"name": "near"}, {"name": "far:2222", "variables": "a: 1"}]
    made = tree.made(f"{V2}/bulk/host_create/", {"inventory": tree.id, "hosts": hosts})["hosts"]
    assert [one["name"] for one in made] == ["near", "far"]
    assert client.get(f"{made[1]['url']}variable_data/").json() == {"a": 1, "ansible_ssh_port": 2222}


def test_variables_as_an_object(client: TestClient, tree: Tree) -> None:
    for path in (tree.url, f"{V2}/hosts/{tree.hosts['h3']}/", f"{V2}/groups/{tree.groups['d']}/"):
        answer = client.put(f"{path}variable_data/", json={"deep": {"list": [1, None]}})
        assert (answer.status_code, answer.json()) == (200, {"deep": {"list": [1, None]}})
        assert client.get(path).json()["variables"] == '{"deep": {"list": [1, null]}}'
    client.put(f"{tree.url}variable_data/", json={"region": "north"})


@pytest.mark.parametrize("text", ["- a list", "a: [", "just text"])
def test_variables_that_are_none(client: TestClient, tree: Tree, text: str) -> None:
    answer = client.patch(tree.url, json={"variables": text})
    assert answer.status_code == 400
    assert "Cannot parse as JSON" in answer.json()["variables"][0]


def test_a_host_stays_in_its_inventory(client: TestClient, tree: Tree) -> None:
    other = Tree(client)
    path = f"{V2}/hosts/{tree.hosts['h3']}/"
    assert client.patch(path, json={"inventory": other.id}).json()["inventory"] == tree.id


def test_an_inventory_goes_with_all_it_holds(client: TestClient) -> None:
    tree = Tree(client)
    tree.group("g")
    tree.host("h", "g")
    assert client.delete(tree.url).status_code == 202
    for path in (tree.url, f"{V2}/hosts/{tree.hosts['h']}/", f"{V2}/groups/{tree.groups['g']}/"):
        assert client.get(path).status_code == 404


def test_a_copy_is_put_together_as_the_old_one(client: TestClient, tree: Tree) -> None:
    made = tree.made(f"{tree.url}copy/", {"name": "the copy"})
    new = f"{V2}/inventories/{made['id']}/"
    query = "script/?all=1&hostvars=1"
    assert client.get(new + query).json() == client.get(tree.url + query).json()
    assert client.get(f"{new}tree/").json()[0]["inventory"] == made["id"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "smart"}, {"host_filter": ["Smart inventories must specify host_filter"]}),
        ({"kind": "none"}, {"kind": ['"none" is not a valid choice.']}),
        ({"organization": None}, {"organization": ["This field may not be null."]}),
        ({"organization": 999}, {"organization": ['Invalid pk "999" - object does not exist.']}),
    ],
)
def test_inventories_that_are_refused(client: TestClient, body: dict[str, Any], said: dict[str, Any]) -> None:
    answer = client.post(f"{V2}/inventories/", json={"name": "refused", "organization": 1, **body})
    assert (answer.status_code, answer.json()) == (400, said)


def test_inventories_whose_hosts_come_from_elsewhere(client: TestClient, tree: Tree) -> None:
    made = Tree(client, kind="constructed")
    assert client.post(f"{made.url}input_inventories/", json={"id": tree.id}).status_code == 204
    answer = client.post(f"{made.url}hosts/", json={"name": "h"})
    assert answer.json() == {"inventory": {"detail": "Cannot create Host for Smart or Constructed Inventories"}}
    other = Tree(client, kind="constructed")
    answer = client.post(f"{made.url}input_inventories/", json={"id": other.id})
    assert answer.json() == {"error": "You cannot add a constructed inventory to another constructed inventory."}
    answer = client.get(f"{made.url}script/")
    assert answer.status_code == 400
    assert "does not gather those of others yet" in answer.json()["detail"]
    answer = client.patch(tree.url, json={"kind": "constructed"})
    assert answer.status_code == 405


def test_constructed_inventories_keep_what_they_are_made_with(client: TestClient, tree: Tree) -> None:
    body = {"name": "built", "organization": 1, "source_vars": "plugin: constructed\nstrict: true", "limit": "web"}
    answer = client.post(f"{V2}/constructed_inventories/", json=body)
    assert answer.status_code == 201, answer.text
    shown = client.get(answer.json()["url"]).json()
    assert (shown["kind"], shown["limit"], shown["source_vars"]) == ("constructed", "web", body["source_vars"])
    assert client.get(f"{V2}/inventories/{shown['id']}/").json()["related"]["constructed_url"] == answer.json()["url"]


def test_nothing_is_deleted_below_a_running_job(client: TestClient, controller: Controller) -> None:
    tree = Tree(client)
    tree.group("g")
    host = tree.host("h")
    with controller.database.writing() as session:
        job = m.Job(name="runs", status="running", inventory_id=tree.id, launch_type="manual")
        session.add(job)
        session.flush()
        key = job.id
    said = {"error": "Resource is being used by running jobs.", "active_jobs": [{"type": "job", "id": key}]}
    for path in (tree.url, f"{V2}/hosts/{host}/", f"{V2}/groups/{tree.groups['g']}/"):
        answer = client.delete(path)
        assert answer.status_code == 409
        assert answer.json() == said


def test_a_host_forgets_a_job_that_was_deleted(client: TestClient, controller: Controller) -> None:
    tree = Tree(client)
    host = f"{V2}/hosts/{tree.host('h')}/"
    with controller.database.writing() as session:
        template = m.JobTemplate(name="runs on h", organization_id=1)
        session.add(template)
        session.flush()
        more = {"inventory_id": tree.id, "unified_job_template_id": template.id, "event_processing_finished": True}
        job = m.Job(name="ran", status="failed", failed=True, launch_type="manual", **more)
        session.add(job)
        session.flush()
        row = session.get_one(m.Host, tree.hosts["h"])
        summary = m.JobHostSummary(job_id=job.id, host_id=row.id, host_name="h", failures=1, failed=True)
        session.add(summary)
        session.flush()
        row.last_job_id, row.last_job_host_summary_id, row.last_job_failed = job.id, summary.id, True
        template.last_job_id, template.last_job_failed = job.id, True
        path, of = f"{V2}/jobs/{job.id}/", f"{V2}/job_templates/{template.id}/"
    assert client.get(host).json()["last_job"] == int(path.split("/")[-2])
    assert client.get(tree.url).json()["has_active_failures"] is True
    assert client.delete(path).status_code == 204
    shown = client.get(host).json()
    assert (shown["last_job"], shown["last_job_host_summary"], shown["has_active_failures"]) == (None, None, False)
    assert not {"last_job", "last_job_host_summary"} & {*shown["related"], *shown["summary_fields"]}
    assert client.get(tree.url).json()["has_active_failures"] is False
    template_shown = client.get(of).json()
    assert not {"last_job"} & {*template_shown["related"], *template_shown["summary_fields"]}


def test_facts_are_shown(client: TestClient, controller: Controller) -> None:
    tree = Tree(client)
    key = tree.host("h")
    with controller.database.writing() as session:
        session.get_one(m.Host, key).ansible_facts = {"ansible_os_family": "Debian"}
    assert client.get(f"{V2}/hosts/{key}/ansible_facts/").json() == {"ansible_os_family": "Debian"}


def test_a_large_inventory_needs_few_queries(controller: Controller, client: TestClient) -> None:
    from sqlalchemy import event

    tree = Tree(client)
    with controller.database.writing() as session:
        session.add_all(m.Host(name=f"h{n:04}", inventory_id=tree.id, variables="a: 1") for n in range(300))
        session.add_all(m.Group(name=f"g{n:03}", inventory_id=tree.id) for n in range(50))
    statements: list[str] = []
    with controller.database.reading() as session:
        inventory = session.get_one(m.Inventory, tree.id)
        event.listen(controller.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        found = inventory_data.script(session, inventory, hostvars=True)
    assert len(found["_meta"]["hostvars"]) == 300
    assert len(statements) <= 5


# --- labels -----------------------------------------------------------------------------------------------------------


def test_a_label_that_nothing_has_any_more_is_deleted(client: TestClient) -> None:
    one, two = Tree(client), Tree(client)
    made = one.made(f"{one.url}labels/", {"name": "blue", "organization": 1})
    again = client.post(f"{two.url}labels/", json={"name": "blue", "organization": 1})
    assert again.status_code == 204, "a label that is there is put on"
    gone = {"id": made["id"], "disassociate": True}
    assert client.post(f"{one.url}labels/", json=gone).status_code == 204
    assert client.get(f"{V2}/labels/{made['id']}/").status_code == 200
    assert client.post(f"{two.url}labels/", json=gone).status_code == 204
    assert client.get(f"{V2}/labels/{made['id']}/").status_code == 404


def test_labels_are_summed_up_by_name(client: TestClient) -> None:
    tree = Tree(client)
    for number in range(12):
        tree.made(f"{tree.url}labels/", {"name": f"l{11 - number:02}", "organization": 1})
    shown = client.get(tree.url).json()["summary_fields"]["labels"]
    assert (shown["count"], [one["name"] for one in shown["results"]]) == (12, [f"l{n:02}" for n in range(10)])


def test_labels_are_not_deleted_by_hand(client: TestClient) -> None:
    made = client.post(f"{V2}/labels/", json={"name": "stays", "organization": 1}).json()
    assert client.delete(made["url"]).status_code == 405
    answer = client.post(f"{V2}/labels/", json={"name": "stays", "organization": 1})
    assert answer.json() == {"__all__": ["Label with this Name and Organization already exists."]}
