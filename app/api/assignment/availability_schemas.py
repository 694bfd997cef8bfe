"""Request and response schemas of out-of-office periods and working hours."""

from collections.abc import Iterable
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.clock import now
from app.core.calendar.hours import BusinessHours, InvalidHours
from app.core.type_aliases import JsonDict
from app.core.validation.check_all import valid_part
from app.core.validation.validation_errors import Mistake, parts_of
from app.http.schemas.fields import Choice, Id, Instant, ListOf, Text
from app.http.schemas.schema import Schema
from app.leads.assignment.models import AbsentTasks

MOST_WINDOWS: Final = 10  # of a day


class AbsenceIn(Schema):
    """An out-of-office period to add. The user gets no new leads in it."""

    starts_at = Instant(required=True)
    ends_at = Instant(required=True, metadata={"description": "Exclusive."})
    note = Text(500, allow_none=True, load_default=None)
    cover_id = Id(allow_none=True, load_default=None, metadata={"description": "User who covers their tasks."})
    tasks = Choice(
        AbsentTasks,
        load_default=AbsentTasks.REROUTE,
        metadata={
            "description": "Handling of open tasks that fall due in this period. `reroute`: to the cover, else to"
            " the lead's coordinator, else by the assignment rules. `shift`: postpone to the next opening of the"
            " clinic, or of the user's working hours, after the period."
        },
    )

    @validates_schema
    def _is_a_period(self, data: JsonDict, **_: object) -> None:
        if data["ends_at"] <= data["starts_at"]:
            raise ValidationError("Must be after starts_at.", "ends_at")

    @validates_schema
    def _lies_ahead(self, data: JsonDict, **_: object) -> None:
        if data["ends_at"] <= now():
            raise ValidationError("Must be in the future.", "ends_at")


class AbsenceOut(Schema):
    """An out-of-office period."""

    id = Id(required=True)
    user_id = Id(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    note = fields.String(required=True, allow_none=True)
    cover_id = Id(required=True, allow_none=True)
    tasks = Choice(AbsentTasks, required=True)
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)


def _day() -> ListOf:
    window = ListOf(Text(5, least=5), least=2, most=2)
    return ListOf(window, most=MOST_WINDOWS, metadata={"examples": [[["09:00", "12:00"], ["14:00", "18:00"]]]})


class HoursSchema(Schema):
    """Time windows of each weekday, in the clinic's local time; a missing day is a day off."""

    mon = _day()
    tue = _day()
    wed = _day()
    thu = _day()
    fri = _day()
    sat = _day()
    sun = _day()

    @validates_schema
    def _make_sense(self, data: JsonDict, **_: object) -> None:
        try:
            BusinessHours.from_json(valid_part(data), "")
        except InvalidHours as found:
            raise ValidationError(_by_day(found.mistakes)) from None


def _by_day(mistakes: Iterable[Mistake]) -> dict[str | int, Any]:
    """Return the messages by day and index, as marshmallow nests them."""
    messages: dict[str | int, Any] = {}
    for mistake in mistakes:
        *parents, last = parts_of(mistake.place)
        inner = messages
        for part in parents:
            inner = inner.setdefault(part, {})
        inner[last] = [mistake.problem]
    return messages


class WorkingHoursSchema(Schema):
    """Working hours of a user; null: the clinic's opening hours."""

    hours = fields.Nested(HoursSchema, required=True, allow_none=True)
