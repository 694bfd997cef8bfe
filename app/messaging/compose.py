"""From a wording and a person to rows of `notifications`, and to the steps that deliver them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Final, TypeAlias
from uuid import UUID

from app.config import get_settings
from app.core.db import new_id
from app.engine.models import Kind
from app.engine.rules.conditions import leaves
from app.engine.service import step_row
from app.messaging.models import Channel, Notification, NotificationState
from app.messaging.rendering.render import Wording
from app.security.encrypted_fields import sealed_row

OF_ENROLLMENTS: Final = "enrollment."  # facts of a lead's way through a sequence

Origin: TypeAlias = Mapping[str, Any]  # `stop_on`, `guard`, `transactional` of the step that wrote a notification


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user, or the lead itself when there is no `user_id`. Without an address no e-mail can go to them."""

    user_id: UUID | None
    address: str | None


@dataclass(frozen=True, slots=True)
class About:
    """Where a message comes from and what it speaks of."""

    clinic_id: UUID
    _: KW_ONLY
    template: str  # its slug
    version_id: UUID | None = None  # of the template, and the variant that it is made from
    variant: str | None = None
    lead_id: UUID | None = None
    task_id: UUID | None = None
    step_id: UUID | None = None  # the step that writes it
    series: str | None = None  # to a lead: the rule or sequence that it belongs to
    gateway_id: UUID | None = None  # this and what follows: of `http`
    message_type: str | None = None
    media_url: str | None = None


def compose(
    wording: Wording, to: Recipient, *, about: About, channels: Collection[str], at: datetime
) -> list[dict[str, Any]]:
    """Rows for `insert_many(session, "notifications", rows)`, one for each channel that reaches the person.

    In-app is `sent` by being written; all others are `pending` until its deliver step has run. No row at all means
    that none of the channels reaches them.
    """
    return [_row(wording, to, about, channel=Channel(name), at=at) for name in channels if _reaches(name, to)]


def delivery_steps(
    rows: Sequence[Mapping[str, Any]], *, due_at: datetime, origins: Mapping[UUID, Origin] | None = None
) -> list[dict[str, Any]]:
    """Rows for `automation.service.add_steps`: a step for each notification that has to be sent.

    Planned twice, it is one. `origins` maps the id of the step that wrote a notification to its `stop_on`, `guard`
    and whether it is `transactional`: what would have stopped or put off the writing does so with the sending.
    """
    origins = origins or {}
    return [
        delivery_step(row, due_at=due_at, origin=origins.get(row["step_id"], {}), dedupe_key=f"deliver:{row['id']}")
        for row in rows
        if row["state"] == NotificationState.PENDING
    ]


def delivery_step(
    notification: Mapping[str, Any], *, due_at: datetime, origin: Origin, dedupe_key: str | None = None
) -> dict[str, Any]:
    """The step that hands one notification to its provider. Needs its id, clinic_id, lead_id, task_id, step_id."""
    return step_row(
        notification["clinic_id"],
        notification["lead_id"],
        kind=Kind.DELIVER if notification["lead_id"] else Kind.DELIVER_TO_USER,
        name="deliver",
        params=_ids(notification) | ({"transactional": True} if origin.get("transactional") else {}),
        cause={"notification_id": str(notification["id"]), "step_id": _text(notification["step_id"])},
        guard=_asked_again(origin.get("guard")),
        stop_on=origin.get("stop_on") or (),
        due_at=due_at,
        dedupe_key=dedupe_key,
    )


def _asked_again(guard: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is asked of a lead; what a sequence's messages came to was asked before this one was one of them."""
    if guard is None:
        return None
    return {
        name: [one for one in conditions if not any(leaf["field"].startswith(OF_ENROLLMENTS) for leaf in leaves(one))]
        for name, conditions in guard.items()
    }


def _reaches(channel: str, to: Recipient) -> bool:
    return to.user_id is not None if channel == Channel.IN_APP else bool(to.address)


def _row(wording: Wording, to: Recipient, about: About, *, channel: Channel, at: datetime) -> dict[str, Any]:
    id, in_app = new_id(), channel is Channel.IN_APP  # noqa: A001
    row = {
        "id": id,
        "clinic_id": about.clinic_id,
        "lead_id": about.lead_id,
        "user_id": to.user_id,
        "task_id": about.task_id,
        "step_id": about.step_id,
        "channel": channel,
        "template": about.template,
        "template_version_id": about.version_id,
        "variant": about.variant,
        "series": about.series,
        "address": None if in_app else to.address,
        "subject": wording.subject,
        "body": wording.body,
        "message_id": _message_id(id, channel),
        "gateway_id": about.gateway_id,
        "message_type": about.message_type,
        "media_url": about.media_url,
        "state": NotificationState.SENT if in_app else NotificationState.PENDING,
        "attempts": 0,
        "created_at": at,
        "sent_at": at if in_app else None,
    }
    return sealed_row(Notification, row)


def _message_id(notification_id: UUID, channel: Channel) -> str | None:
    """Fixed from the first moment, so that a copy sent after a doubt is recognised as one."""
    if channel is not Channel.EMAIL:
        return str(notification_id) if channel is Channel.HTTP else None
    domain = parseaddr(get_settings().mail_from)[1].rpartition("@")[2]
    return f"<{notification_id}@{domain or 'localhost'}>"


def _ids(notification: Mapping[str, Any]) -> dict[str, Any]:
    # A task's own events stop only the steps that name the task.
    ids = {"notification_id": notification["id"], "task_id": notification["task_id"]}
    return {name: str(id) for name, id in ids.items() if id is not None}  # noqa: A001


def _text(id: UUID | None) -> str | None:  # noqa: A002
    return None if id is None else str(id)
