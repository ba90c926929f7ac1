# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be promoted, what is dropped, and what a provider is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import evidence, provider, retention
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Candidate, Check, Evidence
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.retention import Kept, Retention
from hypothesis import given
from hypothesis import strategies as st

GOOD = Evidence("me", 2.0, (Check("web", True),), "run-1")


def test_only_proved_complete_and_newest_is_promoted() -> None:
    new, old = Candidate("b", 2.0), Candidate("a", 1.0)
    assert evidence.objections(new, GOOD, None) == evidence.objections(new, GOOD, old) == []
    assert evidence.objections(new, GOOD, new) == []
    assert "no health evidence" in evidence.objections(new, Evidence("me", 2.0, ()), None)[0]
    bad = Evidence("me", 2.0, (Check("web", True), Check("db", False, "status 500")))
    assert evidence.objections(new, bad, None) == ["check 'db' is not healthy: status 500"]
    torn = Candidate("c", 3.0, False, {"units": "no answer"})
    assert "units: no answer" in evidence.objections(torn, GOOD, None)[0]
    assert evidence.objections(torn, GOOD, None, allow_incomplete=True) == []
    assert "later" in evidence.objections(old, GOOD, new)[0]


def test_what_health_check_returns_is_evidence_and_silence_is_not() -> None:
    probes = [
        {"name": "web", "target": "GET http://x", "healthy": True, "reasons": []},
        {"name": "db", "healthy": False, "reasons": ["no answer"]},
    ]
    assert evidence.checks_from(probes) == (Check("web", True, "GET http://x"), Check("db", False, "no answer"))
    for silent in ({"name": "web"}, {"healthy": "yes"}, "web"):
        with pytest.raises(HoldfastError, match="check 1 does not say"):
            evidence.checks_from([silent])


def test_evidence_is_read_as_it_was_written() -> None:
    assert evidence.evidence_from(GOOD.as_data()) == GOOD
    with pytest.raises(HoldfastError, match="version 9"):
        evidence.evidence_from({**GOOD.as_data(), "version": 9})


KEPT = st.lists(st.builds(Kept, st.sampled_from("ab"), st.uuids().map(str), st.floats(0, 1000)), max_size=20)


@given(KEPT, st.none() | st.integers(0, 5), st.none() | st.floats(0, 1000), st.data())
def test_what_is_protected_young_or_recent_stays(
    kept: list[Kept], last: int | None, age: float | None, data: st.DataObject
) -> None:
    protected = {(each.host, each.id) for each in kept if data.draw(st.booleans())}
    if last is None and age is None:
        with pytest.raises(HoldfastError, match="say what to keep"):
            retention.expired(kept, Retention(), 1000.0, protected)
        return
    dropped = retention.expired(kept, Retention(last, age), 1000.0, protected)
    assert not {(each.host, each.id) for each in dropped} & protected
    for host in "ab":
        every = [each for each in kept if each.host == host]
        left = [each for each in every if each not in dropped]
        assert len(left) >= min(len(every), last or 0)
        assert all(1000.0 - each.taken_at >= age for each in dropped if age is not None)
        if last is not None and age is None:
            assert len([each for each in left if (each.host, each.id) not in protected]) <= last


def test_a_policy_below_zero_is_refused() -> None:
    with pytest.raises(HoldfastError, match="below zero"):
        Retention(last=-1).check()


# --- providers -------------------------------------------------------------------------------------------------------


@dataclass
class Double(provider.Usual):
    """A provider of two sections, one of which cannot be read."""

    declaration: provider.Declaration = field(
        default_factory=lambda: provider.Declaration(
            "double", ("frr",),
            (provider.Reads("config", "the configuration"), provider.Reads("facts", "versions", False)),
            "frr-reload", True, "a systemd unit",
        )
    )  # fmt: skip

    def read(self, device: provider.Device, section: str) -> Mapping[str, Any]:
        if section == "facts":
            raise provider.Unreadable("no such command")
        return {"running": device.run("command", {"argv": ["vtysh"]})["stdout"]}

    def restore(self, device: provider.Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        return ["nothing"]


class Shell:
    def run(self, module: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"stdout": f"hostname {module}\n"}


def test_a_snapshot_names_what_could_not_be_read() -> None:
    taken = provider.take(Double(), Shell(), host="r1", platform="frr", now=5.0, run="x", notes={"pid": "1"})
    assert taken.sections == {"config": {"running": "hostname command\n"}} and taken.gaps == {
        "facts": "no such command"
    }
    assert provider.take(Double(), Shell(), host="r1", platform="frr", now=5.0, sections=["config"]).gaps == {}
    with pytest.raises(HoldfastError, match="no section 'x'; it has config, facts"):
        provider.take(Double(), Shell(), host="r1", platform="frr", now=5.0, sections=["x"])
    with pytest.raises(HoldfastError, match="serves frr"):
        provider.take(Double(), Shell(), host="r1", platform="rhel", now=5.0)


def test_a_declaration_is_judged() -> None:
    assert provider.check(Double().declaration) == []
    bad = provider.Declaration("bad", ("nope",), (provider.Reads("a", ""), provider.Reads("a", "")), "", False)
    said = "\n".join(provider.check(bad))
    assert "no platform 'nope'" in said and "declared twice" in said and "how it restores" in said
    assert "reads nothing" in provider.check(provider.Declaration("none", (), (), "x", True))[0]
