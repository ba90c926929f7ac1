# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a child play is given, and what is made of what it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import Unsafe
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import ExecutionInputs
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import hosts, options
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions, RunSecrets, SecretFiles
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.play_writer import MARKER, PlayFiles, write_play
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.results import BROKEN_OFF, NOT_RUN, Events

TEMPLATE = "{{ lookup('pipe', 'id') }}"


# --- options ---------------------------------------------------------------------------------------------------


def test_options_become_arguments_word_by_word() -> None:
    chosen = RunOptions(
        inventory=("/a b/hosts", "x,y"),
        limit="never passed on",
        ssh_common_args="-o ProxyJump=bastion",
        become=True,
        vault_ids=("prod@/v",),
        tags=("t1", "t2"),
        skip_tags=("t3",),
        forks=7,
        verbosity=3,
        diff=True,
        timeout=9,
    )
    assert chosen.arguments() == [
        *("--inventory", "/a b/hosts", "--inventory", "x,y"),
        "--ssh-common-args=-o ProxyJump=bastion",
        *("--become", "--diff", "--timeout=9", "--forks=7"),
        *("--vault-id", "prod@/v", "--tags=t1", "--tags=t2", "--skip-tags=t3", "-vvv"),
    ]
    assert RunOptions().arguments() == []


def test_options_survive_json_and_refuse_what_they_do_not_know() -> None:
    chosen = RunOptions(inventory=("a",), forks=3, environment={"A": "b"})
    assert RunOptions.from_dict(chosen.to_dict()) == chosen
    with pytest.raises(HoldfastError, match="colour"):
        RunOptions.from_dict({"colour": "red"})


def test_options_given_now_outrank_those_of_an_earlier_launch() -> None:
    earlier = RunOptions(inventory=("old",), forks=3, become=True)
    assert RunOptions(inventory=("new",)).over(earlier) == RunOptions(inventory=("new",), forks=3, become=True)


def test_secrets_are_in_private_files_and_in_no_argument(tmp_path: Path) -> None:
    secrets = RunSecrets((("prod", "vaultpw"),), "connpw", "becomepw", {"ansible_password": "varpw", "ansible_port": 1})
    files = SecretFiles(tmp_path / "secrets", secrets)
    arguments = " ".join(files.arguments())
    written = {path.read_text() for path in files.folder.iterdir()}
    assert {"vaultpw", "connpw", "becomepw"} < written
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files.folder.iterdir())
    assert not any(text in arguments for text in ("vaultpw", "connpw", "becomepw", "varpw"))
    assert sorted(secrets.texts()) == ["becomepw", "connpw", "varpw", "vaultpw"]
    assert RunSecrets.from_dict(secrets.to_dict()) == secrets
    files.remove()
    assert not files.folder.exists()


def test_the_collection_is_found_first_and_other_paths_stay() -> None:
    found = options.collections_environment({"ANSIBLE_COLLECTIONS_PATH": "/x:/y"})["ANSIBLE_COLLECTIONS_PATH"]
    first, *rest = found.split(os.pathsep)
    assert Path(first, "ansible_collections", "holdfast", "ops", "galaxy.yml").exists()
    assert rest == ["/x", "/y"]


def test_a_limit_file_becomes_one_pattern(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("web1\n\n!web2\n")
    assert hosts.limit_pattern("@l,db*", str(tmp_path)) == "web1,!web2,db*"
    with pytest.raises(HoldfastError, match="nowhere"):
        hosts.limit_pattern("@nowhere", str(tmp_path))


def test_a_limit_without_any_host_is_refused() -> None:
    with pytest.raises(HoldfastError, match="--limit zz matches no host"):
        hosts.from_answers(["all"], RunOptions(limit="zz"), [["a"], []], True)
    found = hosts.from_answers(["all"], RunOptions(limit="a"), [["a", "b"], ["a"]], False)
    assert found == ({"all": ["a", "b"]}, ["a"], False)


# --- plays -----------------------------------------------------------------------------------------------------


class Loader(yaml.SafeLoader):
    """Reads ``!unsafe`` as a pair, so that tests see the mark."""


Loader.add_constructor("!unsafe", lambda loader, node: ("unsafe", loader.construct_scalar(node)))  # type: ignore[arg-type]


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader)


def execution(*names: str, action: str = "do") -> Execution:
    return Execution(f"run-1/web/1/{action}/1", "web", "1", 0, action, 1, names or ("localhost",), None)


def inputs(action: Action, args: Any = None, **facts: Any) -> ExecutionInputs:
    return ExecutionInputs(action, args or {}, {"fields": {"x": Unsafe(TEMPLATE)}}, **facts)


def written(folder: Path, one: Execution, given: ExecutionInputs, implicit: bool = True) -> tuple[PlayFiles, Path]:
    return write_play(folder, one, given, str(folder), implicit), folder / "private"


