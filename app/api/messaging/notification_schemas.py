"""Notifications and their deliveries, in and out."""

from marshmallow import fields, validate

from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, RegisteredName
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.channels.registry import CHANNELS
from app.messaging.delivery.retry import MOST_RETRIED, Resolution
from app.messaging.models import NotificationState

LONGEST_SPREAD = 7 * 24 * 3600  # seconds


class InboxQuery(PageQuery):
    """Which of one's own messages."""

    unread = Boolean(metadata={"description": "`true`: only what was not read yet."})


class NotificationQuery(PageQuery):
    """Which of the clinic's notifications."""

    state = Choice(NotificationState)
    channel = RegisteredName(CHANNELS.names)
    since = Instant(metadata={"description": "Written then or later."})


class RetryNotificationsIn(Schema):
    """Which notifications to send again, and over how long a time."""

    state = fields.String(
        validate=validate.Equal(NotificationState.FAILED.value),
        metadata={"description": "What can be retried is `failed`; it need not be said."},
    )
    channel = RegisteredName(CHANNELS.names)
    since = Instant(metadata={"description": "Written then or later."})
    spread_seconds = Integer(
        most=LONGEST_SPREAD,
        load_default=0,
        metadata={"description": "Spread the tries evenly over this time, so that a provider can keep up."},
    )


class ResolveIn(Schema):
    """What became of a notification that nobody knew about."""

    as_ = Choice(
        Resolution,
        required=True,
        data_key="as",
        metadata={"description": "`sent`: it arrived. `retry`: it did not, send it."},
    )


class InboxOut(Schema):
    """A message in the app."""

    id = Id(required=True)
    template = fields.String(required=True, metadata={"description": "The slug of the template it was made from."})
    subject = fields.String(required=True)
    body = fields.String(required=True)
    lead_id = Id(required=True, allow_none=True)
    task_id = Id(required=True, allow_none=True)
    created_at = Instant(required=True)
    read_at = Instant(required=True, allow_none=True)


class NotificationOut(Schema):
    """A message to one person on one channel. Its text is in the single view."""

    id = Id(required=True)
    channel = RegisteredName(CHANNELS.names, required=True)
    state = Choice(NotificationState, required=True)
    template = fields.String(required=True, metadata={"description": "The slug of the template it was made from."})
    template_version_id = Id(
        required=True, allow_none=True, metadata={"description": "The version whose words it has; null: no template's."}
    )
    variant = fields.String(
        required=True, allow_none=True, metadata={"description": "Of that version.", "examples": ["email:fr-CA"]}
    )
    lead_id = Id(required=True, allow_none=True, metadata={"description": "The lead it tells of."})
    user_id = Id(required=True, allow_none=True, metadata={"description": "Whom it goes to; null: the lead."})
    task_id = Id(required=True, allow_none=True)
    step_id = Id(required=True, allow_none=True, metadata={"description": "The automation step that wrote it."})
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it was stopped."})
    error = fields.String(required=True, allow_none=True, metadata={"description": "The provider's own words."})
    attempts = Integer(required=True)
    created_at = Instant(required=True)
    sent_at = Instant(required=True, allow_none=True)
    delivered_at = Instant(required=True, allow_none=True, metadata={"description": "As its gateway tells."})
    opened_at = Instant(required=True, allow_none=True)
    clicked_at = Instant(required=True, allow_none=True)
    read_at = Instant(required=True, allow_none=True)


class DeliveryOut(Schema):
    """One attempt to hand a notification to its provider."""

    id = Id(required=True)
    attempt = Integer(required=True)
    outcome = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "sent, transient, permanent or unknown; null while it is under way."},
    )
    response = fields.String(required=True, allow_none=True, metadata={"description": "The provider's own words."})
    started_at = Instant(required=True)
    finished_at = Instant(required=True, allow_none=True)


class NotificationDetailOut(NotificationOut):
    """A notification with its text and every attempt to deliver it, retries included."""

    address = fields.String(
        required=True, allow_none=True, metadata={"description": "Of `http`: how the lead is reached, as JSON."}
    )
    gateway_id = Id(required=True, allow_none=True, metadata={"description": "Of `http`."})
    message_type = fields.String(required=True, allow_none=True, metadata={"description": "text, image or video."})
    media_url = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True)
    body = fields.String(required=True)
    message_id = fields.String(required=True, allow_none=True)
    deliveries = fields.List(fields.Nested(DeliveryOut), required=True)


class RetriedNotificationsOut(Schema):
    """What a retry of many did."""

    retried = Integer(required=True, metadata={"description": f"How many are sent again; at most {MOST_RETRIED}."})
    left = Integer(required=True, metadata={"description": "How many that match are left: ask again for them."})
