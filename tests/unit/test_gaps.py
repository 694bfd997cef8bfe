"""Periods in which no worker finished a step although steps were due."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import BusinessHours, Calendar
from app.engine.steps.gaps import Gap, gaps

CALENDAR = Calendar(ZoneInfo("America/New_York"), BusinessHours.from_json({}))


def at(wall: str) -> datetime:
    return datetime.fromisoformat(f"2026-07-01T{wall}:00+00:00")


@pytest.mark.parametrize(
    ("ends", "late", "found"),
    [
        (["02:00", "02:10", "04:55"], {"02:30": 3, "04:00": 4}, [("02:10", "04:55", 7)]),
        (["02:10", "04:55"], {}, []),  # nothing was due: no gap
        (["02:10", "04:55"], {"04:55": 1}, []),  # due when they were back
        (["02:10", "02:15"], {"02:11": 1}, []),  # five minutes are no gap
        (["02:10", "02:16"], {"02:10": 1}, [("02:10", "02:16", 1)]),
        (["01:00", "02:00", "03:00"], {"01:30": 1, "02:30": 2}, [("01:00", "02:00", 1), ("02:00", "03:00", 2)]),
        ([], {}, []),
    ],
)
def test_gap_is_longer_than_five_minutes_with_steps_due(
    ends: list[str], late: dict[str, int], found: list[tuple[str, str, int]]
):
    due = {at(wall): steps for wall, steps in late.items()}
    assert gaps([*map(at, ends)], due) == [Gap(at(since), at(until), waiting) for since, until, waiting in found]


def test_gap_is_described_in_the_clinics_local_time():
    told = Gap(at("06:10"), at("08:55"), 37).to_text(CALENDAR)
    assert told == "No worker finished a step between 1 Jul 02:10 and 04:55, while 37 steps were due."
    over_night = Gap(at("03:50"), datetime(2026, 7, 1, 4, 10, tzinfo=UTC), 1).to_text(CALENDAR)
    assert over_night == "No worker finished a step between 30 Jun 23:50 and 1 Jul 00:10, while 1 step was due."
