# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects and their updates as clients see them, with real repositories, archives and servers."""

from __future__ import annotations

import io
import itertools
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from holdfast.db import models as m
from holdfast.jobs import launching
from sqlalchemy import select

from .conftest import V2, World
from .sources import PLAYBOOK, Origin, authorized, serve_git, web

PASSWORD = "pa55-nobody-sees"


@pytest.fixture(scope="module")
def origin(world: World) -> Origin:
    found = world.origin()
    found.commit(site__yml=PLAYBOOK, hosts__ini="[web]\nhost1\n")
    return found


@pytest.fixture(scope="module")
def project(world: World, origin: Origin) -> dict[str, Any]:
    return world.project(scm_type="git", scm_url=origin.url, name="From Git")


# --- git --------------------------------------------------------------------------------------------------------------


def test_a_new_project_is_updated(world: World, origin: Origin, project: dict[str, Any]) -> None:
    revision = origin.git("rev-parse", "HEAD")
    assert (project["status"], project["scm_revision"]) == ("successful", revision)
    assert project["local_path"] == f"_{project['id']}__from_git"
    assert world.get(project["related"]["playbooks"]) == ["site.yml"]
    assert (world.projects / project["local_path"] / "site.yml").read_text() == PLAYBOOK
    update = world.last_update(project)
    assert (update["status"], update["scm_revision"], update["launch_type"]) == ("successful", revision, "manual")
    said = world.stdout(update)
    assert "TASK [List playbooks and inventories]" in said
    assert revision in said
    assert "failed=0" in said


def test_the_events_of_an_update(world: World, project: dict[str, Any]) -> None:
    events = world.get(f"{world.last_update(project)['related']['events']}?page_size=200")["results"]
    assert [one["counter"] for one in events] == list(range(1, len(events) + 1))
    assert (events[0]["event"], events[-1]["event"]) == ("playbook_on_start", "playbook_on_stats")
    tasks = [one["task"] for one in events if one["event"] == "playbook_on_task_start"]
    assert tasks[-1] == "List playbooks and inventories"
    assert [one["task"] for one in events if one["event"] == "runner_on_ok"] == tasks
    assert events[0]["start_line"] == 0
    assert all(one["end_line"] == two["start_line"] for one, two in itertools.pairwise(events))


def test_a_later_update_brings_what_is_new(world: World) -> None:
    origin = world.origin()
    first = origin.commit(site__yml=PLAYBOOK)
    project = world.project(scm_type="git", scm_url=origin.url)
    assert project["scm_revision"] == first
    second = origin.commit(more__yml=PLAYBOOK)
    update = world.update(project)
    assert (update["status"], update["scm_revision"]) == ("successful", second)
    shown = world.get(project["url"])
    assert (shown["scm_revision"], shown["status"]) == (second, "successful")
    assert world.get(project["related"]["playbooks"]) == ["more.yml", "site.yml"]
    assert shown["summary_fields"]["last_update"]["id"] == update["id"]
    assert world.get(project["related"]["project_updates"])["count"] == 2


def test_an_update_that_fails_says_why(world: World) -> None:
    project = world.project(scm_type="git", scm_url=f"file://{world.folder}/nothing")
    assert (project["status"], project["last_job_failed"], project["last_update_failed"]) == ("failed", True, True)
    update = world.last_update(project)
    assert (update["status"], update["failed"]) == ("failed", True)
    assert "fatal: [localhost]: FAILED!" in world.stdout(update)
    assert "failed=1" in world.stdout(update)
    assert world.get(project["related"]["playbooks"]) == []


def test_a_branch_that_there_is_not(world: World, origin: Origin) -> None:
    project = world.project(scm_type="git", scm_url=origin.url, scm_branch="nowhere")
    assert world.last_update(project)["status"] == "failed"
    assert "nowhere" in world.stdout(world.last_update(project))


def test_a_failed_update_keeps_what_was_there(world: World) -> None:
    origin = world.origin()
    revision = origin.commit(site__yml=PLAYBOOK)
    project = world.project(scm_type="git", scm_url=origin.url)
    os.rename(origin.path, f"{origin.path}.away")
    assert world.update(project)["status"] == "failed"
    shown = world.get(project["url"])
    assert (shown["status"], shown["scm_revision"]) == ("failed", revision)
    assert world.get(project["related"]["playbooks"]) == ["site.yml"]


