"""Tasks that rules create for many leads at once are spread over the opening hours of the clinic."""

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from app import clock
from app.automation.lead_view.step_changes import run_step_now
from app.automation.rules.backfill import start_backfill
from app.clock import now
from app.core.db import transaction
from app.engine.models import Kind
from app.engine.service import record
from app.identity.models import Role
from app.leads.assignment.availability import add_absence
from app.leads.assignment.models import AbsentTasks
from app.leads.events import lead_created
from tests.support.practice import Practice, Watch, sql
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

COORDINATOR = Role.TREATMENT_COORDINATOR
MANY = 130


def local(practice: Practice, at: datetime) -> datetime:
    return practice.actor().clinic.calendar.local(at)


def due_times(practice: Practice, **only: Any) -> list[datetime]:
    return sorted(task.due_at for task in practice.rows("lead_tasks", **only))


def capture_many(practice: Practice, leads: int = MANY) -> list[UUID]:
    """Create leads, and record their creation as an import does."""
    ids = [practice.capture() for _ in range(leads)]
    sql("DELETE FROM steps")
    with transaction() as session:
        found = [lead for lead in practice.rows("leads") if lead.id in ids]
        record(session, practice.actor().clinic, *(lead_created(lead, now()) for lead in found), of_many=True)
    return ids


def capacity(practice: Practice, day: date) -> int:
    """Return how many times of ten minutes the opening hours of a day have."""
    calendar = practice.actor().clinic.calendar
    begins = calendar.at_wall_time(day, datetime.min.time())
    return calendar.business_time_between(begins, begins + timedelta(days=1)) // timedelta(minutes=10)


def test_no_user_gets_more_than_the_opening_hours_of_a_day_hold(practice: Practice, watch: Watch):
    capture_many(practice)
    practice.run_due()
    times = due_times(practice, title="Initial Contact")
    assert len(times) == len(set(times)) == MANY
    assert all(later - earlier >= timedelta(minutes=5) for earlier, later in pairwise(times))
    assert all(practice.actor().clinic.calendar.is_open(at) for at in times)
    days = Counter(local(practice, at).date() for at in times)
    assert len(days) > 2
    assert all(count <= capacity(practice, day) for day, count in days.items())
    assert [count for day, count in sorted(days.items())][1] == capacity(practice, sorted(days)[1])  # none is left out


def test_tasks_of_the_sweep_for_leads_without_next_action_are_spread(practice: Practice, watch: Watch):
    for _ in range(20):
        practice.capture()
    sql("DELETE FROM steps")
    watch.advance(minutes=10)
    assert sweep("find_leads_without_next_action") == 20
    practice.run_due()
    times = due_times(practice, title="Decide what is next")
    assert len(times) == len(set(times)) == 20


def test_times_do_not_depend_on_how_the_steps_are_divided(practice: Practice, watch: Watch):
    capture_many(practice, 30)
    steps = [step for step in practice.steps() if step.name == "speed-to-lead"]
    practice.run("create_task", *steps[:7])
    practice.run("create_task", *steps[7:])
    apart = due_times(practice)
    sql("DELETE FROM lead_tasks")
    sql("UPDATE steps SET state = 'published', finished_at = NULL WHERE name = 'speed-to-lead'")
    practice.run("create_task", *steps)
    assert due_times(practice) == apart


def test_tasks_that_the_user_already_has_keep_their_times_free_of_others(practice: Practice, watch: Watch):
    known = practice.capture()
    calendar = practice.actor().clinic.calendar
    begins = calendar.next_open(now() + timedelta(minutes=5))
    for place in range(12):
        practice.plan(known, begins + place * timedelta(minutes=10))
    capture_many(practice, 3)
    practice.run_due()
    made = due_times(practice, title="Initial Contact")
    assert made[0] > begins + timedelta(minutes=110)  # the last of the twelve


