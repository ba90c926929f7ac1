# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Built-in credential types for reaching machines, networks, source control and registries."""

from __future__ import annotations

from holdfast.seeds.credential_types.model import CredentialType, flag, secret, ssh_key, text

_USERNAME = text("username", "Username")
_PASSWORD = secret("password", "Password")
_PASSPHRASE = secret("ssh_key_unlock", "Private Key Passphrase")

MACHINE = CredentialType(
    name="Machine",
    kind="ssh",
    namespace="ssh",
    inputs={
        "fields": [
            _USERNAME,
            secret("password", "Password", ask_at_runtime=True),
            ssh_key("ssh_key_data", "SSH Private Key"),
            secret("ssh_public_key_data", "Signed SSH Certificate", multiline=True),
            secret("ssh_key_unlock", "Private Key Passphrase", ask_at_runtime=True),
            text("become_method", "Privilege Escalation Method", "How to become another user, as --become-method."),
            text("become_username", "Privilege Escalation Username"),
            secret("become_password", "Privilege Escalation Password", ask_at_runtime=True),
        ]
    },
)

SOURCE_CONTROL = CredentialType(
    name="Source Control",
    kind="scm",
    namespace="scm",
    inputs={"fields": [_USERNAME, _PASSWORD, ssh_key("ssh_key_data", "SCM Private Key"), _PASSPHRASE]},
)

VAULT = CredentialType(
    name="Vault",
    kind="vault",
    namespace="vault",
    inputs={
        "fields": [
            secret("vault_password", "Vault Password", ask_at_runtime=True),
            text(
                "vault_id",
                "Vault Identifier",
                "Which vault this password opens, as in --vault-id; needed when there are several.",
                format="vault_id",
            ),
        ],
        "required": ["vault_password"],
    },
)

NETWORK = CredentialType(
    name="Network",
    kind="net",
    namespace="net",
    inputs={
        "fields": [
            _USERNAME,
            _PASSWORD,
            ssh_key("ssh_key_data", "SSH Private Key"),
            _PASSPHRASE,
            flag("authorize", "Authorize"),
            secret("authorize_password", "Authorize Password"),
        ],
        "dependencies": {"authorize_password": ["authorize"]},
        "required": ["username"],
    },
)


def _token(name: str, namespace: str, where: str) -> CredentialType:
    return CredentialType(
        name=name,
        kind="token",
        namespace=namespace,
        inputs={"fields": [secret("token", "Token", f"A token made under {where}.")], "required": ["token"]},
    )


GITHUB_TOKEN = _token("GitHub Personal Access Token", "github_token", "your settings at GitHub")
GITLAB_TOKEN = _token("GitLab Personal Access Token", "gitlab_token", "your settings at GitLab")
BITBUCKET_TOKEN = _token("Bitbucket Data Center HTTP Access Token", "bitbucket_dc_token", "your account at Bitbucket")

REGISTRY = CredentialType(
    name="Container Registry",
    kind="registry",
    namespace="registry",
    inputs={
        "fields": [
            text("host", "Authentication URL", "Where the registry lets one log in.", default="quay.io"),
            _USERNAME,
            secret("password", "Password or Token", "What to log in with."),
            flag("verify_ssl", "Verify SSL", default=True),
        ],
        "required": ["host"],
    },
)

GALAXY = CredentialType(
    name="Ansible Galaxy/Automation Hub API Token",
    kind="galaxy",
    namespace="galaxy_api_token",
    inputs={
        "fields": [
            text("url", "Galaxy Server URL", "The Galaxy server to take content from."),
            text("auth_url", "Auth Server URL", "The token endpoint of a Keycloak server, with single sign-on."),
            secret("token", "API Token", "The token that the Galaxy server asks for."),
        ],
        "required": ["url"],
    },
)

GPG_PUBLIC_KEY = CredentialType(
    name="GPG Public Key",
    kind="cryptography",
    namespace="gpg_public_key",
    inputs={
        "fields": [
            secret(
                "gpg_public_key",
                "GPG Public Key",
                "The key that signatures of content are held against.",
                multiline=True,
            )
        ],
        "required": ["gpg_public_key"],
    },
)
