# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential types: the built-in ones, and every no that AWX says to a credential or a type."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from holdfast.seeds.credential_types import (
    BY_NAMESPACE,
    KINDS,
    MANAGED,
    PemError,
    check_credential_type,
    check_inputs,
    check_metadata,
    check_private_key,
    is_environment_variable_allowed,
    missing_required,
    passwords_needed,
    sandbox,
)
from holdfast.seeds.errors import Invalid

_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(password: bytes = b"", form: str = "PKCS8") -> str:
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        hidden = serialization.BestAvailableEncryption(password)
    return _KEY.private_bytes(serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), hidden).decode()


def refusal(check: Any, *args: Any, **more: Any) -> dict[str, Any]:
    with pytest.raises(Invalid) as caught:
        check(*args, **more)
    return caught.value.body


def test_the_built_in_types_stand_in_the_order_of_their_ids() -> None:
    namespaces = [one.namespace for one in MANAGED]
    assert len(namespaces) == len(set(namespaces)) == 30
    assert namespaces[:5] == ["ssh", "scm", "vault", "net", "aws"]
    assert namespaces.index("galaxy_api_token") + 1 == 19
    assert all(one.kind in KINDS and one.managed for one in MANAGED)


def test_a_built_in_type_is_as_its_clients_know_it() -> None:
    assert BY_NAMESPACE["aws"].inputs["fields"][0] == {"id": "username", "label": "Access Key", "type": "string"}
    machine = BY_NAMESPACE["ssh"]
    assert machine.askable_fields == {"password", "ssh_key_unlock", "become_password"}
    assert "ssh_public_key_data" in machine.secret_fields and "username" not in machine.secret_fields
    assert BY_NAMESPACE["insights"].injectors["env"]["INSIGHTS_USER"] == "{{username}}"
    assert BY_NAMESPACE["openstack"].injectors == {}


def test_required_fields_name_fields_or_metadata() -> None:
    for one in MANAGED:
        known = {*one.defined_fields, *(field["id"] for field in one.inputs.get("metadata", ()))}
        assert set(one.inputs.get("required", ())) <= known, one.name


@pytest.mark.parametrize(
    ("namespace", "inputs", "said"),
    [
        ("ssh", {"foo": "bar"}, ["Additional properties are not allowed ('foo' was unexpected)"]),
        ("ssh", {"foo": 1, "bar": 2}, ["Additional properties are not allowed ('bar', 'foo' were unexpected)"]),
        ("ssh", ["a"], ["list provided, expected dict"]),
        ("ssh", {"username": 5}, {"username": ["5 is not of type 'string'"]}),
        ("net", {"authorize": "yes"}, {"authorize": ["'yes' is not of type 'boolean'"]}),
        (
            "net",
            {"authorize_password": "x"},
            {"authorize_password": ['cannot be set unless "Authorize" is set']},
        ),
        (
            "ssh",
            {"password": "$encrypted$"},
            ["$encrypted$ is a reserved keyword, and cannot be used for password."],
        ),
        ("vault", {"vault_id": "a@b"}, {"vault_id": ["@ is not an allowed character"]}),
        ("hashivault_kv", {"api_version": "v3"}, {"api_version": ["'v3' is not one of ['v1', 'v2']"]}),
        ("conjur", {"url": "vault"}, {"url": ["Invalid URL: Missing url scheme (http, https, etc.)"]}),
        ("conjur", {"url": "https://"}, {"url": ["Invalid URL: https://"]}),
        ("ssh", {"ssh_key_data": "hello"}, {"ssh_key_data": ["Invalid certificate or key: hello..."]}),
        (
            "ssh",
            {"ssh_key_data": pem(), "ssh_key_unlock": "x"},
            {"ssh_key_unlock": ["should not be set when SSH key is not encrypted."]},
        ),
        ("ssh", {"ssh_key_data": pem(b"x")}, {"ssh_key_unlock": ["must be set when SSH key is encrypted."]}),
    ],
)
def test_inputs_that_are_refused(namespace: str, inputs: Any, said: Any) -> None:
    assert refusal(check_inputs, BY_NAMESPACE[namespace], inputs) == {"inputs": said}


