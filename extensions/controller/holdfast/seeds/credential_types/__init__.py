# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential types: the built-in ones, and what AWX says about credentials and about types that people make."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from holdfast.seeds.credential_types import access, clouds, external
from holdfast.seeds.credential_types.custom import check_credential_type, is_environment_variable_allowed
from holdfast.seeds.credential_types.inputs import (
    ENCRYPTED,
    check_inputs,
    check_metadata,
    has_encrypted_key,
    missing_required,
    passwords_needed,
)
from holdfast.seeds.credential_types.model import CUSTOM_KINDS, KINDS, CredentialType
from holdfast.seeds.credential_types.pem import PemError, PemObject, check_private_key
from holdfast.seeds.credential_types.templates import sandbox

MANAGED: tuple[CredentialType, ...] = (
    access.MACHINE,
    access.SOURCE_CONTROL,
    access.VAULT,
    access.NETWORK,
    clouds.AWS,
    clouds.OPENSTACK,
    clouds.VMWARE,
    clouds.SATELLITE,
    clouds.GCE,
    clouds.AZURE,
    access.GITHUB_TOKEN,
    access.GITLAB_TOKEN,
    access.BITBUCKET_TOKEN,
    clouds.INSIGHTS,
    clouds.RHV,
    clouds.CONTROLLER,
    clouds.KUBERNETES,
    access.REGISTRY,
    access.GALAXY,
    access.GPG_PUBLIC_KEY,
    clouds.TERRAFORM,
    external.CYBERARK_AIM,
    external.AWS_SECRETS_MANAGER,
    external.AZURE_KEY_VAULT,
    external.CENTRIFY,
    external.CONJUR,
    external.HASHICORP_KV,
    external.HASHICORP_SSH,
    external.THYCOTIC_DSV,
    external.THYCOTIC_TSS,
)
"""The built-in types, in the order of their ids: the first has the id 1."""

BY_NAMESPACE: Mapping[str, CredentialType] = MappingProxyType({one.namespace or "": one for one in MANAGED})
"""The built-in types by namespace."""

__all__ = [
    "BY_NAMESPACE",
    "CUSTOM_KINDS",
    "ENCRYPTED",
    "KINDS",
    "MANAGED",
    "CredentialType",
    "PemError",
    "PemObject",
    "check_credential_type",
    "check_inputs",
    "check_metadata",
    "check_private_key",
    "has_encrypted_key",
    "is_environment_variable_allowed",
    "missing_required",
    "passwords_needed",
    "sandbox",
]
