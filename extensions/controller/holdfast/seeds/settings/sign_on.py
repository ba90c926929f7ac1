# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the category authentication, and of the ways to sign in that AWX has and this controller has not.

Those are all there, with the values of a fresh AWX, because clients read them; they cannot be set.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from holdfast.seeds.settings.model import Kind, Setting, same

_authentication = partial(Setting, category="authentication")
_UNUSED = "Not used: this controller signs people in by itself."

_LOCAL: tuple[Setting, ...] = (
    _authentication(
        name="SESSION_COOKIE_AGE",
        kind="integer",
        label="Idle Time Force Log Out",
        default=1800,
        required=True,
        min_value=60,
        max_value=30000000000,
        unit="seconds",
        help_text="How long a session lives without a request.",
    ),
    _authentication(
        name="SESSIONS_PER_USER",
        kind="integer",
        label="Maximum number of simultaneous logged in sessions",
        default=-1,
        required=True,
        min_value=-1,
        help_text="How many sessions a user may have; -1 is no limit.",
    ),
    _authentication(
        name="DISABLE_LOCAL_AUTH",
        kind="boolean",
        label="Disable the built-in authentication system",
        default=False,
        required=True,
        help_text="Refuse users that have their password here.",
    ),
    _authentication(
        name="AUTH_BASIC_ENABLED",
        kind="boolean",
        label="Enable HTTP Basic Auth",
        default=True,
        required=True,
        help_text="Take a name and a password with every request.",
    ),
    _authentication(
        name="OAUTH2_PROVIDER",
        kind="token_lifetimes",
        label="OAuth 2 Timeout Settings",
        default={
            "ACCESS_TOKEN_EXPIRE_SECONDS": 31536000000,
            "AUTHORIZATION_CODE_EXPIRE_SECONDS": 600,
            "REFRESH_TOKEN_EXPIRE_SECONDS": 2628000,
        },
        unit="seconds",
        help_text="How long tokens, codes and refresh tokens are good.",
    ),
    _authentication(
        name="ALLOW_OAUTH2_FOR_EXTERNAL_USERS",
        kind="boolean",
        label="Allow External Users to Create OAuth2 Tokens",
        default=False,
        help_text="Give tokens to users who have no password here.",
    ),
    _authentication(
        name="LOGIN_REDIRECT_OVERRIDE",
        kind="string",
        label="Login redirect override URL",
        default="",
        allow_blank=True,
        warning_text="With a wrong address nobody finds the login page.",
        help_text="Where people are sent to log in; the login page here when empty.",
    ),
    _authentication(
        name="ALLOW_METRICS_FOR_ANONYMOUS_USERS",
        kind="boolean",
        label="Allow anonymous users to poll metrics",
        default=False,
        help_text="Show metrics without a login.",
    ),
    _authentication(
        name="AUTHENTICATION_BACKENDS",
        kind="list",
        label="Authentication Backends",
        default=["awx.main.backends.AWXModelBackend"],
        read_only=True,
        help_text="The ways to sign in that are in use, in AWX's names.",
    ),
)

_PASSWORDS: tuple[Setting, ...] = tuple(
    _authentication(
        name=f"LOCAL_PASSWORD_MIN_{name}",
        kind="integer",
        label=f"Minimum number of {what} in local password",
        default=0,
        min_value=0,
        help_text=f"How many {what} a password has at least.",
    )
    for name, what in (
        ("LENGTH", "characters"),
        ("DIGITS", "digit characters"),
        ("UPPER", "uppercase characters"),
        ("SPECIAL", "special characters"),
    )
)


def _unused(category: str, name: str, label: str, kind: Kind, default: Any, **more: Any) -> Setting:
    return Setting(
        name=name,
        category=category,
        kind=kind,
        label=label,
        default=default,
        help_text=_UNUSED,
        supported=False,
        **more,
    )


def _text(category: str, name: str, label: str, **more: Any) -> Setting:
    return _unused(category, name, label, "string", "", allow_blank=True, **more)


def _secret(category: str, name: str, label: str) -> Setting:
    return _text(category, name, label, encrypted=True)


def _map(category: str, name: str, label: str) -> Setting:
    return _unused(category, name, label, "dict", None, allow_null=True)


_SOCIAL: tuple[Setting, ...] = (
    _map("authentication", "SOCIAL_AUTH_ORGANIZATION_MAP", "Social Auth Organization Map"),
    _map("authentication", "SOCIAL_AUTH_TEAM_MAP", "Social Auth Team Map"),
    _unused("authentication", "SOCIAL_AUTH_USER_FIELDS", "Social Auth User Fields", "list", None, allow_null=True),
    _unused(
        "authentication",
        "SOCIAL_AUTH_USERNAME_IS_FULL_EMAIL",
        "Use Email address for usernames",
        "boolean",
        False,
    ),
)

