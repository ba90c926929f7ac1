# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of AWX's own types: arguments, variables, files, and that no secret is where it can be read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from holdfast.jobs.cloud import galaxy_servers
from holdfast.jobs.credentials import CredentialValue, Injection, safe_environment
from holdfast.jobs.injectors import inject

SECRET = ("password", "ssh_key_data", "ssh_key_unlock", "become_password", "vault_password", "authorize_password",
          "security_token", "secret", "token", "bearer_token", "ssl_ca_cert", "configuration", "gce_credentials",
          "ssh_public_key_data", "oauth_token")  # fmt: skip


def credential(kind: str, inputs: dict[str, Any], namespace: str = "", **more: Any) -> CredentialValue:
    fields = [{"id": name, "secret": name in SECRET, "type": "string"} for name in inputs]
    return CredentialValue(
        kind, f"Type {namespace or kind}", inputs, more.pop("managed", True), namespace or kind, fields, **more
    )


def files_of(folder: Path) -> dict[str, str]:
    """All files of an injection, and that only their owner can read them."""
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    return {str(path): path.read_text() for path in folder.iterdir()}


def argument(found: Injection, flag: str) -> str:
    return found.arguments[found.arguments.index(flag) + 1]


def test_no_credentials_mean_awxs_user(tmp_path: Path) -> None:
    assert inject([], tmp_path / "c") == Injection(arguments=("-u", "root"))


def test_machine(tmp_path: Path) -> None:
    inputs = {
        "username": "deploy",
        "password": "pw one",
        "become_method": "su",
        "become_username": "boss",
        "become_password": "pw two",
        "ssh_key_data": "KEY",
        "ssh_key_unlock": "unl0ck",
        "ssh_public_key_data": "CERT",
    }
    found = inject([credential("ssh", inputs)], tmp_path / "c")
    files = files_of(tmp_path / "c")
    assert found.arguments[:2] == ("-u", "deploy")
    assert files[argument(found, "--connection-password-file")] == "pw one"
    assert files[argument(found, "--become-password-file")] == "pw two"
    assert (argument(found, "--become-method"), argument(found, "--become-user")) == ("su", "boss")
    assert found.passwords == {"ssh_password": "pw one", "become_password": "pw two", "ssh_key_unlock": "unl0ck"}
    assert [(key.text, key.passphrase, key.certificate) for key in found.keys] == [("KEY", "unl0ck", "CERT")]
    assert (found.env, found.extra_vars) == ({}, {})
    assert set(found.secrets) == {"pw one", "pw two", "KEY", "unl0ck", "CERT"}
    assert not any(secret in " ".join(found.arguments) for secret in found.secrets)
    assert len(files) == 2


def test_passwords_that_were_not_asked_for_are_not_typed(tmp_path: Path) -> None:
    inputs = {"username": "", "password": "ASK", "become_password": ""}
    assert inject([credential("ssh", inputs)], tmp_path / "c") == Injection(arguments=("-u", "root"))


@pytest.mark.parametrize("field", ["username", "become_method", "become_username"])
def test_arguments_are_no_templates(tmp_path: Path, field: str) -> None:
    with pytest.raises(HoldfastError, match=f"Type ssh, field {field}: Inline Jinja variables are not allowed"):
        inject([credential("ssh", {field: "x{{ lookup('pipe', 'id') }}"})], tmp_path / "c")


def test_several_vaults(tmp_path: Path) -> None:
    vaults = [
        credential("vault", {"vault_password": "one"}),
        credential("vault", {"vault_password": "two", "vault_id": "prod"}),
        credential("vault", {"vault_password": "three", "vault_id": "a.b"}),
    ]
    found = inject(vaults, tmp_path / "c")
    files = files_of(tmp_path / "c")
    labels = [
        text.split("@")
        for flag, text in zip(found.arguments, found.arguments[1:], strict=False)
        if flag == "--vault-id"
    ]
    assert [(label, files[path]) for label, path in labels] == [("default", "one"), ("prod", "two"), ("a.b", "three")]
    assert list(found.passwords) == ["vault_password", "vault_password.prod", "vault_password.a.b"]


