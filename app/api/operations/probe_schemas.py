"""Response schema of the probes."""

from marshmallow import fields

from app.http.schemas.schema import Schema


class HealthOut(Schema):
    """The result of a successful probe. A failed probe returns a problem."""

    status = fields.String(required=True, metadata={"examples": ["alive", "ready", "held"]})
