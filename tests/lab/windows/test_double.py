# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double itself: what it refuses, how it is signed in to, and that it moves files."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from . import envelope
from .conftest import Stage
from .machine import Machine, Update
from .outcome import NotModelled
from .running import Double
from .updating import why_filtered

PING = {"name": "ping", "ansible.windows.win_ping": {}}


def test_what_is_not_modelled_fails_loudly_and_by_name(stage: Stage) -> None:
    cases: dict[str, dict[str, Any]] = {
        "the module ansible.windows.win_reg_stat": {"ansible.windows.win_reg_stat": {"path": "HKLM:\\SOFTWARE"}},
        "the script 'Get-Date'": {"ansible.windows.win_powershell": {"script": "Get-Date"}},
        "the option 'username' of the module": {"ansible.windows.win_service": {"name": "Spooler", "username": "x"}},
        "the script 'Get-Service'": {"ansible.windows.win_shell": "Get-Service"},
        "the script 'hostname'": {"ansible.builtin.raw": "hostname"},
        "the wrapper become_wrapper.ps1": {
            "ansible.windows.win_ping": {}, "become": True, "become_method": "runas", "become_user": "SYSTEM",
        },
    }  # fmt: skip
    played = stage.play(*({"name": name, **task, "ignore_errors": True} for name, task in cases.items()))
    for name, result in played.results:
        assert result["failed"], name
        assert result["rc"] == 125, name
        assert f"windows double: not modelled: {name}" in json.dumps(result), result


def test_an_option_that_the_real_module_does_not_have_is_refused_as_there(stage: Stage) -> None:
    played = stage.play({"name": "wrong", "ansible.windows.win_service": {"name": "Spooler", "bogus": 1}})
    assert "Unsupported parameters for (ansible.windows.win_service) module: bogus" in played.last["msg"]


@pytest.mark.slow
def test_ntlm_signs_in_and_encrypts(stage: Stage) -> None:
    assert stage.play(PING, transport="ntlm").last["ping"] == "pong"


@pytest.mark.slow
def test_https_with_a_certificate_that_is_trusted_and_not_without(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    make += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    with Double(tmp_path, certificate=(certificate, key)) as double:
        stage = Stage(double, tmp_path)
        assert stage.play(PING, ansible_winrm_ca_trust_path=str(certificate)).last["ping"] == "pong"
        assert stage.play(PING).counts["unreachable"] == 1


@pytest.mark.slow
def test_a_wrong_password_is_unreachable(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDOWS_DOUBLE_PASSWORD", "wrong")
    for transport in ("basic", "ntlm"):
        played = stage.play(PING, transport=transport)
        assert played.counts["unreachable"] == 1
        assert "credentials were rejected" in played.last["msg"]


@pytest.mark.slow
def test_a_service_is_stopped_once_and_not_in_check_mode(stage: Stage) -> None:
    stop = {"name": "stop", "ansible.windows.win_service": {"name": "W3SVC", "state": "stopped"}}
    info = {"name": "info", "ansible.windows.win_service_info": {"name": "W3SVC"}}
    played = stage.play({**stop, "check_mode": True}, info, stop, stop, info)
    assert [result["changed"] for _name, result in played.results] == [True, False, True, False, False]
    assert [result["services"][0]["state"] for name, result in played.results if name == "info"] == [
        "started",
        "stopped",
    ]


def test_files_get_there_and_back(stage: Stage, tmp_path: Path) -> None:
    """With the real connection plugin; 300,000 bytes are two parts on the way in and one on the way back."""
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.write_bytes(bytes(range(256)) * 1200)
    connection = connection_loader.get("winrm", PlayContext(), "/dev/null")
    variables = stage.double.variables()
    connection.set_options(
        var_options={"_extras": {}},
        direct={
            "remote_addr": variables["ansible_host"],
            "port": variables["ansible_port"],
            "remote_user": variables["ansible_user"],
            "remote_password": variables["ansible_password"],
            "scheme": "http",
            "transport": ["basic"],
        },
    )
    connection.put_file(str(sent), "C:\\Temp\\x.bin")
    connection.fetch_file("C:\\Temp\\x.bin", str(back))
    connection.close()
    assert back.read_bytes() == sent.read_bytes()
    assert stage.control.state()["files"] == {"C:\\Temp\\x.bin": 307200}


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        ({}, []),
        ({"category_names": ["Security Updates"]}, []),
        ({"category_names": ["UpdateRollups"]}, ["category_names"]),
        ({"category_names": "*", "reject_list": ["KB1"]}, ["reject_list"]),
        ({"accept_list": ["\\d{4}-02 cumulative"]}, []),
        ({"accept_list": ["KB2"], "skip_optional": True}, ["accept_list", "skip_optional"]),
    ],
)
def test_updates_are_chosen_as_the_real_module_chooses(options: dict[str, Any], reasons: list[str]) -> None:
    update = Update("KB1", "2026-02 Cumulative Update", ["Security Updates"], optional=True)
    assert why_filtered(update, options) == reasons


def test_the_envelope_of_core_2_16_is_read() -> None:
    body = {
        "module_args": {"data": "x", "_ansible_module_name": "ansible.windows.win_ping", "_ansible_check_mode": True},
        "module_entry": base64.b64encode(b"#!powershell").decode(),
        "actions": ["module_powershell_wrapper"],
    }
    stdin = b"wrapper\n\n\0\0\0\0" + json.dumps(body).encode()
    request = envelope.read("powershell -EncodedCommand " + base64.b64encode("x".encode("utf-16-le")).decode(), stdin)
    assert isinstance(request, envelope.ModuleCall)
    assert (request.name, request.options, request.check) == ("ansible.windows.win_ping", {"data": "x"}, True)
    with pytest.raises(NotModelled, match="the wrapper async_wrapper"):
        envelope.read("", stdin.replace(b'["module', b'["async_wrapper", "module'))


def test_a_fault_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault 'never_return'; there are never_returns"):
        Machine().give({"never_return": True})