def test_two_vaults_with_one_id_are_refused(tmp_path: Path) -> None:
    vault = credential("vault", {"vault_password": "x", "vault_id": "prod"})
    with pytest.raises(HoldfastError, match="multiple vault credentials were specified with --vault-id prod@prompt"):
        inject([vault, vault], tmp_path / "c")


def test_network(tmp_path: Path) -> None:
    inputs = {"username": "net", "password": "pw", "ssh_key_data": "KEY", "authorize": True, "authorize_password": "en"}
    found = inject([credential("net", inputs)], tmp_path / "c")
    path = found.env["ANSIBLE_NET_SSH_KEYFILE"]
    assert files_of(tmp_path / "c") == {path: "KEY\n"}
    assert found.env == {
        "ANSIBLE_NET_USERNAME": "net",
        "ANSIBLE_NET_PASSWORD": "pw",
        "ANSIBLE_NET_AUTHORIZE": "1",
        "ANSIBLE_NET_AUTH_PASS": "en",
        "ANSIBLE_NET_SSH_KEYFILE": path,
    }
    hidden = {"ANSIBLE_NET_PASSWORD", "ANSIBLE_NET_AUTH_PASS", "ANSIBLE_NET_SSH_KEYFILE"}
    assert {name for name, value in found.safe_env.items() if value == "**********"} == hidden
    assert found.arguments == ("-u", "root")


def test_network_without_authorize(tmp_path: Path) -> None:
    found = inject([credential("net", {"username": "net"})], tmp_path / "c")
    assert found.env["ANSIBLE_NET_AUTHORIZE"] == "0"
    assert "ANSIBLE_NET_AUTH_PASS" not in found.env


def test_source_control_answers_git(tmp_path: Path) -> None:
    found = inject([credential("scm", {"username": "ann", "password": "it's $HOME"})], tmp_path / "with 'quote'")
    program = found.env["GIT_ASKPASS"]
    for prompt, answer in (("Username for 'https://x': ", "ann"), ("Password for 'https://ann@x': ", "it's $HOME")):
        assert subprocess.run([program, prompt], capture_output=True, text=True, check=True).stdout == answer
    assert found.passwords == {"scm_username": "ann", "scm_password": "it's $HOME"}
    assert "it's" not in Path(program).read_text()