@pytest.mark.parametrize("change", ["scm_url", "scm_branch"])
def test_a_project_whose_source_changes_is_updated(world: World, change: str) -> None:
    origin, other = world.origin(), world.origin()
    origin.commit(site__yml=PLAYBOOK)
    origin.git("branch", "side")
    revision = other.commit(other__yml=PLAYBOOK)
    project = world.project(scm_type="git", scm_url=origin.url)
    value = other.url if change == "scm_url" else "side"
    answer = world.client.patch(project["url"], json={change: value})
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    world.engine.work()
    shown = world.get(project["url"])
    assert shown["status"] == "successful"
    assert shown["scm_revision"] == (revision if change == "scm_url" else project["scm_revision"])
    assert world.get(project["related"]["project_updates"])["count"] == 2
    assert world.client.patch(project["url"], json={"description": "said"}).status_code == 200
    assert world.get(project["related"]["project_updates"])["count"] == 2


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.fixture
def credential(world: World) -> Iterator[dict[str, Any]]:
    kind = world.get("credential_types/?namespace=scm")["results"][0]["id"]
    made = world.post(
        "credentials/",
        {
            "name": "source",
            "credential_type": kind,
            "organization": 1,
            "inputs": {"username": "user", "password": PASSWORD},
        },
    )
    yield made
    for one in world.get(f"projects/?credential={made['id']}")["results"]:
        assert world.client.delete(one["url"]).status_code == 204
    assert world.client.delete(made["url"]).status_code == 204


def _nowhere(world: World, secret: str) -> None:
    """No file of the controller holds a secret."""
    files = [one for one in world.controller.settings.home.rglob("*") if one.is_file()]
    assert [one for one in files if secret.encode() in one.read_bytes()] == []


def test_a_password_goes_to_the_server_and_nowhere_else(world: World, credential: dict[str, Any]) -> None:
    origin = world.origin()
    revision = origin.commit(site__yml=PLAYBOOK)
    with web(serve_git(world.folder, "user", PASSWORD)) as server:
        url = f"{server}/{origin.path.name}/.git"
        project = world.project(scm_type="git", scm_url=url, credential=credential["id"])
        assert (project["status"], project["scm_revision"]) == ("successful", revision), world.stdout(
            world.last_update(project)
        )
        without = world.project(scm_type="git", scm_url=url)
        assert without["status"] == "failed"
    assert PASSWORD not in world.stdout(world.last_update(project))
    _nowhere(world, PASSWORD)
    assert list((world.controller.settings.folder / "updates").iterdir()) == []


def test_a_password_in_an_address_is_not_shown(world: World) -> None:
    with web(serve_git(world.folder, "user", PASSWORD)) as server:
        url = f"{server.replace('//', f'//user:{PASSWORD}@')}/nothing/.git"
        project = world.project(scm_type="git", scm_url=url)
    update = world.last_update(project)
    assert update["status"] == "failed"
    assert PASSWORD not in world.stdout(update)
    assert PASSWORD not in update["job_explanation"]


# --- archives ---------------------------------------------------------------------------------------------------------


