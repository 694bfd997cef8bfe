"""Response schemas for one's own sessions."""

from marshmallow import fields

from app.http.schemas.fields import Boolean, Id, Instant, Integer
from app.http.schemas.schema import Schema


class SessionOut(Schema):
    """A sign-in that is valid."""

    id = Id(required=True)
    address = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "IP address of the sign-in.", "examples": ["192.0.2.1"]},
    )
    client = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The header `User-Agent` of the sign-in: browser and operating system."},
    )
    created_at = Instant(required=True)
    last_used_at = Instant(required=True, allow_none=True, metadata={"description": "Accurate to a minute."})
    expires_at = Instant(required=True)
    is_current = Boolean(required=True, metadata={"description": "The session of this call."})


class EndedSessionsOut(Schema):
    """The number of sessions that were ended."""

    ended = Integer(required=True)
