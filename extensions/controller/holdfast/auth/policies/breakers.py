# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may say what to circuit breakers, which belong to nobody: everybody who signs in may look at them."""

from __future__ import annotations

from holdfast.api.call import Call
from holdfast.api.errors import Forbidden
from holdfast.auth.policies.base import anywhere

NO_CALLS = "To ask a breaker or to report to it you need a role that lets you launch a template."
NO_DECISION = "To open, close, disable or reset a breaker you must administer an organization."


def check_calls(call: Call) -> None:
    """Raise Forbidden for whoever may launch nothing, and so has no calls to make."""
    if not any(anywhere(call, kind, "execute_role") for kind in ("job_template", "workflow_job_template")):
        raise Forbidden(NO_CALLS)


def check_decides(call: Call) -> None:
    """Raise Forbidden for whoever administers neither the system nor an organization."""
    if not anywhere(call, "organization", "admin_role"):
        raise Forbidden(NO_DECISION)
