"""When somebody is there, in and out."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.clock import now
from app.core.calendar.hours import BusinessHours, InvalidHours
from app.http.schemas.fields import Choice, Id, Instant, ListOf, Text
from app.http.schemas.schema import Schema
from app.leads.assignment.models import AbsentTasks

MOST_WINDOWS: Final = 10  # of a day


class AbsenceIn(Schema):
    """A time in which somebody is away: they get no new leads then."""

    starts_at = Instant(required=True)
    ends_at = Instant(required=True, metadata={"description": "Exclusive."})
    note = Text(500, allow_none=True, load_default=None)
    cover_id = Id(allow_none=True, load_default=None, metadata={"description": "Who does their tasks meanwhile."})
    tasks = Choice(
        AbsentTasks,
        load_default=AbsentTasks.REROUTE,
        metadata={
            "description": "What becomes of their open tasks that fall due meanwhile. `reroute`: to the cover, else to"
            " the lead's coordinator, else by the assignment rules. `shift`: they are due when the clinic, or they,"
            " next open after it."
        },
    )

    @validates_schema
    def _lies_ahead(self, data: dict[str, Any], **_: Any) -> None:
        if data["ends_at"] <= data["starts_at"]:
            raise ValidationError("Must be later than it starts.", "ends_at")
        if data["ends_at"] <= now():
            raise ValidationError("Must lie in the future.", "ends_at")


class AbsenceOut(Schema):
    """A time in which somebody is away."""

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
    """The windows of each weekday, by the clock on the clinic's wall; a day left out is a day off."""

    mon = _day()
    tue = _day()
    wed = _day()
    thu = _day()
    fri = _day()
    sat = _day()
    sun = _day()

    @validates_schema
    def _make_sense(self, data: dict[str, Any], **_: Any) -> None:
        try:
            BusinessHours.from_json(data, "hours")
        except InvalidHours as mistake:
            raise ValidationError(str(mistake)) from None


class WorkingHoursSchema(Schema):
    """When somebody works; null: whenever the clinic is open."""

    hours = fields.Nested(HoursSchema, required=True, allow_none=True)
