# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the categories bulk, debug, ui and named-url."""

from __future__ import annotations

from functools import partial

from holdfast.seeds.settings.model import Setting

_bulk = partial(Setting, category="bulk", kind="integer", hidden=True)
_debug = partial(Setting, category="debug", kind="boolean")
_ui = partial(Setting, category="ui")

OTHERS: tuple[Setting, ...] = (
    _bulk(
        name="BULK_JOB_MAX_LAUNCH",
        label="Max jobs to allow bulk jobs to launch",
        default=100,
        help_text="How many jobs one request may launch.",
    ),
    _bulk(
        name="BULK_HOST_MAX_CREATE",
        label="Max number of hosts to allow to be created in a single bulk action",
        default=100,
        help_text="How many hosts one request may make.",
    ),
    _bulk(
        name="BULK_HOST_MAX_DELETE",
        label="Max number of hosts to allow to be deleted in a single bulk action",
        default=250,
        help_text="How many hosts one request may delete.",
    ),
    _debug(
        name="AWX_CLEANUP_PATHS",
        label="Enable or Disable tmp dir cleanup",
        default=True,
        help_text="Remove the folder of a job when it has ended.",
    ),
    _debug(
        name="AWX_REQUEST_PROFILE",
        label="Debug Web Requests",
        default=False,
        help_text="Kept, but requests are measured by /metrics.",
    ),
    _debug(
        name="RECEPTOR_RELEASE_WORK",
        label="Release Receptor Work",
        default=True,
        help_text="Kept, but there is no receptor here.",
    ),
    _ui(
        name="PENDO_TRACKING_STATE",
        kind="choice",
        label="User Analytics Tracking State",
        default="off",
        read_only=True,
        choices=(("off", "Off"), ("anonymous", "Anonymous"), ("detailed", "Detailed")),
        help_text="Always off: nobody is tracked.",
    ),
    _ui(
        name="CUSTOM_LOGIN_INFO",
        kind="string",
        label="Custom Login Info",
        default="",
        allow_blank=True,
        help_text="A text that people read before they log in.",
    ),
    _ui(
        name="CUSTOM_LOGO",
        kind="logo",
        label="Custom Logo",
        default="",
        allow_blank=True,
        placeholder="data:image/gif;base64,R0lGODlhAQABAIABAP///wAAACwAAAAAAQABAAACAkQBADs=",
        help_text="A picture, as a data: URL with a GIF, PNG or JPEG.",
    ),
    _ui(
        name="MAX_UI_JOB_EVENTS",
        kind="integer",
        label="Max Job Events Retrieved by UI",
        default=4000,
        required=True,
        min_value=100,
        hidden=True,
        help_text="How many events a user interface asks for at once.",
    ),
    _ui(
        name="UI_LIVE_UPDATES_ENABLED",
        kind="boolean",
        label="Enable Live Updates in the UI",
        default=True,
        required=True,
        hidden=True,
        help_text="Let pages change by themselves when something happens.",
    ),
    Setting(
        name="NAMED_URL_FORMATS",
        category="named-url",
        kind="dict",
        label="Formats of all available named urls",
        default={},
        read_only=True,
        help_text="How the name in an address is made, for every kind of object that has one.",
    ),
    Setting(
        name="NAMED_URL_GRAPH_NODES",
        category="named-url",
        kind="dict",
        label="List of all named url graph nodes.",
        default={},
        read_only=True,
        help_text="What the names in addresses are made of: fields, and the objects they go on with.",
    ),
)
