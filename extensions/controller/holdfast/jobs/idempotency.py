# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``Idempotency-Key``: a launch that is sent again, because nobody knows whether it arrived, launches nothing again.

A key belongs to whoever sent it and to one request. Sent again with the same request, it is answered with the job that
the first one made; with another request it is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from holdfast.api.call import Call
from holdfast.api.errors import ApiError, Conflict, Invalid
from holdfast.db.models import UnifiedJob

HEADER = "idempotency-key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 255
UNPROCESSABLE = 422


def key_of(call: Call) -> str:
    """The key of a request, "" where it has none. Raises Invalid for one that is none."""
    key = call.headers.get(HEADER, "").strip()
    if len(key) > LONGEST or not key.isprintable():
        raise Invalid({"idempotency_key": [f"The Idempotency-Key has at most {LONGEST} characters, all printable."]})
    return key


def known(call: Call, what: str) -> UnifiedJob | None:
    """The job that an earlier request with this key made; ``what`` names what is asked for.

    Raises ApiError where the key was sent with another request.
    """
    key = key_of(call)
    if not key or call.user is None:
        return None
    mine = (UnifiedJob.created_by_id == call.user.id, UnifiedJob.idempotency_key == key)
    job = call.session.scalars(select(UnifiedJob).where(*mine)).first()
    if job is None:
        return None
    if (job.idempotency or {}).get("request") != _fingerprint(call, what):
        told = f"This Idempotency-Key was used for another request, which made {job.type}-{job.id}; use a new key."
        raise ApiError({"detail": told}, UNPROCESSABLE)
    return job


def remember(call: Call, job: UnifiedJob, what: str, ignored: Mapping[str, Any]) -> None:
    """Write down which request made a job, if it has a key."""
    key = key_of(call)
    if not key or call.user is None:
        return
    job.idempotency_key = key
    job.idempotency = {"request": _fingerprint(call, what), "ignored": dict(ignored)}
    try:
        call.session.flush()
    except IntegrityError:  # two at the same moment, where writers do not stand in line
        raise Conflict({"detail": "A request with this Idempotency-Key is being answered; ask again."}) from None


def _fingerprint(call: Call, what: str) -> str:
    body = json.dumps(call.data, sort_keys=True, default=str)
    # Keyed, for a body may hold passwords, which nobody shall find by trying.
    return hmac.digest(call.controller.secrets.signing_key, f"{what}\n{body}".encode(), hashlib.sha256).hex()
