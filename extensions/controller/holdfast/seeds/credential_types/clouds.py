# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Built-in credential types for clouds and for the services that run things."""

from __future__ import annotations

from holdfast.seeds.credential_types.model import CredentialType, Field, flag, secret, ssh_key, text

_USERNAME = text("username", "Username")
_PASSWORD = secret("password", "Password")


def _host_and_login(name: str, namespace: str, host: Field) -> CredentialType:
    return CredentialType(
        name=name,
        kind="cloud",
        namespace=namespace,
        inputs={"fields": [host, _USERNAME, _PASSWORD], "required": ["host", "username", "password"]},
    )


AWS = CredentialType(
    name="Amazon Web Services",
    kind="cloud",
    namespace="aws",
    inputs={
        "fields": [
            text("username", "Access Key"),
            secret("password", "Secret Key"),
            secret("security_token", "STS Token", "The session token that belongs to temporary keys."),
        ],
        "required": ["username", "password"],
    },
)

OPENSTACK = CredentialType(
    name="OpenStack",
    kind="cloud",
    namespace="openstack",
    inputs={
        "fields": [
            _USERNAME,
            secret("password", "Password (API Key)"),
            text("host", "Host (Authentication URL)", "Where to log in, as https://cloud.example.com:5000/v3."),
            text("project", "Project (Tenant Name)"),
            text("project_domain_name", "Project (Domain Name)"),
            text("domain", "Domain Name", "The domain of the user; Keystone v3 asks for it."),
            text("region", "Region Name", "Only for clouds that have several."),
            flag("verify_ssl", "Verify SSL", default=True),
        ],
        "required": ["username", "password", "host", "project"],
    },
)

VMWARE = _host_and_login(
    "VMware vCenter", "vmware", text("host", "VCenter Host", "The name or address of the vCenter.")
)

SATELLITE = _host_and_login(
    "Red Hat Satellite 6", "satellite6", text("host", "Satellite 6 URL", "As https://satellite.example.com.")
)

GCE = CredentialType(
    name="Google Compute Engine",
    kind="cloud",
    namespace="gce",
    inputs={
        "fields": [
            text("username", "Service Account Email Address", "The address that names the service account."),
            text("project", "Project", "The id of the project, as quiet-river-123."),
            ssh_key("ssh_key_data", "RSA Private Key", "The private key of the service account, in PEM."),
        ],
        "required": ["username", "ssh_key_data"],
    },
)

AZURE = CredentialType(
    name="Microsoft Azure Resource Manager",
    kind="cloud",
    namespace="azure_rm",
    inputs={
        "fields": [
            text("subscription", "Subscription ID", "The subscription to work in."),
            _USERNAME,
            _PASSWORD,
            text("client", "Client ID"),
            secret("secret", "Client Secret"),
            text("tenant", "Tenant ID"),
            text("cloud_environment", "Azure Cloud Environment", "For clouds other than the public one."),
        ],
        "required": ["subscription"],
    },
)

INSIGHTS = CredentialType(
    name="Insights",
    kind="insights",
    namespace="insights",
    inputs={"fields": [_USERNAME, _PASSWORD], "required": ["username", "password"]},
    injectors={
        "extra_vars": {"scm_username": "{{username}}", "scm_password": "{{password}}"},
        "env": {"INSIGHTS_USER": "{{username}}", "INSIGHTS_PASSWORD": "{{password}}"},
    },
)

RHV = CredentialType(
    name="Red Hat Virtualization",
    kind="cloud",
    namespace="rhv",
    inputs={
        "fields": [
            text("host", "Host (Authentication URL)", "Where to log in."),
            _USERNAME,
            _PASSWORD,
            text("ca_file", "CA File", "The absolute path of a file with the authority to trust."),
        ],
        "required": ["host", "username", "password"],
    },
    # The inventory plugin reads the file, the modules read the environment.
    injectors={
        "file": {
            "template": (
                "[ovirt]\novirt_url={{host}}\novirt_username={{username}}\novirt_password={{password}}\n"
                "{% if ca_file %}ovirt_ca_file={{ca_file}}{% endif %}"
            )
        },
        "env": {
            "OVIRT_INI_PATH": "{{tower.filename}}",
            "OVIRT_URL": "{{host}}",
            "OVIRT_USERNAME": "{{username}}",
            "OVIRT_PASSWORD": "{{password}}",
        },
    },
)

CONTROLLER = CredentialType(
    name="Red Hat Ansible Automation Platform",
    kind="cloud",
    namespace="controller",
    inputs={
        "fields": [
            text("host", "Red Hat Ansible Automation Platform", "The base URL of the controller."),
            text("username", "Username", "Who to log in as; leave it empty when there is a token."),
            _PASSWORD,
            secret("oauth_token", "OAuth Token", "The token to log in with, in place of a name and a password."),
            flag("verify_ssl", "Verify SSL", secret=False),
        ],
        "required": ["host"],
    },
    injectors={
        # The names of old and of new clients.
        "env": {
            "TOWER_HOST": "{{host}}",
            "TOWER_USERNAME": "{{username}}",
            "TOWER_PASSWORD": "{{password}}",
            "TOWER_VERIFY_SSL": "{{verify_ssl}}",
            "TOWER_OAUTH_TOKEN": "{{oauth_token}}",
            "CONTROLLER_HOST": "{{host}}",
            "CONTROLLER_USERNAME": "{{username}}",
            "CONTROLLER_PASSWORD": "{{password}}",
            "CONTROLLER_VERIFY_SSL": "{{verify_ssl}}",
            "CONTROLLER_OAUTH_TOKEN": "{{oauth_token}}",
        }
    },
)

KUBERNETES = CredentialType(
    name="OpenShift or Kubernetes API Bearer Token",
    kind="kubernetes",
    namespace="kubernetes_bearer_token",
    inputs={
        "fields": [
            text("host", "OpenShift or Kubernetes API Endpoint", "The URL of the cluster's API."),
            secret("bearer_token", "API authentication bearer token"),
            flag("verify_ssl", "Verify SSL", default=True),
            secret("ssl_ca_cert", "Certificate Authority data", multiline=True),
        ],
        "required": ["host", "bearer_token"],
    },
)

TERRAFORM = CredentialType(
    name="Terraform backend configuration",
    kind="cloud",
    namespace="terraform",
    inputs={
        "fields": [
            secret("configuration", "Backend configuration", "What Terraform's backend needs, in HCL.", multiline=True),
            secret(
                "gce_credentials",
                "Google Cloud Platform account credentials",
                "The account's credentials, as JSON.",
                multiline=True,
            ),
        ],
        "required": ["configuration"],
    },
)
