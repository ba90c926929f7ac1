# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Built-in credential types of stores that other credentials take their values from.

``metadata`` are the fields of a link: which secret of the store a field of a credential gets.
"""

from __future__ import annotations

from typing import Any

from holdfast.seeds.credential_types.model import CredentialType, Field, choice, flag, secret, text

_VERSION = "Which version of the secret; the newest when empty."


def _store(
    name: str, namespace: str, fields: list[Field], metadata: list[Field], required: list[str]
) -> CredentialType:
    inputs: dict[str, Any] = {"fields": fields, "metadata": metadata, "required": required}
    return CredentialType(name=name, kind="external", namespace=namespace, inputs=inputs)


CYBERARK_AIM = _store(
    "CyberArk Central Credential Provider Lookup",
    "aim",
    [
        text("url", "CyberArk CCP URL", format="url"),
        text("webservice_id", "Web Service ID", "The id of the web service; AIMWebService when empty."),
        secret("app_id", "Application ID"),
        secret("client_key", "Client Key", multiline=True),
        secret("client_cert", "Client Certificate", multiline=True),
        flag("verify", "Verify SSL Certificates", default=True),
    ],
    [
        text("object_query", "Object Query", "What to look for, as Safe=Prod;Object=deploy-account."),
        text("object_query_format", "Object Query Format", default="Exact", choices=["Exact", "Regexp"]),
        text("object_property", "Object Property", "Username, Password or Address of what is found."),
        text("reason", "Reason", "Why it is asked for, where the policy wants to know."),
    ],
    ["url", "app_id", "object_query"],
)

AWS_SECRETS_MANAGER = _store(
    "AWS Secrets Manager lookup",
    "aws_secretsmanager_credential",
    [text("aws_access_key", "AWS Access Key"), secret("aws_secret_key", "AWS Secret Key")],
    [
        text("region_name", "AWS Secrets Manager Region", "The region that holds the secret."),
        text("secret_name", "AWS Secret Name"),
    ],
    ["aws_access_key", "aws_secret_key", "region_name", "secret_name"],
)

AZURE_KEY_VAULT = _store(
    "Microsoft Azure Key Vault",
    "azure_kv",
    [
        text("url", "Vault URL (DNS Name)", format="url"),
        text("client", "Client ID"),
        secret("secret", "Client Secret"),
        text("tenant", "Tenant ID"),
        choice(
            "cloud_name",
            "Cloud Environment",
            "The Azure cloud that holds the vault.",
            ["AzureCloud", "AzureChinaCloud", "AzureGermanCloud", "AzureUSGovernment"],
            "AzureCloud",
        ),
    ],
    [text("secret_field", "Secret Name", "The secret to read."), text("secret_version", "Secret Version", _VERSION)],
    ["url", "client", "secret", "tenant", "secret_field"],
)

CENTRIFY = _store(
    "Centrify Vault Credential Provider Lookup",
    "centrify_vault_kv",
    [
        text("url", "Centrify Tenant URL", "The URL of the tenant.", format="url"),
        text("client_id", "Centrify API User", "A user who may read the vault."),
        secret("client_password", "Centrify API Password", "The password of that user."),
        text("oauth_application_id", "OAuth2 Application ID", "The OAuth2 client; awx when empty.", default="awx"),
        text("oauth_scope", "OAuth2 Scope", "The scope of the OAuth2 client; awx when empty.", default="awx"),
    ],
    [
        text("account-name", "Account Name", "The account in the vault, as root or CORP/Administrator."),
        text("system-name", "System Name", "The machine the account is for."),
    ],
    ["url", "account-name", "system-name", "client_id", "client_password"],
)

CONJUR = _store(
    "CyberArk Conjur Secrets Manager Lookup",
    "conjur",
    [
        text("url", "Conjur URL", format="url"),
        secret("api_key", "API Key"),
        text("account", "Account"),
        text("username", "Username"),
        text("cacert", "Public Key Certificate", multiline=True),
    ],
    [
        text("secret_path", "Secret Identifier", "The name of the secret, as /prod/database."),
        text("secret_version", "Secret Version", _VERSION),
    ],
    ["url", "api_key", "account", "username"],
)

_HASHICORP_FIELDS: list[Field] = [
    text("url", "Server URL", "Where the vault answers.", format="url"),
    secret("token", "Token", "The token to read with."),
    text("cacert", "CA Certificate", "The authority that signed the vault's certificate.", multiline=True),
    text("role_id", "AppRole role_id", "To log in by AppRole.", multiline=False),
    secret("secret_id", "AppRole secret_id", "To log in by AppRole.", multiline=False),
    text("client_cert_public", "Client Certificate", "To log in by TLS: certificate and chain, PEM.", multiline=True),
    secret("client_cert_private", "Client Certificate Key", "To log in by TLS: the key, PEM.", multiline=True),
    text("client_cert_role", "TLS Authentication Role", "To log in by TLS: the role to take.", multiline=False),
    text("namespace", "Namespace name (Vault Enterprise only)", "The namespace to work in.", multiline=False),
    text("kubernetes_role", "Kubernetes role", "To log in by Kubernetes: the role to take.", multiline=False),
    text("username", "Username", "To log in by name and password.", secret=False),
    secret("password", "Password", "To log in by name and password."),
    text("default_auth_path", "Path to Auth", "Used when a link names none.", multiline=False, default="approle"),
]
_HASHICORP_METADATA: list[Field] = [
    text("secret_path", "Path to Secret", "The path of the secret, below the backend or with it."),
    text("auth_path", "Path to Auth", "Where the way to log in is mounted, as approle.", multiline=False),
]

HASHICORP_KV = _store(
    "HashiCorp Vault Secret Lookup",
    "hashivault_kv",
    [
        *_HASHICORP_FIELDS,
        choice("api_version", "API Version", "v2 keeps versions of a secret, v1 does not.", ["v1", "v2"], "v1"),
    ],
    [
        text("secret_backend", "Name of Secret Backend", "The backend; the first part of the path when empty."),
        *_HASHICORP_METADATA,
        text("secret_key", "Key Name", "The key to read in the secret."),
        text("secret_version", "Secret Version (v2 only)", _VERSION),
    ],
    ["url", "secret_path", "api_version", "secret_key"],
)

HASHICORP_SSH = _store(
    "HashiCorp Vault Signed SSH",
    "hashivault_ssh",
    list(_HASHICORP_FIELDS),
    [
        text("public_key", "Unsigned Public Key", multiline=True),
        *_HASHICORP_METADATA,
        text("role", "Role Name", "The role that signs."),
        text("valid_principals", "Valid Principals", "The users or hosts that the certificate is good for."),
    ],
    ["url", "secret_path", "public_key", "role"],
)

THYCOTIC_DSV = _store(
    "Thycotic DevOps Secrets Vault",
    "thycotic_dsv",
    [
        text("tenant", "Tenant", "The tenant, as in https://TENANT.secretsvaultcloud.com."),
        choice(
            "tld",
            "Top-level Domain (TLD)",
            "The end of the tenant's name.",
            ["ca", "com", "com.au", "eu"],
            "com",
        ),
        text("client_id", "Client ID"),
        secret("client_secret", "Client Secret"),
    ],
    [
        text("path", "Secret Path", "The path of the secret, as /prod/database."),
        text("secret_field", "Secret Field", "The field to read in the secret."),
        choice(
            "secret_decoding",
            "Should the secret be base64 decoded?",
            "For files that were put there in base64, as keys are.",
            ["No Decoding", "Decode Base64"],
            "No Decoding",
            type="string",
        ),
    ],
    ["tenant", "client_id", "client_secret", "path", "secret_field", "secret_decoding"],
)

THYCOTIC_TSS = _store(
    "Thycotic Secret Server",
    "thycotic_tss",
    [
        text("server_url", "Secret Server URL", "The base URL, as https://secrets.example.com/SecretServer."),
        text("username", "Username", "Who to log in as."),
        text("domain", "Domain", "The domain of that user."),
        secret("password", "Password", "The password of that user."),
    ],
    [
        text("secret_id", "Secret ID", "The number of the secret."),
        text("secret_field", "Secret Field", "The field to read in the secret."),
    ],
    ["server_url", "username", "password", "secret_id", "secret_field"],
)
