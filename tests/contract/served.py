# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real controller, served in a thread of its own on a free port of this machine, without the shipped catalog."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import uvicorn
from holdfast import catalog_sync
from holdfast.app import create_app
from holdfast.build import build
from holdfast.context import Controller
from holdfast.serving import listen
from holdfast.settings import Settings

PASSWORD = "holdfast-contract"
HELLO = """---
- hosts: all
  gather_facts: false
  tasks:
    - name: hello
      ansible.builtin.debug:
        msg: "hello {{ who | default('nobody') }}"
    - name: set stats
      ansible.builtin.set_stats:
        data: {greeting: "hi {{ who | default('nobody') }}"}
    - name: sleep
      ansible.builtin.command: sleep {{ naptime | default(0) }}
"""
FAIL = """---
- hosts: all
  gather_facts: false
  tasks:
    - name: fail
      ansible.builtin.fail: {msg: it fails}
"""


@dataclass
class Served:
    """A controller and where it is."""

    url: str
    controller: Controller
    folder: Path


def write_playbooks(folder: Path) -> None:
    """The two playbooks of the scenario."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hello.yml").write_text(HELLO, encoding="utf-8")
    (folder / "fail.yml").write_text(FAIL, encoding="utf-8")


def make_repository(folder: Path) -> str:
    """A git repository with the playbooks; its address."""
    write_playbooks(folder)
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*identity, "commit", "-q", "-m", "playbooks")):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    return f"file://{folder}"


@contextlib.contextmanager
def serve(folder: Path, with_catalog: bool = False) -> Iterator[Served]:
    """Serve a new controller from a folder until the block ends."""
    projects = folder / "projects"
    write_playbooks(projects / "demo_manual")
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(
        home=folder / "home",
        projects_root=projects,
        project_file_roots=str(folder),
        base_url=url,
        admin_password=PASSWORD,
    )
    with contextlib.ExitStack() as patches:
        if not with_catalog:
            patches.enter_context(mock.patch.object(catalog_sync, "attach"))
        # Tables as the models have them today; revisions of the schema have tests of their own.
        patches.enter_context(mock.patch("holdfast.build.migrate", lambda database: database.create()))
        controller = build(settings)
    config = uvicorn.Config(create_app(controller), log_config=None, access_log=False, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        _wait(server, thread)
        yield Served(url, controller, folder)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    end = time.monotonic() + 60
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise RuntimeError("the controller did not begin to serve")
        time.sleep(0.05)
