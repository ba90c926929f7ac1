# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notification templates and notices: kept and judged; nothing is sent yet, and a test says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Action, Field, Hooks, Registry, Resource, SubList, Summary, plain
from holdfast.api.render import moment, render_one
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAMED, ORGANIZATION_LINK, STAMPS, below, link_to
from holdfast.api.resources.job_parts import read_only
from holdfast.api.views import list_rows
from holdfast.auth import policies
from holdfast.auth.secrets import ENCRYPTED
from holdfast.db.models import Notification, NotificationTemplate
from holdfast.seeds import notifications as kinds
from holdfast.seeds.errors import Invalid as SeedInvalid
from holdfast.seeds.notification_messages import DEFAULTS

NO_TYPE = "Missing required fields for Notification Configuration: notification_type"
NOT_SENT = "This controller keeps notification templates, and does not send anything yet."
RECENT = 5
STATUSES = (("pending", "Pending"), ("successful", "Successful"), ("failed", "Failed"))
_WITHOUT_SUBJECT = ("webhook", "awssns")
_WITH_BODY = ("email", "webhook", "pagerduty", "awssns")


def _validate(call: Call, data: dict[str, Any], row: NotificationTemplate | None) -> None:
    kind = data.get("notification_type", row.notification_type if row is not None else "")
    if not kind:
        raise Invalid({"__all__": [NO_TYPE]})
    if "messages" in data:
        wrong = kinds.message_problems(data["messages"]) if data["messages"] is not None else []
        if wrong:
            raise Invalid({"messages": wrong})
        data["messages"] = {**kinds.NO_MESSAGES, **(data["messages"] or {})}
    if "notification_configuration" not in data and (row is None or kind == row.notification_type):
        return
    given = data.get("notification_configuration", {})
    if not isinstance(given, Mapping):
        raise Invalid({"notification_configuration": ["Value must be valid JSON."]})
    try:
        configuration = kinds.check_configuration(kind, given)
    except SeedInvalid as error:
        raise Invalid(error.body) from None
    data["notification_configuration"] = _sealed(call, kind, configuration, row)


def _sealed(call: Call, kind: str, configuration: dict[str, Any], row: NotificationTemplate | None) -> dict[str, Any]:
    """A configuration as the database may hold it; ``$encrypted$`` stands for what is kept already."""
    kept = row.notification_configuration if row is not None else {}
    for name in kinds.secret_parameters(kind):
        value = configuration.get(name)
        if value == ENCRYPTED and name in kept:
            configuration[name] = kept[name]
        elif value:
            configuration[name] = call.controller.secrets.seal(value)
    return configuration


def _configuration(_call: Call, row: NotificationTemplate) -> dict[str, Any]:
    secret = kinds.secret_parameters(row.notification_type)
    shown = row.notification_configuration or {}
    return {name: ENCRYPTED if name in secret and value else value for name, value in shown.items()}


def _recent(call: Call, rows: Sequence[NotificationTemplate]) -> Mapping[int, Any]:
    """``recent_notifications``: the last five notices of each template, the newest first."""
    found: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
    place = func.row_number().over(
        partition_by=Notification.notification_template_id, order_by=Notification.created.desc()
    )
    ranked = (
        select(Notification.id, place.label("place")).where(Notification.notification_template_id.in_(found)).subquery()
    )
    query = (
        select(Notification)
        .join(ranked, ranked.c.id == Notification.id)
        .where(ranked.c.place <= RECENT)
        .order_by(ranked.c.place)
    )
    for one in call.session.scalars(query):
        shown = {"id": one.id, "status": one.status, "created": moment(one.created), "error": one.error}
        found[one.notification_template_id].append(shown)
    return found


def _of_template(_call: Call, row: NotificationTemplate) -> Select[Any]:
    return select(Notification).where(Notification.notification_template_id == row.id)


def _test(call: Call, row: NotificationTemplate) -> Reply:
    """POST test: a notice that says why it was not sent."""
    resource = call.controller.registry.resources["notification_templates"]
    if not resource.access.may_change(call, row, {}):
        raise Forbidden()
    configuration = _configuration(call, row)
    recipients = configuration.get(kinds.RECIPIENTS[row.notification_type], "")
    notice = Notification(
        notification_template_id=row.id,
        status="failed",
        error=NOT_SENT,
        notification_type=row.notification_type,
        recipients=", ".join(map(str, recipients)) if isinstance(recipients, list) else str(recipients),
        subject=f"Notification Test {row.id}",
        body={"body": f"Notification Test {row.id}"},
    )
    call.session.add(notice)
    call.session.flush()
    shown = _trimmed(render_one(call, notice))
    headers = {"Location": call.url("notifications", notice.id)}
    return Reply(202, {"notification": notice.id, **shown}, headers)


def _trimmed(shown: dict[str, Any]) -> dict[str, Any]:
    """A notice without what its kind has not."""
    if shown["notification_type"] in _WITHOUT_SUBJECT:
        shown.pop("subject", None)
    if shown["notification_type"] not in _WITH_BODY:
        shown.pop("body", None)
    return shown


def _list(call: Call, resource: Resource) -> Reply:
    reply = list_rows(call, resource)
    reply.body["results"] = [_trimmed(one) for one in reply.body["results"]]
    return reply


def _detail(call: Call, row: Notification) -> Reply:
    return Reply(body=_trimmed(render_one(call, row)))


def declare(registry: Registry) -> None:
    """Add the resources."""
    registry.add(
        Resource(
            name="notification_templates",
            type="notification_template",
            model=NotificationTemplate,
            title="Notification Template",
            fields=(
                *NAMED,
                Field("organization", "id", to="organizations", required=True),
                Field("notification_type", "choice", choices=kinds.CHOICES, required=True, blank=False),
                Field("notification_configuration", "json", default=dict, value=_configuration, extra=kinds.PARAMETERS),
                Field("messages", "json", null=True, default=lambda: dict(kinds.NO_MESSAGES), extra=DEFAULTS),
            ),
            related=(*AUTHORS, *below("test", "notifications", "copy"), ORGANIZATION_LINK),
            summary=(
                Summary("organization"),
                *AUTHORS_SUMMARY,
                Summary("recent_notifications", batch=_recent),
            ),
            summarize=plain("id", "name", "description"),
            sublists={"notifications": SubList("notifications", query=_of_template)},
            actions={"test": Action({"POST": _test}, title="Notification Template Test")},
            access=policies.NotificationTemplates(),
            hooks=Hooks(validate=_validate),
            unique=(("organization", "name"),),
            named_url=("name", "organization"),
            copy=(),
        ),
        Resource(
            name="notifications",
            type="notification",
            model=Notification,
            title="Notification",
            fields=(
                *STAMPS,
                read_only("notification_template", "id", to="notification_templates"),
                read_only("error"),
                read_only("status", "choice", choices=STATUSES),
                read_only("notifications_sent", "integer"),
                read_only("notification_type", "choice", choices=kinds.CHOICES),
                read_only("recipients"),
                read_only("subject"),
                read_only("body", "json"),
            ),
            related=(link_to("notification_template", "notification_templates"),),
            summary=(Summary("notification_template"),),
            access=policies.Notifications(),
            list_methods=("GET",),
            detail_methods=("GET",),
            search_fields=("subject", "notification_type", "body"),
            list_view=_list,
            detail_view=_detail,
            activity=False,
        ),
    )
