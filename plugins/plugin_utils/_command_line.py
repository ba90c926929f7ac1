# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: what the running ``ansible-playbook`` was given, for the child plays of a workflow."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.splitter import parse_kv
from ansible.utils.vars import load_extra_vars
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions, RunSecrets

_DEFAULTS = {
    "connection": "DEFAULT_TRANSPORT",
    "remote_user": "DEFAULT_REMOTE_USER",
    "private_key_file": "DEFAULT_PRIVATE_KEY_FILE",
    "ssh_common_args": "",
    "ssh_extra_args": "",
    "scp_extra_args": "",
    "sftp_extra_args": "",
    "become_method": "DEFAULT_BECOME_METHOD",
    "become_user": "DEFAULT_BECOME_USER",
}
"""Options that children get as they are, and the constant that holds the default of each."""


def plain(value: Any) -> Any:
    """A value of Ansible's as plain data: no tags, no lazy containers; encrypted text is decrypted."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float)):
        return json.loads(json.dumps(value))
    if isinstance(value, bytes):  # some network modules give such, where they run within Ansible's own process
        return value.decode("utf-8", "surrogateescape")
    return "".join(str(value))


def run_options() -> RunOptions:
    """The options of the command line that is running; what stands at Ansible's default is left out."""
    given = context.CLIARGS
    same: dict[str, Any] = {
        name: str(given.get(name) or "")
        for name, default in _DEFAULTS.items()
        if given.get(name) != getattr(C, default, None)
    }
    sources = given.get("inventory") or ()
    return RunOptions(
        inventory=() if list(sources) == list(C.DEFAULT_HOST_LIST) else tuple(str(source) for source in sources),
        limit=str(given.get("subset") or ""),
        timeout=_not_default(given.get("timeout"), C.DEFAULT_TIMEOUT),
        become=bool(given.get("become")),
        tags=_tags(given.get("tags"), "all"),
        skip_tags=_tags(given.get("skip_tags"), ""),
        forks=_not_default(given.get("forks"), C.DEFAULT_FORKS),
        verbosity=int(given.get("verbosity") or 0),
        diff=bool(given.get("diff")),
        flush_cache=bool(given.get("flush_cache")),
        force_handlers=bool(given.get("force_handlers")),
        module_path=tuple(os.path.abspath(path) for path in given.get("module_path") or () if path),
        cwd=os.getcwd(),
        config_file=str(C.CONFIG_FILE or ""),
        environment={"ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(C.COLLECTIONS_PATHS)},
        **same,
    )


def _not_default(value: Any, default: Any) -> int | None:
    return None if value is None or value == default else int(value)


def _tags(value: Any, without: str) -> tuple[str, ...]:
    return tuple(str(tag) for tag in value or () if str(tag) != without)


def run_secrets(loader: Any, play_context: Any) -> RunSecrets:
    """The passwords and vault secrets that were loaded, and the operator's connection variables."""
    vault = []
    for label, secret in loader._vault.secrets or ():
        text = getattr(secret, "bytes", None)
        if text:
            vault.append((str(label or "default"), bytes(text).decode("utf-8", "surrogateescape")))
    given = load_extra_vars(loader)
    return RunSecrets(
        vault=tuple(vault),
        connection_password=str(play_context.password or ""),
        become_password=str(play_context.become_pass or ""),
        variables={str(name): plain(value) for name, value in given.items() if str(name).startswith("ansible_")},
    )


def extra_variables(loader: Any) -> dict[str, Any]:
    """The extra variables as plain data, each exactly as it was given.

    ansible-core 2.19 reads ``!unsafe '2.10'`` in a file as a number, and so AWX writes the answers of people. Files of
    extra variables are therefore read once more by YAML's own rules, where what is in quotes is text.
    """
    exact: dict[str, Any] = {}
    for source in context.CLIARGS.get("extra_vars") or ():
        text = str(source)
        if text.startswith("@"):
            exact.update(_read_exactly(loader.path_dwim(text[1:])))
            continue
        for name in loader.load(text) if text.startswith(("{", "[")) else parse_kv(text):
            exact.pop(str(name), None)
    found = {str(name): plain(value) for name, value in load_extra_vars(loader).items()}
    return {name: exact.get(name, value) for name, value in found.items()}


class _ExactLoader(yaml.SafeLoader):
    """YAML in which ``!unsafe`` changes nothing: what is in quotes is text."""


def _as_it_is(loader: _ExactLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node, True) if isinstance(node, yaml.SequenceNode) else {}


_ExactLoader.add_constructor("!unsafe", _as_it_is)


def _read_exactly(path: str) -> dict[str, Any]:
    """The variables of a file; those that are no plain data, or a file that is not plain YAML, are left to Ansible."""
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            data = yaml.load(file, _ExactLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return {name: value for name, value in data.items() if _is_plain(value)} if isinstance(data, dict) else {}


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def resolve(patterns: Sequence[str], loader: Any, groups: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The hosts of each pattern, whatever ``--limit`` says; ``groups`` is Ansible's variable of this name."""
    inventory = InventoryManager(loader, parse=False)
    for group, members in groups.items():
        inventory.add_group(str(group))
        for host in members:
            inventory.add_host(str(host), group=str(group))
    found = []
    for pattern in patterns:
        try:
            found.append([str(host.name) for host in inventory.get_hosts(pattern=pattern)])
        except AnsibleError:
            found.append([])
    return found
