# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: the base of its action plugins.

A plugin names its arguments and says what to do with them; here they are validated, and the errors of the house become
errors of Ansible in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError


class HoldfastAction(ActionBase):  # type: ignore[misc]
    """An action that works on the controlling side and connects to no host, unless it says so."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    argument_spec: ClassVar[Mapping[str, Any]] = {}
    """The arguments, as for a module."""

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do the work with validated arguments and return the result. HoldfastError becomes a failure."""
        raise NotImplementedError

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Validate, act, translate errors."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=dict(self.argument_spec))
        try:
            result.update(self.act(arguments, task_vars or {}))
        except HoldfastError as error:
            result.update(failed=True, msg=str(error))
        return result
