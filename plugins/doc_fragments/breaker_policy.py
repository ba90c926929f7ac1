# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of a circuit breaker, for modules that have it as options and for those that have it in ``breaker``."""

from __future__ import annotations

from textwrap import indent


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  failure_rate_threshold:
    description:
      - The share of failed calls in the sliding window, in percent, at which the breaker opens. 50 where nobody said
        otherwise.
    type: float
  slow_call_rate_threshold:
    description:
      - The share of slow calls in the sliding window, in percent, at which the breaker opens. 100 where nobody said
        otherwise.
    type: float
  slow_call_duration_threshold:
    description:
      - A call that takes longer than so many seconds is slow. 3600 where nobody said otherwise.
    type: float
  sliding_window_type:
    description:
      - Whether the window holds the last calls (V(count)) or the calls of the last seconds (V(time)). V(count) where
        nobody said otherwise.
    type: str
    choices:
      - count
      - time
  sliding_window_size:
    description:
      - How many calls, or seconds, the window holds. 10 where nobody said otherwise.
    type: int
  minimum_number_of_calls:
    description:
      - The window is not judged before it holds so many calls. 3 where nobody said otherwise.
    type: int
  wait_duration_in_open_state:
    description:
      - How long an open breaker refuses before it tries again, in seconds. 60 where nobody said otherwise.
    type: float
  permitted_number_of_calls_in_half_open_state:
    description:
      - How many trial calls a half-open breaker lets through. Their rates decide whether it closes or opens again. 1
        where nobody said otherwise.
    type: int
  trial_call_timeout:
    description:
      - A trial call that nobody reports within so many seconds is given to somebody else. 3600 where nobody said
        otherwise.
    type: float
"""

    # With a type, for ansible-test takes every plain assignment in such a class for a constant.
    REPORTED: str = r"""
options:
  breaker:
    description:
      - A circuit breaker that is told what was found, see M(holdfast.ops.circuit_breaker). A host that is not healthy,
        or not reachable, is a failed call; how long a call took is what the slowest probe took for its last answer.
      - It is only told, never asked. Nothing is told in check mode.
      - It lies with the controller that E(HOLDFAST_BREAKERS_URL) names, otherwise in the store. The task fails when
        it cannot be told.
      - Policy options that are given hold from then on for everybody; those that are not given stay as they are.
    type: dict
    suboptions:
      target:
        description:
          - What the breaker stands before, as C(KIND:NAME). The kind is V(host), V(group), V(service) or V(item).
        type: str
        required: true
""" + indent(DOCUMENTATION.partition("options:\n")[2], "    ")
