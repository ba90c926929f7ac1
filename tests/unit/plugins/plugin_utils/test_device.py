# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of an action: which plugin runs a module, what becomes of its failures, and what is never said."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered
from ansible_collections.holdfast.ops.plugins.plugin_utils import _device
from ansible_collections.holdfast.ops.plugins.plugin_utils._device import ActionDevice

Answer = Callable[[Any], dict[str, Any]]


class Task(SimpleNamespace):
    """A task that can be copied."""

    def copy(self) -> Task:
        return Task(**vars(self))


class Loaders:
    """Ansible's loaders, with modules and action plugins of these names."""

    def __init__(self, modules: dict[str, str], actions: tuple[str, ...], answer: Answer) -> None:
        self.module_loader = SimpleNamespace(find_plugin_with_context=self._find)
        self.action_loader = SimpleNamespace(has_plugin=actions.__contains__, get=self._get)
        self._modules = modules
        self._answer = answer
        self.used: list[tuple[str, Any]] = []

    def _find(self, name: str) -> Any:
        return SimpleNamespace(resolved=name in self._modules, action_plugin=self._modules.get(name))

    def _get(self, name: str, task: Any, **_given: Any) -> Any:
        self.used.append((name, task))
        return SimpleNamespace(run=lambda task_vars: self._answer(task), cleanup=lambda: None)


MODULES = {"ansible.builtin.command": "", "cisco.ios.ios_command": "", "cisco.ios.ios_config": "cisco.ios.config",
           "ansible.netcommon.cli_config": "", "ansible.windows.win_copy": ""}  # fmt: skip
ACTIONS = ("cisco.ios.ios", "ansible.netcommon.cli_config", "ansible.windows.win_copy", "ansible.builtin.command")


def device(
    answer: Answer, transport: str = "ssh", persistent: bool = False, windows: bool = False, actions: Any = ACTIONS
) -> tuple[ActionDevice, Loaders]:
    """A device whose modules answer what a test says."""
    loaders = Loaders(MODULES, actions, answer)
    task = Task(action="holdfast.ops.lkg_snapshot", args={}, check_mode=True, diff=True, async_val=0, no_log=False,
                _uuid="u")  # fmt: skip
    shell = SimpleNamespace(tmpdir="/tmp/ansible-tmp-1", _IS_WINDOWS=windows)
    connection = SimpleNamespace(transport=transport, force_persistence=persistent, _shell=shell, has_pipelining=False,
                                 become=None)  # fmt: skip
    action = SimpleNamespace(
        _task=task, _connection=connection, _play_context=SimpleNamespace(remote_addr="192.0.2.1"), _loader=None,
        _templar=None, _shared_loader_obj=loaders,
    )  # fmt: skip
    return ActionDevice(action, {"inventory_hostname": "web1"}), loaders


def good(_task: Any) -> dict[str, Any]:
    return {"stdout": "fine", "rc": 0}


@pytest.mark.parametrize(
    ("module", "plugin"),
    [
        ("cisco.ios.ios_config", "cisco.ios.config"),
        ("cisco.ios.ios_command", "cisco.ios.ios"),
        ("ansible.netcommon.cli_config", "ansible.netcommon.cli_config"),
    ],
)
def test_modules_are_run_by_the_plugin_that_a_task_would_have(module: str, plugin: str) -> None:
    host, loaders = device(good, "ansible.netcommon.network_cli", persistent=True)
    assert host.run(module, {"lines": ["a"]})["stdout"] == "fine"
    ((name, task),) = loaders.used
    assert (name, task.action, task.args) == (plugin, module, {"lines": ["a"]})
    assert (task.check_mode, task.diff, task.no_log) == (False, False, False)


