"""The events of the stream, for the API description. The stream process writes them."""

from typing import Final

from marshmallow import Schema, fields, validate

from app.core.live_events.entries import MOST_IDS
from app.http.schemas.fields import Id, ListOf

KINDS: Final = (
    *("lead.changed", "task.changed", "message.changed", "step.changed", "notification.new", "job.changed"),
    *("ready", "reset", "closed"),
)


class LiveEventData(Schema):
    """JSON in the line `data` of an event. `ready` and `reset` have none of these fields."""

    ids = ListOf(Id(), most=MOST_IDS, metadata={"description": "The changed objects, at most 50."})
    lead_ids = ListOf(Id(), most=MOST_IDS, metadata={"description": "The leads of these objects."})
    more = fields.Boolean(metadata={"description": "More have changed than are listed: load them again."})
    reason = fields.String(
        validate=validate.OneOf(("token_expired", "access_changed", "stopping")),
        metadata={"description": "With `closed`: why the server ends the stream."},
    )


class LiveEvent(Schema):
    """One server-sent event: its lines `event`, `id` and `data`."""

    event = fields.String(required=True, validate=validate.OneOf(KINDS))
    id = fields.String(metadata={"description": "For `Last-Event-ID` of the next stream."})
    data = fields.Nested(LiveEventData, required=True)
