# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules and look-ups of awx.awx in plays, as people keep a controller's objects in a repository.

Every play is a story of its own: what it makes it takes away again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.contract.clients import Clients
from tests.contract.stage import APPROVAL, SURVEY, Stage

Task = dict[str, Any]
EXPECTED = "has encrypted data and may inaccurately report task is changed"
"""The one warning that a play may give: AWX shows no secrets either."""


def play(collection: Clients, stage: Stage, folder: Path, text: str, **variables: Any) -> str:
    """Run tasks that are written in YAML; they have to end well."""
    tasks: list[Task] = yaml.safe_load(text)
    tasks.insert(0, {"name": "what the tasks need", "ansible.builtin.set_fact": variables or {"nothing": 1}})
    done = collection.play(stage.served, folder, tasks)
    assert done.returncode == 0, done.stdout[-6000:]
    warned = [line for line in done.stdout.splitlines() if "[WARNING]" in line and EXPECTED not in line]
    assert not warned
    return done.stdout


def test_a_job_is_launched_and_waited_for(collection: Clients, stage: Stage, tmp_path: Path) -> None:
    play(
        collection,
        stage,
        tmp_path,
        """
        - awx.awx.job_launch: {job_template: Hello, extra_vars: {who: module}}
          register: job
        - assert: {that: [job is changed, job.status == 'pending']}
        - awx.awx.job_wait: {job_id: "{{ job.id }}", interval: 1, timeout: 60}
          register: ended
        - assert: {that: [ended.status == 'successful', ended is not changed]}
        - awx.awx.job_list: {query: {id: "{{ job.id }}"}}
          register: found
        - assert: {that: [found.count == 1, "found.results[0].artifacts.greeting == 'hi module'"]}
        - awx.awx.job_launch: {job_template: Fails, wait: true, interval: 1}
          register: failed
          ignore_errors: true
        - assert: {that: [failed is failed, failed.status == 'failed']}
        - awx.awx.job_launch: {job_template: Hello, inventory: Contract}
          register: refused
          ignore_errors: true
        - assert: {that: [refused is failed, "'does not allow for it to be overridden' in refused.errors[0]"]}
        - awx.awx.job_launch: {job_template: Hello, extra_vars: {naptime: 50}}
          register: long
        - awx.awx.job_cancel: {job_id: "{{ long.id }}"}
          register: cancelled
        - assert: {that: [cancelled is changed]}
        - awx.awx.job_wait: {job_id: "{{ long.id }}", interval: 1, timeout: 30}
          register: ended
          ignore_errors: true
        - assert: {that: [ended.status == 'canceled']}
        - awx.awx.job_cancel: {job_id: "{{ long.id }}", fail_if_not_running: true}
          register: again
          ignore_errors: true
        - assert: {that: [again is failed]}
        """,
    )


def test_a_template_with_a_survey_is_idempotent(collection: Clients, stage: Stage, tmp_path: Path) -> None:
    tasks = """
        - awx.awx.label: {name: "{{ item }}", organization: Default}
          loop: [kept, by module]
        - &template
          awx.awx.job_template: &values
            name: Kept
            organization: Default
            project: Contract
            playbook: hello.yml
            inventory: Contract
            extra_vars: {a: [1, {b: 2}]}
            ask_limit_on_launch: true
            labels: [kept, by module]
            survey_enabled: true
            survey_spec: "{{ survey }}"
          register: first
        - assert: {that: [first is changed]}
        - <<: *template
          register: second
        - assert: {that: [second is not changed]}
        - awx.awx.job_template: {<<: *values, survey_spec: "{{ fewer }}"}
          register: third
        - assert: {that: [third is changed]}
        - awx.awx.job_template: {name: Copied, copy_from: Kept}
          register: copied
        - assert: {that: [copied is changed, copied.copied]}
        - awx.awx.job_launch: {job_template: Kept, extra_vars: {who: Ada, colour: red}, limit: here, wait: true,
                               interval: 1}
          register: job
        - assert: {that: [job.status == 'successful']}
        - awx.awx.job_template: {name: "{{ item }}", state: absent}
          loop: [Kept, Copied]
          register: gone
        - assert: {that: [gone is changed]}
        """
    play(collection, stage, tmp_path, tasks, survey=SURVEY, fewer={**SURVEY, "spec": SURVEY["spec"][:3]})