def test_a_module_without_a_plugin_is_executed_and_its_folder_is_left_for_the_action(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executed: list[Any] = []

    class Plain:
        def __init__(self, task: Any, **_given: Any) -> None:
            self._task = task

        def run(self, task_vars: dict[str, Any]) -> dict[str, Any]:
            executed.append((self._task.action, self._task.args, self._task.no_log, task_vars))
            return {"changed": True}

    monkeypatch.setattr(_device, "_Plain", Plain)
    host, loaders = device(good, actions=())
    assert host.run("ansible.builtin.command", {"argv": ["id"]}, secret=True) == {"changed": True}
    assert executed == [("ansible.builtin.command", {"argv": ["id"]}, True, {"inventory_hostname": "web1"})]
    assert not loaders.used and host._action._cleanup_remote_tmp is True


def test_secret_arguments_are_not_logged_by_the_host_and_stand_in_no_error() -> None:
    def fail(task: Any) -> dict[str, Any]:
        assert task.no_log is True
        return {
            "failed": True,
            "msg": "cannot set 'hunter2hunter2'",
            "rc": 3,
            "stderr": "bad: hunter2hunter2\nline 2: no",
        }

    host, _loaders = device(fail)
    arguments = {"argv": ["/bin/sh", "-s"], "stdin": "first\nhunter2hunter2\n"}
    with pytest.raises(HoldfastError) as found:
        host.run("ansible.builtin.command", arguments, secret=True)
    text = "web1: ansible.builtin.command failed: cannot set '(hidden)' (status 3): bad: (hidden) | line 2: no"
    assert str(found.value) == text and not isinstance(found.value, Unanswered)


def test_a_status_is_a_failure_where_the_module_says_no_more() -> None:
    host, _loaders = device(lambda _task: {"rc": 1, "stdout": "", "stderr": "no such file"})
    with pytest.raises(HoldfastError, match=r"failed: it did not say why \(status 1\): no such file"):
        host.run("ansible.builtin.command", {"argv": ["x"]})


def raising(error: Exception) -> Answer:
    def answer(_task: Any) -> dict[str, Any]:
        raise error

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        raising(AnsibleConnectionFailure("Connection timed out")),
        raising(ConnectionResetError("reset by peer")),
        lambda _task: {"unreachable": True, "msg": "gone"},
    ],
)
def test_silence_is_told_from_a_failure_and_nobody_tidies_up_after_it(answer: Answer) -> None:
    host, _loaders = device(answer)
    with pytest.raises(Unanswered, match=r"web1: ansible.builtin.command: no answer: "):
        host.run("ansible.builtin.command", {"argv": ["x"]})
    assert host._connection._shell.tmpdir is None


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("ssh connection failed: Failed to connect: Connection refused", True),
        ("timeout value 30 seconds reached while trying to send command: show version", True),
        ("command timeout triggered, timeout value is 30 secs.", True),
        ("socket path /root/.ansible/pc/1 does not exist or cannot be found", True),
        ("% Invalid input detected at '^' marker", False),
        ("Error: description timeout is not allowed", False),
    ],
)
def test_a_persistent_connection_without_an_end_is_silence(said: str, lost: bool) -> None:
    host, _loaders = device(lambda _task: {"failed": True, "msg": said}, "network_cli", persistent=True)
    with pytest.raises(HoldfastError) as found:
        host.run("cisco.ios.ios_command", {"commands": ["show version"]})
    assert isinstance(found.value, Unanswered) is lost


def test_an_error_of_a_plugin_is_a_failure() -> None:
    host, _loaders = device(raising(AnsibleError("could not find src")))
    with pytest.raises(HoldfastError, match=r"web1: ansible.windows.win_copy: could not find src") as found:
        host.run("ansible.windows.win_copy", {})
    assert not isinstance(found.value, Unanswered)


def test_a_missing_module_names_its_collection() -> None:
    host, _loaders = device(good)
    with pytest.raises(HoldfastError, match=r"no module arista\.eos\.eos_config .* collection install arista\.eos"):
        host.run("arista.eos.eos_config", {})


def test_what_would_run_on_the_controlling_machine_is_refused() -> None:
    host, loaders = device(good, "ansible.netcommon.network_cli", persistent=True)
    with pytest.raises(HoldfastError, match=r"'network_cli' ansible\.builtin\.command would run on the controlling"):
        host.run("ansible.builtin.command", {"argv": ["reboot"]})
    assert loaders.used == []


# --- commands without a module ---------------------------------------------------------------------------------------


def straight(said: Callable[[str, bytes], dict[str, Any]], become: Any = None, **given: Any) -> tuple[Any, Loaders]:
    """A device whose connection gives a command something to read."""
    host, loaders = device(good, **given)
    host._connection.has_pipelining, host._connection.become = True, become
    host._action._compute_environment_string = lambda: "COLOUR=blue"
    host._action._low_level_execute_command = lambda command, **given: said(command, given["in_data"])
    return host, loaders


def by_shell(command: str, data: bytes) -> dict[str, Any]:
    done = subprocess.run(["/bin/sh", "-c", command], input=data, capture_output=True, check=False)
    return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}


def test_a_command_is_told_to_the_shell_as_the_module_would_run_it() -> None:
    host, loaders = straight(by_shell)
    argv = ["/bin/sh", "-c", 'echo "$1 $COLOUR"; cat; echo', "x", "it's $HOME; *"]
    said = host.run("ansible.builtin.command", {"argv": argv, "stdin": "a\nb"}, secret=True)
    assert (said["stdout"], said["rc"], said["stderr"]) == ("it's $HOME; * blue\na\nb", 0, "")
    assert host.run("ansible.builtin.command", {"argv": ["cat"]})["stdout"] == ""
    assert loaders.used == []


def test_what_a_command_says_when_it_fails_is_told_and_is_no_silence() -> None:
    host, _loaders = straight(by_shell)
    for status, told in ((3, 3), (255, 254)):
        with pytest.raises(HoldfastError, match=rf"return code \(status {told}\): \(hidden\)") as found:
            argv = ["/bin/sh", "-c", f"cat >&2; exit {status}"]
            host.run("ansible.builtin.command", {"argv": argv, "stdin": "no hunter2hunter2"}, secret=True)
        assert not isinstance(found.value, Unanswered) and "hunter2" not in str(found.value)


