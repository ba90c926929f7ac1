# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The injectors of custom credential types: templates for files, variables of the environment and extra variables.

They are rendered in Jinja's sandbox, where a template can reach nothing but the fields of its credential and the paths
of the files that the type writes (``tower.filename``, ``tower.filename.NAME``; ``awx`` says the same as ``tower``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_remote import FOR_JOBS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from holdfast.jobs.credentials import HIDDEN, CredentialValue

RESERVED_NAMES = ("VIRTUAL_ENV", "PATH", "PYTHONPATH", "JOB_ID", "INVENTORY_ID", "INVENTORY_SOURCE_ID",
                  "INVENTORY_UPDATE_ID", "AD_HOC_COMMAND_ID", "REST_API_URL", "REST_API_TOKEN", "MAX_EVENT_RES",
                  "CALLBACK_QUEUE", "CALLBACK_CONNECTION", "CACHE", "JOB_CALLBACK_DEBUG", "INVENTORY_HOSTVARS",
                  "AWX_HOST", "PROJECT_REVISION", "SUPERVISOR_CONFIG_PATH")  # fmt: skip
_OWN_NAMES = ("HOLDFAST_", "AWX_PRIVATE_DATA_DIR", "AWX_ISOLATED_DATA_DIR")
"""By these the processes and files of a job are found; AWX's list has no need of them.

A credential may say whom a job asks for breakers, but nothing else of Holdfast's.
"""


def problem_of_name(name: str) -> str:
    """What is wrong with a variable of the environment that a credential would set; "" when it may be set."""
    if name.startswith("ANSIBLE_"):
        return f"Environment variable {name} may affect Ansible configuration so its use is not allowed in credentials."
    if name in FOR_JOBS:
        return ""
    if name in RESERVED_NAMES or name.startswith(_OWN_NAMES):
        return f"Environment variable {name} is not allowed to be used in credentials."
    return ""


class Templates:
    """The templates of one credential, rendered with its values. ``write`` writes a private file, returns its path."""

    def __init__(self, credential: CredentialValue, write: Callable[[str], str]) -> None:
        self._credential = credential
        self._sandbox = ImmutableSandboxedEnvironment()
        self._files = SimpleNamespace()
        self._values = {**_values(credential), "tower": self._files, "awx": self._files}
        hidden = {name: HIDDEN for name in credential.secret_fields if name in self._values}
        self._shown = {**self._values, **hidden}
        for label, template in (credential.injectors.get("file") or {}).items():
            self._add_file(str(label), write(self._render("file", str(label), template, self._values)))

    def _add_file(self, label: str, path: str) -> None:
        _unused, dot, name = label.partition(".")
        if not dot:
            self._files.filename = path
            return
        if not isinstance(getattr(self._files, "filename", None), SimpleNamespace):
            self._files.filename = SimpleNamespace()
        setattr(self._files.filename, name, path)

    def _render(self, injector: str, key: str, template: Any, values: Mapping[str, Any]) -> str:
        """Render one template; an error says where it stands, and shows no secret."""
        where = f"credential type {self._credential.type_name}, injector {injector}, {key}"
        try:
            text = self._sandbox.from_string(str(template)).render(values)
        except Exception as error:  # a template may raise whatever Python raises
            said = Mask(self._credential.secrets()).text(f"{type(error).__name__}: {error}")
            raise HoldfastError(f"{where}: the template cannot be rendered: {said}") from None
        if injector == "env" and "\0" in text:
            raise HoldfastError(f"{where}: a variable of the environment cannot hold a NUL character")
        return text

    def environment(self) -> tuple[dict[str, str], dict[str, str]]:
        """The variables of the environment, and the same as they may be shown; forbidden names are left out."""
        env, safe = {}, {}
        for name, template in (self._credential.injectors.get("env") or {}).items():
            if not problem_of_name(name):
                env[name] = self._render("env", name, template, self._values)
                safe[name] = self._render("env", name, template, self._shown)
        return env, safe

    def extra_vars(self) -> dict[str, Any]:
        """The extra variables; keys may be templates too."""
        found: dict[str, Any] = self._extra(self._credential.injectors.get("extra_vars") or {}, "a key")
        return found

    def _extra(self, node: Any, key: str) -> Any:
        if isinstance(node, Mapping):
            return {self._render("extra_vars", key, k, self._values): self._extra(v, str(k)) for k, v in node.items()}
        if isinstance(node, (list, tuple)):
            return [self._extra(child, key) for child in node]
        return self._render("extra_vars", key, node, self._values)


def _values(credential: CredentialValue) -> dict[str, Any]:
    """What the templates of a credential see: its fields that have a value, and false for booleans without one."""
    found: dict[str, Any] = {}
    for name, value in credential.inputs.items():
        if isinstance(value, bool):
            found[name] = value
        elif value not in (None, ""):
            found[name] = str(value)
    for entry in credential.input_fields:
        name = str(entry["id"])
        if entry.get("type") == "boolean" and name not in credential.inputs:
            found[name] = False
        if entry.get("format") == "ssh_private_key" and name in found and not found[name].endswith("\n"):
            found[name] += "\n"
    return found
