# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of notices, what each is configured with, and what is said to those that are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from holdfast.seeds.errors import Invalid

Parameter = Mapping[str, Any]
ENCRYPTED = "$encrypted$"
EVENTS = ("started", "success", "error", "workflow_approval")
APPROVAL_EVENTS = ("running", "approved", "timed_out", "denied")
NO_MESSAGES: Mapping[str, None] = MappingProxyType(dict.fromkeys(EVENTS))
VARIABLES = frozenset(
    ("job", "job_friendly_name", "job_metadata", "url", "approval_status", "approval_node_name", "workflow_url")
)
"""What messages may say with ``{{ }}``."""
CHOICES = (
    ("awssns", "AWS SNS"),
    ("email", "Email"),
    ("grafana", "Grafana"),
    ("irc", "IRC"),
    ("mattermost", "Mattermost"),
    ("pagerduty", "Pagerduty"),
    ("rocketchat", "Rocket.Chat"),
    ("slack", "Slack"),
    ("twilio", "Twilio"),
    ("webhook", "Webhook"),
)


def _one(label: str, type_: str = "string", **more: Any) -> Parameter:
    return {"label": label, "type": type_, **more}


PARAMETERS: Mapping[str, Mapping[str, Parameter]] = {
    "awssns": {
        "aws_region": _one("AWS Region", default=""),
        "aws_access_key_id": _one("Access Key ID", default=""),
        "aws_secret_access_key": _one("Secret Access Key", "password", default=""),
        "aws_session_token": _one("Session Token", "password", default=""),
        "sns_topic_arn": _one("SNS Topic ARN", default=""),
    },
    "email": {
        "host": _one("Host"),
        "port": _one("Port", "int"),
        "username": _one("Username"),
        "password": _one("Password", "password"),
        "use_tls": _one("Use TLS", "bool"),
        "use_ssl": _one("Use SSL", "bool"),
        "sender": _one("Sender Email"),
        "recipients": _one("Recipient List", "list"),
        "timeout": _one("Timeout", "int", default=30),
    },
    "slack": {"token": _one("Token", "password"), "channels": _one("Destination Channels", "list")},
    "twilio": {
        "account_sid": _one("Account SID"),
        "account_token": _one("Account Token", "password"),
        "from_number": _one("Source Phone Number"),
        "to_numbers": _one("Destination SMS Numbers", "list"),
    },
    "pagerduty": {
        "subdomain": _one("Pagerduty subdomain"),
        "token": _one("API Token", "password"),
        "service_key": _one("API Service/Integration Key"),
        "client_name": _one("Client Identifier"),
    },
    "grafana": {"grafana_url": _one("Grafana URL"), "grafana_key": _one("Grafana API Key", "password")},
    "webhook": {
        "url": _one("Target URL"),
        "http_method": _one("HTTP Method", default="POST"),
        "disable_ssl_verification": _one("Verify SSL", "bool", default=False),
        "username": _one("Username", default=""),
        "password": _one("Password", "password", default=""),
        "headers": _one("HTTP Headers", "object"),
    },
    "mattermost": {
        "mattermost_url": _one("Target URL"),
        "mattermost_no_verify_ssl": _one("Verify SSL", "bool"),
    },
    "rocketchat": {
        "rocketchat_url": _one("Target URL"),
        "rocketchat_no_verify_ssl": _one("Verify SSL", "bool"),
    },
    "irc": {
        "server": _one("IRC Server Address"),
        "port": _one("IRC Server Port", "int"),
        "nickname": _one("IRC Nick"),
        "password": _one("IRC Server Password", "password"),
        "use_ssl": _one("SSL Connection", "bool"),
        "targets": _one("Destination Channels or Users", "list"),
    },
}
"""What each kind of notice is configured with. One without a default must be given."""
RECIPIENTS: Mapping[str, str] = {
    "awssns": "sns_topic_arn",
    "email": "recipients",
    "slack": "channels",
    "twilio": "to_numbers",
    "pagerduty": "service_key",
    "grafana": "grafana_url",
    "webhook": "url",
    "mattermost": "mattermost_url",
    "rocketchat": "rocketchat_url",
    "irc": "targets",
}
"""The parameter that says where a notice goes."""
_PYTHON: Mapping[str, type[Any]] = {
    "string": str,
    "password": str,
    "int": int,
    "bool": bool,
    "list": list,
    "object": dict,
}


def secret_parameters(kind: str) -> frozenset[str]:
    """The parameters that are never shown."""
    return frozenset(name for name, one in PARAMETERS[kind].items() if one["type"] == "password")


def check_configuration(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with its defaults; raises Invalid with everything that is wrong, as AWX says it."""
    found = dict(given)
    missing: list[str] = []
    wrong: list[str] = []
    problems: list[str] = []
    for name, one in PARAMETERS[kind].items():
        if name not in found and "default" not in one:
            missing.append(name)
            continue
        value = found.setdefault(name, one.get("default"))
        wanted = _PYTHON[one["type"]]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            wrong.append(f"Configuration field '{name}' incorrect type, expected {one['type']}.")
        elif one["type"] == "list" and not value:
            problems.append(f"No values specified for field '{name}'")
        elif name == "http_method" and str(value).lower() not in ("put", "post"):
            problems.append("HTTP method must be either 'POST' or 'PUT'.")
    if missing:
        problems.append(f"Missing required fields for Notification Configuration: {missing}.")
    if problems or wrong:
        raise Invalid({"__all__": [*problems, *wrong]})
    return found


def message_problems(messages: Any) -> list[str]:
    """What is wrong with the messages of a notification template."""
    if not isinstance(messages, Mapping):
        return [f"Expected dict for 'messages' field, found {type(messages)}"]
    found: list[str] = []
    for event, held in messages.items():
        if event not in EVENTS:
            allowed = "'started', 'success', 'error', or 'workflow_approval'"
            found.append(f"Event '{event}' invalid, must be one of {allowed}")
        elif held is None:
            continue
        elif not isinstance(held, Mapping):
            found.append(f"Expected dict for event '{event}', found {type(held)}")
        elif event == "workflow_approval":
            found += _approval_problems(held)
        else:
            found += _texts(event, held)
    return found


def _approval_problems(held: Mapping[str, Any]) -> Iterator[str]:
    for event, texts in held.items():
        if event not in APPROVAL_EVENTS:
            allowed = "'running', 'approved', 'timed_out', or 'denied'"
            yield f"Workflow Approval event '{event}' invalid, must be one of {allowed}"
        elif texts is not None and not isinstance(texts, Mapping):
            yield f"Expected dict for workflow approval event '{event}', found {type(texts)}"
        elif texts is not None:
            yield from _texts(event, texts)


def _texts(event: str, texts: Mapping[str, Any]) -> Iterator[str]:
    for kind, text in texts.items():
        if kind not in ("message", "body"):
            yield f"Message type '{kind}' invalid, must be either 'message' or 'body'"
        elif text is None:
            continue
        elif not isinstance(text, str):
            yield f"Expected string for '{kind}', found {type(text)}, "
        elif kind == "message" and "\n" in text:
            yield f"Messages cannot contain newlines (found newline in {event} event)"
        else:
            yield from _template(text)


def _template(text: str) -> Iterator[str]:
    try:
        names = meta.find_undeclared_variables(ImmutableSandboxedEnvironment().parse(text))
    except TemplateSyntaxError as error:
        yield f"Unable to render message '{text}': {error.message}"
        return
    for name in sorted(names - VARIABLES):
        yield f"Field '{name}' unavailable"
