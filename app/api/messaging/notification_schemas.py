"""Request and response schemas for notifications and their deliveries."""

import marshmallow
from marshmallow import fields, validate

from app.api.messaging.gateway_schemas import OutageOut
from app.http.schemas.fields import Boolean, Choice, Id, Instant, Integer, RegisteredName, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import Schema
from app.messaging.channels.registry import CHANNELS
from app.messaging.delivery.retry import MAX_RETRIED, Resolution
from app.messaging.models import NotificationState

LONGEST_SLUG = 100
MAX_SPREAD_SECONDS = 7 * 24 * 3600


class Chosen(marshmallow.Schema):
    """Filters that choose notifications, besides their state."""

    channel = RegisteredName(CHANNELS.names)
    since = Instant(metadata={"description": "Created at this time or later."})
    rule = Text(
        LONGEST_SLUG,
        metadata={"description": "Slug of the rule or sequence that wrote it.", "examples": ["break-up-email"]},
    )


class ChosenToChange(Chosen):
    """Filters of a call that changes all matching notifications."""

    dry_run = Boolean(load_default=False, metadata={"description": "`true`: count only, and change nothing."})


class InboxQuery(PageQuery):
    """Filters for your in-app messages."""

    unread = Boolean(metadata={"description": "`true`: only unread messages."})


class NotificationQuery(Chosen, PageQuery):
    """Filters for the clinic's notifications."""

    state = Choice(NotificationState)


class RetryNotificationsIn(ChosenToChange, Schema):
    """Filters for failed notifications, and the time to spread the retries over."""

    state = fields.String(
        validate=validate.Equal(NotificationState.FAILED.value),
        metadata={"description": "Only `failed` notifications can be retried; optional."},
    )
    spread_seconds = Integer(
        most=MAX_SPREAD_SECONDS,
        load_default=0,
        metadata={"description": "Spread the attempts evenly over this time, to avoid overloading a provider."},
    )


class ResolveIn(Schema):
    """Decision about a notification with an unknown outcome."""

    as_ = Choice(
        Resolution,
        required=True,
        data_key="as",
        metadata={"description": "`sent`: it arrived. `retry`: it did not arrive; send it again."},
    )


class ResolveNotificationsIn(ChosenToChange, ResolveIn):
    """Decision about all matching notifications with an unknown outcome."""

    state = fields.String(
        validate=validate.Equal(NotificationState.UNKNOWN.value),
        metadata={"description": "Only `unknown` notifications can be resolved; optional."},
    )
    spread_seconds = Integer(
        most=MAX_SPREAD_SECONDS,
        load_default=0,
        metadata={"description": "For `retry`: spread the attempts evenly over this time."},
    )


class InboxOut(Schema):
    """An in-app message."""

    id = Id(required=True)
    template = fields.String(required=True, metadata={"description": "The slug of its template."})
    subject = fields.String(required=True)
    body = fields.String(required=True)
    lead_id = Id(required=True, allow_none=True)
    task_id = Id(required=True, allow_none=True)
    created_at = Instant(required=True)
    read_at = Instant(required=True, allow_none=True)


class UnreadOut(Schema):
    """The number of your unread messages."""

    unread = Integer(required=True, metadata={"description": "At most 10,000."})


class ReadAllIn(Schema):
    """The messages to mark as read."""

    up_to = Id(metadata={"description": "This message and older ones; without it, all."})


class ReadAllOut(UnreadOut):
    """The messages that were marked as read, and those that are still unread."""

    marked = Integer(required=True, data_key="read")


class NotificationOut(Schema):
    """A message to one recipient on one channel. Its text is in the detail view."""

    id = Id(required=True)
    channel = RegisteredName(CHANNELS.names, required=True)
    state = Choice(NotificationState, required=True)
    template = fields.String(required=True, metadata={"description": "The slug of its template."})
    template_version_id = Id(
        required=True, allow_none=True, metadata={"description": "Its template version; null: none."}
    )
    variant = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "A variant of that version.", "examples": ["email:fr-CA"]},
    )
    lead_id = Id(required=True, allow_none=True, metadata={"description": "The lead that the message is about."})
    user_id = Id(required=True, allow_none=True, metadata={"description": "The recipient; null: the lead."})
    task_id = Id(required=True, allow_none=True)
    step_id = Id(required=True, allow_none=True, metadata={"description": "The automation step that wrote it."})
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why it was suppressed, such as `turned_off` by the user."},
    )
    error = fields.String(required=True, allow_none=True, metadata={"description": "The provider's response."})
    attempts = Integer(required=True)
    created_at = Instant(required=True)
    sent_at = Instant(required=True, allow_none=True)
    delivered_at = Instant(required=True, allow_none=True, metadata={"description": "As its gateway reports."})
    opened_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "As its gateway reports, or when a person opened a tracked e-mail."},
    )
    clicked_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "As its gateway reports, or when a person followed a link of a tracked e-mail."},
    )
    read_at = Instant(required=True, allow_none=True)