_GROUP_TYPES = (
    "PosixGroupType",
    "GroupOfNamesType",
    "GroupOfUniqueNamesType",
    "ActiveDirectoryGroupType",
    "OrganizationalRoleGroupType",
    "MemberDNGroupType",
    "NISGroupType",
    "NestedGroupOfNamesType",
    "NestedGroupOfUniqueNamesType",
    "NestedActiveDirectoryGroupType",
    "NestedOrganizationalRoleGroupType",
    "NestedMemberDNGroupType",
    "PosixUIDGroupType",
)


def _ldap_server(prefix: str) -> Iterator[Setting]:
    ldap = partial(_unused, "ldap")
    yield ldap(f"{prefix}SERVER_URI", "LDAP Server URI", "string", "", allow_blank=True)
    yield _text("ldap", f"{prefix}BIND_DN", "LDAP Bind DN")
    yield _secret("ldap", f"{prefix}BIND_PASSWORD", "LDAP Bind Password")
    yield ldap(f"{prefix}START_TLS", "LDAP Start TLS", "boolean", False)
    options = {"OPT_REFERRALS": 0, "OPT_NETWORK_TIMEOUT": 30}
    yield ldap(f"{prefix}CONNECTION_OPTIONS", "LDAP Connection Options", "dict", options)
    yield ldap(f"{prefix}USER_SEARCH", "LDAP User Search", "list", [])
    dn: dict[str, Any] = {"allow_blank": True, "allow_null": True}
    yield ldap(f"{prefix}USER_DN_TEMPLATE", "LDAP User DN Template", "string", None, **dn)
    yield ldap(f"{prefix}USER_ATTR_MAP", "LDAP User Attribute Map", "dict", {})
    yield ldap(f"{prefix}GROUP_SEARCH", "LDAP Group Search", "list", [])
    yield ldap(f"{prefix}GROUP_TYPE", "LDAP Group Type", "choice", "MemberDNGroupType", choices=same(*_GROUP_TYPES))
    parameters = {"member_attr": "member", "name_attr": "cn"}
    yield ldap(f"{prefix}GROUP_TYPE_PARAMS", "LDAP Group Type Parameters", "dict", parameters)
    yield ldap(f"{prefix}REQUIRE_GROUP", "LDAP Require Group", "string", None, **dn)
    yield ldap(f"{prefix}DENY_GROUP", "LDAP Deny Group", "string", None, **dn)
    yield ldap(f"{prefix}USER_FLAGS_BY_GROUP", "LDAP User Flags By Group", "dict", {})
    yield ldap(f"{prefix}ORGANIZATION_MAP", "LDAP Organization Map", "dict", {})
    yield ldap(f"{prefix}TEAM_MAP", "LDAP Team Map", "dict", {})


def _ldap() -> Iterator[Setting]:
    for number in ("", "1_", "2_", "3_", "4_", "5_"):
        yield from _ldap_server(f"AUTH_LDAP_{number}")


_RADIUS: tuple[Setting, ...] = (
    _text("radius", "RADIUS_SERVER", "RADIUS Server"),
    _unused("radius", "RADIUS_PORT", "RADIUS Port", "integer", 1812, min_value=1, max_value=65535),
    _secret("radius", "RADIUS_SECRET", "RADIUS Secret"),
)

_TACACS: tuple[Setting, ...] = (
    _text("tacacsplus", "TACACSPLUS_HOST", "TACACS+ Server"),
    _unused("tacacsplus", "TACACSPLUS_PORT", "TACACS+ Port", "integer", 49, min_value=1, max_value=65535),
    _secret("tacacsplus", "TACACSPLUS_SECRET", "TACACS+ Secret"),
    _unused(
        "tacacsplus",
        "TACACSPLUS_SESSION_TIMEOUT",
        "TACACS+ Auth Session Timeout",
        "integer",
        5,
        min_value=0,
        unit="seconds",
    ),
    _unused(
        "tacacsplus",
        "TACACSPLUS_AUTH_PROTOCOL",
        "TACACS+ Authentication Protocol",
        "choice",
        "ascii",
        choices=same("ascii", "pap"),
    ),
    _unused("tacacsplus", "TACACSPLUS_REM_ADDR", "TACACS+ client address sending enabled", "boolean", False),
)


