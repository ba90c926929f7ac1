# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Circuit breakers: those of the controller's store, for everybody who does not share its files.

AWX has none, so they are below ``holdfast/``. A word to a breaker is a POST; what it does, and what its JSON is, stands
in ``core/breaker/words``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, views, words
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.keeping import Breakers
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Breaker, BreakerProblem, Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.words import Word
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

from holdfast.api import activity, pages
from holdfast.api.call import Call, Reply
from holdfast.api.errors import ApiError, Invalid
from holdfast.api.registry import Field, Page, Registry
from holdfast.auth.policies.breakers import check_calls, check_decides

PATH = "holdfast/breakers"
TYPE = "breaker"
NO_POLICY = "Expected an object with options of a policy."
_TARGET = {"target": "What the breaker stands before: host:NAME, group:NAME, service:NAME or item:NAME."}
_LOOK = "look"

_POLICY = Field(
    "policy", "object", help_text="Options of its policy that hold from now on; those that are not given stay."
)
_BY = Field("by", max_length=200, help_text="Who says it; the name of the user is added.")
_WHY = Field("why", max_length=200, help_text="The reason. Everybody who is refused reads it.")
_FIELDS: Mapping[str, Field] = {
    "by": _BY,
    "why": _WHY,
    "wait": Field("wait", "float", null=True, help_text="Try again after so many seconds instead of staying open."),
    "trial": Field("trial", "integer", required=True, min_value=1, help_text="The number of the trial."),
    "calls": Field(
        "calls",
        "list",
        required=True,
        help_text="How calls ended: objects with failed (true or false), duration in seconds, said and trial.",
    ),
    "asked": Field(
        "asked", "float", help_text="When the call was permitted, as at of that answer: the calls took since then."
    ),
}
_TITLES: Mapping[str, str] = {
    words.ASK: "Ask A Breaker Before A Call",
    words.REPORT: "Report Calls To A Breaker",
    words.RELEASE: "Give A Trial Of A Breaker Back",
    words.TRIP: "Hold A Breaker Open",
    words.DISABLE: "Disable A Breaker",
    words.CLOSE: "Close A Breaker",
    words.RESET: "Reset A Breaker",
}


def _keeper(call: Call) -> Breakers:
    """The breakers that the controller's own runs use. No answer about them is kept: they change by the clock."""
    call.keep = False
    found: Breakers = call.controller.services["breakers"]
    return found


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What is wrong with a request as Invalid; a store that cannot be used as an answer of its own."""
    try:
        yield
    except ApiError:
        raise
    except BreakerProblem as error:
        raise Invalid(str(error)) from None
    except HoldfastError as error:
        raise ApiError(f"The breakers cannot be used: {error}", 503) from None


# --- looking ----------------------------------------------------------------------------------------------------------


def _index(call: Call) -> Reply:
    """GET holdfast: what this API has that AWX's has not."""
    return Reply(body={"breakers": call.url(PATH)})


def _list(call: Call) -> Reply:
    keeper = _keeper(call)
    with _told():
        found = keeper.list()
    page = pages.of_rows(call, found)
    return Reply(body=page.body(_shown(call, page.rows, keeper.now())))


def _detail(call: Call) -> Reply:
    keeper, target = _keeper(call), call.named["target"]
    with _told():
        found = keeper.get(target)
    if found is None:
        # The target tells those who ask for it from those who ask a server that has no breakers.
        return Reply(404, {"detail": f"There is no breaker '{target}'.", "target": target})
    return Reply(body=_shown(call, [found], keeper.now())[0])


def _shown(call: Call, found: Sequence[Breaker], now: float) -> list[dict[str, Any]]:
    """Breakers for people, and under ``data`` for programs that keep on reckoning."""
    return [
        {
            "url": _url(call, one.target),
            "related": {name: _url(call, one.target, name) for name in (_LOOK, *words.FIELDS)},
            **views.facts(one, now),
            "at": now,
            "data": one.to_dict(),
        }
        for one in found
    ]


def _url(call: Call, target: str, *more: str) -> str:
    return call.url(PATH, quote(target, safe=":"), *more)


def _look(call: Call) -> Reply:
    """GET look: what it would answer now."""
    with _told():
        return Reply(body=_keeper(call).look(call.named["target"])._asdict())


# --- words ------------------------------------------------------------------------------------------------------------


def _of_calls(kind: str) -> Callable[[Call], Reply]:
    """A word of whoever makes calls."""

    def said(call: Call) -> Reply:
        check_calls(call)
        with _told():
            word, policy = _word(call, kind)
            return Reply(body=_keeper(call).say(call.named["target"], word, policy).to_dict())

    return said


def _of_people(kind: str) -> Callable[[Call], Reply]:
    """A word by which people decide; the activity stream tells of it."""

    def said(call: Call) -> Reply:
        check_decides(call)
        keeper, target = _keeper(call), call.named["target"]
        with _told():
            word, policy = _word(call, kind)
            before = keeper.get(target) or model.new(target)
            heard = keeper.say(target, word, policy)
        after = heard.breaker
        if after.history != before.history:
            changes = {"name": target, "state": [before.state, after.state], "why": after.why}
            activity.record(call, "update", TYPE, None, changes)
        return Reply(body=heard.to_dict())

    return said


def _word(call: Call, kind: str) -> tuple[Word, Policy | None]:
    """The word that a body says, with the user's name, and the policy that comes with it."""
    body, target = call.data, call.named["target"]
    word = words.word_from(kind, body)
    user = call.user.username if call.user is not None else ""
    by = f"{word.by} ({user})" if word.by and word.by != user else user
    given = body.get(_POLICY.name)
    if given is None:
        return word._replace(by=by), None
    if not isinstance(given, dict):
        raise Invalid({_POLICY.name: [NO_POLICY]})
    found = _keeper(call).get(target)
    return word._replace(by=by), model.policy_from(given, found.policy if found is not None else None)


def declare(registry: Registry) -> None:
    """Add the pages."""
    registry.page("holdfast", Page({"GET": _index}, title="Holdfast"))
    shown = ("page", "page_size")
    registry.page(PATH, Page({"GET": _list}, title="Breaker List", listed=True, parameters=shown))
    one = f"{PATH}/{{target}}"
    registry.page(one, Page({"GET": _detail}, title="Breaker Detail", named=_TARGET))
    registry.page(f"{one}/{_LOOK}", Page({"GET": _look}, title="What A Breaker Would Answer", named=_TARGET))
    for kind, names in words.FIELDS.items():
        people = kind in words.OF_PEOPLE
        said = _of_people(kind) if people else _of_calls(kind)
        fields = (*(_FIELDS[name] for name in names), _POLICY)
        page = Page({"POST": said}, title=_TITLES[kind], fields=fields, transaction=people, named=_TARGET)
        registry.page(f"{one}/{kind}", page)
