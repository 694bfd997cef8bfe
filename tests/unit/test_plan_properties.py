"""Property: no rule or sequence plans a message into the lead's night."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from app.core.calendar.calendar import BusinessHours, Calendar
from app.engine.events.events import Event, EventName
from app.engine.plan.plan import plan
from app.engine.rules.rules import RuleSet, read_rule
from app.engine.sequences.progression import EnrollmentContext, plan_step
from app.engine.sequences.sequence import read_sequence

CALENDAR = Calendar(
    ZoneInfo("America/New_York"),
    BusinessHours.from_json({day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}),
)
LEAD = UUID(int=1)
MESSAGE = {"send_message": {"channel": "email", "template": "hello"}}

zones = st.sampled_from(
    ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Kiritimati"]
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
hours = st.times().map(lambda hour: hour.strftime("%H:%M"))
lengths = st.tuples(st.integers(0, 90), st.sampled_from(["minutes", "hours", "days"])).map(
    lambda of: f"{of[0]} {of[1]}"
)
waits = st.one_of(
    lengths,
    st.fixed_dictionaries({"time": lengths, "clock": st.sampled_from(["wall", "business"])}),
    st.fixed_dictionaries({"time": lengths, "at": hours, "zone": st.sampled_from(["lead", "clinic"])}),
    st.fixed_dictionaries({"time": lengths, "at": st.lists(hours, min_size=1, max_size=3, unique=True)}),
    st.fixed_dictionaries({"on_day": st.integers(1, 31), "at": hours}),
)


@given(waits, zones, moments)
def test_no_rule_plans_a_message_into_the_leads_night(wait: Any, zone: str, at: datetime):
    rule = read_rule({"name": "later", "on": "lead.created", "after": wait, "do": [MESSAGE]})
    facts = {"lead": {"status": "NEW", "timezone": zone}}
    event = Event(EventName.LEAD_CREATED, LEAD, subject_id=LEAD, occurred_at=at, facts=facts)
    [step] = plan(RuleSet.of([rule]), event, CALENDAR).steps
    assert at <= step.due_at
    assert is_day(step.due_at, zone)


@given(waits, zones, moments, st.one_of(st.none(), st.timedeltas(timedelta(), timedelta(days=9))))
def test_no_sequence_plans_a_message_into_the_leads_night_or_after_a_pause(
    wait: Any, zone: str, at: datetime, left: timedelta | None
):
    sequence = read_sequence({"name": "series", "steps": [{"name": "one", "after": wait, **MESSAGE}]})
    passage = EnrollmentContext(UUID(int=2), zone)
    step = plan_step(sequence, sequence.first, passage, at=at, calendar=CALENDAR, left=left)
    assert at <= step.due_at
    assert is_day(step.due_at, zone)


def is_day(instant: datetime, zone: str) -> bool:
    return time(8) <= instant.astimezone(ZoneInfo(zone)).time() < time(21)
