# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: commands on the host of an action, straight over its connection.

``ansible.builtin.command`` carries itself to the host and starts a Python there for each command, which takes far
longer than most commands. What is said to a host here needs neither, and nothing of it is written to its log.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any, Optional

_NO_TERMINAL = re.compile(r"must have a tty", re.IGNORECASE)
"""What sudo says with ``requiretty``. A terminal would mix what a command writes with its errors."""
_LONGEST = 30_000
"""Characters of a command; the kernel takes 128 KiB as one argument, and quotes multiply on their way."""


class Shell:
    """The shell of a host, with the task's privileges."""

    def __init__(self, action: Any) -> None:
        self._action = action
        self._connection = action._connection
        self._refused = False

    def run(self, argv: Sequence[str], stdin: str = "") -> Optional[dict[str, Any]]:
        """Run a command; its result is as that of ``ansible.builtin.command``, and None when that must do it.

        That is so where a connection, or the way to become another user, gives a command nothing to read. Raises what
        the connection raises. A status of 255 is told as 254, for ssh says 255 when it was itself that failed.
        """
        command = f"{shlex.join(argv)}; status=$?; [ $status -ne 255 ] || status=254; exit $status"
        if not self._can or len(command) > _LONGEST:
            return None
        text = stdin if stdin.endswith("\n") else f"{stdin}\n"
        given = self._action._compute_environment_string()
        done = self._action._low_level_execute_command(f"{given} {command}".strip(), in_data=text.encode())
        if done["rc"] != 0 and _NO_TERMINAL.search(str(done["stderr"])):
            self._refused = True
            return None
        result = {"rc": int(done["rc"]), "stdout": str(done["stdout"]).rstrip("\r\n"), "stderr": str(done["stderr"])}
        return {**result, "failed": True, "msg": "non-zero return code"} if result["rc"] else result

    @property
    def _can(self) -> bool:
        become = self._connection.become
        return not self._refused and self._connection.has_pipelining and (not become or become.pipelining)
