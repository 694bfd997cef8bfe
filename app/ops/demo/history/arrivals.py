"""When leads arrive: by season, weekday, holiday and hour."""

from collections.abc import Container
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

from app.core.calendar.calendar import Calendar
from app.leads.enums import CaptureChannel
from app.ops.demo.history.truths import DAYS, HOURS_ONLINE, MONTHS, ON_HOLIDAYS, WEEKDAYS

ONLINE: Final = (CaptureChannel.WEB_FORM, CaptureChannel.SOCIAL)
_HOURS: Final = range(24)
_MINUTES: Final = 60


class Arrivals:
    """Draws the times at which leads of one year arrive, up to `until`."""

    def __init__(self, calendar: Calendar, until: datetime, holidays: Container[date]) -> None:
        today = calendar.local(until).date()
        self._calendar, self._until = calendar, until
        self._days = [today - timedelta(days=ago) for ago in range(DAYS)]
        self._weights = [_weight(day, holidays) for day in self._days]

    def days(self, dice: Random, count: int) -> list[date]:
        """Return the local day of each of `count` leads."""
        return dice.choices(self._days, self._weights, k=count)

    def time(self, dice: Random, day: date, channel: CaptureChannel) -> datetime:
        """Return the time of a lead on a day: online at any hour, otherwise while the clinic is open."""
        hour = dice.choices(_HOURS, HOURS_ONLINE)[0]
        wall = time(hour, dice.randrange(_MINUTES), dice.randrange(_MINUTES))
        at = self._calendar.at_wall_time(day, wall)
        if channel not in ONLINE:
            at = self._calendar.next_open(at) + timedelta(minutes=dice.randrange(_MINUTES))
        while at >= self._until:
            at -= timedelta(days=1)
        return at


def _weight(day: date, holidays: Container[date]) -> float:
    return MONTHS[day.month - 1] * WEEKDAYS[day.weekday()] * (ON_HOLIDAYS if day in holidays else 1)