class ListedNotificationOut(NotificationOut):
    """A message with the name of its lead."""

    lead_name = fields.String(
        required=True, allow_none=True, metadata={"description": "Null if you may not see the lead."}
    )


class DeliveryOut(Schema):
    """A delivery attempt."""

    id = Id(required=True)
    attempt = Integer(required=True)
    outcome = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "sent, transient, permanent or unknown; null: running."},
    )
    response = fields.String(required=True, allow_none=True, metadata={"description": "The provider's response."})
    started_at = Instant(required=True)
    finished_at = Instant(required=True, allow_none=True)


class TrackedOut(Schema):
    """Opens and clicks of a tracked e-mail, by who caused them. A hit is counted some seconds after it happened."""

    opens = Boolean(required=True, metadata={"description": "Whether opens are counted."})
    clicks = Boolean(required=True, metadata={"description": "Whether clicks are counted."})
    person_opens = Integer(required=True)
    machine_opens = Integer(required=True, metadata={"description": "By mail filters and other programs."})
    unsure_opens = Integer(required=True, metadata={"description": "It may have been a person or a program."})
    person_clicks = Integer(required=True)
    machine_clicks = Integer(required=True)
    unsure_clicks = Integer(required=True)


class NotificationDetailOut(NotificationOut):
    """A notification with its text and all delivery attempts."""

    address = fields.String(
        required=True, allow_none=True, metadata={"description": "For `http`: JSON with `phone` and `social`."}
    )
    gateway_id = Id(required=True, allow_none=True, metadata={"description": "For `http`."})
    account_name = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The sending account that its text or author names."},
    )
    account_id = Id(
        required=True,
        allow_none=True,
        metadata={"description": "The sending account of the last attempt; null: the server of this installation."},
    )
    destination_id = Id(
        required=True, allow_none=True, metadata={"description": "For `slack`, `teams`, `web_push`: of the user."}
    )
    message_type = fields.String(
        required=True, allow_none=True, metadata={"description": "text, image, video, document."}
    )
    media_url = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True)
    body = fields.String(required=True)
    message_id = fields.String(required=True, allow_none=True)
    tracked = fields.Nested(
        TrackedOut, required=True, allow_none=True, metadata={"description": "Null: not a tracked e-mail."}
    )
    next_attempt_at = Instant(
        required=True, allow_none=True, metadata={"description": "Of a pending one; it may come sooner if it waits."}
    )
    wait_reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why a pending one waits, such as `channel_down`; null: it does not."},
    )
    deliveries = fields.List(fields.Nested(DeliveryOut), required=True)


class RetriedNotificationsOut(Schema):
    """Result of a bulk retry."""

    retried = Integer(
        required=True, metadata={"description": f"Number of notifications that are sent again; at most {MAX_RETRIED}."}
    )
    left = Integer(
        required=True, metadata={"description": "Number of matching notifications that are left for another call."}
    )
    dry_run = Boolean(required=True, metadata={"description": "`true`: nothing was changed."})


class ResolvedNotificationsOut(Schema):
    """Result of resolving many notifications."""

    resolved = Integer(
        required=True, metadata={"description": f"Number of notifications that are resolved; at most {MAX_RETRIED}."}
    )
    left = Integer(
        required=True, metadata={"description": "Number of matching notifications that are left for another call."}
    )
    dry_run = Boolean(required=True, metadata={"description": "`true`: nothing was changed."})


class ChannelOutageOut(OutageOut):
    """An outage of a channel, or of one of the clinic's gateways or sending accounts."""

    channel = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "A channel of all clinics, such as `email`; null: a gateway or an account."},
    )
    gateway_id = Id(required=True, allow_none=True)
    gateway = fields.String(required=True, allow_none=True, metadata={"description": "The gateway's name."})
    account_id = Id(required=True, allow_none=True)
    account = fields.String(required=True, allow_none=True, metadata={"description": "The sending account's name."})


class OutagesOut(Schema):
    """The channels, gateways and sending accounts that are down."""

    items = fields.List(fields.Nested(ChannelOutageOut), required=True)
