"""Best time to contact a lead: estimates, shrinkage, and due times at the next best hour."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import BusinessHours, Calendar
from app.engine.rules.timing import Due, LocalClock, Timing, at_best_time
from app.identity.models import WEEKDAYS_9_TO_18
from app.leads.facts.best_time.estimate import (
    Contacts,
    Level,
    Part,
    Slot,
    Sureness,
    counts_from_json,
    counts_to_json,
    estimate,
    slot_of,
)

NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = Calendar(NEW_YORK, BusinessHours.from_json(WEEKDAYS_9_TO_18))
CLOCK = LocalClock(CALENDAR, NEW_YORK)


def weekday(hour: int) -> Slot:
    return Slot(Part.WEEKDAY, hour)


CLINIC = {weekday(hour): Contacts(200, 60) for hour in range(9, 18)} | {weekday(17): Contacts(200, 120)}


def test_the_hour_that_reaches_most_leads_is_sure():
    found = estimate({}, {}, CLINIC)

    assert [one.slot for one in found.best] == [weekday(17)]
    assert found.best[0].sureness is Sureness.SURE
    assert found.best[0].chance == pytest.approx(0.58, abs=0.02)
    assert found.average == pytest.approx(1 / 3, abs=0.01)
    assert found.level is Level.CLINIC


def test_few_contacts_of_the_clinic_give_no_hour():
    assert estimate({}, {}, {weekday(17): Contacts(40, 39)}).best == []


def test_hours_without_a_difference_give_no_hour():
    flat = {weekday(hour): Contacts(200, 60 + hour % 2) for hour in range(9, 18)}

    assert estimate({}, {}, flat).best == []


def test_answers_of_the_lead_move_the_estimate_step_by_step():
    chances = []
    for count in (0, 1, 3, 8):
        own = {weekday(10): Contacts(count, count)} if count else {}
        slots = {one.slot: one for one in estimate(own, {}, CLINIC).slots}
        chances.append(slots[weekday(10)].chance)

    assert chances == sorted(chances)
    assert chances[1] < 0.5 < chances[3]
    own = {weekday(10): Contacts(8, 8)}
    assert estimate(own, {}, CLINIC).best[0].slot == weekday(10)
    assert estimate(own, {}, CLINIC).level is Level.LEAD


def test_a_source_with_its_own_hour_differs_from_the_clinic():
    source = {weekday(11): Contacts(100, 80), weekday(17): Contacts(100, 20)}

    found = estimate({}, source, CLINIC)

    assert (found.best[0].slot, found.level) == (weekday(11), Level.SOURCE)
    assert weekday(17) not in [one.slot for one in found.best]


def test_answers_have_no_attempts_and_count_by_their_share():
    evening = {**CLINIC, weekday(17): Contacts(200, 120, 160), weekday(18): Contacts(0, 0, 90)}
    quiet = {weekday(hour): Contacts(200, 60, 30) for hour in range(9, 17)}

    found = estimate({}, {}, {**evening, **quiet})

    assert [one.slot.hour for one in found.best] == [17, 18]
    assert found.best[0].chance > found.best[1].chance + 0.1
    only_answers = estimate({}, {}, {weekday(8): Contacts(0, 0, 20), weekday(20): Contacts(0, 0, 80)})
    assert only_answers.best[0].slot == weekday(20)


def test_counts_survive_storage():
    assert counts_from_json(counts_to_json(CLINIC)) == CLINIC
    assert slot_of(datetime(2026, 3, 7, 23, tzinfo=NEW_YORK)) == Slot(Part.WEEKEND, 23)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a time of March 2026 in New York, as UTC. The 2nd is a Monday; clocks change on Sunday, the 8th."""
    return datetime(2026, 3, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("due", "hours", "expected"),
    [
        (at(2, 10), ["weekday 17"], at(2, 17)),
        (at(2, 17, 20), ["weekday 17"], at(2, 17, 20)),  # within the hour
        (at(2, 18), ["weekday 17"], at(3, 17)),
        (at(6, 18), ["weekday 17"], at(9, 17)),  # over the weekend, and over the change of clocks
        (at(2, 10), ["weekday 19", "weekday 16"], at(2, 16)),  # closed at 19:00
        (at(2, 10), ["weekend 11", "weekday 9"], at(3, 9)),  # closed at weekends
        (at(2, 20), [], at(3, 9)),  # no best hour: the next opening
        (at(2, 10), [], at(2, 10)),
    ],
)
def test_due_time_moves_to_the_next_best_hour_in_opening_hours(due: datetime, hours: list[str], expected: datetime):
    moved = at_best_time(Due(due), hours, CLOCK)

    assert moved.at == expected
    assert [move.by for move in moved.moves] == ([] if expected == due else ["best_time" if hours else "opening_hours"])


def test_best_time_is_of_the_leads_time_zone():
    moved = at_best_time(Due(at(2, 10)), ["weekday 10"], LocalClock(CALENDAR, ZoneInfo("America/Los_Angeles")))

    assert moved.at == at(2, 13)


def test_both_spellings_are_read():
    assert Timing.read("best_time").at_best_time
    later = Timing.read({"time": "2 days", "best_time": True})
    assert later.at_best_time
    assert later.wait.time.days == 2
    assert not Timing.read("1 day").at_best_time
