# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the category jobs."""

from __future__ import annotations

from functools import partial

from holdfast.seeds.settings.model import Setting

_jobs = partial(Setting, category="jobs")

_PROXY = {"HTTP_PROXY": "myproxy.local:8080"}
_NO_LIMIT = "0 is no limit."
_AD_HOC = (
    "command shell yum apt apt_key apt_repository apt_rpm service group user mount ping selinux setup"
    " win_ping win_service win_updates win_group win_user"
)

JOBS: tuple[Setting, ...] = (
    _jobs(
        name="AD_HOC_COMMANDS",
        kind="list",
        label="Ansible Modules Allowed for Ad Hoc Jobs",
        default=_AD_HOC.split(),
        help_text="The modules that ad hoc commands may use.",
    ),
    _jobs(
        name="ALLOW_JINJA_IN_EXTRA_VARS",
        kind="choice",
        label="When can extra variables contain Jinja templates?",
        default="template",
        required=True,
        choices=(("always", "Always"), ("never", "Never"), ("template", "Only On Job Template Definitions")),
        help_text="A template in a variable runs as code; whoever may give one at launch may run anything.",
    ),
    _jobs(
        name="AWX_ISOLATION_BASE_PATH",
        kind="string",
        label="Job execution path",
        default="/tmp",
        required=True,
        help_text="Where the folders of running jobs are made.",
    ),
    _jobs(
        name="AWX_ISOLATION_SHOW_PATHS",
        kind="mounts",
        label="Paths to expose to isolated jobs",
        default=[],
        help_text="Paths that jobs in containers see, each as HOST-DIR[:CONTAINER-DIR[:OPTIONS]].",
    ),
    _jobs(
        name="AWX_TASK_ENV",
        kind="variables",
        label="Extra Environment Variables",
        default={},
        placeholder=_PROXY,
        help_text="Variables that jobs and updates of every kind get in their environment.",
    ),
    _jobs(
        name="AWX_RUNNER_KEEPALIVE_SECONDS",
        kind="integer",
        label="K8S Ansible Runner Keep-Alive Message Interval",
        default=0,
        required=True,
        placeholder=240,
        help_text="How often a job in a container group gives a sign of life; 0 is never.",
    ),
    _jobs(
        name="GALAXY_TASK_ENV",
        kind="variables",
        label="Environment Variables for Galaxy Commands",
        default={"ANSIBLE_FORCE_COLOR": "false", "GIT_SSH_COMMAND": "ssh -o StrictHostKeyChecking=no"},
        required=True,
        placeholder=_PROXY,
        help_text="Variables that ansible-galaxy gets when a project is updated.",
    ),
    _jobs(
        name="PROJECT_UPDATE_VVV",
        kind="boolean",
        label="Run Project Updates With Higher Verbosity",
        default=False,
        required=True,
        help_text="Let project updates say more.",
    ),
    _jobs(
        name="AWX_ROLES_ENABLED",
        kind="boolean",
        label="Enable Role Download",
        default=True,
        help_text="Install the roles that a project's requirements name.",
    ),
    _jobs(
        name="AWX_COLLECTIONS_ENABLED",
        kind="boolean",
        label="Enable Collection(s) Download",
        default=True,
        help_text="Install the collections that a project's requirements name.",
    ),
    _jobs(
        name="AWX_SHOW_PLAYBOOK_LINKS",
        kind="boolean",
        label="Follow symlinks",
        default=False,
        help_text="Follow links when looking for playbooks; a link to a folder above it is followed for ever.",
    ),
    _jobs(
        name="AWX_MOUNT_ISOLATED_PATHS_ON_K8S",
        kind="boolean",
        label="Expose host paths for Container Groups",
        default=False,
        help_text="Give the exposed paths to container groups as well, from the machine the pod runs on.",
    ),
    _jobs(
        name="GALAXY_IGNORE_CERTS",
        kind="boolean",
        label="Ignore Ansible Galaxy SSL Certificate Verification",
        default=False,
        help_text="Take content from Galaxy servers whatever their certificates are.",
    ),
    _jobs(
        name="STDOUT_MAX_BYTES_DISPLAY",
        kind="integer",
        label="Standard Output Maximum Display Size",
        default=1048576,
        required=True,
        min_value=0,
        help_text="Output of more bytes than this can only be downloaded.",
    ),
    _jobs(
        name="EVENT_STDOUT_MAX_BYTES_DISPLAY",
        kind="integer",
        label="Job Event Standard Output Maximum Display Size",
        default=1024,
        required=True,
        min_value=0,
        help_text="Output of one event is cut after this many bytes and then ends with …",
    ),
    _jobs(
        name="MAX_WEBSOCKET_EVENT_RATE",
        kind="integer",
        label="Job Event Maximum Websocket Messages Per Second",
        default=30,
        min_value=0,
        help_text=f"How many events of a job are pushed per second. {_NO_LIMIT}",
    ),
    _jobs(
        name="SCHEDULE_MAX_JOBS",
        kind="integer",
        label="Maximum Scheduled Jobs",
        default=10,
        required=True,
        min_value=1,
        help_text="A schedule makes no more jobs of a template while this many of them wait.",
    ),
    _jobs(
        name="AWX_ANSIBLE_CALLBACK_PLUGINS",
        kind="list",
        label="Ansible Callback Plugins",
        default=[],
        help_text="Folders with further callback plugins.",
    ),
    _jobs(
        name="DEFAULT_JOB_TIMEOUT",
        kind="integer",
        label="Default Job Timeout",
        default=0,
        min_value=0,
        unit="seconds",
        help_text=f"How long a job may run whose template does not say. {_NO_LIMIT}",
    ),
    _jobs(
        name="DEFAULT_JOB_IDLE_TIMEOUT",
        kind="integer",
        label="Default Job Idle Timeout",
        default=0,
        min_value=0,
        unit="seconds",
        help_text=f"How long a job may be silent. {_NO_LIMIT}",
    ),
    _jobs(
        name="DEFAULT_INVENTORY_UPDATE_TIMEOUT",
        kind="integer",
        label="Default Inventory Update Timeout",
        default=0,
        min_value=0,
        unit="seconds",
        help_text=f"How long an inventory update may run whose source does not say. {_NO_LIMIT}",
    ),
    _jobs(
        name="DEFAULT_PROJECT_UPDATE_TIMEOUT",
        kind="integer",
        label="Default Project Update Timeout",
        default=0,
        min_value=0,
        unit="seconds",
        help_text=f"How long a project update may run whose project does not say. {_NO_LIMIT}",
    ),
    _jobs(
        name="ANSIBLE_FACT_CACHE_TIMEOUT",
        kind="integer",
        label="Per-Host Ansible Fact Cache Timeout",
        default=0,
        min_value=0,
        unit="seconds",
        help_text=f"How old the facts of a host may be for a play to see them. {_NO_LIMIT}",
    ),
    _jobs(
        name="MAX_FORKS",
        kind="integer",
        label="Maximum number of forks per job",
        default=200,
        help_text=f"No template may ask for more forks than this. {_NO_LIMIT}",
    ),
    _jobs(
        name="DEFAULT_CONTAINER_RUN_OPTIONS",
        kind="list",
        label="Container Run Options",
        default=["--network", "slirp4netns:enable_ipv6=true"],
        help_text="What podman is told when it runs a job's container.",
    ),
)
