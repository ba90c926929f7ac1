# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the category logging."""

from __future__ import annotations

from functools import partial

from holdfast.seeds.settings.model import Setting, same

_logging = partial(Setting, category="logging")
_KEPT = "Kept, but logs go to standard error only."

LOGGING: tuple[Setting, ...] = (
    _logging(
        name="LOG_AGGREGATOR_HOST",
        kind="string",
        label="Logging Aggregator",
        default=None,
        allow_null=True,
        help_text=f"Where logs are collected. {_KEPT}",
    ),
    _logging(
        name="LOG_AGGREGATOR_PORT",
        kind="integer",
        label="Logging Aggregator Port",
        default=None,
        allow_null=True,
        help_text="The port there.",
    ),
    _logging(
        name="LOG_AGGREGATOR_TYPE",
        kind="choice",
        label="Logging Aggregator Type",
        default=None,
        allow_null=True,
        choices=same("logstash", "splunk", "loggly", "sumologic", "other"),
        help_text="Whose format the messages have.",
    ),
    _logging(
        name="LOG_AGGREGATOR_USERNAME",
        kind="string",
        label="Logging Aggregator Username",
        default="",
        allow_blank=True,
        help_text="Who to log in as there.",
    ),
    _logging(
        name="LOG_AGGREGATOR_PASSWORD",
        kind="string",
        label="Logging Aggregator Password/Token",
        default="",
        allow_blank=True,
        encrypted=True,
        help_text="What to log in with there.",
    ),
    _logging(
        name="LOG_AGGREGATOR_LOGGERS",
        kind="list",
        label="Loggers Sending Data to Log Aggregator Form",
        default=["awx", "activity_stream", "job_events", "system_tracking", "broadcast_websocket"],
        help_text="Which logs are sent.",
    ),
    _logging(
        name="LOG_AGGREGATOR_INDIVIDUAL_FACTS",
        kind="boolean",
        label="Log System Tracking Facts Individually",
        default=False,
        help_text="One message per fact, in place of one with all facts.",
    ),
    _logging(
        name="LOG_AGGREGATOR_ENABLED",
        kind="boolean",
        label="Enable External Logging",
        default=False,
        help_text=f"Send logs to the collector. {_KEPT}",
    ),
    _logging(
        name="LOG_AGGREGATOR_TOWER_UUID",
        kind="string",
        label="Cluster-wide unique identifier.",
        default="",
        allow_blank=True,
        help_text="Names this service among others that send there.",
    ),
    _logging(
        name="LOG_AGGREGATOR_PROTOCOL",
        kind="choice",
        label="Logging Aggregator Protocol",
        default="https",
        choices=(("https", "HTTPS/HTTP"), ("tcp", "TCP"), ("udp", "UDP")),
        help_text="How messages travel.",
    ),
    _logging(
        name="LOG_AGGREGATOR_TCP_TIMEOUT",
        kind="integer",
        label="TCP Connection Timeout",
        default=5,
        unit="seconds",
        help_text="How long to wait for a connection.",
    ),
    _logging(
        name="LOG_AGGREGATOR_VERIFY_CERT",
        kind="boolean",
        label="Enable/disable HTTPS certificate verification",
        default=True,
        help_text="Send only where the certificate is good.",
    ),
    _logging(
        name="LOG_AGGREGATOR_LEVEL",
        kind="choice",
        label="Logging Aggregator Level Threshold",
        default="INFO",
        choices=same("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        help_text="Messages below this are not sent.",
    ),
    _logging(
        name="LOG_AGGREGATOR_ACTION_QUEUE_SIZE",
        kind="integer",
        label="Maximum number of messages that can be stored in the log action queue",
        default=131072,
        min_value=1,
        help_text="How many messages may wait.",
    ),
    _logging(
        name="LOG_AGGREGATOR_ACTION_MAX_DISK_USAGE_GB",
        kind="integer",
        label="Maximum disk persistence for rsyslogd action queuing (in GB)",
        default=1,
        min_value=1,
        help_text="How much room waiting messages may take.",
    ),
    _logging(
        name="LOG_AGGREGATOR_MAX_DISK_USAGE_PATH",
        kind="string",
        label="File system location for rsyslogd disk persistence",
        default="/var/lib/awx",
        help_text="Where waiting messages are put.",
    ),
    _logging(
        name="LOG_AGGREGATOR_RSYSLOGD_DEBUG",
        kind="boolean",
        label="Enable rsyslogd debugging",
        default=False,
        help_text="Let the sender say what it does.",
    ),
    _logging(
        name="API_400_ERROR_LOG_FORMAT",
        kind="string",
        label="Log Format For API 4XX Errors",
        default=(
            "status {status_code} received by user {user_name} attempting to access {url_path} from {remote_addr}"
        ),
        help_text="What is logged of a refused request, of: status_code, user_name, url_path, remote_addr, error.",
    ),
)