def test_inputs_that_are_taken() -> None:
    machine = BY_NAMESPACE["ssh"]
    assert check_inputs(machine, {"username": None, "password": "ASK"}) == {"username": "", "password": "ASK"}
    assert check_inputs(BY_NAMESPACE["hashivault_kv"], {"api_version": ""}) == {"api_version": "v1"}
    assert check_inputs(BY_NAMESPACE["net"], {"authorize": None, "authorize_password": "x"})["authorize"] is False
    assert check_inputs(BY_NAMESPACE["vault"], {}) == {}
    assert check_inputs(machine, {"ssh_key_data": pem(b"x"), "ssh_key_unlock": "ASK"})["ssh_key_unlock"] == "ASK"


def test_a_secret_given_back_as_shown_is_the_one_that_is_stored() -> None:
    machine = BY_NAMESPACE["ssh"]
    stored = {"ssh_key_data": pem(b"x"), "ssh_key_unlock": "x"}
    given = {"ssh_key_data": "$encrypted$", "ssh_key_unlock": "$encrypted$"}
    assert check_inputs(machine, given, stored=stored) == given
    assert refusal(check_inputs, machine, {"ssh_key_data": "$encrypted$"}, stored=stored) == {
        "inputs": {"ssh_key_unlock": ["must be set when SSH key is encrypted."]}
    }
    assert refusal(check_inputs, machine, {"password": 5}, stored=stored) == {
        "inputs": ["secret values must be of type string, not int"]
    }
    assert "reserved keyword" in refusal(check_inputs, machine, {"password": "$encrypted$"}, stored=stored)["inputs"][0]


def test_required_fields_are_missed_when_a_job_starts() -> None:
    assert missing_required(BY_NAMESPACE["openstack"], {"username": "u", "host": ""}) == ("host", "password", "project")
    assert missing_required(BY_NAMESPACE["hashivault_kv"], {"url": "https://v", "api_version": "v1"}) == ()


def test_what_whoever_launches_is_asked_for() -> None:
    machine, vault = BY_NAMESPACE["ssh"], BY_NAMESPACE["vault"]
    asked = {"become_password": "ASK", "password": "ASK", "ssh_key_data": pem(b"x"), "ssh_key_unlock": ""}
    assert passwords_needed(machine, asked) == ("ssh_password", "become_password", "ssh_key_unlock")
    assert passwords_needed(machine, {"ssh_key_data": pem(), "ssh_key_unlock": "ASK"}) == ()
    assert passwords_needed(vault, {"vault_password": "ASK", "vault_id": "v1"}) == ("vault_password.v1",)
    assert passwords_needed(vault, {"vault_password": "ASK"}) == ("vault_password",)
    assert passwords_needed(BY_NAMESPACE["net"], {"password": "ASK"}) == ()


def test_links_to_a_store() -> None:
    store = BY_NAMESPACE["hashivault_kv"]
    assert check_metadata(store, {"secret_path": "/a", "secret_key": "k"}) == {"secret_path": "/a", "secret_key": "k"}
    assert refusal(check_metadata, store, {"secret_key": "k"}) == {
        "metadata": {"secret_path": ["required for HashiCorp Vault Secret Lookup"]}
    }
    assert "'zz' was unexpected" in refusal(check_metadata, store, {"zz": 1})["metadata"][0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (pem(), [("rsa1", False)]),
        (pem(b"x"), [("rsa1", True)]),
        (pem(form="OpenSSH"), [("ed25519", False)]),
        (pem(form="TraditionalOpenSSL"), [("ecdsa", False)]),
        (pem(b"x", form="TraditionalOpenSSL"), [("ecdsa", True)]),
        (pem() + "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n", [("rsa1", False), ("", False)]),
        ("---- BEGIN RSA PRIVATE KEY ----\nComment: a\\\nb\nYWJj\n---- END RSA PRIVATE KEY ----", [("rsa", False)]),
    ],
)
def test_keys_that_are_read(text: str, expected: list[tuple[str, bool]]) -> None:
    assert [(one.key_type, one.is_encrypted) for one in check_private_key(text)] == expected


