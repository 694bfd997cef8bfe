"""Schedules of saved reports: the local days and instants of their e-mails. Pure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.calendar.calendar import instant_at
from app.core.calendar.months import add_months, day_in_month
from app.core.type_aliases import JsonDict, JsonObject


class Every(StrEnum):
    WEEK = "week"
    MONTH = "month"


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class AttachedFile(StrEnum):
    """The file that an e-mail has."""

    CSV = "csv"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One e-mail a week on `weekday`, or a month on `day`, to each recipient.

    In a month without `day`, the e-mail is sent on the last day. `at` is a local time of the recipient such as
    `07:00`; None: the hour of their digest. While it is paused, no e-mail is sent.
    """

    every: Every
    recipients: tuple[UUID, ...]
    weekday: Weekday | None = None
    day: int | None = None
    at: str | None = None
    attach: AttachedFile | None = None
    is_paused: bool = False

    @classmethod
    def from_json(cls, stored: JsonObject) -> "Schedule":
        """Return the schedule that `to_json` returned."""
        return cls(
            Every(stored["every"]),
            tuple(map(UUID, stored["recipients"])),
            Weekday(stored["weekday"]) if stored["weekday"] else None,
            stored["day"],
            stored["at"],
            AttachedFile(stored["attach"]) if stored["attach"] else None,
            is_paused=stored.get("is_paused", False),
        )

    def to_json(self) -> JsonDict:
        """Return the schedule as JSON."""
        return {**asdict(self), "recipients": [str(one) for one in self.recipients]}


class Mailing(NamedTuple):
    """One e-mail of a schedule: the first day of its week or month, the local day, and the instant."""

    period: date
    day: date
    due_at: datetime


def mailings(schedule: Schedule, digest_at: time, zone: ZoneInfo, *, after: datetime, until: datetime) -> list[Mailing]:
    """Return the e-mails due after one instant and until another, in order. Each week or month has exactly one."""
    first, last = (at.astimezone(zone).date() for at in (after, until))
    found = (mailing_of(schedule, period, digest_at, zone) for period in periods_between(schedule.every, first, last))
    return [one for one in found if after < one.due_at <= until]


def mailing_of(schedule: Schedule, period: date, digest_at: time, zone: ZoneInfo) -> Mailing:
    """Return the e-mail of the week or month that begins on the day `period`."""
    day = _day_in(schedule, period)
    wall = time.fromisoformat(schedule.at) if schedule.at else digest_at
    return Mailing(period, day, instant_at(datetime.combine(day, wall), zone))


def _day_in(schedule: Schedule, period: date) -> date:
    if schedule.every is Every.WEEK:
        return period + timedelta(days=list(Weekday).index(schedule.weekday or Weekday.MONDAY))
    return day_in_month(period, schedule.day or 1)


def dedupe_key(report_id: UUID, user_id: UUID, every: Every, period: date) -> str:
    """Return the key of the step that mails a report: one per recipient, and week or month."""
    return f"report:{report_id}:{user_id}:{every}:{period}"


def periods_between(every: Every, first: date, last: date) -> Iterator[date]:
    """Yield the first days of the weeks or months of these days."""
    day = first - timedelta(days=first.weekday()) if every is Every.WEEK else first.replace(day=1)
    while day <= last:
        yield day
        day = day + timedelta(days=7) if every is Every.WEEK else add_months(day, 1)