CLOUDS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("aws", {"username": "id", "password": "k"}, {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "k"}),
    (
        "aws",
        {"username": "id", "password": "k", "security_token": "t"},
        {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "k", "AWS_SECURITY_TOKEN": "t", "AWS_SESSION_TOKEN": "t"},
    ),
    (
        "vmware",
        {"username": "u", "password": "p", "host": "h"},
        {"VMWARE_USER": "u", "VMWARE_PASSWORD": "p", "VMWARE_HOST": "h", "VMWARE_VALIDATE_CERTS": "False"},
    ),
    (
        "azure_rm",
        {"subscription": "s", "client": "c", "tenant": "t", "secret": "x", "username": "u", "password": "p"},
        {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_CLIENT_ID": "c", "AZURE_TENANT": "t", "AZURE_SECRET": "x"},
    ),
    (
        "azure_rm",
        {"subscription": "s", "client": "c", "username": "u", "password": "p", "cloud_environment": "e"},
        {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_AD_USER": "u", "AZURE_PASSWORD": "p", "AZURE_CLOUD_ENVIRONMENT": "e"},
    ),
    (
        "kubernetes_bearer_token",
        {"host": "h", "bearer_token": "t", "verify_ssl": False, "ssl_ca_cert": "c"},
        {"K8S_AUTH_HOST": "h", "K8S_AUTH_API_KEY": "t", "K8S_AUTH_VERIFY_SSL": "False"},
    ),
    ("github_token", {"token": "t"}, {}),
    ("satellite6", {"host": "h", "username": "u", "password": "p"}, {}),
    ("galaxy_api_token", {"url": "h", "token": "t"}, {}),
]


@pytest.mark.parametrize(("namespace", "inputs", "env"), CLOUDS, ids=[row[0] for row in CLOUDS])
def test_clouds(tmp_path: Path, namespace: str, inputs: dict[str, Any], env: dict[str, str]) -> None:
    found = inject([credential("cloud", inputs, namespace)], tmp_path / "c")
    assert found.env == env
    assert found.safe_env == safe_environment(env)
    assert inject([credential("cloud", inputs, namespace, managed=False)], tmp_path / "d").env == {}


def test_galaxy_servers_in_their_order() -> None:
    public = credential("galaxy", {"url": "https://galaxy", "auth_url": "", "token": ""}, "galaxy_api_token")
    hub = credential("galaxy", {"url": "https://hub", "auth_url": "https://sso", "token": "t"}, "galaxy_api_token")
    assert galaxy_servers([public, hub]) == {
        "ANSIBLE_GALAXY_SERVER_LIST": "server0,server1",
        "ANSIBLE_GALAXY_SERVER_SERVER0_URL": "https://galaxy",
        "ANSIBLE_GALAXY_SERVER_SERVER1_URL": "https://hub",
        "ANSIBLE_GALAXY_SERVER_SERVER1_TOKEN": "t",
        "ANSIBLE_GALAXY_SERVER_SERVER1_AUTH_URL": "https://sso",
    }
    assert galaxy_servers([]) == {}


def test_google(tmp_path: Path) -> None:
    google = credential("cloud", {"username": "me@x", "project": "p", "ssh_key_data": "KEY"}, "gce")
    env = dict(inject([google], tmp_path / "c").env)
    path = env.pop("GOOGLE_APPLICATION_CREDENTIALS")
    assert env.pop("GCE_CREDENTIALS_FILE_PATH") == env.pop("GCP_SERVICE_ACCOUNT_FILE") == path
    assert json.loads(files_of(tmp_path / "c")[path]) == {
        "type": "service_account",
        "private_key": "KEY",
        "client_email": "me@x",
        "project_id": "p",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    same = {"GCP_PROJECT": "p", "GCP_AUTH_KIND": "serviceaccount", "GCP_ENV_TYPE": "tower"}
    assert env == {**same, "GCE_EMAIL": "me@x", "GCE_PROJECT": "p"}
    assert "GCE_EMAIL" not in inject([google], tmp_path / "d", inventory_update=True).env


def test_openstack(tmp_path: Path) -> None:
    inputs = {"username": "u", "password": "p", "host": "h", "project": "j", "domain": "d", "region": "r"}
    env = inject([credential("cloud", inputs, "openstack")], tmp_path / "c").env
    assert yaml.safe_load(files_of(tmp_path / "c")[env["OS_CLIENT_CONFIG_FILE"]]) == {
        "clouds": {
            "devstack": {
                "auth": {"auth_url": "h", "username": "u", "password": "p", "project_name": "j", "domain_name": "d"},
                "verify": True,
                "region_name": "r",
            }
        }
    }


def test_kubernetes_with_a_certificate(tmp_path: Path) -> None:
    inputs = {"host": "h", "bearer_token": "t", "verify_ssl": True, "ssl_ca_cert": "CA"}
    env = inject([credential("kubernetes", inputs, "kubernetes_bearer_token")], tmp_path / "c").env
    assert env["K8S_AUTH_VERIFY_SSL"] == "True"
    assert files_of(tmp_path / "c") == {env["K8S_AUTH_SSL_CA_CERT"]: "CA"}


def test_terraform(tmp_path: Path) -> None:
    inputs = {"configuration": "conf", "gce_credentials": "{}"}
    env = inject([credential("cloud", inputs, "terraform")], tmp_path / "c").env
    files = files_of(tmp_path / "c")
    assert files[env["TF_BACKEND_CONFIG_FILE"]] == "conf"
    assert files[env["GOOGLE_BACKEND_CREDENTIALS"]] == "{}"


def test_what_is_shown_of_an_environment() -> None:
    shown = {
        "AWS_ACCESS_KEY_ID": "id",
        "ANSIBLE_SSH_PASS": "shown, as AWX does",
        "PATH": "/bin",
        "PROXY": "http://proxy:3128",
    }
    hidden = (
        "MY_TOKEN",
        "api_url",
        "SECRET",
        "X_KEY",
        "PASSPORT",
        "ANSIBLE_NET_PASSWORD",
        "ANSIBLE_GALAXY_SERVER_X_TOKEN",
    )
    found = safe_environment({**shown, **dict.fromkeys(hidden, "x"), "PROXY_2": "http://ann:pw@proxy:3128/"})
    assert found == {**shown, **dict.fromkeys(hidden, "**********"), "PROXY_2": "**********"}