@pytest.mark.parametrize(
    ("label", "body", "said"),
    [
        ("FOO PRIVATE KEY", "YWJj", 'Invalid private key: unsupported type "FOO"'),
        ("PUBLIC KEY", "YWJj", 'Unsupported PEM object type: "PUBLIC KEY"'),
        ("CERTIFICATE", "YWJj", "At least one private key is required."),
        ("RSA PRIVATE KEY", "abc", "Invalid base64-encoded data"),
        ("RSA PRIVATE KEY", "", "Invalid base64-encoded data"),
    ],
)
def test_keys_that_are_none(label: str, body: str, said: str) -> None:
    with pytest.raises(PemError) as caught:
        check_private_key(f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    assert str(caught.value) == said


def test_a_key_that_ends_too_early_is_shown_in_part_only() -> None:
    with pytest.raises(PemError) as caught:
        check_private_key("-----BEGIN RSA PRIVATE KEY-----\n" + "A" * 500)
    assert str(caught.value).startswith("Invalid certificate or key: -----BEGIN RSA")
    assert len(str(caught.value)) < 140


FIELD = {"id": "a", "label": "A"}


def test_a_type_that_is_taken_gets_the_types_of_its_fields() -> None:
    inputs = {"fields": [FIELD], "required": ["a"]}
    kept, injectors = check_credential_type("cloud", inputs, {"env": {"X": "{{ a }}"}})
    assert kept == {"fields": [{**FIELD, "type": "string"}], "required": ["a"]}
    assert injectors == {"env": {"X": "{{ a }}"}}
    assert "type" not in FIELD


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([], "list provided, expected dict"),
        (
            {"foo": 1},
            "Schema validation error in relative path []"
            " (Additional properties are not allowed ('foo' was unexpected))",
        ),
        ({"fields": 5}, "int provided in relative path ['fields'], expected array"),
        ({"fields": [5]}, "int provided in relative path ['fields', 0], expected dict"),
        ({"required": [1]}, "int provided in relative path ['required', 0], expected string"),
        ({"dependencies": {}}, "'dependencies' is not supported for custom credentials."),
        ({"fields": [{"label": "A"}]}, "'id' is a required property"),
        ({"fields": [{**FIELD, "id": "1a"}]}, "1a is an invalid variable name"),
        ({"fields": [{**FIELD, "type": "int"}]}, "'int' is not one of ['string', 'boolean']"),
        ({"fields": [{**FIELD, "choices": ["a", "a"]}]}, "['a', 'a'] has non-unique elements"),
        ({"fields": [{**FIELD, "choices": []}]}, "[] should be non-empty"),
        ({"fields": [FIELD, FIELD]}, "field IDs must be unique (a)"),
        ({"fields": [{**FIELD, "id": "tower"}]}, '"tower" is a reserved field name'),
        ({"fields": [{**FIELD, "default": 5}]}, "5 is not a string"),
        ({"fields": [{**FIELD, "type": "boolean", "secret": True}]}, "secret not allowed for boolean type (a)"),
        ({"fields": [{**FIELD, "ask_at_runtime": True}]}, "'ask_at_runtime' is not supported for custom credentials."),
    ],
)
def test_inputs_of_a_type_that_are_refused(inputs: Any, said: str) -> None:
    assert refusal(check_credential_type, "cloud", inputs, {}) == {"inputs": [said]}


