# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A launch: a bundle, its answers and hosts, and everything needed to make its graph, now and after a crash."""

from __future__ import annotations

import platform
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import answers as survey_answers
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import spec as survey_spec
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.compile import compile_graph, host_patterns
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST, Graph
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import catalog_files, inbox, model_codec
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions

HIDDEN = "$encrypted$"


@dataclass(frozen=True)
class Launch:
    """Everything about a launch but its id and its secrets.

    ``fields`` are the answers with defaults filled in; ``hosts`` maps each host pattern to its hosts; ``limit`` are
    the hosts of ``--limit`` (None: no limit); ``explicit_localhost``: the inventory holds localhost.
    """

    bundle: Bundle
    catalog: Catalog
    file: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    limit: Optional[tuple[str, ...]] = None
    explicit_localhost: bool = False
    requested_by: str = ""
    options: RunOptions = field(default_factory=RunOptions)
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """The names of questions whose answers are secrets."""
        return tuple(one.name for one in self.bundle.fields if one.type == "password")

    def secret_answers(self) -> list[str]:
        """The secret answers that are known."""
        values = [self.fields.get(name) for name in self.secret_fields]
        return [value for value in values if isinstance(value, str) and value and value != HIDDEN]

    def context(self, run_id: str, secrets: Mapping[str, Any]) -> dict[str, Any]:
        """The scopes known at launch."""
        bundle = self.bundle
        return {
            "fields": dict(self.fields),
            "metadata": {
                "name": bundle.name,
                "version": bundle.version,
                "title": bundle.title,
                "owner": bundle.owner,
                "labels": list(bundle.labels),
            },
            "request": {"run": run_id, "requested_by": self.requested_by},
            "system": {
                "controller": socket.gethostname(),
                "user": inbox.me(),
                "python": platform.python_version(),
                "platform": platform.system(),
            },
            "environment": dict(self.environment),
            "secrets": dict(secrets),
        }

    def graph(self, run_id: str = "", secrets: Optional[Mapping[str, Any]] = None) -> Graph:
        """The graph of this launch. Raises ProblemsFound with every host pattern, batch or budget that is wrong."""
        limit = None if self.limit is None else frozenset(self.limit)
        context = self.context(run_id, secrets or {})
        try:
            return compile_graph(self.bundle, self.catalog, context, self._hosts_of, limit)
        except ProblemsFound as found:
            raise ProblemsFound(replace(one, file=one.file or self.file) for one in found.problems) from found

    def _hosts_of(self, pattern: str) -> Sequence[str]:
        return (LOCALHOST,) if pattern == LOCALHOST else self.hosts.get(pattern, ())

    def patterns(self) -> tuple[str, ...]:
        """The host patterns to resolve, but for localhost."""
        return tuple(one for one in host_patterns(self.bundle, self.context("", {})) if one != LOCALHOST)

    def plays_playbooks(self) -> bool:
        """True when an item is a whole playbook: to limit one to localhost, it must be known who that is."""
        items = self.catalog.items.values()
        undos = [
            undo for item in items if item.compensation for undo in (item.compensation.action, item.compensation.verify)
        ]
        actions = [*(item.action for item in items), *undos]
        return any(action is not None and action.kind == "playbook" for action in actions)

    def to_data(self) -> dict[str, Any]:
        """The launch document: plain data without any secret."""
        kept = {name: value for name, value in self.fields.items() if name not in self.secret_fields}
        return {
            "bundle": model_codec.to_data(self.bundle),
            "items": {name: model_codec.to_data(item) for name, item in self.catalog.items.items()},
            "file": self.file,
            "fields": kept,
            "hosts": {pattern: list(hosts) for pattern, hosts in self.hosts.items()},
            "limit": None if self.limit is None else list(self.limit),
            "explicit_localhost": self.explicit_localhost,
            "requested_by": self.requested_by,
            "options": self.options.to_dict(),
            "environment": dict(self.environment),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Launch:
        """The launch that ``to_data`` wrote; secret answers are missing and stand as ``$encrypted$``."""
        bundle = model_codec.from_data(Bundle, data["bundle"])
        items = {name: model_codec.from_data(Item, item) for name, item in data["items"].items()}
        fields = dict(data["fields"])
        for question in bundle.fields:
            if question.type == "password":
                fields.setdefault(question.name, HIDDEN)
        return cls(
            bundle=bundle,
            catalog=Catalog(items=items, bundles={bundle.name: bundle}),
            file=data["file"],
            fields=fields,
            hosts=data["hosts"],
            limit=None if data["limit"] is None else tuple(data["limit"]),
            explicit_localhost=bool(data["explicit_localhost"]),
            requested_by=data["requested_by"],
            options=RunOptions.from_dict(data["options"]),
            environment=data["environment"],
        )


def prepare(
    workflow: str, answers: Mapping[str, Any], catalog: Optional[Sequence[str]], requested_by: str, options: RunOptions
) -> Launch:
    """Find a bundle and check the answers; hosts are still to be resolved.

    ``catalog`` are folders that come before the search path. Raises ProblemsFound or HoldfastError that say
    everything that is wrong.
    """
    if not workflow:
        raise HoldfastError("which workflow? name one of the catalog, or the path of a file: -e workflow=NAME_OR_PATH")
    paths: Optional[list[Union[str, Path]]] = [*catalog, *catalog_files.search_path()] if catalog else None
    bundle, whole, file = catalog_files.find_bundle(workflow, paths)
    used = {name: whole.items[name] for name in catalog_files.items_of(bundle)}
    return Launch(
        bundle=bundle,
        catalog=Catalog(items=used, bundles={bundle.name: bundle}),
        file=file,
        fields=checked_answers(bundle, answers),
        requested_by=requested_by,
        options=options,
    )


def checked_answers(bundle: Bundle, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers with defaults filled in, one for every question. Raises ProblemsFound with every wrong one."""
    problems = survey_answers.launch_problems(bundle.fields, answers)
    if problems:
        raise ProblemsFound(problems)
    spec = survey_spec.to_spec(bundle.fields)
    filled = survey_answers.fill_defaults(spec, dict(answers))
    return {question.name: filled.get(question.name, question.default) for question in bundle.fields}
