"""Request and response schemas for the settings of a clinic."""

import re
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from marshmallow import ValidationError, fields, validate, validates_schema

from app.api.assignment.availability_schemas import HoursSchema
from app.api.leads.fields import Zone
from app.automation.language.types.primitives import HOUR
from app.core.calendar.durations import parse_duration
from app.core.calendar.hours import QuietHours
from app.core.type_aliases import JsonDict
from app.http.schemas.common_fields import Duration
from app.http.schemas.fields import Boolean, Day, Integer, ListOf, Text
from app.http.schemas.schema import QuerySchema, Schema
from app.identity.failure_breaker import Breaker
from app.identity.models import SPREAD_TASKS_PER_HOUR, STALE_AFTER_DAYS

HIGHEST_CAP: Final = 100
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=90)
MOST_COUNTED: Final = 1_000_000
MOST_CLOSED: Final = 366  # dates
LONGEST_QUIET: Final = timedelta(hours=16)  # leads may be in several time zones at once
_BREAKER: Final = Breaker()


class Length(Duration):
    """A duration from 1 minute to 90 days."""

    def __init__(self, **options: Any) -> None:
        super().__init__(60, **options)

    def _deserialize(self, value: object, *args: object, **more: object) -> str:
        text = super()._deserialize(value, *args, **more)
        if not SHORTEST <= parse_duration(text) <= LONGEST:
            raise ValidationError(f"Must be from 1 minute to {LONGEST.days} days.")
        return text


