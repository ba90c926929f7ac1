# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job takes in: answers as they are, files in which nothing is a template, and whether a node runs."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import awx_map_of, names
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.gate import STARTED, marker_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import awx_node, awx_project
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.awx_node import Begun, Job, Subject
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import load_catalog

CATALOG = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: say}
presentation:
  fields:
    - {name: text, required: true, min: 2}
    - {name: count, type: integer, default: 3}
    - {name: token, type: password}
fulfillment:
  automated:
    role: example.test.say
    with:
      say_text: $fields.text
      say_count: $fields.count
      say_as: "<{{ holdfast.fields.text }}>"
      say_run: $request.run
compensation:
  automated: {module: ansible.builtin.debug, with: {msg: $fields.text}}
  verify: {playbook: example.test.verify, with: {verify_text: $fields.text}}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: report}
fulfillment: {automated: {role: example.test.report}}
outputs: [{name: url}]
compensation: {none: it only looks}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: change}
presentation: {fields: [{name: text, required: true}]}
fulfillment: {automated: {role: example.test.change, with: {change_text: $fields.text}, become: true}}
guard: {lkg: {timer: 90}}
---
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {name: talk}
presentation: {fields: [{name: text, required: true}, {name: pool, required: true}]}
components:
  before: {item: report}
  native:
    item: say
    hosts: $fields.pool
    needs: [before]
    when: fields.text != 'no'
    fields: {text: $outputs.before.url}
  engine:
    needs: [before]
    rollout:
      hosts: $fields.pool
      components: {one: {item: say, fields: {text: $outputs.before.url}}, two: {item: report, needs: [one]}}
  after: {item: say, needs: [engine], fields: {text: $outputs.engine.two.url}}
"""
EVIL = "{{ lookup('pipe', 'touch /tmp/never') }}"
BEFORE = {names.marker("before"): marker_of("successful", {"url": EVIL})}


class _Loader(yaml.SafeLoader):
    """Tells text that Ansible may render from text that it may not."""


class Marked(str):
    """Text that Ansible never renders."""

    __slots__ = ()


_Loader.add_constructor("!unsafe", lambda loader, node: Marked(loader.construct_scalar(node)))


def is_marked(value: Any, text: str) -> bool:
    return value == text and isinstance(value, Marked)


def read(path: str) -> Any:
    return yaml.load(Path(path).read_text(), _Loader)


@pytest.fixture()
def project(tmp_path: Path) -> Path:
    """An exported project."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "all.yml").write_text(CATALOG)
    catalog, problems = load_catalog([tmp_path / "documents"])
    assert problems == []
    awx_project.write(tmp_path / "project", awx_project.project_files(awx_map_of(catalog), awx_project.Settings()))
    return tmp_path / "project"


def begin(project: Path, kind: str, name: str, component: str = "", limit: str = "", **variables: Any) -> Begun:
    folder = project.parent / f"job{sum(1 for _unused in project.parent.iterdir())}"
    folder.mkdir(mode=0o700)
    hosts: Mapping[str, list[str]] = {"web": ["w1", "w2"]}
    job = Job(variables, folder, lambda pattern: hosts.get(pattern, []), limit, "7", "alice")
    return awx_node.begin(Subject(project, kind, name, component), job)


def test_an_item_gets_its_answers_and_nothing_is_a_template(project: Path) -> None:
    begun = begin(project, names.ITEM, "say", text=EVIL, other="x")
    assert (begun.runs, begun.pattern, begun.hosts) == (True, "localhost", ("localhost",))
    (task,) = read(begun.files["tasks"])
    assert task["ansible.builtin.include_role"] == {"name": "example.test.say"}
    assert is_marked(task["vars"]["say_text"], EVIL)
    assert task["vars"]["say_count"] == 3
    assert task["vars"]["say_run"] == "7"
    assert task["vars"]["say_as"] == "<{{ holdfast.fields.text }}>", "the author's own template is rendered"
    assert is_marked(task["vars"]["holdfast"]["fields"]["text"], EVIL)
    assert is_marked(task["vars"]["holdfast"]["request"]["requested_by"], "alice")
    assert stat.S_IMODE(Path(begun.files["tasks"]).stat().st_mode) == 0o600


def test_text_that_looks_like_a_number_stays_text(project: Path) -> None:
    (task,) = read(begin(project, names.ITEM, "say", text="2.10").files["tasks"])
    assert task["vars"]["say_text"] == "2.10"


def test_an_item_plays_on_the_limit(project: Path) -> None:
    begun = begin(project, names.ITEM, "say", limit="web", text="hello")
    assert (begun.pattern, begun.hosts) == ("web", ("w1", "w2"))
    assert read(begun.files["tasks"])[0]["vars"]["holdfast"]["request"]["hosts"] == ["w1", "w2"]


def test_an_item_under_a_guard_and_the_undo_of_its_last_change(project: Path) -> None:
    (guard,) = read(begin(project, names.ITEM, "change", limit="web", text=EVIL).files["tasks"])
    given = guard["holdfast.ops.lkg_guard"]
    assert (given["role"], given["timer"], given["labels"][-1]) == ("example.test.change", 90, "item:change")
    assert is_marked(given["vars"]["change_text"], EVIL)
    request = guard["vars"]["holdfast"]["request"]
    assert (request["origin"], request["node"]) == ("7", "change")
    (undo,) = read(begin(project, names.UNDO, "change", limit="web", text=EVIL).files["tasks"])
    assert undo["holdfast.ops.lkg_restore"]["label"] == "item:change", "the job that changed has another number"


def test_an_undo_and_its_verification(project: Path) -> None:
    begun = begin(project, names.UNDO, "say", text="hello")
    assert is_marked(read(begun.files["tasks"])[0]["ansible.builtin.debug"]["msg"], "hello")
    assert "verify" not in begun.files, "it is a playbook, which is imported"
    assert is_marked(read(begun.files["variables"])["verify_text"], "hello")