def test_things_are_kept(collection: Clients, stage: Stage, tmp_path: Path) -> None:
    play(
        collection,
        stage,
        tmp_path,
        """
        - awx.awx.organization: {name: Kept org, description: one}
        - awx.awx.organization: {name: Kept org, description: one}
          register: same
        - assert: {that: [same is not changed]}
        - awx.awx.credential_type:
            name: Kept type
            kind: cloud
            inputs: {fields: [{id: key, type: string, label: Key, secret: true}], required: [key]}
            injectors: {env: {KEPT_KEY: "{% raw %}{{ key }}{% endraw %}"}}
        - awx.awx.credential: &credential
            name: Kept credential
            organization: Kept org
            credential_type: Kept type
            inputs: {key: one}
          register: made
        - awx.awx.credential: {<<: *credential, update_secrets: false}
          register: kept
        - awx.awx.credential: {<<: *credential, update_secrets: true}
          register: renewed
        - assert: {that: [made is changed, kept is not changed, renewed is changed]}
        - awx.awx.inventory: &inventory
            name: Kept inventory
            organization: Kept org
            variables: {a: {b: c}, ansible_connection: local}
        - awx.awx.inventory: *inventory
          register: same
        - assert: {that: [same is not changed]}
        - awx.awx.host: {name: "{{ item }}", inventory: Kept inventory, variables: {n: 1}}
          loop: [k1, k2, k3]
        - awx.awx.group: &group
            name: kept_group
            inventory: Kept inventory
            hosts: [k1, k2]
            variables: {g: 1}
        - awx.awx.group: *group
          register: same
        - assert: {that: [same is not changed]}
        - awx.awx.group: {name: kept_group, inventory: Kept inventory, hosts: [k3], preserve_existing_hosts: true}
          register: more
        - assert:
            that:
              - more is changed
              - query('awx.awx.controller_api', 'groups/' ~ more.id ~ '/hosts') | map(attribute='name') | sort
                == ['k1', 'k2', 'k3']
        - awx.awx.project: &project
            {name: Kept project, organization: Kept org, scm_type: manual, local_path: contract_kept}
          register: made
        - awx.awx.project: *project
          register: same
        - assert: {that: [made is changed, same is not changed]}
        - awx.awx.label: {name: kept label, organization: Kept org}
        - awx.awx.team: {name: Kept team, organization: Kept org}
        - awx.awx.user: &user
            {username: kept-user, password: Passw0rd!x, email: kept@example.com, organization: Kept org,
             update_secrets: false}
        - awx.awx.user: *user
          register: same
        - assert: {that: [same is not changed]}
        - awx.awx.role: &role {user: kept-user, target_teams: [Kept team], role: member}
          register: granted
        - awx.awx.role: *role
          register: same
        - awx.awx.role: {teams: [Kept team], job_templates: [Hello], role: execute}
          register: to_team
        - assert: {that: [granted is changed, same is not changed, to_team is changed]}
        - awx.awx.job_launch:
            job_template: Hello
            controller_username: kept-user
            controller_password: Passw0rd!x
          register: launched
        - assert: {that: [launched.status == 'pending']}
        - awx.awx.role: {teams: [Kept team], job_templates: [Hello], role: execute, state: absent}
          register: revoked
        - assert: {that: [revoked is changed]}
        - awx.awx.execution_environment: {name: Kept ee, image: example.com/kept:1, pull: missing}
        - awx.awx.execution_environment: {name: Kept ee, state: absent}
        - awx.awx.user: {username: kept-user, state: absent}
        - awx.awx.credential: {name: Kept credential, organization: Kept org, credential_type: Kept type,
                               state: absent}
        - awx.awx.credential_type: {name: Kept type, kind: cloud, state: absent}
        - awx.awx.organization: {name: Kept org, state: absent}
          register: gone
        - assert: {that: [gone is changed]}
        """.replace("contract_kept", _folder(stage, "contract_kept")),
    )


def _folder(stage: Stage, name: str) -> str:
    """A folder for a manual project, made when it is not there."""
    (stage.served.projects / name).mkdir(parents=True, exist_ok=True)
    return name


def test_a_workflow_is_kept_launched_and_approved(collection: Clients, stage: Stage, tmp_path: Path) -> None:
    play(
        collection,
        stage,
        tmp_path,
        f"""
        - awx.awx.workflow_job_template: &workflow
            name: Kept flow
            organization: Default
            ask_variables_on_launch: true
            workflow_nodes:
              - identifier: begin
                unified_job_template: {{organization: {{name: Default}}, name: Hello, type: job_template}}
                extra_data: {{who: begin}}
                related: {{success_nodes: [{{identifier: ask}}]}}
              - identifier: ask
                unified_job_template: {{name: "{APPROVAL}", type: workflow_approval, timeout: 60}}
                related: {{success_nodes: [{{identifier: end}}]}}
              - identifier: end
                all_parents_must_converge: true
                unified_job_template: {{organization: {{name: Default}}, name: Hello, type: job_template}}
          register: made
        - assert: {{that: [made is changed]}}
        - awx.awx.workflow_job_template_node:
            identifier: lone
            workflow: Kept flow
            unified_job_template: Hello
            organization: Default
          register: node
        - awx.awx.workflow_job_template_node:
            identifier: lone
            workflow: Kept flow
            unified_job_template: Hello
            organization: Default
          register: same
        - awx.awx.workflow_job_template_node:
            identifier: end
            workflow: Kept flow
            organization: Default
            unified_job_template: Hello
            always_nodes: [lone]
          register: linked
        - assert: {{that: [node is changed, same is not changed, linked is changed]}}
        - awx.awx.workflow_launch: {{name: Kept flow, extra_vars: {{x: 1}}, wait: false}}
          register: run
        - assert: {{that: [run is changed, run.job_info.id == run.id]}}
        - awx.awx.workflow_approval:
            {{workflow_job_id: "{{{{ run.id }}}}", name: "{APPROVAL}", action: approve, interval: 1, timeout: 60}}
          register: approved
        - assert: {{that: [approved is changed]}}
        - awx.awx.workflow_node_wait: {{workflow_job_id: "{{{{ run.id }}}}", name: Hello, interval: 1, timeout: 60}}
        - awx.awx.job_wait:
            {{job_id: "{{{{ run.id }}}}", job_type: workflow_jobs, interval: 1, timeout: 60}}
          register: ended
        - assert: {{that: [ended.status == 'successful']}}
        - awx.awx.workflow_launch: {{name: Kept flow, wait: false}}
          register: second
        - awx.awx.workflow_approval:
            {{workflow_job_id: "{{{{ second.id }}}}", name: "{APPROVAL}", action: deny, interval: 1, timeout: 60}}
        - awx.awx.job_wait:
            {{job_id: "{{{{ second.id }}}}", job_type: workflow_jobs, interval: 1, timeout: 60}}
          register: ended
          ignore_errors: true
        - assert: {{that: [ended.status == 'failed']}}
        - awx.awx.workflow_job_template: {{name: Kept flow, organization: Default, state: absent}}
          register: gone
        - assert: {{that: [gone is changed]}}
        """,
    )


