"""Planned steps of the orthodontics playbook, with the arithmetic beside each row."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.automation.playbooks import shipped
from app.core.calendar.calendar import BusinessHours, Calendar, HolidayCalendar
from app.engine.events.events import Event, EventName
from app.engine.models import Kind
from app.engine.plan.plan import PlannedStep, plan
from app.engine.rules.rules import RuleSet, read_rule

NEW_YORK = ZoneInfo("America/New_York")
DAYS = ("mon", "tue", "wed", "thu", "fri")
CALENDAR = Calendar(
    NEW_YORK,
    BusinessHours.from_json({day: [["09:00", "18:00"]] for day in DAYS}),
    closed_on=HolidayCalendar("US", closed=frozenset({date(2026, 3, 18)})),
)
RULES = RuleSet.of([read_rule(definition) for definition in shipped.load("orthodontics").rules])
LEAD, TASK = UUID(int=1), UUID(int=2)


def at(wall: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=zone).astimezone(UTC)


def event_of(
    name: EventName,
    wall: str,
    *,
    lead: Mapping[str, Any] | None = None,
    task: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
    key: str = "",
) -> Event:
    """An event at that time in New York."""
    facts: dict[str, Any] = {"lead": {"pipeline_stage": "new_lead", "failed_attempts": 0, **(lead or {})}}
    facts |= {"task": dict(task)} if task else {}
    facts |= {"event": dict(about)} if about else {}
    subject = TASK if name.startswith("task.") else LEAD
    return Event(name, LEAD, subject_id=subject, occurred_at=at(wall), facts=facts, key=key)


def planned(event: Event, rules: RuleSet = RULES) -> list[PlannedStep]:
    return list(plan(rules, event, CALENDAR).steps)


def dues(event: Event) -> list[tuple[str, str, datetime]]:
    return sorted((step.name, step.kind, step.due_at) for step in planned(event))


def step_named(event: Event, name: str) -> PlannedStep:
    [step] = [step for step in planned(event) if step.name == name]
    return step


SENT, LOST, MADE = Kind.SEND_MESSAGE, Kind.SUGGEST_LOST, Kind.CREATE_TASK
THIRD = {"failed_attempts": 3}
SUGGESTED = {"failed_attempts": 4, "lost_suggested_at": "2026-03-10T14:00:00Z"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        # a new lead: the call task at once (its own due time is another matter), the escalation 24 hours later
        (
            event_of(EventName.LEAD_CREATED, "2026-03-10 10:00"),
            [("no-contact-24h", Kind.ESCALATE, "2026-03-11 10:00"), ("speed-to-lead", MADE, "2026-03-10 10:00")],
        ),
        # a Saturday evening: closed days do not count, so 24 hours begin when the clinic opens on Monday
        (
            event_of(EventName.LEAD_CREATED, "2026-03-07 17:58"),
            [("no-contact-24h", Kind.ESCALATE, "2026-03-10 09:00"), ("speed-to-lead", MADE, "2026-03-07 17:58")],
        ),
        # 2028 has a 29 February
        (
            event_of(EventName.LEAD_CREATED, "2028-02-28 10:00"),
            [("no-contact-24h", Kind.ESCALATE, "2028-02-29 10:00"), ("speed-to-lead", MADE, "2028-02-28 10:00")],
        ),
        # overdue: 24 hours more
        (
            event_of(EventName.TASK_OVERDUE, "2026-03-10 10:00", task={"due_at": at("2026-03-10 09:59")}),
            [("overdue-24h", Kind.ESCALATE, "2026-03-11 10:00")],
        ),
        # three attempts, the last one a message: the break-up 3 days later, so that the lead can answer the message
        (
            event_of(EventName.LEAD_ATTEMPT_FAILED, "2026-03-10 10:00", lead=THIRD, about={"type": "EMAIL"}),
            [
                ("break-up-email-after-message", SENT, "2026-03-13 10:00"),
                ("break-up-email-after-message", LOST, "2026-03-13 10:00"),
            ],
        ),
        # a confirmation is waited for: at once, in the middle of the night too
        (
            event_of(
                EventName.CONSULTATION_SCHEDULED, "2026-03-10 03:00", about={"scheduled_for": at("2026-03-12 09:00")}
            ),
            [("consultation-confirmation", SENT, "2026-03-10 03:00")],
        ),
        # without its time: 30 minutes later, because the time may follow
        (
            event_of(EventName.CONSULTATION_SCHEDULED, "2026-03-10 03:00"),
            [("consultation-confirmation-without-time", SENT, "2026-03-10 03:30")],
        ),
        # 3 days after the consultation; the 29 February counts
        (
            event_of(EventName.CONSULTATION_COMPLETED, "2026-03-10 16:00"),
            [("post-consult-follow-up", MADE, "2026-03-13 16:00")],
        ),
        (
            event_of(EventName.CONSULTATION_COMPLETED, "2028-02-27 10:00"),
            [("post-consult-follow-up", MADE, "2028-03-01 10:00")],
        ),
        # 7 days in that stage; no other stage is waited for
        (
            event_of(EventName.LEAD_STAGE_CHANGED, "2026-03-10 10:00", about={"stage": "pending_decision"}),
            [("pending-decision-check-in", MADE, "2026-03-17 10:00")],
        ),
        (event_of(EventName.LEAD_STAGE_CHANGED, "2026-03-10 10:00", about={"stage": "contacted"}), []),
        # the third attempt in a row or the first one after it, such as after a merge, once until the lead answers
        (event_of(EventName.LEAD_ATTEMPT_FAILED, "2026-03-10 10:00", lead={"failed_attempts": 2}), []),
        (
            event_of(EventName.LEAD_ATTEMPT_FAILED, "2026-03-10 10:00", lead=THIRD),
            [("break-up-email", SENT, "2026-03-10 10:00"), ("break-up-email", LOST, "2026-03-10 10:00")],
        ),
        (
            event_of(EventName.LEAD_ATTEMPT_FAILED, "2026-03-10 10:00", lead={"failed_attempts": 5}),
            [("break-up-email", SENT, "2026-03-10 10:00"), ("break-up-email", LOST, "2026-03-10 10:00")],
        ),
        (event_of(EventName.LEAD_ATTEMPT_FAILED, "2026-03-10 10:00", lead=SUGGESTED), []),
        # quiet hours from 21:00 to 8:00 apply to the lead, not to users
        (
            event_of(EventName.LEAD_ATTEMPT_FAILED, "2026-03-10 21:00", lead=THIRD),
            [("break-up-email", SENT, "2026-03-11 08:00"), ("break-up-email", LOST, "2026-03-10 21:00")],
        ),
        (
            event_of(EventName.LEAD_ATTEMPT_FAILED, "2026-03-10 07:59", lead=THIRD),
            [("break-up-email", SENT, "2026-03-10 08:00"), ("break-up-email", LOST, "2026-03-10 07:59")],
        ),
        # events without a rule
        (event_of(EventName.LEAD_ASSIGNED, "2026-03-10 10:00"), []),
        (event_of(EventName.LEAD_REPLIED, "2026-03-10 10:00"), []),
    ],
)
def test_event_plans_the_steps_of_the_playbook(event: Event, expected: list[tuple[str, str, str]]):
    assert dues(event) == sorted((name, kind, at(wall)) for name, kind, wall in expected)


@pytest.mark.parametrize(
    ("captured", "call_due"),
    [
        ("2026-03-10 10:00", "2026-03-10 10:05"),
        # 2 minutes of Friday, 3 of Monday; the local time is the same after the clock change on Sunday
        ("2026-03-06 17:58", "2026-03-09 09:03"),
        ("2026-10-30 17:58", "2026-11-02 09:03"),
        # at night, at the weekend: 5 minutes after opening
        ("2026-03-10 23:30", "2026-03-11 09:05"),
        ("2026-03-07 12:00", "2026-03-09 09:05"),
        # Thanksgiving is Thursday 26 November; 4 July 2026 is a Saturday, observed on Friday the 3rd
        ("2026-11-25 17:58", "2026-11-27 09:03"),
        ("2026-07-02 17:58", "2026-07-06 09:03"),
        # the clinic's own closed Wednesday
        ("2026-03-17 17:58", "2026-03-19 09:03"),
        # from Monday 28 to Tuesday 29 February
        ("2028-02-28 17:58", "2028-02-29 09:03"),
    ],
)
def test_first_call_is_due_after_five_minutes_of_business_time(captured: str, call_due: str):
    step = step_named(event_of(EventName.LEAD_CREATED, captured), "speed-to-lead")

    assert step.due_at == at(captured)  # the task itself is made at once: the coordinator sees it coming
    assert step.params["task_due_at"] == at(call_due).isoformat()


@pytest.mark.parametrize(
    ("completed", "made", "due"),
    [
        ("2026-03-10 16:00", "2026-03-13 16:00", "2026-03-16 11:00"),  # Tuesday + 3 days: Friday, 2 h, then Monday, 2 h
        ("2026-03-11 16:00", "2026-03-14 16:00", "2026-03-16 13:00"),  # a Saturday: 4 h after Monday opens
        ("2026-03-15 10:00", "2026-03-18 10:00", "2026-03-19 13:00"),  # the clinic's own closed day
    ],
)
def test_follow_up_is_due_when_the_clinic_is_open(completed: str, made: str, due: str):
    step = step_named(event_of(EventName.CONSULTATION_COMPLETED, completed), "post-consult-follow-up")

    assert (step.due_at, step.params["task_due_at"]) == (at(made), at(due).isoformat())


@pytest.mark.parametrize("name", [EventName.TASK_CREATED, EventName.TASK_RETIMED])
@pytest.mark.parametrize(
    ("task_due", "minutes", "reminders"),
    [
        ("2026-03-10 12:00", None, ["11:45"]),  # the rule's own 15 minutes
        ("2026-03-10 10:10", None, ["10:00"]),  # closer than that: at once
        ("2026-03-10 10:15", None, ["10:00"]),  # exactly that
        ("2026-03-10 12:00", [60], ["11:00"]),  # the task's own win
        ("2026-03-10 12:00", [], []),  # and may be none at all
        ("2026-03-10 12:00", [5, 60, 30], ["11:00", "11:30", "11:55"]),
        ("2026-03-10 12:00", [15, 15], ["11:45"]),
        ("2026-03-10 12:00", [15, 180], ["10:00", "11:45"]),  # 9:00 is past: at once
        ("2026-03-10 12:00", [240, 1440, 10080], ["10:00"]),  # all past: one
        ("2026-03-10 12:00", [0], ["12:00"]),
        ("2026-03-10 09:00", None, ["10:00"]),  # due in the past already: one, which will say so
    ],
)
def test_reminders_are_due_before_the_task(
    name: EventName, task_due: str, minutes: list[int] | None, reminders: list[str]
):
    task = {"due_at": at(task_due), "reminder_minutes": minutes}
    steps = planned(event_of(name, "2026-03-10 10:00", task=task))

    assert [step.due_at for step in steps] == [at(f"2026-03-10 {wall}") for wall in reminders]
    assert {step.kind for step in steps} <= {Kind.REMIND}
    assert all(step.params["task_id"] == str(TASK) for step in steps)
    assert all(step.params["task_due_at"] == at(task_due).isoformat() for step in steps)


def test_reminder_across_a_clock_change_is_in_elapsed_minutes():
    task = {"due_at": at("2026-03-08 03:30"), "reminder_minutes": [60]}  # 02:30 does not exist: 01:30 it is
    [step] = planned(event_of(EventName.TASK_CREATED, "2026-03-07 10:00", task=task))

    assert step.due_at == at("2026-03-08 01:30")


@pytest.mark.parametrize(
    ("zone", "wall", "sent"),
    [
        ("America/Los_Angeles", "2026-03-10 09:30", "2026-03-10 11:00"),  # 06:30 there; their 8:00 is our 11:00
        ("America/Los_Angeles", "2026-03-10 21:30", "2026-03-10 21:30"),  # 18:30 there
        ("Europe/Berlin", "2026-03-10 15:59", "2026-03-10 15:59"),  # 20:59 there (5 hours apart in these weeks)
        ("Europe/Berlin", "2026-03-10 16:00", "2026-03-11 03:00"),  # 21:00 there; their 8:00 is our 3:00
        (None, "2026-03-10 21:30", "2026-03-11 08:00"),  # unknown zone: the clinic's own
    ],
)
def test_quiet_hours_use_the_leads_zone(zone: str | None, wall: str, sent: str):
    steps = planned(event_of(EventName.LEAD_ATTEMPT_FAILED, wall, lead={**THIRD, "timezone": zone}))

    assert [step.due_at for step in steps if step.kind is SENT] == [at(sent)]


def test_confirmation_contains_the_time_of_the_consultation():
    about = {"stage": "consultation_scheduled", "scheduled_for": at("2026-03-20 10:00")}
    step = step_named(
        event_of(EventName.CONSULTATION_SCHEDULED, "2026-03-10 10:00", about=about), "consultation-confirmation"
    )

    assert step.params["scheduled_for"] == at("2026-03-20 10:00").isoformat()


def test_step_names_its_cause():
    rule = read_rule(shipped.load("orthodontics").rules[0], id=UUID(int=7), version=3)
    event = event_of(EventName.LEAD_CREATED, "2026-03-10 10:00")
    [step] = planned(event, RuleSet.of([rule]))

    assert step.cause == {
        "rule": "speed-to-lead",
        "rule_id": str(UUID(int=7)),
        "rule_version": 3,
        "event": "lead.created",
        "subject_id": str(LEAD),
        "occurred_at": at("2026-03-10 10:00").isoformat(),
        "event_id": str(event.id),
        "chain": {"root": str(event.id), "depth": 1, "rules": ["speed-to-lead"]},
    }


def test_step_carries_guard_and_stop_events():
    step = step_named(
        event_of(EventName.TASK_OVERDUE, "2026-03-10 10:00", task={"due_at": at("2026-03-10 09:59")}), "overdue-24h"
    )

    assert step.guard == {
        "only_if": [{"field": "task.status", "equals": "OVERDUE"}],
        "unless": [{"field": "since.contacted", "equals": True}],
    }
    assert "task.completed" in step.stop_on
    assert step.lateness is None


def test_lateness_policy_is_in_seconds():
    rule = read_rule(
        {"name": "soon", "on": "lead.created", "skip_when_later_than": "2 hours", "do": [{"suggest_lost": {}}]}
    )
    [step] = planned(event_of(EventName.LEAD_CREATED, "2026-03-10 10:00"), RuleSet.of([rule]))

    assert step.lateness == 7200


def test_business_delay_counts_opening_hours_only():
    after = {"time": "10 hours", "clock": "business"}
    rule = read_rule({"name": "later", "on": "lead.created", "after": after, "do": [{"suggest_lost": {}}]})
    [step] = planned(event_of(EventName.LEAD_CREATED, "2026-03-06 17:00"), RuleSet.of([rule]))

    assert step.due_at == at("2026-03-09 18:00")  # 1 hour of Friday, 9 of Monday


@pytest.mark.parametrize("status", ["CONVERTED", "LOST", "ARCHIVED"])
def test_no_step_is_planned_for_a_closed_lead(status: str):
    task = {"due_at": at("2026-03-10 12:00"), "reminder_minutes": None}
    for name in {*EventName} - {*AFTER_AN_END}:
        assert planned(event_of(name, "2026-03-10 10:00", lead={**THIRD, "status": status}, task=task)) == []


AFTER_AN_END = [name for name in EventName if name.startswith("task.")]


@pytest.mark.parametrize(("status", "reminders"), [("LOST", 1), ("CONVERTED", 1), ("ARCHIVED", 0)])
def test_task_of_a_closed_lead_still_has_reminders(status: str, reminders: int):
    task = {"due_at": at("2026-03-10 12:00"), "reminder_minutes": None}
    steps = planned(event_of(EventName.TASK_CREATED, "2026-03-10 10:00", lead={"status": status}, task=task))

    assert [step.cause["lead_status"] for step in steps] == [status] * reminders


def test_clinic_that_never_opens_still_plans_calls():
    never = Calendar(NEW_YORK, BusinessHours.from_json({}))
    [call] = [
        s for s in plan(RULES, event_of(EventName.LEAD_CREATED, "2026-03-06 17:58"), never).steps if s.kind is MADE
    ]

    assert call.params["task_due_at"] == at("2026-03-06 18:03").isoformat()


def test_task_created_by_another_task_has_its_own_due_time():
    make = {"create_task": {"type": "CALL", "title": "Ask why", "due": {"after": "1 hour"}}}
    rule = read_rule({"name": "ask-why", "on": "task.overdue", "do": [make]})
    overdue = event_of(EventName.TASK_OVERDUE, "2026-03-10 10:00", task={"due_at": at("2026-03-09 12:00")})
    [step] = planned(overdue, RuleSet.of([rule]))

    assert step.params["task_due_at"] == at("2026-03-10 11:00").isoformat()


def test_dedupe_keys_depend_on_the_event_only():
    def keys(wall: str, key: str) -> set[str]:
        return {s.key for s in planned(event_of(EventName.LEAD_ATTEMPT_FAILED, wall, lead=THIRD, key=key))}

    first = keys("2026-03-10 10:00", "a")
    assert len(first) == 2  # one for each action
    assert keys("2026-03-10 10:05", "a") == first
    assert not keys("2026-03-10 10:00", "b") & first


def test_each_reminder_of_a_task_has_its_own_dedupe_key():
    task = {"due_at": at("2026-03-10 12:00"), "reminder_minutes": [5, 30, 60]}
    steps = planned(event_of(EventName.TASK_CREATED, "2026-03-10 10:00", task=task))

    assert len({step.key for step in steps}) == 3


def test_step_contains_no_personal_data():
    person = {"first_name": "Canary", "email": "canary@example.org", "phone": "+12125550143"}
    task = {"due_at": at("2026-03-10 12:00"), "reminder_minutes": None, "title": "Canary"}
    for name in EventName:
        for step in planned(event_of(name, "2026-03-10 10:00", lead={**THIRD, **person}, task=task)):
            assert "anary" not in str(step)
            assert "2125550143" not in str(step)


def test_business_days_work_in_any_zone():
    sydney = ZoneInfo("Australia/Sydney")
    calendar = Calendar(sydney, BusinessHours.from_json({day: [["08:30", "17:00"]] for day in DAYS}))
    event = Event(
        EventName.LEAD_CREATED,
        LEAD,
        subject_id=LEAD,
        occurred_at=at("2026-04-03 16:59", sydney),
        facts={"lead": {}},
    )
    [step] = [step for step in plan(RULES, event, calendar).steps if step.name == "speed-to-lead"]

    # 1 minute of Friday, 4 of Monday; on Sunday 5 April daylight saving ends there
    assert datetime.fromisoformat(step.params["task_due_at"]) == at("2026-04-06 08:34", sydney)
    assert step.due_at + timedelta(days=2, hours=16, minutes=35) == at("2026-04-06 08:34", sydney)