def test_every_wrong_answer_is_told_and_no_password_shown(project: Path) -> None:
    with pytest.raises(ProblemsFound) as found:
        begin(project, names.ITEM, "say", text="x", count="3", token=12345678)
    text = str(found.value)
    assert "'text' value x is too small (length is 1 must be at least 2)." in text
    assert "Value 3 for 'count' expected to be an integer." in text
    assert "$encrypted$" in text
    assert "12345678" not in text


def test_a_node_takes_what_was_reported_before(project: Path) -> None:
    begun = begin(project, names.NODE, "talk", "native", text="hello", pool="web", **BEFORE)
    assert (begun.runs, begun.pattern, begun.hosts) == (True, "web", ("w1", "w2"))
    assert is_marked(read(begun.files["tasks"])[0]["vars"]["say_text"], EVIL)
    assert begun.stats == {"holdfast_node_native": {"state": STARTED, "outputs": {}}}


def test_a_skipped_node_plays_nowhere_and_says_so(project: Path) -> None:
    begun = begin(project, names.NODE, "talk", "native", text="no", pool="web", **BEFORE)
    assert begun == Begun(
        False,
        "the condition is false: fields.text != 'no'",
        awx_node.NOWHERE,
        stats={"holdfast_node_native": {"state": "skipped", "outputs": {}}},
    )
    skipped = {names.marker("before"): marker_of("skipped", {})}
    assert begin(project, names.NODE, "talk", "native", text="hello", pool="web", **skipped).runs is False


def test_a_pattern_without_hosts_is_an_error(project: Path) -> None:
    with pytest.raises(HoldfastError, match="host pattern 'wbe' matches no host"):
        begin(project, names.NODE, "talk", "native", text="hello", pool="wbe", **BEFORE)


def test_the_engine_gets_the_answers_and_what_was_reported(project: Path) -> None:
    begun = begin(project, names.NODE, "talk", "engine", text=EVIL, pool="web", **BEFORE)
    answers = read(begun.files["variables"])["holdfast_answers"]
    assert is_marked(answers["text"], EVIL)
    assert json.loads(answers["reported_before"]) == {"url": EVIL}
    whole = begin(project, names.ENGINE, "talk", text=EVIL, pool="web")
    assert read(whole.files["variables"]) == {"holdfast_answers": {"text": EVIL, "pool": "web"}}


def test_what_a_rollout_reported_is_known_by_its_parts(project: Path) -> None:
    before = {names.marker("engine"): marker_of("successful", {"two": {"url": "here"}})}
    begun = begin(project, names.NODE, "talk", "after", text="hello", pool="web", **before)
    assert is_marked(read(begun.files["tasks"])[0]["vars"]["say_text"], "here")


def test_an_answer_is_never_taken_for_an_output_or_the_other_way_round(project: Path) -> None:
    begun = begin(project, names.NODE, "talk", "native", text="hello", pool="web", url="wrong", count=9, **BEFORE)
    variables = read(begun.files["tasks"])[0]["vars"]
    assert (variables["say_text"], variables["say_count"]) == (EVIL, 3)


@pytest.mark.parametrize(
    ("kind", "name", "component", "says"),
    [
        (names.ITEM, "sey", "", "no 'sey' .did you mean 'say'"),
        (names.NODE, "talk", "nativ", "no component 'nativ' .did you mean 'native'"),
        (names.ENGINE, "say", "", "no 'say'"),
    ],
)
def test_what_is_not_there(project: Path, kind: str, name: str, component: str, says: str) -> None:
    with pytest.raises(HoldfastError, match=says):
        begin(project, kind, name, component, text="hello", pool="web")


def test_a_damaged_project_is_refused(project: Path) -> None:
    document = project / "catalog" / "items" / "say.yml"
    document.write_text(document.read_text().replace("say_text", "say text: ["))
    with pytest.raises(ProblemsFound, match=r"say\.yml"):
        begin(project, names.ITEM, "say", text="hello")


# --- the end -----------------------------------------------------------------------------------------------------


class _Run:
    """A run on disk with this record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def record(self) -> Record:
        return self._record


def test_a_node_that_came_through_is_successful(project: Path) -> None:
    subject = Subject(project, names.NODE, "talk", "native")
    assert awx_node.end(subject, True, None) == {"holdfast_node_native": {"state": "successful", "outputs": {}}}
    assert awx_node.end(subject, False, None) == {}, "the marker of its beginning stays"


def test_what_the_engine_reported_is_left_behind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record()
    record.outputs = {
        "engine.two": {"0": {"url": "a", "old": 1}, "10": {"url": "c"}, "9": {"url": "b"}},
        "before": {"0": {"url": "x"}},
    }
    record.node("engine").batches[0] = "successful"
    monkeypatch.setattr(awx_node, "Run", lambda _path: _Run(record))
    left = awx_node.end(Subject(project, names.NODE, "talk", "engine"), True, project)
    outputs = {"two": {"url": "c", "old": 1}}
    assert left == {"holdfast_node_engine": {"state": "successful", "outputs": outputs}}
    record.node("engine").batches[0] = "skipped"
    assert awx_node.end(Subject(project, names.NODE, "talk", "engine"), True, project)[
        "holdfast_node_engine"
    ]["state"] == "skipped"  # fmt: skip


def test_a_stand_in_reports_again() -> None:
    values = json.dumps({"two": {"url": EVIL}})
    assert awx_node.reported(values, ["two"]) == {"url": EVIL}
    assert awx_node.reported(values, ["three"]) == {}
    assert awx_node.reported("{}", []) == {}
