# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What parallel waves are worth on the lab, and how long a bad update lasts: by Holdfast, and by hand."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests import importable as _importable  # noqa: F401 - before anything that imports from the collection
from tests.lab import requirements
from tests.lab.by_hand import Operator, person_minutes
from tests.lab.lab import HOSTS, Lab
from tests.lab.stage import BUNDLE, REPOSITORY, Outcome, Stage

WINDOWS = {"install_seconds": 5.0, "boot_seconds": 15.0}
"""How long a Windows takes for each update, and to boot: the double is told, and takes far less otherwise."""


def report() -> None:
    """Print both ratios and both times to restore."""
    print("maintenance (real hosts of the lab; a quarter of an hour)")
    lacking = requirements.unfit() or requirements.lacking()
    if lacking:
        print(f"  left out: {' '.join(lacking)}")
        return
    with Lab(f"bench-{os.getpid()}") as lab:
        _both_families(lab)
        _three_services(lab)
        _restore(lab)


def _both_families(lab: Lab) -> None:
    """One RHEL server and one Windows server are patched and rebooted."""
    shipped: dict[str, Any] = yaml.safe_load(
        (REPOSITORY / "workflows" / "bundles" / f"{BUNDLE}.yml").read_text(encoding="utf-8")
    )
    _compare(lab, "RHEL and Windows branch", shipped, {"pool": HOSTS[0], "windows": "windows"})


def _three_services(lab: Lab) -> None:
    """Three services on a host each, none of which needs another, are rebooted and proved healthy."""
    parts = {
        "reboot": {"item": "verified-reboot", "fields": {"only_when_pending": "no"}},
        "health": {"item": "health-check", "needs": ["reboot"]},
    }
    bundle = {
        "apiVersion": "holdfast.ops/v1",
        "kind": "CatalogBundle",
        "metadata": {"name": "three-services"},
        "components": {f"service-{host}": {"rollout": {"hosts": host, "components": parts}} for host in HOSTS},
    }
    _compare(lab, "three independent services", bundle, {})


def _compare(lab: Lab, what: str, bundle: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """The same bundle as it is, and with one play at a time; on hosts that are as new both times."""
    seconds: dict[str, float] = {}
    for name, most in (("together", None), ("sequential", 1)):
        lab.reset()
        lab.windows.faults(**WINDOWS)
        document = {**bundle, "metadata": {**bundle["metadata"], "name": name}}
        if most:
            document["orchestration"] = {**bundle.get("orchestration", {}), "max_parallel": most}
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(lab, Path(folder), clients=0)
            (stage.catalog / f"{name}.yml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
            seconds[name] = _took(stage.run(name, **fields))
    print(
        f"  {what}: together {seconds['together']:.1f} s, one play after another {seconds['sequential']:.1f} s, "
        f"ratio {seconds['sequential'] / seconds['together']:.2f}"
    )


def _took(outcome: Outcome) -> float:
    """Seconds from the start of a run that went well to its end."""
    run = outcome.record.run
    if outcome.status != 0:
        raise SystemExit(outcome.words)
    return float(run["finished"] - run["started"])


def _restore(lab: Lab) -> None:
    """A release that turns unhealthy: from the first failed health check until all servers are in traffic again."""
    lab.reset()
    lab.publish("3")
    with tempfile.TemporaryDirectory() as folder:
        outcome = Stage(lab, Path(folder)).run(pool="app1")
    if outcome.record.state != "rolled_back":
        raise SystemExit(outcome.words)
    print(f"  a bad update, from the first failed health check to restored service: {outcome.time_to_restore:.1f} s")
    lab.reset()
    lab.publish("3")
    with tempfile.TemporaryDirectory() as folder:
        operator = Operator(lab, "app1", Path(folder))
        operator.patch()
        taken = operator.carry_out()
    print("  the same by hand (docs/manual-procedure.md), typed by a script that need not think:")
    for step, seconds in taken:
        print(f"    {seconds:6.1f} s  {step.title} ({step.item})")
    total = sum(seconds for _step, seconds in taken)
    print(f"    {total:6.1f} s  in all; a person takes about {person_minutes():g} minutes, as the catalog's items say")