class Fraction(fields.Float):
    """A number from 0 to 1."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Range(0, 1), **options)

    def _deserialize(self, value: object, *args: object, **more: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **more)


def _cap(description: str) -> Integer:
    return Integer(least=1, most=HIGHEST_CAP, allow_none=True, load_default=None, metadata={"description": description})


def _length(description: str, example: str) -> Length:
    return Length(allow_none=True, load_default=None, metadata={"description": description, "examples": [example]})


def _part(description: str, default: float | None) -> Fraction:
    return Fraction(allow_none=True, load_default=default, metadata={"description": description})


class BreakerIn(Schema):
    """Circuit breaker: failure rates within 24 hours that pause a rule or sequence; null: no limit."""

    min_messages = Integer(
        least=1,
        most=MOST_COUNTED,
        load_default=_BREAKER.min_messages,
        metadata={"description": "With fewer messages the breaker does not trip."},
    )
    failures = _part("Highest share of failed steps: 0.2 is one in five.", _BREAKER.failures)
    bounces = _part("Highest share of bounced messages.", _BREAKER.bounces)
    opt_outs = _part("Highest share of messages after which leads opt out.", _BREAKER.opt_outs)


class ContactPolicyIn(Schema):
    """Limits for messages to a lead; null: no limit.

    Fields that are left out get their default. Transactional messages (such as a confirmation) are always sent, and
    they count. During quiet hours in the lead's local time no other message is sent, whatever this policy says.
    """

    daily_cap = _cap("Most messages to a lead per day, in the lead's local time.")
    weekly_cap = _cap("Most messages to a lead per week, from Monday.")
    per_sequence_cap = _cap("Most messages of one rule or sequence to a lead in total. Further messages are skipped.")
    minimum_interval = _length("Shortest time between two messages to a lead.", "4 hours")
    window = _length(
        "At most one message to a lead in this time, over all rules and sequences: the one with the highest priority."
        " The others are postponed to its end.",
        "1 day",
    )
    business_hours_only = Boolean(load_default=False, metadata={"description": "Send only while the clinic is open."})
    weekends = Boolean(load_default=True, metadata={"description": "Send on Saturdays and Sundays."})
    holidays = Boolean(
        load_default=True,
        metadata={"description": "Send on holidays of the clinic and of the country of the lead's number."},
    )
    breaker = fields.Nested(
        BreakerIn,
        allow_none=True,
        load_default=lambda: asdict(_BREAKER),
        metadata={"description": "Pauses a failing rule or sequence; null: never."},
    )


class WallTime(Text):
    """A local time such as `21:00`."""

    def __init__(self, example: str) -> None:
        super().__init__(5, least=5, required=True, metadata={"pattern": HOUR, "examples": [example]})

    def _deserialize(self, value: object, *args: object, **more: object) -> str:
        text = super()._deserialize(value, *args, **more)
        if not re.fullmatch(HOUR, text, re.ASCII):
            raise ValidationError("Must be a local time such as 21:00.")
        return text


class QuietHoursSchema(Schema):
    """Local times of the lead between which no message is sent, also across midnight."""

    starts = WallTime("21:00")
    ends = WallTime("08:00")

    @validates_schema
    def _leave_time(self, data: JsonDict, **_: Any) -> None:
        if data["starts"] == data["ends"]:
            raise ValidationError("Must differ from starts. For no quiet hours, set quiet_hours to null.", "ends")
        if QuietHours.from_json(data).length > LONGEST_QUIET:
            raise ValidationError("Must leave at least eight hours a day for messages.", "ends")


class HoursIn(Schema):
    """All hours of the clinic."""

    business_hours = fields.Nested(
        HoursSchema, required=True, metadata={"description": "Opening hours; a missing day is closed."}
    )
    closed_dates = ListOf(
        Day(), most=MOST_CLOSED, required=True, metadata={"description": "Closed dates besides public holidays."}
    )
    quiet_hours = fields.Nested(
        QuietHoursSchema, required=True, allow_none=True, metadata={"description": "Null: none."}
    )

    @validates_schema
    def _open_sometimes(self, data: JsonDict, **_: Any) -> None:
        if not any(data["business_hours"].values()):
            raise ValidationError("Must open at least once a week.", "business_hours")


class HoursOut(Schema):
    """Opening hours, closed dates and quiet hours of the clinic."""

    timezone = fields.String(required=True, metadata={"description": "IANA time zone of opening hours."})
    business_hours = fields.Nested(HoursSchema, required=True)
    closed_dates = fields.List(Day(), required=True)
    quiet_hours = fields.Nested(QuietHoursSchema, required=True, allow_none=True)
    version = Integer(required=True)


class ClinicProfileIn(Schema):
    """Name and time zone of the clinic."""

    name = Text(100, least=1, required=True, metadata={"examples": ["Smile Orthodontics"]})
    timezone = Zone(required=True)


class ClinicProfileOut(Schema):
    """The clinic: its name, and the place and language with which it was created."""

    name = fields.String(required=True)
    timezone = fields.String(required=True, metadata={"description": "IANA time zone of all local times."})
    region = fields.String(required=True, metadata={"description": "ISO 3166 country of phone numbers and holidays."})
    language = fields.String(required=True, metadata={"description": "BCP 47; of messages to leads without their own."})
    version = Integer(required=True)


class SenderIn(Schema):
    """The sender of e-mails to leads."""

    sender_name = Text(
        most=100, allow_none=True, load_default=None, metadata={"description": "Null: the clinic's name."}
    )
    postal_address = Text(
        most=300,
        lines=True,
        allow_none=True,
        load_default=None,
        metadata={"description": "It stands below commercial e-mails; the law of many countries requires it."},
    )


class SenderOut(Schema):
    """The sender of e-mails to leads."""

    sender_name = fields.String(required=True, allow_none=True)
    postal_address = fields.String(required=True, allow_none=True)
    version = Integer(required=True)


LEAST_KEPT: Final = 365  # days: fewer would change figures of the present year
MOST_KEPT: Final = 36_500
_KEPT: Final = "Days for which tasks that ended and activities of closed leads are kept. Null: for ever."


class FollowUpSettingsIn(Schema):
    """When leads are stale, how tasks for many leads are spread, and how long history is kept."""

    stale_after_days = Integer(
        least=1,
        most=365,
        load_default=STALE_AFTER_DAYS,
        metadata={"description": "Days without contact after which an open lead is stale and goes cold."},
    )
    spread_tasks_per_hour = Integer(
        least=1,
        most=60,
        load_default=SPREAD_TASKS_PER_HOUR,
        metadata={
            "description": "Most tasks for a user in one hour, of those that rules create for many leads at once."
        },
    )
    keep_history_days = Integer(
        least=LEAST_KEPT, most=MOST_KEPT, allow_none=True, load_default=None, metadata={"description": _KEPT}
    )


class FollowUpSettingsOut(Schema):
    """When leads are stale, how tasks for many leads are spread, and how long history is kept."""

    stale_after_days = Integer(required=True)
    spread_tasks_per_hour = Integer(required=True)
    keep_history_days = Integer(required=True, allow_none=True, metadata={"description": _KEPT})
    version = Integer(required=True)


class RetentionQuery(QuerySchema):
    """The number of days to try."""

    keep_history_days = Integer(
        least=LEAST_KEPT, most=MOST_KEPT, metadata={"description": "Default: the stored number of days."}
    )


class RetentionPreviewOut(Schema):
    """Numbers of tasks and activities that would be deleted today."""

    keep_history_days = Integer(required=True, allow_none=True, metadata={"description": "Null: nothing is deleted."})
    tasks = Integer(required=True, metadata={"description": "Number of tasks that ended."})
    activities = Integer(required=True, metadata={"description": "Number of entries of the timeline."})


class ContactPolicyOut(Schema):
    """The contact policy of the clinic."""

    daily_cap = fields.Integer(required=True, allow_none=True)
    weekly_cap = fields.Integer(required=True, allow_none=True)
    per_sequence_cap = fields.Integer(required=True, allow_none=True)
    minimum_interval = fields.String(required=True, allow_none=True)
    window = fields.String(required=True, allow_none=True)
    business_hours_only = Boolean(required=True)
    weekends = Boolean(required=True)
    holidays = Boolean(required=True)
    breaker = fields.Nested(BreakerIn, required=True, allow_none=True)
    version = Integer(required=True)