@pytest.mark.parametrize(
    ("injectors", "said"),
    [
        ({"env": {"X": "{{ nope }}"}}, "X uses an undefined field ('nope' is undefined)"),
        ({"env": 5}, "int provided in relative path ['env'], expected dict"),
        ({"env": {"X": 5}}, "int provided in relative path ['env', 'X'], expected string"),
        (
            {"env": {"1X": "a"}},
            "Schema validation error in relative path ['env']"
            " ('1X' does not match any of the regexes: '^[a-zA-Z_]+[a-zA-Z0-9_]*$')",
        ),
        ({"env": {"X": "é"}}, "'é' does not match '^[\\x00-\\x7f]*$'"),
        (
            {"env": {"ANSIBLE_CONFIG": "a"}},
            "Environment variable ANSIBLE_CONFIG may affect Ansible configuration so its use is not allowed in"
            " credentials.",
        ),
        ({"env": {"PATH": "a"}}, "Environment variable PATH is not allowed to be used in credentials."),
        ({"env": {"X": "{{ a "}}, "Syntax error rendering template for X inside of env"),
        ({"env": {"X": "{{ ''.__class__.__mro__ }}"}}, "Encountered unsafe code execution: access to attribute"),
        ({"env": {"X": "{{ tower }}"}}, "Cannot directly reference reserved `tower` namespace container."),
        ({"env": {"X": "{{ tower.filename }}"}}, "Must define unnamed file injector in order to reference"),
        (
            {"file": {"template": "a", "template.b": "b"}},
            "Must use multi-file syntax when injecting multiple files",
        ),
        ({"extra_vars": {"x": {"y": ["{{ nope }}"]}}}, "x.y[0] uses an undefined field ('nope' is undefined)"),
        ({"extra_vars": {"x": 5}}, "5 is not valid under any of the given schemas"),
        ({"extra_vars": {"x": [5]}}, "expected text, not int"),
    ],
)
def test_injectors_that_are_refused(injectors: Any, said: str) -> None:
    body = refusal(check_credential_type, "cloud", {"fields": [FIELD]}, injectors)
    assert list(body) == ["injectors"] and len(body["injectors"]) == 1
    assert said in body["injectors"][0]


def test_injectors_with_files() -> None:
    named = {"file": {"template.crt": "{{ a }}"}, "env": {"X": "{{ tower.filename.crt }}"}}
    assert check_credential_type("net", {"fields": [FIELD]}, named)[1] == named
    one = {"file": {"template": "{{ a }}"}, "env": {"X": "{{ tower.filename }}"}}
    assert check_credential_type("net", {"fields": [FIELD]}, one)[1] == one


def test_both_halves_of_a_type_are_judged_but_templates_only_by_fields_in_order() -> None:
    body = refusal(check_credential_type, "cloud", {"fields": [{"id": "a"}]}, {"foo": 1})
    assert set(body) == {"inputs", "injectors"}
    body = refusal(check_credential_type, "cloud", {"fields": [{"id": "a"}]}, {"env": {"X": "{{ nope }}"}})
    assert set(body) == {"inputs"}


def test_people_make_types_of_two_kinds_only() -> None:
    assert refusal(check_credential_type, "ssh", {}, {}) == {"kind": ["Must be 'cloud' or 'net', not ssh"]}


def test_a_credential_cannot_hide_a_play_from_its_watcher() -> None:
    assert not is_environment_variable_allowed("HOLDFAST_RUN")
    assert not is_environment_variable_allowed("HOLDFAST_STORE")
    assert is_environment_variable_allowed("AWS_REGION")


def test_a_credential_may_say_which_controller_a_job_asks_for_breakers() -> None:
    assert is_environment_variable_allowed("HOLDFAST_BREAKERS_URL")
    assert is_environment_variable_allowed("HOLDFAST_BREAKERS_TOKEN")


@pytest.mark.parametrize("template", ["{{ 9 ** 9 ** 9 }}", "{{ 'a' * 10 ** 9 }}", "{{ '%099999999d' % 1 }}"])
def test_a_template_cannot_take_all_memory(template: str) -> None:
    with pytest.raises(Exception, match=r"too large|not allowed"):
        sandbox().from_string(template).render()


def test_the_sandbox_leaves_ordinary_arithmetic_alone() -> None:
    assert sandbox().from_string("{{ 2 ** 10 }} {{ 7 % 4 }} {{ 'ab' * 2 }} {{ nothing }}").render() == "1024 3 abab "
