"""Backfill of a rule for existing leads: due times, with the arithmetic beside each row."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from app.automation.rules.existing_leads import PastEvent
from app.automation.rules.late_start import decide_late_start, plan_at_turn
from app.core.calendar.calendar import BusinessHours, Calendar
from app.engine.events.events import Event
from app.engine.rules.rule_evaluation import RuleVerdict
from app.engine.rules.rules import Rule, read_rule

ZONE = ZoneInfo("America/New_York")
WEEKDAYS = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
CALENDAR = Calendar(ZONE, BusinessHours.from_json(WEEKDAYS))
NOW = datetime(2026, 3, 10, 11, 0, tzinfo=ZONE)  # a Tuesday
TURN = NOW + timedelta(hours=9)  # 20:00


def rule(**parts: Any) -> Rule:
    return read_rule({"name": "x", "on": "lead.created", "do": [{"suggest_lost": {"reason": "OTHER"}}], **parts})


def past_event(since: datetime | None = None, **facts: Any) -> PastEvent:
    lead = {"status": "ACTIVE", **facts}
    return PastEvent(Event("lead.created", uuid4(), uuid4(), NOW, facts={"lead": lead, "event": {}}), since)


def due(of: Rule, about: PastEvent) -> tuple[bool, datetime]:
    """Return whether the rule waits for its turn, and when the step is due."""
    start = decide_late_start(of, [about], CALENDAR)
    assert start is not None
    assert start.is_matched
    planned = plan_at_turn(start, of, TURN, CALENDAR) if start.needs_turn else start.planned
    assert planned is not None
    [step] = planned.steps
    return start.needs_turn, step.due_at


@pytest.mark.parametrize(
    ("after", "since", "turn", "expected"),
    [
        ("2 hours", None, True, "2026-03-10T22:00"),  # its turn and two hours
        ({"time": "1 hour", "clock": "business"}, None, True, "2026-03-11T10:00"),  # closed at 20:00
        ("3 days", "2026-03-09T10:00", False, "2026-03-12T10:00"),  # not over yet
        ("3 days", "2026-03-01T10:00", True, "2026-03-10T20:00"),  # over: at its turn
        ({"time": "3 days", "at": "09:00"}, "2026-03-01T10:00", True, "2026-03-11T09:00"),  # ... and its hour
        ({"time": "8 hours", "clock": "business"}, "2026-03-01T10:00", True, "2026-03-11T09:00"),
    ],
)
def test_delay_after_a_past_event(after: Any, since: str | None, turn: bool, expected: str):
    about = past_event(datetime.fromisoformat(since).replace(tzinfo=ZONE) if since else None)
    assert due(rule(after=after), about) == (turn, datetime.fromisoformat(expected).replace(tzinfo=ZONE))


@pytest.mark.parametrize(
    ("expiry", "turn", "expected"),
    [
        (date(2026, 12, 1), False, "2026-08-03T00:00"),  # 120 days before
        (date(2026, 5, 1), True, "2026-03-10T20:00"),  # less than that is left: at its turn
        (date(2026, 3, 11), True, "2026-03-10T20:00"),
    ],
)
def test_delay_before_a_date(expiry: date, turn: bool, expected: str):
    of = rule(before={"time": "120 days", "of": "lead.expiry"})
    wanted = datetime.fromisoformat(expected).replace(tzinfo=ZONE)
    assert due(of, past_event(expiry=expiry)) == (turn, wanted)


def test_date_that_passes_before_the_turn_is_due_at_once():
    of = rule(before={"time": "120 days", "of": "lead.expiry"})
    start = decide_late_start(of, [past_event(expiry=date(2026, 3, 11))], CALENDAR)
    assert start is not None
    [step] = plan_at_turn(start, of, NOW + timedelta(days=2), CALENDAR).steps
    assert step.due_at == NOW


def test_past_date_matches_nothing():
    of = rule(before={"time": "120 days", "of": "lead.expiry"})
    start = decide_late_start(of, [past_event(expiry=date(2026, 3, 1))], CALENDAR)
    assert start is not None
    assert (start.is_matched, start.decision.verdict) == (False, RuleVerdict.NO_SUCH_DATE)


def test_conditions_are_evaluated_now_and_not_at_the_turn():
    of = rule(when=[{"field": "lead.created_at", "days_since": {"less_than": 1}}], after="1 hour")
    yesterday = NOW - timedelta(hours=20)  # at its turn it is more than a day ago
    assert due(of, past_event(created_at=yesterday)) == (True, TURN + timedelta(hours=1))


def test_first_matching_event_counts():
    of = rule(when=[{"field": "lead.status", "equals": "NEW"}])
    start = decide_late_start(of, [past_event(), past_event(status="NEW")], CALENDAR)
    assert start is not None
    assert start.is_matched
    assert decide_late_start(of, [], CALENDAR) is None
