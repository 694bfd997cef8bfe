"""When the acts of the stories happen: staff acts while the clinic is open, leads also write in the evening."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import count
from typing import Final

from app.core.calendar.calendar import Calendar
from app.ops.demo.replay.stories import WORKING_DAY, Act, Story

_PERIOD: Final = timedelta(days=60)
_HALF_HOUR: Final = timedelta(minutes=30)
_SHORTLY: Final = timedelta(hours=4)
_VISIT: Final = timedelta(minutes=47)
_LONGER: Final = timedelta(hours=1)  # a visit that would end after closing time begins so much earlier
_LATER: Final = timedelta(minutes=21)  # after the act before it, if an evening was in between
_EVENING: Final = (time(18, 50), time(20, 10), time(19, 30), time(21, 5))
VISITS: Final = frozenset({"attends", "misses"})


@dataclass(frozen=True, slots=True)
class Planned:
    """An act with its time.

    `visit_at`: the appointment that the act is about or comes before, if there is one. `next_at`: when something
    happens next in the story; None after its last act.
    """

    story: Story
    act: Act
    at: datetime
    visit_at: datetime | None = None
    next_act: Act | None = None
    next_at: datetime | None = None


class Schedule:
    """The times of all acts before `now`."""

    def __init__(self, calendar: Calendar, now: datetime) -> None:
        self._calendar, self._now = calendar, now
        self._start = now - _PERIOD
        self._open_time = calendar.business_time_between(self._start, now)

    def at(self, before: timedelta) -> datetime:
        """Return the instant that many opening hours before now; after now if it is negative."""
        instant = self._calendar.add_business_time(self._start, self._open_time - before)
        return instant if self._calendar.is_open(instant) else instant - timedelta(minutes=3)

    def due(self, days: float) -> datetime:
        """Return the instant that many working days after now; before now if it is negative."""
        return self.at(WORKING_DAY * -days)

    def on_day(self, days: int, wall: time) -> datetime:
        """Return a wall time on the working day so many days from now, or a day later if it is over."""
        day = self._calendar.add_business_days(self._now, timedelta(days=days))
        at = self._calendar.at_wall_time(self._calendar.local(day).date(), wall)
        return at if at > self._now else self.on_day(days + 1, wall)

    def plan(self, stories: Sequence[Story]) -> list[Planned]:
        """Return the acts of all stories in the order of their times. What would be after now is left out."""
        evenings = count()
        planned = [one for story in stories for one in self._of_story(story, evenings)]
        return sorted((one for one in planned if one.at < self._now), key=lambda one: one.at)

    def _of_story(self, story: Story, evenings: Iterator[int]) -> list[Planned]:
        times: list[datetime] = []
        for act in story.acts:
            times.append(self._time(act, times[-1] if times else None, evenings))
        planned = [
            Planned(story, act, at, self._visit(story.acts[number:], times[number:]), *follows)
            for number, (act, at, follows) in enumerate(
                zip(story.acts, times, _following(story.acts, times), strict=True)
            )
        ]
        return [*planned, *self._reminders(planned)]

    def _reminders(self, planned: Sequence[Planned]) -> Iterator[Planned]:
        """Yield the reminder of each appointment, if a user was to remind the lead."""
        for one in planned:
            if one.act.name == "books" and (visit_at := self.visit(one)) and (due := self.reminder(visit_at, one.at)):
                act = Act("reminds", None, None, timedelta())
                yield Planned(one.story, act, due - timedelta(minutes=11), visit_at)

    def visit(self, booked: Planned) -> datetime | None:
        """Return the time of the appointment that an act books."""
        wanted = booked.act.value
        return booked.visit_at if wanted == "next" else self.on_day(wanted["days"], time.fromisoformat(wanted["at"]))

    def reminder(self, visit_at: datetime, booked_at: datetime) -> datetime | None:
        """Return when a user is to remind the lead: a working day before. None if it is booked shortly before."""
        open_time = self._calendar.business_time_between(self._start, visit_at) - WORKING_DAY
        due = self._calendar.add_business_time(self._start, open_time)
        return due if due > booked_at + _SHORTLY else None

    def open_time(self, at: datetime) -> datetime:
        """Return the time, or half an hour after the next opening."""
        return at if self._calendar.is_open(at) else self._calendar.next_open(at) + _HALF_HOUR

    def _time(self, act: Act, last: datetime | None, evenings: Iterator[int]) -> datetime:
        if act.before is not None:
            at = self.at(act.before)
        else:
            at = self._calendar.add_business_time(last or self._start, act.after)
        if act.name in VISITS:
            at = self._end_of_visit(at)
        if last is not None and at <= last:
            at = last + _LATER
        at = at if self._calendar.is_open(at) else self._calendar.next_open(at) + _LATER
        return self._in_the_evening(at, evenings) if act.evening else at

    def _in_the_evening(self, at: datetime, evenings: Iterator[int]) -> datetime:
        wall = _EVENING[next(evenings) % len(_EVENING)]
        evening = self._calendar.at_wall_time(self._calendar.local(at).date(), wall)
        return evening if evening < self._now else at

    def _end_of_visit(self, at: datetime) -> datetime:
        begin = _half_hour(at)
        return begin + _VISIT if self._calendar.is_open(begin + _VISIT) else begin - _LONGER + _VISIT

    @staticmethod
    def _visit(acts: Sequence[Act], times: Sequence[datetime]) -> datetime | None:
        found = (at - _VISIT for act, at in zip(acts, times, strict=True) if act.name in VISITS)
        return next(found, None)


def _following(acts: Sequence[Act], times: Sequence[datetime]) -> list[tuple[Act | None, datetime | None]]:
    return [*zip(acts[1:], times[1:], strict=True), (None, None)]


def _half_hour(at: datetime) -> datetime:
    return at - timedelta(minutes=at.minute % 30, seconds=at.second, microseconds=at.microsecond)
