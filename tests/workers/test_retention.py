"""Retention of old tasks and activities of closed leads, as the clinic sets it, and legal holds."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.analytics import reports
from app.analytics.metrics.measures import Basis
from app.analytics.work.follow_ups import follow_up_report
from app.clock import now
from app.core.db import transaction
from app.leads.duplicates.merge import merge
from app.leads.pipeline import reopening
from app.leads.privacy.erasures import repeat_erasure
from app.leads.privacy.legal_holds import end_hold, place_hold
from app.leads.privacy.service import erase_lead
from app.leads.scoring.features import load_observations
from app.tasks.timeline_links import add_note, create_from_entry
from app.tasks.workload.follow_up_settings import preview_retention, set_follow_up_settings
from tests.support.practice import TUESDAY, Practice, Watch, sql
from tests.support.rolling_up import roll_up, roll_up_tasks
from workers.sweeps import retention
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

YEAR = 365
TABLES = ("lead_tasks", "lead_activities")
FACTS = ("status", "past_stages", "past_stage_seconds", "first_contact_at", "contacted_at", "failed_attempts")
BOOKED = "consultation_scheduled"


def keep(practice: Practice, days: int | None) -> None:
    settings = {"stale_after_days": 14, "spread_tasks_per_hour": 6, "keep_history_days": days}
    with transaction() as session:
        set_follow_up_settings(session, practice.actor(), settings)


def worked_on(practice: Practice, **given: Any) -> UUID:
    """A lead with a completed task, a cancelled one, calls and a conversation."""
    lead = practice.capture(**given)
    practice.complete(practice.plan(lead, now() + timedelta(hours=2)))
    practice.cancel(practice.plan(lead, now() + timedelta(hours=3)))
    practice.log(lead)
    practice.speak_with(lead)
    return lead


def lost(practice: Practice) -> UUID:
    lead = worked_on(practice)
    practice.lose(lead)
    return lead


def history(practice: Practice, lead: UUID) -> tuple[list[Any], list[Any]]:
    tasks, activities = ([vars(row) for row in practice.rows(table, lead_id=lead)] for table in TABLES)
    return tasks, activities


def counts(practice: Practice, lead: UUID) -> tuple[int, int]:
    tasks, activities = history(practice, lead)
    return len(tasks), len(activities)


def preview(practice: Practice, days: int | None = None) -> tuple[int, int]:
    with transaction() as session:
        found = preview_retention(session, practice.actor(), days)
    return found["tasks"], found["activities"]


def forget() -> int:
    return sweep("forget_old_history")


def hold(practice: Practice, lead: UUID, reason: str = "Claim 114") -> None:
    with transaction() as session:
        place_hold(session, practice.actor(), lead, reason=reason)


def release(practice: Practice, lead: UUID) -> None:
    with transaction() as session:
        end_hold(session, practice.actor(), lead)


def test_everything_is_kept_unless_the_clinic_sets_a_time(practice: Practice, watch: Watch):
    lead = lost(practice)
    before = history(practice, lead)
    watch.advance(days=40 * YEAR)
    assert forget() == 0
    assert history(practice, lead) == before
    assert preview(practice) == (0, 0)
    assert preview(practice, YEAR) == (len(before[0]), len(before[1]))
    assert forget() == 0


@pytest.mark.parametrize("end", ["lose", "convert"])
def test_closed_lead_loses_old_history_and_keeps_its_facts(practice: Practice, watch: Watch, end: str):
    lead = worked_on(practice)
    getattr(practice, end)(lead)
    keep(practice, YEAR)
    facts = practice.row("leads", id=lead)
    watch.advance(days=YEAR, seconds=1)
    expected = counts(practice, lead)
    assert preview(practice) == expected
    assert forget() == sum(expected) > 6
    assert history(practice, lead) == ([], [])
    after = practice.row("leads", id=lead)
    assert [getattr(after, name) for name in FACTS] == [getattr(facts, name) for name in FACTS]
    assert (preview(practice), forget()) == ((0, 0), 0)


def test_lead_that_was_closed_a_year_ago_to_the_second_keeps_its_history(practice: Practice, watch: Watch):
    watch.set(TUESDAY - timedelta(days=90))
    lead = worked_on(practice)
    watch.set(TUESDAY)
    practice.lose(lead)
    keep(practice, YEAR)
    whole = counts(practice, lead)
    for late in (timedelta(), timedelta(days=YEAR - 1), timedelta(days=YEAR)):
        watch.set(TUESDAY + late)
        assert (preview(practice), forget(), counts(practice, lead)) == ((0, 0), 0, whole)
    watch.set(TUESDAY + timedelta(days=YEAR, seconds=1))
    assert forget() == sum(whole)


def test_young_activities_and_tasks_of_a_closed_lead_stay(practice: Practice, watch: Watch):
    lead = lost(practice)
    keep(practice, YEAR)
    watch.advance(days=200)
    note = practice.log(lead, "NOTE", notes="They asked for their file.")
    backdated = practice.log(lead, "NOTE", notes="What happened then.", occurred_at=TUESDAY)
    watch.advance(days=200)
    assert forget() > 0
    assert {row.id for row in practice.rows("lead_activities", lead_id=lead)} == {note, backdated}
    watch.advance(days=166)
    assert forget() == 2
    assert history(practice, lead) == ([], [])


def test_open_lead_and_open_task_keep_their_history(practice: Practice, watch: Watch):
    open_lead, closed = worked_on(practice), lost(practice)
    [task, *_] = practice.rows("lead_tasks", lead_id=closed)
    sql("UPDATE lead_tasks SET status = 'OVERDUE', completed_at = NULL WHERE id = :id", id=task.id)
    keep(practice, YEAR)
    before = history(practice, open_lead)
    watch.advance(days=3 * YEAR)
    forget()
    assert history(practice, open_lead) == before
    assert [row.id for row in practice.rows("lead_tasks", lead_id=closed)] == [task.id]


def test_reopened_lead_keeps_its_history(practice: Practice, watch: Watch):
    lead = lost(practice)
    keep(practice, YEAR)
    watch.advance(days=YEAR - 1)
    with transaction() as session:
        reopening.reopen(session, practice.actor(), lead, {"reason": "They called."})
    before = counts(practice, lead)
    watch.advance(days=YEAR)
    assert (forget(), counts(practice, lead)) == (0, before)


def test_lead_without_timeline_is_reopened_in_the_stage_before_its_loss(practice: Practice, watch: Watch):
    lead = practice.capture()
    practice.move(lead, BOOKED)
    practice.lose(lead)
    keep(practice, YEAR)
    watch.advance(days=YEAR + 1)
    assert forget() > 0
    with transaction() as session:
        assert (
            reopening.reopen(session, practice.actor(), lead, {"reason": "x"}).pipeline_stage
            == "consultation_scheduled"
        )


def test_clinics_keep_their_own_time(open_practice: Callable[..., Practice], watch: Watch):
    one, other, third = (open_practice() for _ in range(3))
    leads = [lost(practice) for practice in (one, other, third)]
    before = counts(one, leads[0])
    keep(one, YEAR)
    keep(other, 2 * YEAR)
    watch.advance(days=YEAR + 1)
    assert (preview(one), preview(other), preview(third)) == (before, (0, 0), (0, 0))
    forget()
    assert [counts(*pair) for pair in zip((one, other, third), leads, strict=True)] == [(0, 0), before, before]
    watch.advance(days=YEAR)
    forget()
    assert [counts(*pair) for pair in zip((one, other, third), leads, strict=True)] == [(0, 0), (0, 0), before]


def test_many_leads_are_deleted_in_batches(practice: Practice, watch: Watch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "BATCH", 4)
    monkeypatch.setattr(retention, "LEADS_AT_ONCE", 3)
    leads = [lost(practice) for _ in range(8)]
    keep(practice, YEAR)
    watch.advance(days=YEAR + 1)
    hold(practice, leads[3])
    kept = counts(practice, leads[3])
    assert forget() == sum(preview(practice)) + sum(kept) * 7
    assert [counts(practice, lead) for lead in leads] == [kept if lead == leads[3] else (0, 0) for lead in leads]
    watch.advance(days=1)
    release(practice, leads[3])
    assert forget() == sum(kept)


def test_pass_goes_on_where_a_call_has_stopped(practice: Practice, watch: Watch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "LEADS_AT_ONCE", 1)
    monkeypatch.setattr(retention, "MOST_LOOKS", 2)
    held = [lost(practice) for _ in range(5)]
    for lead in held:
        hold(practice, lead)
    watch.advance(minutes=1)
    last = lost(practice)
    keep(practice, YEAR)
    watch.advance(days=YEAR + 1)
    calls = [forget() for _ in range(4)]
    assert [bool(deleted) for deleted in calls].count(True) == 1
    assert counts(practice, last) == (0, 0)


def test_rows_that_stay_do_not_name_deleted_ones(practice: Practice, watch: Watch):
    lead = worked_on(practice)
    task = practice.plan(lead, now() + timedelta(hours=2))
    entry = practice.log(lead, "NOTE", notes="Old")
    with transaction() as session:
        made = create_from_entry(
            session,
            practice.actor(),
            {"title": "Call", "type": "CALL", "due_at": now() + timedelta(hours=1)},
            lead_id=lead,
            entry_id=entry,
        ).id
    practice.complete(task)
    practice.lose(lead)
    sql("UPDATE lead_tasks SET status = 'PENDING' WHERE id = :id", id=made)
    keep(practice, YEAR)
    watch.advance(days=200)
    with transaction() as session:
        note = add_note(session, practice.actor(), task, {"notes": "Young"}).id
    watch.advance(days=200)
    forget()
    [left] = practice.rows("lead_activities", lead_id=lead)
    [kept] = practice.rows("lead_tasks", lead_id=lead)
    assert (left.id, left.task_id, left.notes) == (note, None, "Young")
    assert (kept.id, kept.related_activity_id) == (made, None)


# Figures


def test_figures_of_follow_ups_are_those_of_the_kept_tasks(practice: Practice, watch: Watch):
    lost(practice)
    worked_on(practice)
    days = {"from_": date(2026, 3, 9), "to": date(2026, 3, 13), "by": "day"}

    def figures() -> Any:
        with transaction() as session:
            found = [
                follow_up_report(session, practice.actor(), {**days, **rows})
                for rows in ({}, {"rows": "assignee"}, {"rows": "type"})
            ]
        return [(one["rows"], one["buckets"]) for one in found]

    watch.advance(days=20)
    roll_up_tasks()
    before = figures()
    keep(practice, YEAR)
    watch.advance(days=YEAR)
    assert forget() > 0
    after = figures()
    assert after != before
    roll_up_tasks()
    assert figures() == after
    sql("DELETE FROM task_rollup_days")
    assert figures() == after


def test_entries_into_stages_are_those_of_the_kept_timeline(practice: Practice, watch: Watch):
    lead, other = practice.capture(), practice.capture()
    watch.advance(hours=1)
    practice.move(lead, "contacted")
    practice.move(other, "contacted")
    practice.lose(lead)

    def figures() -> Any:
        period = {"from_": date(2026, 3, 1), "to": date(2026, 4, 1), "by": "week"}
        query = {"basis": Basis.PERIOD, "mature_days": 0, **period}
        with transaction() as session:
            found = reports.funnel_report(session, practice.actor(), query)
        return found["rows"], found["buckets"]

    watch.advance(days=40)
    roll_up()
    before = figures()
    keep(practice, YEAR)
    watch.advance(days=YEAR)
    assert forget() > 0
    after = figures()
    assert after != before
    roll_up()
    assert figures() == after
    for name in ("spans", "counts", "groups", "stays", "entries"):
        sql(f"DELETE FROM lead_rollup_{name}")
    assert figures() == after


def test_learned_scores_leave_out_leads_with_deleted_history(practice: Practice, watch: Watch):
    old = lost(practice)
    watch.advance(days=300)
    young = worked_on(practice)
    watch.advance(days=10)
    practice.lose(young)

    def observed() -> set[UUID]:
        with transaction() as session:
            return {one.lead_id for one in load_observations(session, practice.clinic_id)}

    sql("UPDATE leads SET created_at = created_at - interval '10 days' WHERE id = :id", id=old)
    assert observed() == {old, young}
    keep(practice, YEAR)
    watch.advance(days=100)
    assert observed() == {young}


# Legal hold


def test_held_lead_keeps_its_history_until_the_hold_ends(practice: Practice, watch: Watch):
    held, other = lost(practice), lost(practice)
    hold(practice, held)
    keep(practice, YEAR)
    before = history(practice, held)
    watch.advance(days=2 * YEAR)
    assert preview(practice) == counts(practice, other)
    forget()
    assert (history(practice, held), counts(practice, other)) == (before, (0, 0))
    release(practice, held)
    assert preview(practice) == (len(before[0]), len(before[1]))
    forget()
    assert history(practice, held) == ([], [])


def test_sweep_leaves_a_lead_that_is_placed_on_hold_at_the_same_time(practice: Practice, watch: Watch):
    lead = lost(practice)
    keep(practice, YEAR)
    watch.advance(days=2 * YEAR)
    before, admin = counts(practice, lead), practice.actor()
    with transaction() as session:
        place_hold(session, admin, lead, reason="Claim 114")
        session.flush()
        assert forget() == 0
    assert (forget(), counts(practice, lead)) == (0, before)


def test_merge_moves_the_hold_to_the_survivor(practice: Practice, watch: Watch):
    survivor, duplicate, third = lost(practice), lost(practice), lost(practice)
    hold(practice, duplicate, "Claim 114")
    hold(practice, third, "Claim 115")
    for one in (duplicate, third):
        with transaction() as session:
            merge(session, practice.actor(), survivor, duplicate_id=one)
    kept = practice.row("legal_holds")
    assert (kept.lead_id, kept.reason) == (survivor, "Claim 114\n\nClaim 115")
    keep(practice, YEAR)
    before = counts(practice, survivor)
    watch.advance(days=2 * YEAR)
    assert (forget(), counts(practice, survivor)) == (0, before)


def test_erasure_from_before_a_restore_ends_the_hold_of_the_backup(practice: Practice, watch: Watch):
    lead = lost(practice)
    hold(practice, lead)
    with transaction() as session:
        assert repeat_erasure(session, practice.actor(), lead)
    assert practice.rows("legal_holds") == []
    assert practice.row("leads", id=lead).erased_at is not None


def test_history_of_an_erased_lead_is_deleted_too(practice: Practice, watch: Watch):
    lead = worked_on(practice)
    with transaction() as session:
        erase_lead(session, practice.actor(), lead, reason="They asked.")
    keep(practice, YEAR)
    watch.advance(days=YEAR + 1)
    assert forget() > 0
    assert history(practice, lead) == ([], [])