def _tar(**files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"top/{name.replace('__', '.')}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def test_a_project_from_an_archive(world: World, credential: dict[str, Any]) -> None:
    content = [_tar(site__yml=PLAYBOOK)]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if authorized(handler, "user", PASSWORD):
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(content[0])

    with web(answer) as server:
        project = world.project(scm_type="archive", scm_url=f"{server}/project.tar.gz", credential=credential["id"])
        assert project["status"] == "successful", world.stdout(world.last_update(project))
        assert world.get(project["related"]["playbooks"]) == ["site.yml"]
        content[0] = _tar(other__yml=PLAYBOOK)
        assert world.update(project)["scm_revision"] != project["scm_revision"]
        assert world.get(project["related"]["playbooks"]) == ["other.yml"]
        content[0] = b"no archive"
        assert world.update(project)["status"] == "failed"
    assert world.get(project["related"]["playbooks"]) == ["other.yml"]
    assert (world.projects / world.get(project["url"])["local_path"] / "other.yml").exists()


# --- cancelled, stopped -----------------------------------------------------------------------------------------------


class Slow:
    """A git server that never answers, and an update that waits for it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked = threading.Event()
        self.over = threading.Event()

    def answer(self, _handler: BaseHTTPRequestHandler) -> None:
        self.asked.set()
        self.over.wait(30)

    def begin(self, server: str, **more: Any) -> tuple[dict[str, Any], threading.Thread]:
        body = {"name": f"slow {id(self)}", "organization": 1, "scm_type": "git", "scm_url": f"{server}/x", **more}
        project = self.world.post("projects/", body)
        thread = threading.Thread(target=self.world.engine.work)
        thread.start()
        assert self.asked.wait(20)
        return self.world.get(self.world.get(project["url"])["related"]["current_update"]), thread


@pytest.fixture
def slow(world: World) -> Iterator[Slow]:
    found = Slow(world)
    yield found
    found.over.set()


def test_an_update_that_runs_is_cancelled(world: World, slow: Slow) -> None:
    with web(slow.answer) as server:
        update, thread = slow.begin(server)
        assert update["status"] == "running"
        assert world.get(update["related"]["cancel"]) == {"can_cancel": True}
        project = world.get(update["related"]["project"])
        assert world.client.delete(project["url"]).status_code == 409, "it is being updated"
        world.post(update["related"]["cancel"], status=202)
        thread.join(20)
        slow.over.set()
    shown = world.get(update["url"])
    assert (shown["status"], shown["failed"]) == ("canceled", True)
    assert world.get(project["url"])["status"] == "failed", "as AWX has it"
    assert list((world.controller.settings.folder / "updates").iterdir()) == []


def test_an_update_ends_with_its_time(world: World, slow: Slow) -> None:
    with web(slow.answer) as server:
        update, thread = slow.begin(server, timeout=1)
        thread.join(20)
        slow.over.set()
    shown = world.get(update["url"])
    assert shown["status"] == "failed"
    assert "longer than its timeout" in shown["job_explanation"]


def test_an_update_ends_with_the_controller(world: World, slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = world.controller.services["jobs"].runner
    monkeypatch.setattr(runner, "_stopping", False)  # for the tests after this one
    with web(slow.answer) as server:
        update, thread = slow.begin(server)
        runner.stop()
        thread.join(20)
        slow.over.set()
    shown = world.get(update["url"])
    assert shown["status"] == "failed"
    assert shown["job_explanation"] == "Task was canceled due to receiving a shutdown signal."


def test_an_update_that_waits_is_cancelled(world: World, origin: Origin) -> None:
    project = world.post("projects/", {"name": "waits", "organization": 1, "scm_type": "git", "scm_url": origin.url})
    update = world.get(world.get(project["url"])["related"]["current_update"])
    assert update["status"] in ("pending", "waiting")
    world.post(update["related"]["cancel"], status=202)
    world.engine.work()
    assert world.get(update["url"])["status"] == "canceled"
    assert not (world.projects / project["local_path"]).exists()


# --- what jobs need ---------------------------------------------------------------------------------------------------


def _due(world: World, project: dict[str, Any]) -> int | None:
    """The id of the update that a job would wait for."""
    with world.controller.database.writing() as session:
        call = launching.internal_call(world.controller, session, session.get(m.User, 1))
        update = world.controller.services["projects"].update_on_launch(call, session.get_one(m.Project, project["id"]))
        found = update.id if update is not None else None
    world.engine.work()
    return found


def test_an_update_at_launch_is_made_unless_one_is_fresh(world: World, origin: Origin) -> None:
    project = world.project(
        scm_type="git", scm_url=origin.url, scm_update_on_launch=True, scm_update_cache_timeout=3600
    )
    assert _due(world, project) is None
    world.client.patch(project["url"], json={"scm_update_cache_timeout": 0})
    first = _due(world, project)
    assert first is not None
    assert world.get(f"project_updates/{first}/")["launch_type"] == "dependency"
    assert _due(world, project) not in (None, first)


def test_a_job_waits_for_an_update_that_is_under_way(world: World, origin: Origin) -> None:
    project = world.project(scm_type="git", scm_url=origin.url)
    made = world.post(project["related"]["update"], status=202)
    assert _due(world, project) == made["id"]


def test_files_for_a_job(world: World, origin: Origin, tmp_path: Path) -> None:
    origin.git("checkout", "--quiet", "-B", "side")
    revision = origin.commit(side__yml=PLAYBOOK)
    origin.git("checkout", "--quiet", "main")
    project = world.project(scm_type="git", scm_url=origin.url, allow_override=True)
    projects = world.controller.services["projects"]
    own = projects.checkout(project["id"], "", tmp_path / "own")
    assert own.revision == project["scm_revision"]
    assert (tmp_path / "own" / "site.yml").exists()
    assert not (tmp_path / "own" / "side.yml").exists()
    other = projects.checkout(project["id"], "side", tmp_path / "other")
    assert (other.revision, (tmp_path / "other" / "side.yml").read_text()) == (revision, PLAYBOOK)
    assert not (world.projects / project["local_path"] / "side.yml").exists(), "the project itself stays"
    world.client.patch(project["url"], json={"allow_override": False})
    with pytest.raises(Exception, match="does not allow another branch"):
        projects.checkout(project["id"], "side", tmp_path / "third")


# --- what is left -----------------------------------------------------------------------------------------------------


def test_a_deleted_project_takes_its_files_and_updates_along(world: World, origin: Origin) -> None:
    project = world.project(scm_type="git", scm_url=origin.url)
    update = world.last_update(project)
    folder = world.projects / project["local_path"]
    assert folder.exists()
    assert world.client.delete(project["url"]).status_code == 204
    assert [one.name for one in world.projects.iterdir() if one.name.endswith(folder.name)] == []
    assert world.client.get(update["url"]).status_code == 404
    with world.controller.database.events() as session:
        assert session.scalar(select(m.JobEvent.id).where(m.JobEvent.job_id == update["id"]).limit(1)) is None


def test_a_copy_has_files_of_its_own(world: World, project: dict[str, Any]) -> None:
    copy = world.post(project["related"]["copy"], {"name": "The Copy"})
    world.engine.work()
    shown = world.get(copy["url"])
    assert (shown["status"], shown["local_path"]) == ("successful", f"_{copy['id']}__the_copy")


def test_a_manual_project(world: World) -> None:
    (world.projects / "by_hand").mkdir(parents=True)
    (world.projects / "by_hand" / "site.yml").write_text(PLAYBOOK)
    assert "by_hand" in world.get("config/")["project_local_paths"]
    project = world.project(local_path="by_hand")
    assert (project["status"], project["scm_revision"]) == ("ok", "")
    assert world.get(project["related"]["playbooks"]) == ["site.yml"]
    (world.projects / "by_hand" / "new.yml").write_text(PLAYBOOK)
    assert world.get(project["related"]["playbooks"]) == ["new.yml", "site.yml"]
    assert world.get(project["related"]["update"]) == {"can_update": False}
    assert world.client.post(project["related"]["update"], json={}).status_code == 405
    assert "by_hand" not in world.get("config/")["project_local_paths"]
    answer = world.client.post(f"{V2}/projects/", json={"name": "again", "organization": 1, "local_path": "by_hand"})
    assert answer.json() == {"local_path": ["This path is already being used by another manual project."]}
    assert world.client.delete(project["url"]).status_code == 204
    assert (world.projects / "by_hand" / "site.yml").exists(), "these files are not ours"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"scm_type": "git", "scm_url": ""}, "scm_url"),
        ({"scm_type": "git", "scm_url": "ext::sh -c id"}, "scm_url"),
        ({"scm_type": "git", "scm_url": "-u"}, "scm_url"),
        ({"scm_type": "git", "scm_url": "file:///etc"}, "scm_url"),
        ({"scm_type": "git", "scm_url": "https://h/x", "scm_branch": "--upload-pack=x"}, "scm_branch"),
        ({"scm_type": "git", "scm_url": "https://h/x", "scm_refspec": "-x"}, "scm_refspec"),
        ({"scm_type": "archive", "scm_url": "https://h/x", "scm_branch": "main"}, "scm_branch"),
        ({"scm_type": "archive", "scm_url": "ssh://h/x"}, "scm_url"),
        ({"scm_type": "svn", "scm_url": "https://h/x"}, "scm_type"),
        ({"scm_type": "cvs"}, "scm_type"),
        ({"scm_type": "git", "scm_url": "https://h/x", "credential": 1}, "credential"),
        ({"scm_update_on_launch": True}, "scm_update_on_launch"),
        ({"local_path": "../controller"}, "local_path"),
        ({"local_path": "/etc"}, "local_path"),
        ({"local_path": "_6__demo_project"}, "local_path"),
        ({"name": "Demo Project"}, "__all__"),
        ({"timeout": 10**12}, "timeout"),
    ],
)
def test_projects_that_are_refused(world: World, body: dict[str, Any], said: str) -> None:
    answer = world.client.post(f"{V2}/projects/", json={"name": "refused", "organization": 1, **body})
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == [said]
    assert world.engine.queue == []


def test_options_of_the_branch_stay_while_templates_use_them(world: World, origin: Origin) -> None:
    project = world.project(scm_type="git", scm_url=origin.url, allow_override=True)
    template = world.post(
        "job_templates/",
        {"name": "uses a branch", "project": project["id"], "playbook": "site.yml", "inventory": 1, "scm_branch": "x"},
    )
    answer = world.client.patch(project["url"], json={"allow_override": False})
    text = "One or more job templates depend on branch override behavior for this project (ids: {}).".format
    assert answer.json() == {"allow_override": [text(template["id"])]}