def test_lead_from_the_website_is_called_in_minutes_however_many_were_imported(practice: Practice, watch: Watch):
    capture_many(practice, 40)
    practice.run_due()
    lead = practice.capture()
    practice.run_due()
    [task] = practice.rows("lead_tasks", lead_id=lead)
    assert task.due_at == practice.actor().clinic.calendar.due_after(clock.now(), timedelta(minutes=5))


def test_step_shows_the_due_time_before_it_was_spread(practice: Practice, watch: Watch):
    capture_many(practice, 2)
    practice.run_due()
    first, second = due_times(practice, title="Initial Contact")
    outcomes = [step.outcome for step in practice.steps() if step.name == "speed-to-lead"]
    moved = [outcome["due_before_spreading"] for outcome in outcomes if "due_before_spreading" in outcome]
    assert [datetime.fromisoformat(at) for at in moved] == [first]
    assert second > first


@pytest.mark.parametrize("per_hour", [1, 7, 60])
def test_setting_limits_the_tasks_of_an_hour(practice: Practice, watch: Watch, per_hour: int):
    sql(
        "UPDATE clinics SET spread_tasks_per_hour = :n, rules_version = rules_version + 1 WHERE id = :id",
        n=per_hour,
        id=practice.clinic_id,
    )
    capture_many(practice, 20)
    practice.run_due()
    times = due_times(practice, title="Initial Contact")
    hours = Counter(at.replace(minute=0, second=0, microsecond=0) for at in times)
    assert len(times) == len(set(times)) == 20
    assert all(practice.actor().clinic.calendar.is_open(at) for at in times)
    assert max(hours.values()) <= per_hour
    assert [hours[hour] for hour in sorted(hours)[1:-1]] == [per_hour] * (len(hours) - 2)  # no slot is left out


def test_escalation_counts_from_the_call_that_was_spread(practice: Practice, watch: Watch):
    capture_many(practice)
    practice.run_due()
    calls = {task.lead_id: task.due_at for task in practice.rows("lead_tasks", title="Initial Contact")}
    calendar, first = practice.actor().clinic.calendar, min(calls.values())
    for step in practice.steps(name="no-contact-24h"):
        call = calls[step.lead_id]
        start = now() if call == first else call
        assert step.due_at == calendar.add_business_days(start, timedelta(hours=24))
        assert [move["by"] for move in step.moves or ()] == ([] if call == first else ["first_call"])
    watch.set(max(calls.values()))
    practice.run_due()
    escalated = {task.lead_id for task in practice.rows("lead_tasks", title="No contact in 24 hours")}
    assert escalated
    assert all(calendar.add_business_days(calls[lead_id], timedelta(hours=24)) <= now() for lead_id in escalated)


def backfill(practice: Practice, slug: str) -> None:
    """Apply a rule to all open leads, as an installation of it later does."""
    with transaction() as session:
        rule_id = practice.row("rules", slug=slug).id
        start_backfill(session, practice.actor(), rule_id, per_hour=100_000)
    practice.run(Kind.IMPORT_CHUNK, *practice.steps(kind=Kind.IMPORT_CHUNK))


def calls_of(practice: Practice) -> dict[UUID, datetime]:
    return {task.lead_id: task.due_at for task in practice.rows("lead_tasks", title="Initial Contact")}


def require_counted_from_calls(practice: Practice, start: datetime) -> None:
    """Check that each escalation counts from its call, or from `start` if the call is due before."""
    calls, calendar = calls_of(practice), practice.actor().clinic.calendar
    steps = practice.steps(name="no-contact-24h")
    assert {step.lead_id for step in steps} == calls.keys()
    for step in steps:
        wanted = calendar.add_business_days(max(calls[step.lead_id], start), timedelta(hours=24))
        assert abs(step.due_at - wanted) <= timedelta(minutes=5)


