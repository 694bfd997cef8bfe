"""Response schemas for the state of the engine."""

from marshmallow import fields

from app.http.schemas.fields import Instant
from app.http.schemas.schema import Schema


class QueueOut(Schema):
    """A queue of the broker."""

    queue = fields.String(required=True)
    messages = fields.Integer(required=True, metadata={"description": "Messages that wait for a worker."})
    oldest_seconds = fields.Float(required=True, metadata={"description": "Age of the oldest one; 0 with RabbitMQ."})
    workers = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Workers that answered; null: not counted yet."}
    )


class StepCountOut(Schema):
    """Number of steps in a state."""

    state = fields.String(required=True)
    kind = fields.String(required=True)
    count = fields.Integer(required=True)


class SweepOut(Schema):
    """The last run of a sweep."""

    name = fields.String(required=True)
    finished_at = Instant(required=True, allow_none=True)
    runs = fields.Integer(required=True)
    has_failed = fields.Boolean(required=True)


class OperationsOut(Schema):
    """State of the engine."""

    status = fields.String(required=True, metadata={"description": "`ready`, or `held` while no step runs."})
    is_broker_up = fields.Boolean(required=True)
    flower_port = fields.Integer(required=True, metadata={"description": "Port of Flower on its host."})
    queues = fields.List(fields.Nested(QueueOut), required=True)
    steps = fields.List(fields.Nested(StepCountOut), required=True, metadata={"description": "Of your clinic."})
    sweeps = fields.List(fields.Nested(SweepOut), required=True)
