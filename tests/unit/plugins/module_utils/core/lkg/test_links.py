# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the snapshot before a guarded change is found again, and what is told of the change."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import guard_words as words
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.links import Labelled


def test_labels_and_timer_are_noted_and_read() -> None:
    noted = links.notes(["r1/web", "item:site"], "holdfast-1")
    assert (links.labels_in(noted), links.timer_in(noted)) == (("r1/web", "item:site"), "holdfast-1")
    assert all(isinstance(value, str) for value in noted.values())
    assert (links.labels_in({}), links.timer_in({})) == ((), "")
    assert links.labels_in(links.notes([], "holdfast-1")) == ()


def ids(taken: list[Labelled], label: str) -> list[str]:
    return [one.id for one in links.tries(taken, label)]


def test_the_first_try_of_a_run_found_the_host_as_it_was() -> None:
    taken = [
        Labelled("s1", "", ()),
        Labelled("s2", "r1", ("r1/web", "item:site")),
        Labelled("s3", "r1", ("r1/api", "item:site")),
        Labelled("s4", "r1", ("r1/web", "item:site")),
    ]
    assert ids(taken, "r1/web") == ["s2", "s4"]
    assert ids(taken, "r1/api") == ["s3"]
    assert ids(taken, "r2/web") == ids([], "r1/web") == []


def test_a_run_that_goes_on_from_another_takes_back_what_it_did_itself_else_what_that_one_did() -> None:
    earlier = [Labelled("s1", "r1", ("r1/web",))]
    assert ids(earlier, "r1/web") == ["s1"]
    later = [*earlier, Labelled("s2", "r2", ("r1/web",)), Labelled("s3", "r2", ("r1/web",))]
    assert ids(later, "r1/web") == ["s2", "s3"]


def test_outside_of_runs_only_the_last_change_counts() -> None:
    taken = [
        Labelled("s1", "", ("job-1/site", "item:site")),
        Labelled("s2", "", ("job-2/site", "item:site")),
        Labelled("s3", "", ("job-2/site", "item:site")),
    ]
    assert ids(taken, "item:site") == ["s2", "s3"]
    assert ids(taken, "job-1/site") == ["s1"]


def test_a_change_takes_back_its_own_promotions_and_those_of_nobody_else() -> None:
    change = Labelled("s1", "r1", ("r1/web", "item:site"))
    own = [Labelled("p4", "r1", ("r1/web", "item:site")), Labelled("p3", "r1", ("r1/web", "item:site"))]
    others = [
        Labelled("p2", "r1", ("r1/api", "item:site")), Labelled("p1", "r0", ("r1/web",)), Labelled("p0", "r1", ()),
    ]  # fmt: skip
    assert links.own_promotions([*own, *others], change) == 2
    for other in others:
        assert links.own_promotions([other, *own], change) == 0
    assert links.own_promotions([], change) == 0
    assert links.own_promotions([Labelled("p0", "", ())], Labelled("s0", "", ())) == 0


@pytest.mark.parametrize("state", [words.PROMOTED, words.KEPT, words.RESTORED, words.REVERTED])
def test_what_is_told_names_both_snapshots(state: str) -> None:
    link = links.link("web1", state, "s1", "s2")
    assert (link["state"], link["verified"], link["before"], link["after"]) == (state, True, "s1", "s2")
    assert link["diff"] == "holdfast lkg diff web1@s1 web1@s2"


@pytest.mark.parametrize("state", [words.UNCHANGED, words.DIFFERS, words.UNKNOWN])
def test_what_is_not_proved_does_not_count_as_verified(state: str) -> None:
    assert links.link("web1", state, "s1", "") == {
        "state": state, "verified": False, "before": "s1", "after": "", "diff": "",
    }  # fmt: skip