def test_a_role_is_included_with_its_arguments_as_extra_variables(tmp_path: Path) -> None:
    action = Action("role", "a.b.c", become=True, gather_facts=True)
    files, private = written(
        tmp_path, execution("h1", "h2"), inputs(action, {"text": Unsafe(TEMPLATE), "own": "{{ x }}"})
    )
    play, marker = read(private / "play.yml")
    assert (play["hosts"], play["gather_facts"], play["become"]) == ("all", True, True)
    assert play["tasks"][0]["ansible.builtin.include_role"] == {"name": "a.b.c"}
    assert play["tasks"][0]["tags"] == ["always"]
    assert marker["tasks"][0]["name"] == MARKER
    values = read(private / "vars.yml")
    assert values["text"] == ("unsafe", TEMPLATE)
    assert values["own"] == "{{ x }}"
    assert values["holdfast"]["fields"]["x"] == ("unsafe", TEMPLATE)
    assert (private / "hosts.txt").read_text() == "h1\nh2\n"
    assert f"@{private}/hosts.txt" in files.arguments
    assert files.marked
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in private.iterdir())


def test_no_value_from_outside_is_ever_an_argument(tmp_path: Path) -> None:
    given = inputs(Action("module", "a.b.c"), {"cmd": Unsafe(TEMPLATE)})
    files, private = written(tmp_path, execution("h1"), given)
    assert TEMPLATE not in " ".join([files.playbook, *files.arguments])
    assert read(private / "play.yml")[0]["tasks"][0]["a.b.c"] == {"cmd": ("unsafe", TEMPLATE)}


def test_an_undo_and_its_verification_have_their_own_arguments(tmp_path: Path) -> None:
    given = inputs(Action("role", "a.b.c"), {"port": 1}, verify=Action("role", "a.b.check"), verify_args={"port": 2})
    _files, private = written(tmp_path, execution("h1", action="undo"), given)
    undo, verify, _marker = read(private / "play.yml")
    assert (undo["vars"], undo["tasks"][0]["vars"]) == ({"port": 1}, {"port": 1})
    assert (verify["vars"], verify["tasks"][0]["vars"]) == ({"port": 2}, {"port": 2})
    assert "port" not in read(private / "vars.yml")


@pytest.mark.parametrize("implicit", [True, False])
def test_localhost_is_played_whether_the_inventory_knows_it_or_not(tmp_path: Path, implicit: bool) -> None:
    files, private = written(tmp_path, execution(), inputs(Action("module", "a.b.c")), implicit)
    assert read(private / "play.yml")[0]["hosts"] == ("localhost" if implicit else "all")
    assert ("--limit" in files.arguments) is not implicit


