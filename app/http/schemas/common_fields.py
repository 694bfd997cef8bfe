"""Fields and validators that several resources share."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from marshmallow import ValidationError, fields

from app.clock import now
from app.core.calendar.durations import InvalidDuration, parse_duration
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Id, Text
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


class Duration(Text):
    """A duration such as `1 day 4 hours`."""

    def _deserialize(self, value: object, *args: object, **more: object) -> str:
        text = super()._deserialize(value, *args, **more)
        try:
            parse_duration(text)
        except InvalidDuration as mistake:
            raise ValidationError(str(mistake)) from None
        return text


def require_one_of(data: JsonDict, *names: str) -> None:
    """Check that exactly one of these fields is given. Raises ValidationError, with an error on each field."""
    if sum(name in data for name in names) != 1:
        raise ValidationError({name: [f"Give exactly one of {', '.join(names)}."] for name in names})
