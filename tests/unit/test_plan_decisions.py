"""Decisions of rules about one event, and the steps of rules on dates and of recurring rules. New York."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar.calendar import BusinessHours, Calendar
from app.engine.events.events import Chain, Event, EventName
from app.engine.models import BegunBy, Kind
from app.engine.plan.plan import Plan, PlannedStep, plan
from app.engine.rules.rule_evaluation import RuleVerdict
from app.engine.rules.rules import RuleSet, read_rule

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
CALENDAR = Calendar(NEW_YORK, BusinessHours.from_json({"mon": [["09:00", "18:00"]]}))
LEAD = UUID(int=1)
EXPIRY = "lead.custom.passport_expiry"
SUGGEST = {"suggest_lost": {"reason": "OTHER"}}
MESSAGE = {"send_message": {"channel": "email", "template": "hello"}}
ACTIVE = {"field": "lead.status", "equals": "ACTIVE"}


def at(wall: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=zone).astimezone(UTC)


def planned(
    rule: dict[str, Any],
    lead: dict[str, Any] | None = None,
    *,
    name: str = EventName.LEAD_CREATED,
    chain: Chain | None = None,
    rule_id: UUID | None = None,
) -> Plan:
    event = Event(name, LEAD, subject_id=LEAD, occurred_at=at("2026-03-10 10:00"), facts={"lead": lead or {}}, key="k")
    written = {"name": "rule", "on": "lead.created", "do": [SUGGEST], **rule}
    rules = RuleSet.of([read_rule(written, id=rule_id)])
    return plan(rules, event.with_chain(chain) if chain else event, CALENDAR)


def only_step(found: Plan) -> PlannedStep:
    [step] = found.steps
    return step


@pytest.mark.parametrize(
    ("rule", "lead", "chain", "verdict", "details"),
    [
        ({"when": [ACTIVE]}, {"status": "NEW"}, None, RuleVerdict.UNMET, {"condition": ACTIVE, "value": "NEW"}),
        ({}, {"status": "LOST"}, None, RuleVerdict.LEAD_IS_OVER, {}),
        ({}, {}, Chain(LEAD, 1, ("rule",)), RuleVerdict.LOOP, {"chain": ("rule",)}),
        ({}, {}, Chain(LEAD, 10, ("other",)), RuleVerdict.TOO_DEEP, {"chain": ("other",)}),
        ({}, {}, Chain(LEAD, 11, ()), RuleVerdict.TOO_DEEP, {}),
        ({"after": {"of": EXPIRY}}, {}, None, RuleVerdict.NO_SUCH_DATE, {"of": EXPIRY}),
    ],
)
def test_rule_that_plans_nothing_gives_the_reason(
    rule: dict[str, Any], lead: dict[str, Any], chain: Chain | None, verdict: RuleVerdict, details: dict[str, Any]
):
    found = planned(rule, lead, chain=chain)

    [decision] = found.decisions
    assert (decision.verdict, decision.details, found.steps) == (verdict, details, ())


def test_rule_that_plans_steps_lists_them_with_their_moves():
    found = planned({"after": "11 hours", "do": [SUGGEST, MESSAGE]})

    [decision] = found.decisions
    evening, morning = at("2026-03-10 21:00"), at("2026-03-11 08:00")
    assert decision.verdict is RuleVerdict.MATCHED
    assert decision.details["steps"] == [
        {"kind": Kind.SUGGEST_LOST, "due_at": evening},
        {
            "kind": Kind.SEND_MESSAGE,
            "due_at": morning,
            "wanted_at": evening,
            "moves": [{"by": "quiet_hours", "to": morning}],
        },
    ]


def test_tenth_step_in_a_row_is_still_planned():
    step = only_step(planned({}, chain=Chain(LEAD, 9, ("other",))))

    assert step.cause["chain"] == {"root": str(LEAD), "depth": 10, "rules": ["other", "rule"]}


@pytest.mark.parametrize(("name", "status"), [("lead.converted", "CONVERTED"), ("lead.lost", "LOST")])
def test_closing_of_a_lead_plans_steps_of_rules_on_it(name: str, status: str):
    step = only_step(planned({"on": name}, {"status": status}, name=name))

    assert step.cause["lead_status"] == status
    [refused] = planned({"on": name}, {"status": "ARCHIVED"}, name=name).decisions
    assert refused.verdict is RuleVerdict.LEAD_IS_OVER


def test_conditions_compare_dates_with_the_local_time_of_the_event():
    since = {"when": [{"field": "lead.custom.visit", "days_since": 1}]}

    assert planned(since, {"custom.visit": "2026-03-09"}).steps  # 34 hours ago
    assert not planned(since, {"custom.visit": "2026-03-10"}).steps


@pytest.mark.parametrize(
    ("value", "due"),
    [
        ("2026-09-01", "2026-09-04 00:00"),  # a custom field: text
        ("2026-09-01T15:00:00-04:00", "2026-09-04 15:00"),
        (date(2026, 9, 1), "2026-09-04 00:00"),
        (at("2026-09-01 15:00"), "2026-09-04 15:00"),
        ("2026-09-01T15:00:00", None),  # without a zone it is no instant
        (datetime(2026, 9, 1, 15), None),  # noqa: DTZ001
        ("soon", None),
        ("To be told", None),
        (5, None),
        (None, None),
        ("2026-03-01", None),  # past
        ("9999-12-31", None),  # date arithmetic would overflow
        ("0001-01-01", None),
        (date.max, None),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_rule_counts_from_a_date_of_the_lead(value: object, due: str | None):
    found = planned({"after": {"time": "3 days", "of": EXPIRY}}, {"custom.passport_expiry": value})

    assert [step.due_at for step in found.steps] == ([at(due)] if due else [])
    assert (found.decisions[0].verdict is RuleVerdict.NO_SUCH_DATE) is (due is None)


@pytest.mark.parametrize(
    ("zone", "timezone", "due"),
    [
        ("clinic", "Europe/Berlin", at("2026-03-11 09:00")),
        ("lead", "Europe/Berlin", at("2026-03-11 09:00", BERLIN)),
        ("lead", None, at("2026-03-11 09:00")),
    ],
)
def test_hour_of_the_day_is_in_the_zone_of_the_clinic_or_the_lead(zone: str, timezone: str | None, due: datetime):
    found = planned({"after": {"time": "1 day", "at": "09:00", "zone": zone}}, {"timezone": timezone})

    assert only_step(found).due_at == due


BEFORE_EXPIRY = {"on": "date.reached", "before": {"time": "30 days", "of": EXPIRY, "at": "09:00"}}


def test_step_on_a_date_has_one_key_per_date_and_checks_the_date_again():
    lead = {"custom.passport_expiry": "2026-09-01"}
    created = only_step(planned({**BEFORE_EXPIRY, "only_if": [ACTIVE]}, lead))
    updated = only_step(planned({**BEFORE_EXPIRY, "only_if": [ACTIVE]}, lead, name=EventName.LEAD_UPDATED))
    moved = only_step(planned(BEFORE_EXPIRY, {"custom.passport_expiry": "2026-10-01"}))

    assert created.due_at == at("2026-08-02 09:00")
    assert created.key == updated.key == f"rule:0:date.reached:{LEAD}:2026-09-01:"
    assert moved.key == f"rule:0:date.reached:{LEAD}:2026-10-01:"
    assert created.guard == {"only_if": [ACTIVE, {"field": EXPIRY, "equals": "2026-09-01"}]}
    assert moved.guard == {"only_if": [{"field": EXPIRY, "equals": "2026-10-01"}]}


def test_guard_on_a_date_keeps_the_other_conditions_of_the_rule():
    step = only_step(planned({**BEFORE_EXPIRY, "unless": [ACTIVE]}, {"custom.passport_expiry": "2026-09-01"}))

    assert step.guard == {"unless": [ACTIVE], "only_if": [{"field": EXPIRY, "equals": "2026-09-01"}]}


def test_rule_that_counts_from_a_date_after_another_event_follows_the_event():
    step = only_step(planned({"after": {"of": EXPIRY}}, {"custom.passport_expiry": "2026-09-01"}))

    assert (step.key, step.guard) == (f"rule:0:lead.created:{LEAD}:k:", None)


@pytest.mark.parametrize(
    ("zone", "timezone", "kept"),
    [
        ("clinic", "Europe/Berlin", {}),
        ("lead", "Europe/Berlin", {"zone": "Europe/Berlin"}),
        ("lead", None, {}),
    ],
)
def test_recurring_step_names_its_interval_and_due_time(zone: str, timezone: str | None, kept: dict[str, str]):
    rule = {"after": {"time": "1 hour", "zone": zone}, "every": "1 week", "do": [SUGGEST]}
    step = only_step(planned(rule, {"timezone": timezone}))

    assert step.cause["every"] == {"time": "1 week", **kept, "due_at": at("2026-03-10 11:00").isoformat()}


@pytest.mark.parametrize(("priority", "kept"), [({}, {}), ({"priority": 100}, {}), ({"priority": 5}, {"priority": 5})])
def test_step_names_its_rule_and_a_priority_other_than_the_default(priority: dict[str, int], kept: dict[str, int]):
    step = only_step(planned(priority, rule_id=UUID(int=7)))

    assert {name: value for name, value in step.cause.items() if name == "priority"} == kept
    assert (step.cause["rule"], step.cause["rule_id"], step.cause["rule_version"]) == ("rule", str(UUID(int=7)), 1)
    assert only_step(planned(priority)).cause["rule_id"] is None


def test_columns_of_a_step_are_those_of_its_row():
    step = only_step(planned({"skip_when_later_than": "1 hour", "stop_on": ["lead.replied"], "unless": [ACTIVE]}))

    assert step.columns == {
        "kind": Kind.SUGGEST_LOST,
        "name": "rule",
        "due_at": at("2026-03-10 10:00"),
        "params": {"reason": "OTHER"},
        "cause": step.cause,
        "guard": {"unless": [ACTIVE]},
        "stop_on": ("lead.replied",),
        "lateness": 3600,
        "dedupe_key": f"rule:0:lead.created:{LEAD}:k:",
        "begun_by": BegunBy.RULE,
        "moves": None,
    }
