"""Compose notifications: from a wording and a recipient to rows of `notifications` and the steps that deliver them."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from sqlalchemy.orm import Session

from app.core.db import insert_many, new_id
from app.core.live_events.changes import note
from app.core.live_events.entries import About, LiveKind
from app.core.type_aliases import ColumnDict, ColumnValues, JsonDict, JsonObject
from app.engine.events.events import request_of
from app.engine.events.keys import event_key
from app.engine.models import BegunBy, Kind
from app.engine.rules.conditions import single_conditions
from app.engine.service import step_row
from app.identity.passwords.links import LINK_TEMPLATES
from app.messaging.channels.base import Channel
from app.messaging.channels.registry import CHANNELS
from app.messaging.models import Notification, NotificationState
from app.messaging.rendering.render import Wording
from app.messaging.user_preferences.kinds import NoticeKind
from app.messaging.user_preferences.routes import DEFAULT_SETTINGS, NoticeSettings, Route, routes_of
from app.security.encrypted_fields import encrypt_row
from app.security.search_keys import TextKind, word_keys

ENROLLMENT_FACTS: Final = "enrollment."  # prefix of facts about a lead's enrollment in a sequence

_VERSION_AND_VARIANT: Final = 0xF << 76 | 0b11 << 62  # bits of a UUID
_VERSION_7: Final = 7 << 76 | 0b10 << 62

# `stop_on`, `guard`, `lateness`, `params` and `cause` of the step that wrote a notification
OriginStep: TypeAlias = JsonObject


@dataclass(frozen=True, slots=True)
class Recipient:
    """The recipient of a message: a user with their e-mail address, or the lead if `user_id` is None.

    A lead's address is `ForLeads.destination_of` of the channel. `settings`: of the user, for notices.
    """

    user_id: UUID | None
    address: str | None
    settings: NoticeSettings = DEFAULT_SETTINGS


@dataclass(frozen=True, slots=True)
class MessageMetadata:
    """Metadata of a message: its template, its subject (lead or task) and the step that writes it."""

    clinic_id: UUID
    _: KW_ONLY
    template: str  # its slug
    version_id: UUID | None = None  # of the template
    variant: str | None = None
    notice: NoticeKind | None = None  # to a user: the kind, for the preferences; None: sent as planned
    lead_id: UUID | None = None
    task_id: UUID | None = None
    step_id: UUID | None = None  # the step that writes it
    series: str | None = None  # to a lead: slug of its rule or sequence
    account_name: str | None = None  # the sending account that the text or the user names
    gateway_id: UUID | None = None  # for `http`
    message_type: str | None = None
    media_url: str | None = None
    provider_template: JsonObject | None = None  # for channels with sessions: `ProviderTemplate.to_json()`


def compose(
    wording: Wording, to: Recipient, *, metadata: MessageMetadata, channels: Collection[str], at: datetime
) -> list[JsonDict]:
    """Return rows for `insert_notifications`, one for each channel that reaches the recipient.

    For a notice, the user's preferences may add and replace channels. Raises UnknownChannel.
    """
    return compose_routes(
        wording, to, metadata=metadata, routes=routes_of(metadata.notice, channels, to.settings), at=at
    )


def compose_routes(
    wording: Wording, to: Recipient, *, metadata: MessageMetadata, routes: Iterable[Route], at: datetime
) -> list[JsonDict]:
    """Return rows for `insert_notifications`, one for each route that reaches the recipient. Nothing is encrypted.

    The state is `sent` for a channel with `is_sent_when_written`; others are `pending` until their deliver step has
    run. A route with a reason is `suppressed`. An empty list means that no route reaches the recipient.
    """
    return [_row(wording, to, metadata, route=route, at=at) for route in routes if _reaches(route, to)]


def insert_notifications(session: Session, rows: Sequence[ColumnValues]) -> None:
    """Insert the rows of `compose`, encrypted, in one statement."""
    insert_many(session, Notification, [encrypt_row(Notification, row) for row in rows])
    for row in rows:
        if row["user_id"] is None:
            note(session, row["clinic_id"], LiveKind.MESSAGE_CHANGED, [(row["id"], About(row["lead_id"]))])
        elif row["state"] == NotificationState.SENT:
            note(session, row["clinic_id"], LiveKind.NOTIFICATION_NEW, [(row["id"], About(None, row["user_id"]))])


def delivery_steps(
    rows: Sequence[ColumnValues], *, due_at: datetime, origins: Mapping[UUID, OriginStep] | None = None
) -> list[JsonDict]:
    """Return rows for `app.engine.service.add_steps`: one deliver step for each pending notification.

    The dedupe key makes planning idempotent. `origins` maps the id of the step that wrote a notification to its
    `stop_on`, `guard`, `lateness`, `params` and `cause`: what stops or postpones the writing also applies to the
    sending, and both have the same request.
    """
    origins = origins or {}
    return [
        delivery_step(
            row,
            due_at=due_at,
            origin=origins.get(row["step_id"], {}),
            begun_by=BegunBy.STEP if row["step_id"] else BegunBy.NOTICE,
            dedupe_key=f"deliver:{row['id']}",
        )
        for row in rows
        if row["state"] == NotificationState.PENDING
    ]


def delivery_step(
    notification: JsonObject, *, due_at: datetime, origin: OriginStep, begun_by: BegunBy, dedupe_key: str | None = None
) -> JsonDict:
    """Return the step row that hands one notification to its provider.

    `notification` has the keys id, clinic_id, lead_id, task_id, step_id and template.
    """
    return step_row(
        notification["clinic_id"],
        notification["lead_id"],
        kind=_delivery_kind(notification),
        name="deliver",
        params=_ids(notification) | _delivery_params(origin.get("params", {})),
        cause={
            "notification_id": str(notification["id"]),
            "step_id": _text(notification["step_id"]),
            **request_of(origin.get("cause", {})),
            **({"key": key} if (key := event_key(origin.get("cause", {}))) else {}),
        },
        begun_by=begun_by,
        guard=_delivery_guard(origin.get("guard")),
        stop_on=origin.get("stop_on") or (),
        due_at=due_at,
        lateness=origin.get("lateness"),
        dedupe_key=dedupe_key,
    )


def _delivery_params(params: JsonObject) -> JsonDict:
    """Return the parameters that also apply to the sending: `transactional`, and the names of gateway and account."""
    return {name: params[name] for name in ("transactional", "gateway", "account") if params.get(name)}


def _delivery_kind(notification: JsonObject) -> str:
    if notification["template"] in LINK_TEMPLATES:
        return Kind.DELIVER_ACCOUNT_EMAIL
    return Kind.DELIVER if notification["lead_id"] else Kind.DELIVER_TO_USER


def _delivery_guard(guard: JsonObject | None) -> JsonDict | None:
    """Return the guard without conditions on enrollments.

    The count of a sequence's messages was checked before this message was one of them.
    """
    if guard is None:
        return None
    return {
        name: [
            one
            for one in conditions
            if not any(leaf["field"].startswith(ENROLLMENT_FACTS) for leaf in single_conditions(one))
        ]
        for name, conditions in guard.items()
    }


def _reaches(route: Route, to: Recipient) -> bool:
    channel = CHANNELS[route.channel]
    if channel.has_destinations:
        return to.user_id is not None and route.destination_id is not None
    reaches_by_id = to.user_id is not None and channel.for_users is not None and channel.for_users.address is None
    return reaches_by_id or bool(_address(channel, to))


def _address(channel: Channel, to: Recipient) -> str | None:
    if to.user_id is None:
        return to.address if channel.for_leads else None
    if channel.for_users is None or channel.for_users.address is None:
        return None
    return channel.for_users.address(to.user_id, to.address)


def _row(wording: Wording, to: Recipient, metadata: MessageMetadata, *, route: Route, at: datetime) -> ColumnDict:
    channel, state = CHANNELS[route.channel], _first_state(route)
    is_sent = state is NotificationState.SENT
    step_id = None if channel.is_sent_when_written else metadata.step_id
    id = new_id() if step_id is None else _planned_id(step_id, route, to)  # noqa: A001
    return {
        "id": id,
        "clinic_id": metadata.clinic_id,
        "lead_id": metadata.lead_id,
        "user_id": to.user_id,
        "task_id": metadata.task_id,
        "step_id": metadata.step_id,
        "channel": channel.name,
        "template": metadata.template,
        "template_version_id": metadata.version_id,
        "variant": metadata.variant,
        "series": metadata.series,
        "address": _address(channel, to),
        "subject": wording.subject,
        "subject_blind": _subject_keys(wording, to, metadata),
        "body": wording.body,
        "message_id": channel.message_id(id),
        "account_name": metadata.account_name,
        "gateway_id": metadata.gateway_id,
        "destination_id": route.destination_id,
        "message_type": metadata.message_type,
        "media_url": metadata.media_url,
        "provider_template": metadata.provider_template,
        "state": state,
        "reason": route.reason,
        "attempts": 0,
        "created_at": at,
        "sent_at": at if is_sent else None,
    }


def _subject_keys(wording: Wording, to: Recipient, metadata: MessageMetadata) -> list[int] | None:
    """Return the search keys of a message to a lead. Other messages are not searched."""
    if to.user_id is not None or not wording.subject:
        return None
    return word_keys(metadata.clinic_id, TextKind.SUBJECTS, wording.subject)


def _first_state(route: Route) -> NotificationState:
    if route.reason is not None:
        return NotificationState.SUPPRESSED
    return NotificationState.SENT if CHANNELS[route.channel].is_sent_when_written else NotificationState.PENDING


def _planned_id(step_id: UUID, route: Route, to: Recipient) -> UUID:
    """Return the id of a message that a step writes. It is the same whenever the step runs.

    The id makes the `Message-ID` and the gateway's idempotency key. If the step runs again after a backup was restored,
    receivers recognise the copy. It has the form of a UUIDv7 with the time of the step's id, and a hash.
    """
    place = f" {route.destination_id}" if route.destination_id else ""
    digest = hashlib.sha256(f"{step_id} {route.channel} {to.user_id or 'lead'}{place}".encode()).digest()
    value = int.from_bytes(step_id.bytes[:6] + digest[:10])
    return UUID(int=value & ~_VERSION_AND_VARIANT | _VERSION_7)


def _ids(notification: JsonObject) -> JsonDict:
    # A task's own events stop only the steps that name the task.
    ids = {"notification_id": notification["id"], "task_id": notification["task_id"]}
    return {name: str(id) for name, id in ids.items() if id is not None}  # noqa: A001


def _text(id: UUID | None) -> str | None:  # noqa: A002
    return None if id is None else str(id)
