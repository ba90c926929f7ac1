# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project that AWX plays: its files as text, and how they come into a folder.

The same catalog and the same settings give the same bytes. What an export wrote before and no longer writes is taken
away; what it did not write it leaves alone, and refuses to overwrite.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.model import rendered
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.whole import (
    AwxMap,
    node_objects,
    template_object,
    workflow_object,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import awx_import

MANIFEST = ".holdfast-export.json"
_HEAD = "---\n# Written by holdfast export awx: change the catalog and export again, not this file.\n"
_WIDTH = 110
_OPENERS = ("{{", "{%", "{#")


@dataclass(frozen=True)
class Settings:
    """What the project is imported as. ``collection`` holds the modules: awx.awx, or ansible.controller for AAP.

    Without ``scm_url`` it is a manual project, a folder ``local_path`` below AWX's folder of projects. ``version`` is
    that of the collection holdfast.ops.
    """

    organization: str = "Default"
    project: str = "Holdfast"
    inventory: str = ""
    credentials: tuple[str, ...] = ()
    execution_environment: str = ""
    scm_url: str = ""
    scm_branch: str = ""
    local_path: str = "holdfast"
    collection: str = "awx.awx"
    version: str = ""


def project_files(mapped: AwxMap, settings: Settings) -> dict[str, str]:
    """Every file of the project by path, but the manifest."""
    files = {path: _plays(plays) for path, plays in mapped.playbooks().items()}
    files.update({path: _documents(documents) for path, documents in mapped.documents().items()})
    files["collections/requirements.yml"] = _variables_yaml({"collections": _requirements(mapped, settings)})
    files["awx/settings.yml"] = _variables_yaml(_variables(settings))
    files["awx/objects.yml"] = _variables_yaml(objects(mapped))
    files["awx/outdated_nodes.yml"] = _plays(awx_import.outdated_nodes(settings.collection))
    files["import.yml"] = _plays(awx_import.plays(settings.collection))
    files["README.md"] = awx_import.readme(settings.collection, differences(mapped))
    return dict(sorted(files.items()))


def objects(mapped: AwxMap) -> dict[str, Any]:
    """The variables of the import: everything that is made in AWX."""
    return {
        "awx_labels": list(mapped.labels),
        "awx_job_templates": [template_object(spec) for spec in mapped.templates],
        "awx_workflow_job_templates": [workflow_object(spec) for spec in mapped.workflows],
        "awx_workflow_nodes": [node for spec in mapped.workflows for node in node_objects(spec)],
    }


def _variables(settings: Settings) -> dict[str, Any]:
    return {
        "awx_organization": settings.organization,
        "awx_project": settings.project,
        "awx_inventory": settings.inventory,
        "awx_credentials": list(settings.credentials),
        "awx_execution_environment": settings.execution_environment,
        "awx_scm_url": settings.scm_url,
        "awx_scm_branch": settings.scm_branch,
        "awx_local_path": settings.local_path,
    }


def _requirements(mapped: AwxMap, settings: Settings) -> list[dict[str, str]]:
    own = {"version": f">={settings.version}"} if settings.version else {}
    return [{"name": name, **(own if name == "holdfast.ops" else {})} for name in mapped.collections()]


def differences(mapped: AwxMap) -> list[tuple[str, list[str]]]:
    """What AWX does otherwise, by template, for people; templates that differ in nothing are left out."""
    found = [(workflow.name, workflow.degradations) for workflow in mapped.workflows]
    found += [(template.name, template.degradations) for template in mapped.templates]
    return [(name, rendered(differing)) for name, differing in found if differing]


# --- YAML --------------------------------------------------------------------------------------------------------


class _Quoted(str):
    """Text in double quotes."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """YAML for people; templates in it are the author's own."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent lists below their key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write everything out."""
        return True


class _VariablesDumper(_Dumper):
    """The same for variables: text that looks like a template is marked as none."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    block = "\n" in text and all(len(line) < _WIDTH for line in text.splitlines())
    style = "|" if block else '"' if _is_template(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


def _variable_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    if _is_template(text):
        return dumper.represent_scalar("!unsafe", text, style='"')
    return _text(dumper, text)


def _is_template(text: str) -> bool:
    return any(opener in text for opener in _OPENERS)


def _quoted_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Quoted, _quoted_text)
_VariablesDumper.add_representer(str, _variable_text)


def _dump(data: Any, dumper: type[_Dumper] = _Dumper) -> str:
    return yaml.dump(data, None, dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)


def _plays(plays: Iterable[Any]) -> str:
    return _HEAD + "\n".join(_dump([play]) for play in plays)


def _variables_yaml(data: Any) -> str:
    return _HEAD + _dump(data, _VariablesDumper)


def _documents(documents: Iterable[Any]) -> str:
    return _HEAD + "---\n".join(_dump(_unlike_plays(one)) for one in documents)


def _unlike_plays(value: Any) -> Any:
    """The value with every key ``hosts`` in quotes: by a line that begins with it AWX takes a file for a playbook."""
    if isinstance(value, Mapping):
        return {_Quoted(key) if key == "hosts" else key: _unlike_plays(child) for key, child in value.items()}
    return [_unlike_plays(child) for child in value] if isinstance(value, list) else value


# --- the folder --------------------------------------------------------------------------------------------------

NEW, CHANGED, SAME, GONE = "new", "changed", "unchanged", "removed"


class Change(NamedTuple):
    """What happens to a file of the project."""

    path: str
    what: str


def plan(folder: Path, files: Mapping[str, str]) -> list[Change]:
    """What writing these files into a folder would do. Raises HoldfastError rather than overwrite somebody's file."""
    before = _manifest(folder)
    changes, foreign = [], []
    for path, text in files.items():
        old = _read(folder / path)
        what = NEW if old is None else SAME if old == text else CHANGED
        changes.append(Change(path, what))
        if what == CHANGED and path not in before:
            foreign.append(path)
    if foreign:
        raise HoldfastError(
            f"{folder} holds files that no export has written: {', '.join(foreign)}; name another folder with --output"
        )
    gone = [path for path in sorted(before - set(files)) if _read(folder / path) is not None]
    return changes + [Change(path, GONE) for path in gone]


def write(folder: Path, files: Mapping[str, str]) -> list[Change]:
    """Write the files into a folder and take away what an earlier export wrote; what is the same is not touched."""
    changes = plan(folder, files)
    manifest = json.dumps({"files": sorted(files)}, indent=2) + "\n"
    try:
        for path, what in changes:
            if what == GONE:
                (folder / path).unlink()
            elif what != SAME:
                _write(folder / path, files[path])
        if _read(folder / MANIFEST) != manifest:
            _write(folder / MANIFEST, manifest)
    except OSError as error:
        raise HoldfastError(f"cannot write {error.filename or folder}: {error.strerror or error}") from error
    return changes


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)


def _read(path: Path) -> str | None:
    """The text of a file, None when there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise HoldfastError(f"cannot read {path}: {error}") from error


def _manifest(folder: Path) -> set[str]:
    """The files that an earlier export wrote into a folder."""
    text = _read(folder / MANIFEST)
    if text is None:
        return set()
    try:
        found = {str(path) for path in json.loads(text)["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise HoldfastError(f"{folder / MANIFEST} is no list of exported files: {error}") from error
    inside = {path for path in found if not os.path.isabs(path) and ".." not in Path(path).parts}
    if inside != found:
        raise HoldfastError(
            f"{folder / MANIFEST} names files outside of the folder: {', '.join(sorted(found - inside))}"
        )
    return found
