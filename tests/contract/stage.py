# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the clients find on a controller: a project with playbooks, hosts, templates with and without a survey."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.served import Served

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
LOCAL = json.dumps({"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"})
SURVEY = {
    "name": "",
    "description": "",
    "spec": [
        {"question_name": "Who", "variable": "who", "type": "text", "required": True, "min": 2, "max": 20},
        {
            "question_name": "Nap",
            "variable": "naptime",
            "type": "integer",
            "required": False,
            "default": 0,
            "min": 0,
            "max": 60,
        },
        {
            "question_name": "Colour",
            "variable": "colour",
            "type": "multiplechoice",
            "required": True,
            "choices": ["red", "green"],
        },
        {"question_name": "Token", "variable": "secret_token", "type": "password", "required": False},
    ],
}
APPROVAL = "May it go on?"


def write_playbooks(folder: Path) -> None:
    """The playbooks of the project."""
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


@dataclass
class Stage:
    """A controller with the objects below; ids by what they are for."""

    served: Served
    project: int
    inventory: int
    hello: int
    surveyed: int
    fails: int
    flow: int


def prepare(served: Served, source: str = "") -> Stage:
    """Make the objects; the project is a folder, or from the git repository at ``source``."""

    def make(path: str, **fields: Any) -> int:
        return int(served.call("POST", f"/api/v2/{path}/", fields)["id"])

    if source:
        project = make("projects", name="Contract", organization=1, scm_type="git", scm_url=source)
        served.wait(f"/api/v2/projects/{project}/")
    else:
        write_playbooks(served.projects / "contract")
        project = make("projects", name="Contract", organization=1, local_path="contract")
    inventory = make("inventories", name="Contract", organization=1)
    make(f"inventories/{inventory}/hosts", name="here", variables=LOCAL)
    common: dict[str, Any] = {"project": project, "inventory": inventory}
    hello = make("job_templates", name="Hello", playbook="hello.yml", ask_variables_on_launch=True, **common)
    surveyed = make("job_templates", name="Surveyed", playbook="hello.yml", survey_enabled=True, **common)
    served.call("POST", f"/api/v2/job_templates/{surveyed}/survey_spec/", SURVEY)
    fails = make("job_templates", name="Fails", playbook="fail.yml", **common)
    flow = make("workflow_job_templates", name="Flow", organization=1, ask_variables_on_launch=True)
    nodes = f"workflow_job_templates/{flow}/workflow_nodes"
    first = make(nodes, unified_job_template=hello, identifier="first", extra_data={"who": "the first"})
    bad = make(nodes, unified_job_template=fails, identifier="bad")
    after = make(nodes, unified_job_template=hello, identifier="after", extra_data={"who": "the last"})
    served.call("POST", f"/api/v2/workflow_job_template_nodes/{first}/success_nodes/", {"id": bad})
    served.call("POST", f"/api/v2/workflow_job_template_nodes/{bad}/failure_nodes/", {"id": after})
    return Stage(served, project, inventory, hello, surveyed, fails, flow)
