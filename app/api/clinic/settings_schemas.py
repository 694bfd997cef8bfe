"""A clinic's settings, in and out."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from app.api.tasks.template_schemas import Duration
from app.core.calendar.durations import parse_duration
from app.http.schemas.fields import Boolean, Integer
from app.http.schemas.schema import Schema
from app.identity.failure_breaker import Breaker

HIGHEST_CAP: Final = 100
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=90)
MOST_COUNTED: Final = 1_000_000
_BREAKER: Final = Breaker()


class Length(Duration):
    """A length of time from a minute to 90 days."""

    def __init__(self, **options: Any) -> None:
        super().__init__(60, **options)

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> str:
        text = super()._deserialize(value, *args, **more)
        if not SHORTEST <= parse_duration(text) <= LONGEST:
            raise ValidationError(f"From 1 minute to {LONGEST.days} days.")
        return text


class Fraction(fields.Float):
    """A part of a whole, from 0 to 1."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Range(0, 1), **options)

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> float:
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
    """How much of what a rule or sequence does within 24 hours may go wrong before it is paused; null: any part."""

    min_messages = Integer(
        least=1,
        most=MOST_COUNTED,
        load_default=_BREAKER.min_messages,
        metadata={"description": "Of fewer nothing is concluded."},
    )
    failures = _part("Of its steps, how many may fail: 0.2 is one in five.", _BREAKER.failures)
    bounces = _part("Of its messages, how many may come back.", _BREAKER.bounces)
    opt_outs = _part("Of its messages, after how many a lead may opt out.", _BREAKER.opt_outs)


class ContactPolicyIn(Schema):
    """How often, and when, a lead is written to; null: no limit.

    All of it: what is left out gets its default. What a lead waits for (a confirmation) goes out all the same, and
    counts. In the quiet hours of where a lead is, nothing else does, whatever this says.
    """

    daily_cap = _cap("Messages to a lead on one day of where it is.")
    weekly_cap = _cap("Messages to a lead in one week, from Monday.")
    per_sequence_cap = _cap("Messages of one rule or sequence to a lead, ever. What is beyond is skipped.")
    minimum_interval = _length("Between one message to a lead and the next.", "4 hours")
    window = _length(
        "One message to a lead in each such time, across all rules and sequences: of several the one that matters most;"
        " the others are put off to its end.",
        "1 day",
    )
    business_hours_only = Boolean(load_default=False, metadata={"description": "Only while the clinic is open."})
    weekends = Boolean(load_default=True, metadata={"description": "On Saturdays and Sundays, too."})
    holidays = Boolean(
        load_default=True,
        metadata={"description": "On holidays, too: the clinic's, and those of the country of a lead's number."},
    )
    breaker = fields.Nested(
        BreakerIn,
        allow_none=True,
        load_default=lambda: asdict(_BREAKER),
        metadata={"description": "When a rule or sequence that goes wrong is paused; null: never."},
    )


class ContactPolicyOut(Schema):
    """How often, and when, a lead is written to."""

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
