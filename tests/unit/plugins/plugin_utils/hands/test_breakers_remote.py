# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose breakers are used, by the environment alone. That they are the controller's is tested with the controller."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import breakers, breakers_remote, breakers_store
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_remote import server
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.controller_api import ControllerApi, Server

URL = "https://controller.example.com:8052"
AWX = {"CONTROLLER_HOST": URL, "CONTROLLER_OAUTH_TOKEN": "of-awx"}


def named(url: str = URL, **more: str) -> Server | None:
    return server({"HOLDFAST_BREAKERS_URL": url, **more})


def test_only_its_own_variable_leads_to_a_controller(tmp_path: Path) -> None:
    """Whoever uses AWX's clients has its variables set, and has not said that breakers lie there."""
    home = {"HOLDFAST_HOME": str(tmp_path)}
    for environ in (home, {**home, **AWX}, {**home, **AWX, "HOLDFAST_BREAKERS_URL": " "}):
        found = breakers.used(environ=environ)
        assert isinstance(found, breakers_store.Breakers) and found.store == tmp_path
    assert isinstance(breakers.used(tmp_path / "runs", home), breakers_store.Breakers)
    assert breakers.used(tmp_path / "runs", home).place == str(tmp_path / "runs" / "breakers.db")
    for store in (None, tmp_path):
        found = breakers.used(store, {**home, **AWX, "HOLDFAST_BREAKERS_URL": URL})
        assert isinstance(found, breakers_remote.Breakers) and found.place == f"the controller {URL}"


def test_its_own_token_comes_first_and_that_of_awx_only_for_the_same_address() -> None:
    assert named(HOLDFAST_BREAKERS_TOKEN=" own\n", **AWX) == Server(URL, "own")
    assert named(**AWX) == Server(URL, "of-awx")
    assert named(**{**AWX, "CONTROLLER_HOST": "controller.example.com:8052"}) == Server(URL, "of-awx")
    assert named("https://controller.example.com", **{**AWX, "CONTROLLER_HOST": "https://controller.example.com:443/"})
    for other in (
        "https://awx.example.com",
        "http://controller.example.com:8052",
        "https://controller.example.com",
        "",
    ):
        with pytest.raises(HoldfastError, match=r"needs a token .*HOLDFAST_BREAKERS_TOKEN, or CONTROLLER_OAUTH_TOKEN"):
            named(**{**AWX, "CONTROLLER_HOST": other})


def test_certificates_are_checked_unless_the_same_controller_is_said_not_to_need_it() -> None:
    assert named(**AWX, CONTROLLER_VERIFY_SSL="false") == Server(URL, "of-awx", False)
    assert named(**AWX, CONTROLLER_VERIFY_SSL="True") == named(**AWX) == Server(URL, "of-awx", True)
    other = {"CONTROLLER_HOST": "https://awx.example.com", "CONTROLLER_VERIFY_SSL": "false"}
    assert named(HOLDFAST_BREAKERS_TOKEN="t", **other) == Server(URL, "t", True)
    with pytest.raises(HoldfastError, match="CONTROLLER_VERIFY_SSL=maybe says neither"):
        named(**AWX, CONTROLLER_VERIFY_SSL="maybe")


@pytest.mark.parametrize(
    "url",
    [
        "controller.example.com", "file:///etc/passwd", "https://", "https://h:0", "https://h:99999", "https://h/?a=b",
        "https://h/#x", "https://h/ x", "https://h\n.example.com", "https://[::1", "https://ü.example.com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(HoldfastError, match="must be the address of a controller, such as https://"):
        named(url, HOLDFAST_BREAKERS_TOKEN="t")


def test_an_address_may_have_a_path_and_no_password() -> None:
    assert named("http://[::1]:8052/tower/", HOLDFAST_BREAKERS_TOKEN="t") == Server("http://[::1]:8052/tower", "t")
    with pytest.raises(HoldfastError, match="neither user nor password") as caught:
        named("https://bob:s3cret@controller.example.com", HOLDFAST_BREAKERS_TOKEN="t")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("token", ["two words", "tökén", "line\nline"])
def test_what_is_no_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(HoldfastError, match="a token is one word of plain letters") as caught:
        named(HOLDFAST_BREAKERS_TOKEN=token)
    assert token not in str(caught.value)


def test_a_token_is_shown_nowhere() -> None:
    found = named(HOLDFAST_BREAKERS_TOKEN="s3cret")
    assert found is not None
    assert breakers.secrets({"HOLDFAST_BREAKERS_URL": URL, "HOLDFAST_BREAKERS_TOKEN": "s3cret"}) == ["s3cret"]
    assert breakers.secrets({**AWX, "HOLDFAST_BREAKERS_URL": URL}) == ["of-awx"]
    assert breakers.secrets(AWX) == [], "nothing of it is used"
    assert "s3cret" not in f"{found!r} {found} {ControllerApi(found)!r} {ControllerApi(found).problem('/', 'x')}"