def test_a_connection_that_breaks_under_a_command_is_silence() -> None:
    def broken(_command: str, _data: bytes) -> dict[str, Any]:
        raise AnsibleConnectionFailure("Connection timed out")

    host, _loaders = straight(broken)
    with pytest.raises(Unanswered, match=r"web1: ansible.builtin.command: no answer: Connection timed out"):
        host.run("ansible.builtin.command", {"argv": ["x"]})


def test_a_sudo_that_wants_a_terminal_is_asked_once() -> None:
    asked: list[str] = []

    def refuses(command: str, _data: bytes) -> dict[str, Any]:
        asked.append(command)
        return {"rc": 1, "stdout": "", "stderr": "sudo: sorry, you must have a tty to run sudo\n"}

    host, loaders = straight(refuses, become=SimpleNamespace(pipelining=True))
    for _time in range(2):
        assert host.run("ansible.builtin.command", {"argv": ["x"]})["stdout"] == "fine"
    assert (len(asked), len(loaders.used)) == (1, 2)


def test_the_module_runs_what_a_shell_cannot_be_told() -> None:
    def never(_command: str, _data: bytes) -> dict[str, Any]:
        raise AssertionError

    for given in ({"become": SimpleNamespace(pipelining=False)}, {"windows": True}):
        host, loaders = straight(never, **given)
        assert host.run("ansible.builtin.command", {"argv": ["x"]})["stdout"] == "fine"
        assert len(loaders.used) == 1
    host, loaders = straight(never)
    host.run("ansible.builtin.command", {"argv": ["x"], "chdir": "/"})
    host.run("ansible.builtin.command", {"argv": ["x" * 40_000]})
    assert len(loaders.used) == 2


# --- files -----------------------------------------------------------------------------------------------------------


def here(task: Any) -> dict[str, Any]:
    """The module ``command``, on this machine."""
    done = subprocess.run(task.args["argv"], input=task.args["stdin"], capture_output=True, text=True, check=False)
    return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr, "failed": done.returncode != 0,
            "msg": "non-zero return code"}  # fmt: skip


DATA = bytes(range(256)) * 300


def test_a_file_is_written_to_the_byte_with_its_mode(tmp_path: Path) -> None:
    host, loaders = device(here)
    path = tmp_path / "a file"
    path.write_text("before")
    path.chmod(0o644)
    host.put(str(path), DATA, "0640")
    assert path.read_bytes() == DATA and path.stat().st_mode & 0o777 == 0o640
    host.put(str(path), b"")
    assert path.read_bytes() == b"" and path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["a file"]
    argv = loaders.used[0][1].args["argv"]
    assert loaders.used[0][1].no_log and not any(base64.b64encode(DATA)[:40].decode() in word for word in argv)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    host, _loaders = device(here)
    (tmp_path / "folder").mkdir()
    with pytest.raises(HoldfastError, match="folder is a folder"):
        host.put(str(tmp_path / "folder"), DATA)
    with pytest.raises(HoldfastError, match="failed"):
        host.put(str(tmp_path / "missing" / "file"), DATA)
    with pytest.raises(HoldfastError, match="'rw' is no mode"):
        host.put(str(tmp_path / "x"), DATA, "rw")
    assert os.listdir(tmp_path) == ["folder"]


def test_under_windows_a_file_goes_through_win_copy_and_none_stays_here() -> None:
    seen: list[tuple[bytes, int, str]] = []

    def copy(task: Any) -> dict[str, Any]:
        source = Path(task.args["src"])
        seen.append((source.read_bytes(), source.stat().st_mode & 0o777, str(source)))
        assert task.args["decrypt"] is False and task.no_log
        return {"changed": True}

    host, _loaders = device(copy, "winrm", windows=True)
    host.put("C:\\ProgramData\\x", b"$ANSIBLE_VAULT;no")
    ((data, mode, path),) = seen
    assert (data, mode, os.path.exists(path)) == (b"$ANSIBLE_VAULT;no", 0o600, False)


# --- connections -----------------------------------------------------------------------------------------------------


def test_a_new_connection_is_made_and_the_process_of_the_old_one_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ansible.executor import task_executor

    old = tmp_path / "old"
    old.touch()
    ended: list[str] = []

    class Persistent:
        def __init__(self, path: str) -> None:
            self._path = path

        def reset(self) -> None:
            ended.append(self._path)
            os.unlink(self._path)

    monkeypatch.setattr(_device, "PersistentConnection", Persistent)
    monkeypatch.setattr(task_executor, "start_connection", lambda _context, options, task: f"{options}-{task}")
    host, _loaders = device(good, "network_cli", persistent=True)
    host._connection.socket_path = str(old)
    host._connection.get_options = lambda: "new"
    host.reconnect()
    assert ended == [str(old)] and host._connection._socket_path == "new-u"
    monkeypatch.setattr(task_executor, "start_connection", lambda *_given: raising(AnsibleError("refused"))(None))
    with pytest.raises(Unanswered, match="web1: no new connection: refused"):
        host.reconnect()


def test_other_connections_are_reset() -> None:
    host, _loaders = device(good)
    reset: list[int] = []
    host._connection.reset = lambda: reset.append(1)
    host.reconnect()
    assert reset == [1]
