"""Figures of follow-ups from rollups: the same as from the tasks, at once after each change."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app import clock
from app.analytics.work.follow_ups import follow_up_report
from app.analytics.work.roll_up_tasks import roll_up_next_clinic
from app.core.db import transaction
from app.identity.models import Role
from app.leads.duplicates.merge import merge
from app.leads.privacy.service import erase_lead
from app.tasks import service
from tests.support.lead_histories import utc
from tests.support.practice import Practice, Watch, sql
from tests.support.rolling_up import roll_up_tasks

pytest_plugins = ["tests.support.practice"]

DAYS = {"from_": date(2026, 3, 1), "to": date(2026, 3, 16)}


@pytest.fixture
def tasks(practice: Practice, watch: Watch) -> list[UUID]:
    """Twelve tasks due in a week of March, of three leads and two assignees; each third is completed. It is later."""
    watch.set(utc("2026-03-02T15:00"))
    leads = [practice.capture() for _ in range(3)]
    people = [practice.people[role] for role in (Role.TREATMENT_COORDINATOR, Role.MANAGER)]
    found = []
    for place in range(12):
        due_at = utc("2026-03-03T15:00") + timedelta(hours=14 * place)
        one = {"assigned_to_id": people[place % 2], "type": ("CALL", "EMAIL")[place % 5 // 3]}
        found.append(practice.plan(leads[place % 3], due_at, **one))
    watch.set(utc("2026-03-06T15:00"))
    for task_id in found[::3]:
        practice.complete(task_id)
    watch.set(utc("2026-03-14T15:00"))
    return found


def figures(practice: Practice, role: Role = Role.CLINIC_ADMIN, **query: Any) -> Any:
    """Return the rows and buckets of the report, whole, by assignee and by type."""
    with transaction() as session:
        actor = practice.actor(role)
        found = [
            follow_up_report(session, actor, {**DAYS, "by": by, **rows, **query})
            for by in ("day", "month")
            for rows in ({}, {"rows": "assignee"}, {"rows": "type"})
        ]
    return [(one["rows"], one["buckets"]) for one in found]


def lead_of(task_id: UUID) -> UUID:
    [row] = sql("SELECT lead_id FROM lead_tasks WHERE id = :id", id=task_id)
    lead_id: UUID = row.lead_id
    return lead_id


def forget_rollups() -> None:
    sql("DELETE FROM task_rollup_days")


def test_rollups_change_no_figure_and_are_read(practice: Practice, tasks: list[UUID]):
    of_one = {"assigned_to_id": practice.people[Role.MANAGER]}
    before = figures(practice), figures(practice, **of_one)
    roll_up_tasks()
    assert (figures(practice), figures(practice, **of_one)) == before
    sql("UPDATE task_rollup_days SET tasks = ARRAY(SELECT 2 * n FROM unnest(tasks) AS n)")
    assert figures(practice) != before[0]
    assert figures(practice, **of_one) != before[1]


def test_report_of_own_tasks_or_of_some_leads_reads_the_tasks(practice: Practice, tasks: list[UUID]):
    sql("UPDATE users SET role = 'doctor' WHERE id = :id", id=practice.people[Role.MANAGER])
    of_source = {"source_id": practice.source_id}
    before = figures(practice, Role.MANAGER), figures(practice, **of_source)
    roll_up_tasks()
    sql("UPDATE task_rollup_days SET tasks = ARRAY(SELECT 2 * n FROM unnest(tasks) AS n)")
    assert (figures(practice, Role.MANAGER), figures(practice, **of_source)) == before


def merge_leads(practice: Practice, tasks: list[UUID]) -> None:
    with transaction() as session:
        merge(session, practice.actor(), lead_of(tasks[4]), duplicate_id=lead_of(tasks[5]))


def erase(practice: Practice, tasks: list[UUID]) -> None:
    with transaction() as session:
        erase_lead(session, practice.actor(), lead_of(tasks[3]), reason="They asked.")


def delete(practice: Practice, tasks: list[UUID]) -> None:
    with transaction() as session:
        service.delete(session, practice.actor(), tasks[7])


def reassign(practice: Practice, tasks: list[UUID]) -> None:
    with transaction() as session:
        service.reassign(session, practice.actor(), tasks[4], practice.people[Role.MANAGER], reason=None)


def retype(practice: Practice, tasks: list[UUID]) -> None:
    with transaction() as session:
        service.update_task(session, practice.actor(), tasks[4], {"type": "MEETING"})


CHANGES: dict[str, Callable[[Practice, list[UUID]], None]] = {
    "complete": lambda practice, tasks: practice.complete(tasks[1]),
    "cancel": lambda practice, tasks: practice.cancel(tasks[2]),
    "reassign": reassign,
    "retype": retype,
    "retime": lambda practice, tasks: practice.retime(tasks[4], utc("2026-03-15T15:00")),
    "plan late": lambda practice, tasks: practice.retime(
        practice.plan(lead_of(tasks[8]), utc("2026-03-15T18:00")), utc("2026-03-15T19:00")
    ),
    "delete": delete,
    "delete a row": lambda _, tasks: sql("DELETE FROM lead_tasks WHERE id = :id", id=tasks[10]),
    "merge": merge_leads,
    "erase": erase,
}


def test_late_changes_count_at_once_and_their_days_are_counted_again(practice: Practice, tasks: list[UUID]):
    roll_up_tasks()
    seen = [figures(practice)]
    for name, change in CHANGES.items():
        change(practice, tasks)
        live = figures(practice)
        assert live not in seen or name == "merge"
        seen.append(live)
        roll_up_tasks()
        assert practice.rows("task_rollup_changes") == []
        assert figures(practice) == live
        kept = sql("SELECT * FROM task_rollup_days")
        forget_rollups()
        assert figures(practice) == live
        roll_up_tasks()
        assert len(sql("SELECT * FROM task_rollup_days")) == len(kept) > 0


def test_lead_that_comes_back_brings_its_tasks_back(practice: Practice, tasks: list[UUID]):
    before = figures(practice)
    lead_id = lead_of(tasks[0])
    roll_up_tasks()
    sql("UPDATE leads SET deleted_at = now() WHERE id = :id", id=lead_id)
    assert figures(practice) != before
    roll_up_tasks()
    assert figures(practice) != before
    sql("UPDATE leads SET deleted_at = NULL WHERE id = :id", id=lead_id)
    assert figures(practice) == before
    roll_up_tasks()
    assert figures(practice) == before


def test_change_that_is_committed_during_the_sweep_is_not_lost(practice: Practice, tasks: list[UUID]):
    roll_up_tasks()
    with transaction() as late:
        late.execute(
            text("UPDATE lead_tasks SET status = 'COMPLETED', completed_at = due_at WHERE id = :id"), {"id": tasks[1]}
        )
        late.flush()
        practice.complete(tasks[2])  # due on the same day
        roll_up_tasks()
    live = figures(practice)
    roll_up_tasks()
    assert figures(practice) == live
    forget_rollups()
    assert figures(practice) == live


def test_sweep_that_dies_leaves_all_figures_right(practice: Practice, tasks: list[UUID]):
    roll_up_tasks()
    practice.complete(tasks[1])
    live = figures(practice)
    with suppress(ZeroDivisionError), transaction() as session:
        raise ZeroDivisionError(roll_up_next_clinic(session))
    assert figures(practice) == live
    assert len(practice.rows("task_rollup_changes")) == 1


def test_change_of_the_time_zone_counts_all_days_again(practice: Practice, tasks: list[UUID]):
    roll_up_tasks()
    sql(
        "UPDATE clinics SET timezone = 'Asia/Tokyo', rules_version = rules_version + 1 WHERE id = :id",
        id=practice.clinic_id,
    )
    live = figures(practice)
    roll_up_tasks()
    assert {row.timezone for row in sql("SELECT timezone FROM task_rollup_days")} == {"Asia/Tokyo"}
    assert figures(practice) == live
    forget_rollups()
    assert figures(practice) == live


def test_days_are_counted_a_day_after_their_end(practice: Practice, tasks: list[UUID]):
    roll_up_tasks()
    days = sql("SELECT * FROM task_rollup_days ORDER BY starts_at")
    assert days[0].starts_at <= utc("2026-03-03T15:00") < days[0].ends_at
    assert clock.now() - timedelta(hours=49) < days[-1].ends_at <= clock.now() - timedelta(hours=24)
    assert [one.ends_at for one in days[:-1]] == [one.starts_at for one in days[1:]]


def test_clinic_without_tasks_has_no_days(practice: Practice, watch: Watch):
    watch.set(utc("2026-03-14T15:00"))
    practice.capture()
    roll_up_tasks()
    assert sql("SELECT * FROM task_rollup_days") == []


def test_task_that_was_due_years_ago_is_read_live(practice: Practice, tasks: list[UUID]):
    sql("UPDATE lead_tasks SET due_at = due_at - interval '9 years' WHERE id = :id", id=tasks[0])
    before = figures(practice)
    roll_up_tasks()
    [first] = sql("SELECT min(starts_at) AS starts_at FROM task_rollup_days")
    assert first.starts_at > utc("2026-03-01T00:00")
    years_ago = {"from_": date(2017, 3, 1), "to": date(2017, 3, 16)}
    assert figures(practice, **years_ago)[0][0][0]["figures"][0]["value"] == 1
    assert figures(practice) == before


def test_task_of_today_writes_no_change(practice: Practice, watch: Watch):
    watch.set(sql("SELECT now() AS at")[0].at)
    task_id = practice.plan(practice.capture(), clock.now() + timedelta(hours=1))
    practice.retime(task_id, clock.now() + timedelta(hours=2))
    practice.complete(task_id)
    assert practice.rows("task_rollup_changes") == []


def test_overdue_mark_writes_no_change(practice: Practice, tasks: list[UUID]):
    roll_up_tasks()
    sql("UPDATE lead_tasks SET status = 'OVERDUE' WHERE status = 'PENDING'")
    assert practice.rows("task_rollup_changes") == []


def test_days_that_an_earlier_version_counted_are_read_live_by_type_and_counted_again(
    practice: Practice, tasks: list[UUID]
):
    before = figures(practice)
    roll_up_tasks()
    sql(
        "UPDATE task_rollup_days SET rolled_up_at = rolled_up_at + interval '1 hour',"
        " tasks_of_types = ARRAY(SELECT 9 FROM unnest(types))"
    )
    assert figures(practice) == before
    roll_up_tasks()
    stale = "SELECT FROM task_rollup_days WHERE types_rolled_up_at IS DISTINCT FROM rolled_up_at"
    assert sql(stale) == []
    assert figures(practice) == before
    sql("UPDATE task_rollup_days SET tasks_of_types = ARRAY(SELECT 9 FROM unnest(types))")
    assert figures(practice) != before
