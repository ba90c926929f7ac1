# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credential types of AWX that inject without injectors of their own: what modules of each cloud read.

``VARIABLES`` holds those that are a mere copy of fields into variables; the others are functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from holdfast.jobs.credentials import CredentialValue

WriteFile = Callable[[str], str]
"""Writes a private file and returns its path."""
Environment = dict[str, str]

VARIABLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "aws": (("AWS_ACCESS_KEY_ID", "username"), ("AWS_SECRET_ACCESS_KEY", "password")),
    "vmware": (("VMWARE_USER", "username"), ("VMWARE_PASSWORD", "password"), ("VMWARE_HOST", "host")),
    "azure_rm": (("AZURE_SUBSCRIPTION_ID", "subscription"),),
    "kubernetes_bearer_token": (("K8S_AUTH_HOST", "host"), ("K8S_AUTH_API_KEY", "bearer_token")),
}


def variables(credential: CredentialValue, write: WriteFile, inventory_update: bool) -> Environment:
    """The variables of the environment that a managed credential without injectors sets; {} for most types.

    ``inventory_update``: the job reads an inventory source, where some names would mean something else.
    """
    env = {name: credential.text(source) for name, source in VARIABLES.get(credential.namespace, ())}
    more = _MORE.get(credential.namespace)
    if more is not None:
        more(credential, env, write)
    if inventory_update:
        for name in ("GCE_EMAIL", "GCE_PROJECT"):
            env.pop(name, None)
    return env


def galaxy_servers(credentials: Iterable[CredentialValue]) -> Environment:
    """The variables by which ``ansible-galaxy`` knows an organization's servers, in their order; {} for none."""
    env: Environment = {}
    names = []
    for number, credential in enumerate(credentials):
        names.append(f"server{number}")
        for setting, source in (("URL", "url"), ("TOKEN", "token"), ("AUTH_URL", "auth_url")):
            if credential.has(source):
                env[f"ANSIBLE_GALAXY_SERVER_SERVER{number}_{setting}"] = credential.text(source)
    return {**env, "ANSIBLE_GALAXY_SERVER_LIST": ",".join(names)} if names else env


def _aws(credential: CredentialValue, env: Environment, _write: WriteFile) -> None:
    if credential.has("security_token"):
        env["AWS_SECURITY_TOKEN"] = env["AWS_SESSION_TOKEN"] = credential.text("security_token")


def _vmware(_credential: CredentialValue, env: Environment, _write: WriteFile) -> None:
    env["VMWARE_VALIDATE_CERTS"] = "False"


def _azure_rm(credential: CredentialValue, env: Environment, _write: WriteFile) -> None:
    client, tenant = credential.text("client"), credential.text("tenant")
    if client and tenant:
        env.update(AZURE_CLIENT_ID=client, AZURE_TENANT=tenant, AZURE_SECRET=credential.text("secret"))
    else:
        env.update(AZURE_AD_USER=credential.text("username"), AZURE_PASSWORD=credential.text("password"))
    if credential.has("cloud_environment"):
        env["AZURE_CLOUD_ENVIRONMENT"] = credential.text("cloud_environment")


def _gce(credential: CredentialValue, env: Environment, write: WriteFile) -> None:
    project, email = credential.text("project"), credential.text("username")
    account = {
        "type": "service_account",
        "private_key": credential.text("ssh_key_data"),
        "client_email": email,
        "project_id": project,
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path = write(json.dumps(account, indent=2))
    env.update(GCE_EMAIL=email, GCE_PROJECT=project, GCP_PROJECT=project)
    env.update(GCP_AUTH_KIND="serviceaccount", GCP_ENV_TYPE="tower")
    env.update(GCE_CREDENTIALS_FILE_PATH=path, GCP_SERVICE_ACCOUNT_FILE=path, GOOGLE_APPLICATION_CREDENTIALS=path)


def _openstack(credential: CredentialValue, env: Environment, write: WriteFile) -> None:
    names = {"auth_url": "host", "username": "username", "password": "password", "project_name": "project"}
    auth: dict[str, Any] = {name: credential.text(source) for name, source in names.items()}
    for name, source in (("project_domain_name", "project_domain_name"), ("domain_name", "domain")):
        if credential.has(source):
            auth[name] = credential.text(source)
    cloud: dict[str, Any] = {"auth": auth, "verify": credential.get("verify_ssl", True)}
    if credential.has("region"):
        cloud["region_name"] = credential.text("region")
    clouds = {"clouds": {"devstack": cloud}}
    env["OS_CLIENT_CONFIG_FILE"] = write(yaml.safe_dump(clouds, default_flow_style=False, allow_unicode=True))


def _kubernetes_bearer_token(credential: CredentialValue, env: Environment, write: WriteFile) -> None:
    verify = bool(credential.get("verify_ssl")) and "ssl_ca_cert" in credential.inputs
    env["K8S_AUTH_VERIFY_SSL"] = str(verify)
    if verify:
        env["K8S_AUTH_SSL_CA_CERT"] = write(credential.text("ssl_ca_cert"))


def _terraform(credential: CredentialValue, env: Environment, write: WriteFile) -> None:
    env["TF_BACKEND_CONFIG_FILE"] = write(credential.text("configuration"))
    if "gce_credentials" in credential.inputs:
        env["GOOGLE_BACKEND_CREDENTIALS"] = write(credential.text("gce_credentials"))


_MORE: Mapping[str, Callable[[CredentialValue, Environment, WriteFile], None]] = {
    "aws": _aws,
    "vmware": _vmware,
    "azure_rm": _azure_rm,
    "gce": _gce,
    "openstack": _openstack,
    "kubernetes_bearer_token": _kubernetes_bearer_token,
    "terraform": _terraform,
}