def test_a_token_is_made_used_and_deleted(collection: Clients, stage: Stage, tmp_path: Path) -> None:
    before = stage.served.call("GET", "/api/v2/tokens/")["count"]
    play(
        collection,
        stage,
        tmp_path,
        """
        - awx.awx.token: {description: kept, scope: write}
        - awx.awx.job_list: {controller_oauthtoken: "{{ controller_token }}"}
          register: listed
        - assert: {that: ["'count' in listed"]}
        - awx.awx.token: {existing_token: "{{ controller_token }}", state: absent}
          register: gone
        - assert: {that: [gone is changed]}
        - awx.awx.job_list: {controller_oauthtoken: "{{ controller_token }}"}
          register: refused
          ignore_errors: true
        - assert: {that: [refused is failed]}
        """,
    )
    # The tokens that the modules get for themselves are gone as well.
    assert stage.served.call("GET", "/api/v2/tokens/")["count"] == before


def test_the_lookup_finds(collection: Clients, stage: Stage, tmp_path: Path) -> None:
    play(
        collection,
        stage,
        tmp_path,
        """
        - assert:
            that:
              - "lookup('awx.awx.controller_api', 'organizations', query_params={'name': 'Default'}).name == 'Default'"
              - "lookup('awx.awx.controller_api', 'job_templates', query_params={'name': 'Hello'}, return_ids=True)
                == hello"
              - "query('awx.awx.controller_api', 'hosts', query_params={'inventory__name': 'Contract'}) | length == 1"
              - lookup('awx.awx.controller_api', 'settings/jobs').AWX_COLLECTIONS_ENABLED is boolean
              - lookup('awx.awx.controller_api', 'job_templates/Hello++Default').id == hello | int
        - awx.awx.controller_meta:
          register: meta
        - assert: {that: ['meta.version is match("24.6")']}
        """,
        hello=str(stage.hello),
    )


def test_many_at_once(collection: Clients, stage: Stage, tmp_path: Path) -> None:
    play(
        collection,
        stage,
        tmp_path,
        """
        - awx.awx.bulk_job_launch:
            name: Kept bulk
            organization: Default
            jobs:
              - {unified_job_template: "{{ hello }}", extra_data: {who: one}, identifier: one}
              - {unified_job_template: "{{ hello }}", extra_data: {who: two}, identifier: two}
            wait: true
            interval: 1
          register: run
        - assert: {that: [run is changed, run.status == 'successful']}
        """,
        hello=stage.hello,
    )


def test_export_and_import(collection: Clients, stage: Stage, tmp_path: Path) -> None:
    said = play(
        collection,
        stage,
        tmp_path,
        """
        - awx.awx.export: {job_templates: [Surveyed], inventory: [Contract]}
          register: exported
        - assert:
            that:
              - exported.assets.job_templates | map(attribute='name') == ['Surveyed']
              - exported.assets.inventory[0].related.hosts | map(attribute='name') == ['here']
        - awx.awx.import: {assets: "{{ exported.assets }}"}
        """,
    )
    assert re.search(r"localhost +: ok=4", said), said


def test_the_inventory_plugin_reads_an_inventory(collection: Clients, stage: Stage, tmp_path: Path) -> None:
    source = tmp_path / "contract.controller.yml"
    source.write_text(
        yaml.safe_dump({"plugin": "awx.awx.controller", "host": stage.served.url, "inventory_id": stage.inventory})
    )
    command = ["ansible-inventory", "-i", str(source), "--host", "here"]
    done = collection.run(stage.served, command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert '"ansible_connection": "local"' in done.stdout
