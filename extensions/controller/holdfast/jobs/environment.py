# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of a job: little of the controller's own, what AWX sets, what the job and its credentials add.

The controller's environment may hold the key to its secrets. So variables are let through by name, not kept back.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home, processes

from holdfast.jobs.credentials import Injection
from holdfast.jobs.events import MAX_EVENT_RES
from holdfast.jobs.leftovers import mark_of
from holdfast.jobs.spec import JobSpec

_INHERITED = ("HOME", "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
              "LD_LIBRARY_PATH", "KRB5_CONFIG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
              "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
              "ALL_PROXY")  # fmt: skip
_AWX = {
    "ANSIBLE_FORCE_COLOR": "True",
    "ANSIBLE_HOST_KEY_CHECKING": "False",
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
    "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
    "ANSIBLE_RETRY_FILES_ENABLED": "False",
    "ANSIBLE_CALLBACK_PLUGINS": "",
    "MAX_EVENT_RES": str(MAX_EVENT_RES),
}
_OF_RUNNER = ("ANSIBLE_STDOUT_CALLBACK", "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS", "RUNNER_ONLY_FAILED_EVENTS")
"""What ansible-runner sets of its own accord."""
_DEFAULT_COLLECTIONS = ("~/.ansible/collections", "/usr/share/ansible/collections")
_DEFAULT_ROLES = ("~/.ansible/roles", "/usr/share/ansible/roles", "/etc/ansible/roles")


def job_environment(spec: JobSpec, injection: Injection, sockets: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """All variables that are set for a job, before ansible-runner adds its own."""
    found = {name: value for name, value in environ.items() if name in _INHERITED}
    if not {"LANG", "LC_ALL", "LC_CTYPE"} & set(found):
        found["LANG"] = "C.UTF-8"
    found.update(_AWX)
    found.update(
        AWX_PRIVATE_DATA_DIR=str(spec.private),
        ANSIBLE_SSH_CONTROL_PATH_DIR=str(sockets / "cp"),
        **spec.environment,
    )
    found.update(_search_paths(spec, environ))
    found.update(injection.env)
    found.update(dict.fromkeys((processes.RUN, processes.EXECUTION), mark_of(spec.folder)))
    return found


def inherit_nothing_else(config: Any, wanted: Mapping[str, str]) -> None:
    """Take out of a child's configuration what came from the controller's environment by itself.

    Colour is put back, which plays of the command line must not have: clients expect it in what a job says.
    """
    config.env = {name: value for name, value in config.env.items() if name in wanted or name in _OF_RUNNER}
    config.env["ANSIBLE_FORCE_COLOR"] = wanted["ANSIBLE_FORCE_COLOR"]


def _search_paths(spec: JobSpec, environ: Mapping[str, str]) -> dict[str, str]:
    """Where Ansible looks for collections and roles: the project's, those set anywhere, our own, the usual places.

    The path of collections is always set: Ansible would otherwise take what a Python package holds of this collection
    for all of it.
    """
    settings = _settings(spec.project)
    own = home.collections_path()
    return {
        "ANSIBLE_COLLECTIONS_PATH": _joined(
            map(str, spec.collections_path),
            _chosen(spec, settings, "ANSIBLE_COLLECTIONS_PATH", "collections_path", "collections_paths"),
            [] if own is None else [str(own)],
            environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(os.pathsep),
            _DEFAULT_COLLECTIONS,
        ),
        "ANSIBLE_ROLES_PATH": _joined(
            map(str, spec.roles_path),
            _chosen(spec, settings, "ANSIBLE_ROLES_PATH", "roles_path"),
            environ.get("ANSIBLE_ROLES_PATH", "").split(os.pathsep),
            _DEFAULT_ROLES,
        ),
    }


def _chosen(spec: JobSpec, settings: Mapping[str, str], variable: str, *names: str) -> list[str]:
    """The entries of a search path as the job sets it, else as its project's configuration does."""
    text = spec.environment.get(variable) or next((settings[name] for name in names if name in settings), "")
    return text.split(os.pathsep)


def _joined(*parts: Iterable[str]) -> str:
    return os.pathsep.join(dict.fromkeys(entry for part in parts for entry in part if entry))


def _settings(project: Path) -> dict[str, str]:
    """The defaults in the ansible.cfg of machine and project; {} when one cannot be read: Ansible will say so."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(["/etc/ansible/ansible.cfg", project / "ansible.cfg"], encoding="utf-8")
        return dict(parser["defaults"]) if parser.has_section("defaults") else {}
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