def test_escalation_of_a_rule_that_is_applied_later_counts_from_the_call(practice: Practice, watch: Watch):
    capture_many(practice)
    practice.run_due()
    sql("DELETE FROM steps WHERE name = 'no-contact-24h'")
    watch.advance(minutes=30)

    backfill(practice, "no-contact-24h")

    assert max(calls_of(practice).values()) > now() + timedelta(days=2)
    require_counted_from_calls(practice, now())
    moves = [move for step in practice.steps(name="no-contact-24h") for move in step.moves or ()]
    assert {move["by"] for move in moves} == {"first_call"}


def test_escalations_and_calls_that_are_both_applied_later_keep_their_order(practice: Practice, watch: Watch):
    capture_many(practice, 60)
    sql("DELETE FROM steps")
    backfill(practice, "no-contact-24h")
    backfill(practice, "speed-to-lead")
    watch.advance(minutes=1)
    practice.run_due()
    require_counted_from_calls(practice, now())


@pytest.mark.parametrize("leads", [1, 40])
def test_escalation_counts_from_the_call_that_an_absence_postponed(practice: Practice, watch: Watch, leads: int):
    many = [practice.capture()] if leads == 1 else capture_many(practice, leads)
    practice.run_due()
    before = {step.lead_id: step.due_at for step in practice.steps(name="no-contact-24h")}
    coordinator, ends_at = practice.people[COORDINATOR], now() + timedelta(days=7)

    be_away(practice, coordinator, ends_at)

    assert min(calls_of(practice).values()) >= ends_at
    require_counted_from_calls(practice, now())
    for step in practice.steps(name="no-contact-24h"):
        assert (step.state, step.moves[-1]["by"]) == ("planned", "first_call")
        assert datetime.fromisoformat(step.moves[-1]["from"]) == before[step.lead_id]
    assert len(before) == len(many)
    watch.set(ends_at)
    practice.run_due()
    assert practice.rows("lead_tasks", title="No contact in 24 hours") == []

    be_away(practice, coordinator, ends_at + timedelta(days=7), starts_at=ends_at)  # and again
    require_counted_from_calls(practice, now())


def test_absence_that_gives_the_call_to_a_colleague_moves_no_escalation(practice: Practice, watch: Watch):
    lead = practice.capture()
    practice.run_due()
    before = practice.step(lead, name="no-contact-24h").due_at
    be_away(
        practice, practice.people[COORDINATOR], now() + timedelta(days=7), cover_id=practice.people[Role.CLINIC_ADMIN]
    )
    assert practice.row("lead_tasks", lead_id=lead).assigned_to_id == practice.people[Role.CLINIC_ADMIN]
    assert practice.step(lead, name="no-contact-24h").due_at == before


def be_away(
    practice: Practice,
    user_id: UUID,
    ends_at: datetime,
    *,
    starts_at: datetime | None = None,
    cover_id: UUID | None = None,
) -> None:
    """Add an absence of the user that has begun: the cover gets the tasks, or they are postponed."""
    tasks = AbsentTasks.REROUTE if cover_id else AbsentTasks.SHIFT
    with transaction() as session:
        data = {"starts_at": starts_at or now(), "ends_at": ends_at, "cover_id": cover_id, "tasks": tasks}
        add_absence(session, practice.actor(), user_id, data)


def test_escalation_of_a_lead_that_arrives_alone_counts_from_its_arrival(practice: Practice, watch: Watch):
    capture_many(practice, 40)
    practice.run_due()
    lead = practice.capture()
    practice.run_due()
    step = practice.step(lead, name="no-contact-24h")
    assert step.due_at == practice.actor().clinic.calendar.add_business_days(now(), timedelta(hours=24))


def test_escalations_that_a_user_runs_one_after_another_are_spread(practice: Practice, watch: Watch):
    capture_many(practice, 8)
    practice.run_due()
    for step in practice.steps(name="no-contact-24h"):
        watch.advance(milliseconds=100)
        with transaction() as session:
            run_step_now(session, practice.actor(), step.lead_id, step.id)
        practice.run("escalate", step)
    times = due_times(practice, title="No contact in 24 hours")
    assert len(times) == 8
    assert all(later - earlier >= timedelta(minutes=9) for earlier, later in pairwise(times))
