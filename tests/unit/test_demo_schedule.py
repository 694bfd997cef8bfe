"""The stories of the demo clinic: their times at whatever time it is seeded, and their words."""

from collections import Counter
from datetime import datetime

import pytest

from app.core.calendar.calendar import Calendar
from app.core.calendar.hours import BusinessHours
from app.identity.models import WEEKDAYS_9_TO_18
from app.ops.demo.replay.acts import ACTS, address_of
from app.ops.demo.replay.schedule import Planned, Schedule
from app.ops.demo.replay.stories import stories
from tests.support.practice import NEW_YORK, at

CALENDAR = Calendar(NEW_YORK, BusinessHours.from_json(WEEKDAYS_9_TO_18))
OF_LEADS = {"arrives", "replies", "texted"}
SEEDED = {
    "in the afternoon": at("2026-03-10T14:30"),
    "before opening": at("2026-03-11T05:10"),
    "just after opening": at("2026-03-12T09:02"),
    "at night": at("2026-03-12T23:40"),
    "on Sunday": at("2026-03-15T13:00"),
    "after the change to winter time": at("2025-11-03T10:00"),
}


@pytest.fixture(params=SEEDED.values(), ids=SEEDED)
def now(request: pytest.FixtureRequest) -> datetime:
    value: datetime = request.param
    return value


@pytest.fixture
def schedule(now: datetime) -> Schedule:
    return Schedule(CALENDAR, now)


@pytest.fixture
def planned(schedule: Schedule) -> list[Planned]:
    return schedule.plan(stories())


def test_users_act_while_the_clinic_is_open(planned: list[Planned]):
    at_other_times = [
        (one.story.lead["first_name"], one.act.name, one.at.astimezone(NEW_YORK).isoformat())
        for one in planned
        if one.act.name not in OF_LEADS and not CALENDAR.is_open(one.at)
    ]
    assert at_other_times == []


def test_leads_write_by_day_and_in_the_evening(planned: list[Planned]):
    hours = Counter(one.at.astimezone(NEW_YORK).hour for one in planned if one.act.name in OF_LEADS)
    assert min(hours) >= 9
    assert max(hours) <= 21
    assert sum(number for hour, number in hours.items() if hour >= 18) >= 6


def test_each_story_happens_in_its_order_and_before_now(planned: list[Planned], now: datetime):
    for story in stories():
        of_story = [one for one in planned if one.story is story and one.act in story.acts]
        assert [one.act for one in of_story] == list(story.acts)
        times = [one.at for one in of_story]
        assert times == sorted(set(times))
        assert times[-1] < now


def test_no_two_appointments_are_at_one_time(schedule: Schedule, planned: list[Planned], now: datetime):
    visits = Counter(schedule.visit(one) for one in planned if one.act.name == "books")
    assert max(visits.values()) == 1
    assert sum(1 for visit in visits if visit and visit > now) >= 6


def test_appointments_are_while_the_clinic_is_open(schedule: Schedule, planned: list[Planned]):
    for one in planned:
        visit = schedule.visit(one) if one.act.name == "books" else None
        assert visit is None or CALENDAR.is_open(visit)


def test_no_two_leads_have_a_phone_number_or_an_address():
    leads = [story.lead for story in stories()]
    assert len({lead["phone"] for lead in leads}) == len({address_of(lead) for lead in leads}) == len(leads)
    assert all("-555-01" in lead["phone"] for lead in leads)  # reserved for fiction


def test_acts_are_known():
    assert {act.name for story in stories() for act in story.acts} <= {*ACTS, "arrives"}
