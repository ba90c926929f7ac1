# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast export``: the catalog as a project that another controller plays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import AwxMap, awx_map_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Catalog, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import awx_project
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.awx_project import Settings
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import (
    find_bundle,
    items_of,
    load_catalog,
    search_path,
)

from holdfast.cli.screen import explained, say

app = typer.Typer(no_args_is_help=True, help="Write the catalog as a project for another controller.")
_DEFAULT = Settings()
_COLLECTIONS = ("awx.awx", "ansible.controller")


def _named(help_: str, *names: str, metavar: str = "NAME") -> Any:
    return typer.Option(*names, metavar=metavar, help=help_)


Output = Annotated[Path, _named("The folder to write.", "--output", metavar="DIR")]
Bundles = Annotated[
    Optional[list[str]], _named("Only this bundle, by name or file, and its items. Several times.", "--bundle")
]
Organization = Annotated[str, _named("The organization.")]
Project = Annotated[str, _named("What the project is called.")]
Inventory = Annotated[str, _named("The inventory, which has to exist; a launch may choose another.")]
Credentials = Annotated[Optional[list[str]], _named("A credential of every job. Several times.", "--credential")]
Environment = Annotated[str, _named("The execution environment.")]
ScmUrl = Annotated[str, _named("The git repository that will hold the folder.", metavar="URL")]
ScmBranch = Annotated[str, _named("Its branch.", metavar="BRANCH")]
LocalPath = Annotated[str, _named("Without git: the folder below AWX's folder of projects.")]
Collection = Annotated[str, _named("Whose modules import it: awx.awx or ansible.controller.")]
Check = Annotated[bool, typer.Option("--check", help="Say what would be written, and write nothing.")]


@app.callback()
def export() -> None:
    """Write the catalog as a project for another controller."""


@app.command()
@explained
def awx(
    output: Output = Path("awx-project"),
    bundles: Bundles = None,
    organization: Organization = _DEFAULT.organization,
    project: Project = _DEFAULT.project,
    inventory: Inventory = "",
    credentials: Credentials = None,
    execution_environment: Environment = "",
    scm_url: ScmUrl = "",
    scm_branch: ScmBranch = "",
    local_path: LocalPath = _DEFAULT.local_path,
    collection: Collection = _DEFAULT.collection,
    check: Check = False,
) -> None:
    """Write a project with the playbooks, the templates and the workflows of AWX or AAP, and how to import them.

    Everything that AWX does otherwise than Holdfast is told, and stands in the descriptions of the templates.
    """
    settings = Settings(
        organization=organization,
        project=project,
        inventory=inventory,
        credentials=tuple(credentials or ()),
        execution_environment=execution_environment,
        scm_url=scm_url,
        scm_branch=scm_branch,
        local_path=local_path,
        collection=collection,
        version=metadata.version("holdfast"),
    )
    _check_settings(settings)
    _check_output(output)
    mapped = mapped_catalog(bundles)
    files = awx_project.project_files(mapped, settings)
    changes = awx_project.plan(output, files) if check else awx_project.write(output, files)
    _tell_files(output, changes, check)
    _tell_templates(mapped)
    _tell_differences(mapped)
    if not check:
        needs = "" if inventory else " -e awx_inventory=NAME"
        say(f"Import it with: cd {output} && ansible-playbook import.yml{needs} (see {output / 'README.md'})")


def _check_settings(settings: Settings) -> None:
    if settings.collection not in _COLLECTIONS:
        raise HoldfastError(f"--collection {settings.collection}: must be one of {', '.join(_COLLECTIONS)}")
    if settings.scm_branch and not settings.scm_url:
        raise HoldfastError("--scm-branch needs --scm-url")
    for option, value in (("--organization", settings.organization), ("--project", settings.project)):
        if not value.strip():
            raise HoldfastError(f"{option} must not be blank")


def _check_output(output: Path) -> None:
    """Refuse a folder in which the exported catalog would be found as part of the catalog it came from."""
    folder = output.expanduser().resolve()
    for path in map(Path.resolve, search_path()):
        if path == folder or path in folder.parents or folder / "catalog" in (path, *path.parents):
            raise HoldfastError(
                f"--output {output}: the catalog {path} would hold what is exported of it; name another"
            )


def mapped_catalog(bundles: Sequence[str] | None = None) -> AwxMap:
    """What the catalog of the search path becomes in AWX, or only these bundles, by name or file.

    Raises ProblemsFound with what is wrong in the documents, and HoldfastError when there is nothing to export.
    """
    if bundles:
        return awx_map_of(_catalog_of(bundles))
    catalog, problems = load_catalog()
    if problems:
        raise ProblemsFound(problems)
    if not catalog.items and not catalog.bundles:
        raise HoldfastError("the catalog is empty: HOLDFAST_CATALOG names folders with items and bundles")
    return awx_map_of(catalog)


def _catalog_of(bundles: Sequence[str]) -> Catalog:
    """The catalog of these bundles and the items they use; bundles of files may bring items of their own."""
    kept: dict[str, Item] = {}
    found = {}
    for name in bundles:
        bundle, catalog, _file = find_bundle(name)
        found[bundle.name] = bundle
        for used in sorted(items_of(bundle)):
            item = catalog.items[used]
            if kept.setdefault(used, item) != item:
                raise HoldfastError(
                    f"the bundles mean different items by '{used}': export them into folders of their own"
                )
    return Catalog(kept, found)


# --- told --------------------------------------------------------------------------------------------------------


def _tell_files(output: Path, changes: Sequence[awx_project.Change], check: bool) -> None:
    for path, what in changes:
        if what != awx_project.SAME:
            say(f"{what:8} {output / path}")
    counts = Counter(what for _path, what in changes)
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    say(f"{'would write' if check else '✔'} {output}: {told}", style="bold")


def _tell_templates(mapped: AwxMap) -> None:
    say(f"  {len(mapped.templates)} job templates, {len(mapped.workflows)} workflow templates")
    for name in mapped.by_hand:
        say(f"  {name}: only people do it, so it has no job template; in a workflow it is an approval")


def _tell_differences(mapped: AwxMap) -> None:
    for name, problems in mapped.refused.items():
        say(f"{name}: cannot be a workflow of AWX; its template (engine) runs it", style="yellow")
        for problem in problems:
            say(f"  {problem.render()}")
    for name, lines in awx_project.differences(mapped):
        say(f"{name}: otherwise than in Holdfast", style="bold")
        for line in lines:
            say(f"  {line}")