def test_a_playbook_for_implicit_localhost_is_limited_to_it(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text("[]")
    files, private = written(tmp_path, execution(), inputs(Action("playbook", "site.yml")))
    assert files.playbook == str(tmp_path / "site.yml")
    assert not files.marked
    assert (private / "hosts.txt").read_text() == "localhost\n"
    assert files.arguments[-2:] == ("--inventory", str(private / "localhost.yml"))


def test_playbooks_are_named_by_fqcn_or_by_a_path_that_exists(tmp_path: Path) -> None:
    files, _private = written(tmp_path, execution("h1"), inputs(Action("playbook", "ns.col.site")))
    assert files.playbook == "ns.col.site"
    with pytest.raises(HoldfastError, match=r"there is no playbook .*nope\.yml"):
        written(tmp_path / "2", execution("h1"), inputs(Action("playbook", "nope.yml")))


def test_host_names_that_look_like_patterns_stay_names(tmp_path: Path) -> None:
    _files, private = written(tmp_path, execution("!h", "&h", "fe80::1", "a[1]"), inputs(Action("module", "a.b.c")))
    assert (private / "hosts.txt").read_text() == "~^!h$\n~^\\&h$\nfe80::1\na[1]\n"
    with pytest.raises(HoldfastError, match="line break"):
        written(tmp_path / "2", execution("a\nb"), inputs(Action("module", "a.b.c")))


# --- results ---------------------------------------------------------------------------------------------------


def played(*events: tuple[str, dict[str, Any]], outputs: tuple[str, ...] = ()) -> Events:
    found = Events(outputs)
    for name, data in events:
        found.take({"event": name, "event_data": data})
    return found


def stats(**counts: Any) -> tuple[str, dict[str, Any]]:
    return "playbook_on_stats", {"processed": {}, **counts}


def failed(host: str, result: Any, task: str = "do it", **facts: Any) -> tuple[str, dict[str, Any]]:
    return "runner_on_failed", {"host": host, "task": task, "res": result, **facts}


def through(host: str) -> tuple[str, dict[str, Any]]:
    return "runner_on_ok", {"host": host, "task": MARKER, "res": {}}


def test_each_host_has_its_own_result() -> None:
    everybody = {"ok": 1, "bad": 1, "gone": 1}
    found = played(
        failed("bad", {"msg": "it\nbroke"}),
        ("runner_on_unreachable", {"host": "gone", "task": "do it", "res": {"msg": "no route"}}),
        through("ok"),
        stats(processed=everybody, ok={"ok": 2}, failures={"bad": 1}, dark={"gone": 1}),
    ).results(["ok", "bad", "gone", "never"], 2, True)
    assert {host: tuple(result) for host, result in found.items()} == {
        "ok": ("successful", ""),
        "bad": ("failed", "do it: it; broke"),
        "gone": ("unreachable", "do it: no route"),
        "never": ("error", NOT_RUN),
    }


def test_a_host_that_was_cut_off_did_not_succeed(tmp_path: Path) -> None:
    seen = [failed("a", {"msg": "x"}), stats(processed={"a": 1, "b": 1}, failures={"a": 1})]
    assert tuple(played(*seen).results(["a", "b"], 2, True)["b"]) == ("error", BROKEN_OFF)
    book = tmp_path / "p.yml"
    for text, state in (("- any_errors_fatal: true\n", "error"), ("- hosts: all\n", "successful")):
        book.write_text(text)
        start = ("playbook_on_start", {"playbook": str(book)})
        assert played(start, *seen).results(["a", "b"], 2, False)["b"].state == state


def test_a_failure_on_a_host_that_the_play_added_fails_the_slice() -> None:
    found = played(
        failed("new", {"msg": "x"}), through("a"), stats(processed={"a": 1, "new": 1}, failures={"new": 1})
    ).results(["a"], 2, True)
    assert tuple(found["a"]) == ("failed", "on new: do it: x")


def test_a_play_that_never_started_says_why() -> None:
    found = Events()
    for line in ("PLAY", "[WARNING]: something", "[ERROR]: the role 'x' was not found", "Origin: play.yml:3"):
        found.take({"event": "verbose", "stdout": line})
    result = found.results(["a", "b"], 4, True)["b"]
    assert result.state == "error"
    assert result.message == (
        "the play did not start (exit status 4): [ERROR]: the role 'x' was not found Origin: play.yml:3"
    )


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "boo"}, "boo"),
        ({"msg": "non-zero return code", "stderr": "a\nlast"}, "non-zero return code: last"),
        ({"reason": "no role"}, "no role"),
        ({"censored": "..."}, "failed (its output is hidden by no_log)"),
        ({"msg": "All items", "results": [{"msg": "fine"}, {"failed": True, "msg": "third"}]}, "third"),
        ({}, "failed without a message"),
        (None, "failed"),
        ({"msg": "x" * 1000}, None),
    ],
)
def test_the_words_of_a_failure(result: Any, said: str | None) -> None:
    events = played(failed("a", result), stats(processed={"a": 1}, failures={"a": 1}))
    message = events.results(["a"], 2, True)["a"].message
    assert message == f"do it: {said}" if said else len(message) == 600


def test_an_ignored_failure_is_not_why_a_host_failed() -> None:
    events = played(
        failed("a", {"msg": "real"}),
        failed("a", {"msg": "ignored"}, ignore_errors=True),
        stats(processed={"a": 1}, failures={"a": 1}),
    )
    assert events.results(["a"], 2, True)["a"].message == "do it: real"


def test_a_guard_tells_how_its_host_stands_whether_it_failed_or_not() -> None:
    def told(state: str, **more: Any) -> dict[str, Any]:
        return {"state": state, "outputs": {"lkg": {"state": state}, **more}}

    guard = {"task": "guard", "task_action": "holdfast.ops.lkg_guard"}
    reported = {"ansible_stats": {"data": {"build": "7"}, "per_host": False, "aggregate": False}}
    found = played(
        ("runner_on_ok", {"host": "a", **guard, "res": {**told("promoted", mine="x"), **reported}}),
        ("runner_on_failed", {"host": "b", **guard, "res": {**told("restored"), "msg": "x"}}),
        ("runner_on_failed", {"host": "c", "task": "t", "task_action": "a.b.c", "res": told("never")}),
        stats(processed={"a": 1, "b": 1}, failures={"b": 1}, artifact_data={"build": "7"}),
        outputs=("state", "build"),
    )
    lkg = {"a": {"state": "promoted"}, "b": {"state": "restored"}}
    assert found.outputs(True) == {"lkg": lkg, "mine": {"a": "x"}, "build": "7"}
    assert not found.adds_up


def test_outputs_are_what_set_stats_said() -> None:
    per_host = {"ansible_stats": {"per_host": True, "data": {"mine": "x"}}}
    found = played(
        ("runner_on_ok", {"host": "a", "task": "t", "task_action": "set_stats", "res": per_host}),
        ("runner_on_ok", {"host": "a", "task": "t", "task_action": "a.b.c", "res": {"version": "2", "other": 1}}),
        stats(processed={"a": 1}, artifact_data={"build": "7"}),
        outputs=("version",),
    )
    assert found.outputs(False) == {"mine": {"a": "x"}, "build": "7"}
    assert found.outputs(True) == {"mine": {"a": "x"}, "build": "7", "version": "2"}
