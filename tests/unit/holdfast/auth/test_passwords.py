# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from holdfast.auth import passwords
from holdfast.auth.passwords import Known


def test_only_the_right_password_is_right():
    kept = passwords.make("secret")
    assert passwords.verify("secret", kept)
    assert not passwords.verify("Secret", kept)
    assert not passwords.verify("", kept)
    assert kept.startswith("$argon2id$") and "secret" not in kept


@pytest.mark.parametrize("kept", ["", "!", "secret", "$argon2id$broken", pytest.param(passwords.NOBODY, id="nobody")])
def test_without_a_password_there_is_no_way_in(kept):
    assert not passwords.verify("secret", kept)
    assert not passwords.verify("", kept)


def test_a_monstrous_password_is_not_even_hashed(monkeypatch):
    monkeypatch.setattr(passwords, "_HASHER", None)
    assert not passwords.verify("x" * (passwords.LONGEST + 1), "anything")


def test_what_was_good_is_known_for_this_very_hash_and_for_a_while(monkeypatch):
    known = Known()
    kept = passwords.make("secret")
    assert not known.check("secret", kept)
    assert known.verify("secret", kept)
    assert known.check("secret", kept)
    assert not known.check("other", kept)
    assert not known.check("secret", passwords.make("secret"))
    moment = passwords.time.monotonic() + passwords.REMEMBERED + 1
    monkeypatch.setattr(passwords.time, "monotonic", lambda: moment)
    assert not known.check("secret", kept)


def test_what_is_known_does_not_hold_the_password():
    known = Known()
    known.verify("a very secret password", passwords.make("a very secret password"))
    assert "very secret" not in repr(known.__dict__)


def test_a_lone_surrogate_is_wrong_and_no_error():
    kept = passwords.make("secret")
    assert not Known().check("\udc80", kept)
    assert not passwords.verify("\udc80", kept)
