"""Fields and validators that several resources share."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from marshmallow import ValidationError, fields

from app.clock import now
from app.http.schemas.fields import Id
from app.identity.users.lookup import ME

CLOCK_TOLERANCE: Final = timedelta(minutes=5)  # between the clocks of client and server


def require_past(at: datetime) -> None:
    """Refuse times in the future. Raises ValidationError."""
    if is_future(at):
        raise ValidationError("Must not be in the future.")


def is_future(at: datetime | None) -> bool:
    """Return whether the time is in the future, beyond the clock tolerance."""
    return at is not None and at > now() + CLOCK_TOLERANCE


class UserIdOrMe(fields.Field[UUID | str]):
    """A user's id, or `me`."""

    def __init__(self) -> None:
        super().__init__(metadata={"type": "string", "description": f"A user's id, or `{ME}`."})

    def _deserialize(self, value: object, *_: object, **__: object) -> UUID | str:
        return ME if value == ME else Id().deserialize(value)
