"""What the probes answer."""

from marshmallow import fields

from app.http.schemas.schema import Schema


class HealthOut(Schema):
    """All is well; when it is not, the answer is a problem."""

    status = fields.String(required=True, metadata={"examples": ["alive", "ready"]})