def _oauth2(category: str, name: str, words: str, plain: str = "") -> Iterator[Setting]:
    """The settings of one OAuth2 provider; ``plain`` are the words for fields that are not OAuth2's own."""
    prefix = f"SOCIAL_AUTH_{name}_"
    yield _unused(category, f"{prefix}CALLBACK_URL", f"{words} Callback URL", "string", "", read_only=True)
    if "ENTERPRISE" in name:
        yield _text(category, f"{prefix}URL", f"{plain} URL")
        yield _text(category, f"{prefix}API_URL", f"{plain} API URL")
    yield _text(category, f"{prefix}KEY", f"{words} Key")
    yield _secret(category, f"{prefix}SECRET", f"{words} Secret")
    if name.endswith("_ORG"):
        yield _text(category, f"{prefix}NAME", f"{plain} Name")
    if name.endswith("_TEAM"):
        yield _text(category, f"{prefix}ID", f"{plain} ID")
    if name == "GOOGLE_OAUTH2":
        yield _unused(category, f"{prefix}WHITELISTED_DOMAINS", f"{words} Allowed Domains", "list", [])
        yield _unused(category, f"{prefix}AUTH_EXTRA_ARGUMENTS", f"{words} Extra Arguments", "dict", {})
    yield _map(category, f"{prefix}ORGANIZATION_MAP", f"{words} Organization Map")
    yield _map(category, f"{prefix}TEAM_MAP", f"{words} Team Map")


def _providers() -> Iterator[Setting]:
    yield from _oauth2("google-oauth2", "GOOGLE_OAUTH2", "Google OAuth2")
    for category, name, plain in (
        ("github", "GITHUB", "GitHub"),
        ("github-org", "GITHUB_ORG", "GitHub Organization"),
        ("github-team", "GITHUB_TEAM", "GitHub Team"),
        ("github-enterprise", "GITHUB_ENTERPRISE", "GitHub Enterprise"),
        ("github-enterprise-org", "GITHUB_ENTERPRISE_ORG", "GitHub Enterprise Organization"),
        ("github-enterprise-team", "GITHUB_ENTERPRISE_TEAM", "GitHub Enterprise Team"),
    ):
        yield from _oauth2(category, name, f"{plain} OAuth2", plain)
    yield from _oauth2("azuread-oauth2", "AZUREAD_OAUTH2", "Azure AD OAuth2")


_OIDC: tuple[Setting, ...] = (
    _unused("oidc", "SOCIAL_AUTH_OIDC_KEY", "OIDC Key", "string", None),
    _secret("oidc", "SOCIAL_AUTH_OIDC_SECRET", "OIDC Secret"),
    _text("oidc", "SOCIAL_AUTH_OIDC_OIDC_ENDPOINT", "OIDC Provider URL"),
    _unused("oidc", "SOCIAL_AUTH_OIDC_VERIFY_SSL", "Verify OIDC Provider Certificate", "boolean", True),
)


def _saml() -> Iterator[Setting]:
    saml = partial(_unused, "saml")
    prefix = "SOCIAL_AUTH_SAML_"
    words = "SAML Service Provider"
    yield saml(
        "SAML_AUTO_CREATE_OBJECTS", "Automatically Create Organizations and Teams on SAML Login", "boolean", True
    )
    yield saml(f"{prefix}CALLBACK_URL", "SAML Assertion Consumer Service (ACS) URL", "string", "", read_only=True)
    yield saml(f"{prefix}METADATA_URL", f"{words} Metadata URL", "string", "", read_only=True)
    yield _text("saml", f"{prefix}SP_ENTITY_ID", f"{words} Entity ID")
    yield _text("saml", f"{prefix}SP_PUBLIC_CERT", f"{words} Public Certificate", required=True)
    yield _text("saml", f"{prefix}SP_PRIVATE_KEY", f"{words} Private Key", required=True, encrypted=True)
    yield saml(f"{prefix}ORG_INFO", f"{words} Organization Info", "dict", {}, required=True)
    yield saml(f"{prefix}TECHNICAL_CONTACT", f"{words} Technical Contact", "dict", {}, required=True)
    yield saml(f"{prefix}SUPPORT_CONTACT", f"{words} Support Contact", "dict", {}, required=True)
    yield saml(f"{prefix}ENABLED_IDPS", "SAML Enabled Identity Providers", "dict", {})
    context = {"requestedAuthnContext": False}
    yield saml(f"{prefix}SECURITY_CONFIG", "SAML Security Config", "dict", context, allow_null=True)
    yield _map("saml", f"{prefix}SP_EXTRA", f"{words} extra configuration data")
    yield saml(f"{prefix}EXTRA_DATA", "SAML IDP to extra_data attribute mapping", "list", None, allow_null=True)
    yield _map("saml", f"{prefix}ORGANIZATION_MAP", "SAML Organization Map")
    yield _map("saml", f"{prefix}TEAM_MAP", "SAML Team Map")
    for name, what in (
        ("ORGANIZATION_ATTR", "Organization Attribute"),
        ("TEAM_ATTR", "Team Attribute"),
        ("USER_FLAGS_BY_ATTR", "User Flags Attribute"),
    ):
        yield saml(f"{prefix}{name}", f"SAML {what} Mapping", "dict", {}, allow_null=True)


AUTHENTICATION: tuple[Setting, ...] = (*_LOCAL, *_SOCIAL, *_PASSWORDS)

SIGN_ON: tuple[Setting, ...] = (*_ldap(), *_RADIUS, *_TACACS, *_providers(), *_OIDC, *_saml())
