# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotion: what must be proved before a snapshot counts as the last known good state of its host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

VERSION = 1


@dataclass(frozen=True)
class Check:
    """One health check and its verdict; ``detail`` says what was asked, or why it is not healthy."""

    name: str
    healthy: bool
    detail: str = ""


@dataclass(frozen=True)
class Evidence:
    """Why a snapshot may count as good: who says so, when, in which run, and the checks that passed.

    ``labels``: those of the guarded change that made it, or none.
    """

    by: str
    at: float
    checks: tuple[Check, ...]
    run: str = ""
    reason: str = ""
    labels: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        checks = [{"name": each.name, "healthy": each.healthy, "detail": each.detail} for each in self.checks]
        labels = {"labels": list(self.labels)} if self.labels else {}
        return {"version": VERSION, "by": self.by, "at": self.at, "run": self.run, "reason": self.reason,
                "checks": checks, **labels}  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A snapshot as far as a promotion looks at it."""

    id: str
    taken_at: float
    complete: bool = True
    gaps: Mapping[str, str] | None = None


def evidence_from(data: Mapping[str, Any]) -> Evidence:
    """The evidence that ``as_data`` wrote. Raises HoldfastError for anything else."""
    if data.get("version") != VERSION:
        raise HoldfastError(f"evidence of version {data.get('version')!r}; this Holdfast reads version {VERSION}")
    labels = tuple(map(str, data.get("labels", ())))
    return Evidence(
        str(data["by"]), float(data["at"]), checks_from(data["checks"]), data["run"], data["reason"], labels
    )  # fmt: skip


def checks_from(results: Sequence[Any]) -> tuple[Check, ...]:
    """Checks out of what ``health_check`` returns as ``probes``, or of any mappings with ``name`` and ``healthy``.

    Raises HoldfastError for a result that does not say whether it is healthy: silence is no evidence.
    """
    checks = []
    for number, result in enumerate(results, 1):
        if not isinstance(result, Mapping) or not isinstance(result.get("healthy"), bool):
            raise HoldfastError(
                f"check {number} does not say 'healthy: true' or 'healthy: false'; give what health_check returns"
            )
        reasons = result.get("reasons") or ()
        detail = str(result.get("detail") or "; ".join(map(str, reasons)) or result.get("target") or "")
        checks.append(Check(str(result.get("name") or f"check {number}"), result["healthy"], detail))
    return tuple(checks)


def objections(
    candidate: Candidate, evidence: Evidence, current: Optional[Candidate], allow_incomplete: bool = False
) -> list[str]:
    """Every reason why a snapshot may not become the last known good one; empty when it may.

    ``current`` is the one that is. An older snapshot never takes the place of a newer one: whoever is late would undo
    what somebody else has proved since.
    """
    wrong = []
    if not evidence.checks:
        wrong.append("there is no health evidence: at least one check must have passed")
    wrong += [
        f"check '{check.name}' is not healthy{f': {check.detail}' if check.detail else ''}"
        for check in evidence.checks
        if not check.healthy
    ]
    if not candidate.complete and not allow_incomplete:
        gaps = "; ".join(f"{section}: {why}" for section, why in sorted((candidate.gaps or {}).items()))
        wrong.append(f"it is incomplete ({gaps}), so it could not be restored whole")
    if current is not None and current.id != candidate.id and current.taken_at > candidate.taken_at:
        wrong.append(f"{current.id} was taken later and is the last known good state already")
    return wrong
