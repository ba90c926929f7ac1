# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sends a request: by session cookie, bearer token or user name and password."""

from __future__ import annotations

from holdfast.api.call import Call


def sign_in(call: Call) -> None:
    """Set ``call.user``, ``call.token`` and ``call.scheme``; nobody stays None. Raises NotSignedIn or Forbidden."""
