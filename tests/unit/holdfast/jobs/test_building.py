# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job is made of: with which Python hosts that are this machine are played, and what its plays share."""

from __future__ import annotations

from typing import Any

import pytest
from holdfast.db.models import Job
from holdfast.jobs.building import prepare, with_own_python

from tests.unit.holdfast.jobs.world import World

OWN = "{{ ansible_playbook_python }}"


@pytest.mark.parametrize(
    ("variables", "group", "interpreter"),
    [
        ({"ansible_connection": "local"}, {}, OWN),
        ({"ansible_connection": "ansible.builtin.local"}, {}, OWN),
        ({"ansible_connection": "local", "ansible_python_interpreter": "auto"}, {}, "auto"),
        ({"ansible_connection": "local"}, {"ansible_python_interpreter": "/usr/bin/python3"}, None),
        ({"ansible_connection": "ssh"}, {}, None),
        ({}, {}, None),
    ],
)
def test_what_a_host_is_played_with(variables: dict[str, Any], group: dict[str, Any], interpreter: str | None) -> None:
    script = {
        "all": {"hosts": [], "children": ["web"]},
        "web": {"hosts": ["one"], "vars": group},
        "_meta": {"hostvars": {"one": dict(variables)}},
    }
    shown = with_own_python(script)["_meta"]["hostvars"]["one"]
    assert shown.get("ansible_python_interpreter") == interpreter


def test_a_job_without_an_inventory_has_nothing_to_say() -> None:
    assert with_own_python({}) == {}


def test_plays_share_the_store_of_the_controller(world: World) -> None:
    """What a task of a job asks of breakers and keeps in the archive, the controller's runs know too."""
    job = world.launch(world.template())
    with world.controller.database.reading() as session:
        environment = prepare(world.controller, session, session.get_one(Job, job)).spec.environment
    assert environment["HOLDFAST_STORE"] == str(world.controller.settings.home)
    assert environment["JOB_ID"] == str(job)
