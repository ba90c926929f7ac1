# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One play as a child process, by ansible-runner.

ansible-runner prepares the environment, its callback plugin reports events, its filter reads them from the output.
Its own way of running a child is replaced by a plain one: a session of its own, no terminal (nothing can ask
questions and wait for ever), no files beside the events. That spares a tenth of a second a play, and the
environment and command that ansible-runner would leave on disk.
"""

from __future__ import annotations

import codecs
import os
import select
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import secrets_source

try:
    from ansible_runner.config.runner import RunnerConfig
    from ansible_runner.runner import Runner
    from ansible_runner.utils import OutputEventFilter
except ImportError as error:
    _MISSING: Optional[ImportError] = error
    Runner = RunnerConfig = OutputEventFilter = None
else:
    _MISSING = None

_DRAIN = 500
"""Milliseconds to go on reading after the play has ended: something it left running may hold the pipe open."""


def require_runner() -> None:
    """Raise HoldfastError when ansible-runner is missing: nothing else here works then."""
    if _MISSING is not None:
        raise HoldfastError(
            "ansible-runner is missing from the Python that runs Ansible; install it there: pip install ansible-runner"
        ) from _MISSING


class PlayChild:
    """A child process that runs one playbook.

    ``started`` is told its process id, ``taken`` every event. ``broken`` is called to end the child when one of them
    raises: nothing may go on that nobody listens to.
    """

    def __init__(
        self,
        config: Any,
        started: Callable[[int], None],
        taken: Callable[[Mapping[str, Any]], None],
        broken: Callable[[], object],
    ) -> None:
        require_runner()
        self._config = config
        self._runner = Runner(config=config, event_handler=self._take)
        self._started = started
        self._taken = taken
        self._broken = broken

    def _take(self, event: Mapping[str, Any]) -> bool:
        """Pass an event on; ansible-runner need not keep it.

        ansible-runner passes over an OSError in silence, and with it over the event; so none leaves here.
        """
        try:
            self._taken(event)
        except OSError as error:
            raise HoldfastError(f"what the play says cannot be kept: {error.strerror or error}") from error
        return False

    def run(self) -> int:
        """Run the play to its end; returns the exit status (negative: the signal that ended it)."""
        events = Path(self._config.artifact_dir) / "job_events"
        events.mkdir(mode=0o700, parents=True, exist_ok=True)
        output = OutputEventFilter(None, self._runner.event_callback, True)
        with subprocess.Popen(
            self._config.command,
            cwd=self._config.cwd,
            env=self._config.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as child:
            try:
                self._started(child.pid)
                _pump(child, output)
            except BaseException:
                self._broken()
                child.kill()
                raise
            status = child.wait()
        output.close()
        return status


def _pump(child: subprocess.Popen[bytes], output: Any) -> None:
    """Read a child's output until it ends, or until the child has ended and says no more."""
    if child.stdout is None:
        raise HoldfastError("the play has no output to be read")
    source = child.stdout.fileno()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    readable = select.poll()
    readable.register(source, select.POLLIN | select.POLLHUP)
    while True:
        ended = child.poll() is not None
        ready = readable.poll(_DRAIN)
        data = os.read(source, 65536) if ready else b""
        if data:
            output.write(decoder.decode(data))
        elif ready or ended:
            return


_NOT_FOR_CHILDREN = ("ANSIBLE_FORCE_COLOR", "ANSIBLE_LOG_PATH", "ORIGINAL_STDOUT_CALLBACK")
"""Settings for the command at the front, which would garble or double what its children say."""


def prepare(private: Path, playbook: str, environment: Mapping[str, str], cwd: str) -> Any:
    """The configuration of a child; its ``command`` is for the caller to replace.

    ansible-runner turns host key checking off unless told; here the person's own configuration decides.
    """
    require_runner()
    config = RunnerConfig(
        private_data_dir=str(private),
        project_dir=cwd,
        artifact_dir=str(private),
        ident="artifacts",
        playbook=playbook,
        envvars={"ANSIBLE_STDOUT_CALLBACK": "", **environment},
        fact_cache_type="",
        suppress_env_files=True,
        settings={"suppress_output_file": True},
        quiet=True,
    )
    config.prepare()
    if "ANSIBLE_HOST_KEY_CHECKING" not in {**os.environ, **environment}:
        config.env.pop("ANSIBLE_HOST_KEY_CHECKING", None)
    for name in (*_NOT_FOR_CHILDREN, *secrets_source.for_children(config.env)):
        config.env.pop(name, None)
    return config
