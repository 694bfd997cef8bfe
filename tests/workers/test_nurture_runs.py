"""Runs of nurtures: at their hours, exactly once, in batches."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.automation.nurtures import service
from app.automation.nurtures.runs import plan_runs, process_run_batch
from app.core.db import transaction
from tests.support.concurrency import run_concurrently
from tests.support.enrolling import call, mail, playbook, put, sequence, way
from tests.support.nurturing import run_nurtures, runs, score, set_up, taken
from tests.support.practice import TUESDAY, Practice, Watch, at, sql

pytest_plugins = ["tests.support.practice"]

AT_14, AT_18 = at("2026-03-10 14:00"), at("2026-03-10 18:00")
A_DAY_AGO = TUESDAY - timedelta(hours=25)


@pytest.fixture
def practice(open_practice: Callable[..., Practice]) -> Practice:
    return open_practice(playbook=playbook(sequence(call("one", "1 day"))))


def silent(practice: Practice, scored: int | None = 4, **columns: Any) -> UUID:
    """Create a lead without a reply for a day."""
    lead = practice.capture()
    score(lead, scored, **{"created_at": A_DAY_AGO, "last_touch_at": A_DAY_AGO, **columns})
    return lead


def test_run_takes_leads_at_its_hour_and_not_before(practice: Practice, watch: Watch):
    lead = silent(practice)
    set_up(practice)
    watch.set(AT_14 - timedelta(seconds=1))
    run_nurtures()
    assert runs(practice) == []
    watch.set(AT_14)
    run_nurtures()
    assert (runs(practice), taken(practice)) == ([(AT_14, "done", 1)], {lead})
    cause = way(practice, lead).cause
    assert (cause["event"], cause["event_id"]) == ("nurture.run", str(practice.row("nurture_runs").id))


def test_run_takes_no_lead_that_was_imported_without_follow_ups(practice: Practice, watch: Watch):
    silent(practice, rules_wait_since=A_DAY_AGO)
    lead = silent(practice)
    set_up(practice)
    watch.set(AT_14)
    run_nurtures()
    assert taken(practice) == {lead}


def test_hours_use_the_clinics_local_time(open_practice: Callable[..., Practice], watch: Watch):
    text = playbook(sequence(call("one", "1 day")))
    practices = {zone: open_practice(playbook=text, timezone=zone) for zone in ("America/New_York", "Europe/Berlin")}
    for practice in practices.values():
        silent(practice)
        set_up(practice, run_hours=["18:00"])
    watch.set(TUESDAY + timedelta(hours=2))  # 17:00 UTC: 18:00 in Berlin, 13:00 in New York
    run_nurtures()
    assert {zone: len(runs(practice)) for zone, practice in practices.items()} == {
        "America/New_York": 0,
        "Europe/Berlin": 1,
    }


@pytest.mark.parametrize(
    ("scored", "columns"),
    [
        (1, {}),
        (7, {}),
        (None, {}),
        (4, {"replied_at": TUESDAY - timedelta(hours=20)}),
        (4, {"created_at": TUESDAY - timedelta(hours=20)}),
        (4, {"last_touch_at": TUESDAY - timedelta(hours=20)}),  # it sent a form once more
        (4, {"status": "CONVERTED"}),
        (4, {"opted_out_at": A_DAY_AGO}),
        (4, {"restricted_at": A_DAY_AGO}),
        (4, {"deleted_at": A_DAY_AGO}),
    ],
)
def test_ineligible_leads_are_skipped(practice: Practice, watch: Watch, scored: int | None, columns: dict[str, Any]):
    silent(practice, scored, **columns)
    set_up(practice)
    watch.set(AT_14)
    run_nurtures()
    assert (runs(practice), taken(practice)) == ([(AT_14, "done", 0)], set())


@pytest.mark.parametrize("scored", [2, 6])
def test_score_range_includes_both_ends(practice: Practice, watch: Watch, scored: int):
    lead = silent(practice, scored)
    set_up(practice)
    watch.set(AT_14)
    run_nurtures()
    assert taken(practice) == {lead}


def test_lead_is_enrolled_again_only_if_the_sequence_allows_it(open_practice: Callable[..., Practice], watch: Watch):
    for re_entry, times in (("never", 1), ({"after": "2 days"}, 2)):
        watch.set(TUESDAY)
        practice = open_practice(playbook=playbook(sequence(call("one"), re_entry=re_entry)))
        lead = silent(practice)
        set_up(practice, run_hours=["14:00"])
        for days in range(3):
            watch.set(AT_14 + timedelta(days=days))
            run_nurtures()
            practice.run_due()
        assert len(practice.rows("enrollments", lead_id=lead)) == times


def test_run_works_in_batches_by_score_up_to_its_limit(practice: Practice, watch: Watch):
    practice.fill(120, "create_task", due_at=TUESDAY + timedelta(days=99))
    sql("UPDATE leads SET score = 3, created_at = :then WHERE clinic_id = :c", then=A_DAY_AGO, c=practice.clinic_id)
    best = silent(practice, 6)
    set_up(practice, batch=50, most=101)
    watch.set(AT_14)
    run_nurtures()
    assert (runs(practice), len(taken(practice))) == ([(AT_14, "done", 101)], 101)
    assert best in taken(practice)
    watch.set(AT_18)
    run_nurtures()
    assert len(taken(practice)) == 121


def test_interrupted_run_continues_at_its_position(practice: Practice, watch: Watch):
    practice.fill(120, "create_task", due_at=TUESDAY + timedelta(days=99))
    sql("UPDATE leads SET score = 3, created_at = :then WHERE clinic_id = :c", then=A_DAY_AGO, c=practice.clinic_id)
    nurture = set_up(practice, batch=50)
    with transaction() as session:
        service.run_now(session, practice.actor(), nurture)
    with transaction() as session:
        assert process_run_batch(session) == 50
    with transaction() as session:
        process_run_batch(session)
        session.rollback()  # as when its process is killed
    run = practice.row("nurture_runs")
    assert (run.state, run.taken) == ("running", 50)
    run_nurtures()
    assert (practice.row("nurture_runs").taken, len(practice.rows("enrollments"))) == (120, 120)


def test_run_ends_when_the_limit_is_lowered_below_its_count(practice: Practice, watch: Watch):
    practice.fill(120, "create_task", due_at=TUESDAY + timedelta(days=99))
    sql("UPDATE leads SET score = 3, created_at = :then WHERE clinic_id = :c", then=A_DAY_AGO, c=practice.clinic_id)
    nurture = set_up(practice, batch=50, most=100)
    watch.set(AT_14)
    for part in (plan_runs, process_run_batch):
        with transaction() as session:
            part(session)
    with transaction() as session:
        service.change_nurture(session, practice.actor(), nurture, {"most": 10})
    run_nurtures()
    assert runs(practice) == [(AT_14, "done", 50)]


def test_one_of_two_concurrent_beats_starts_the_run(practice: Practice, watch: Watch):
    silent(practice)
    set_up(practice)
    watch.set(AT_14)
    run_concurrently(*[run_nurtures] * 4)
    run_nurtures()
    assert runs(practice) == [(AT_14, "done", 1)]


def test_run_is_late_after_a_short_downtime_and_missed_after_a_long_one(practice: Practice, watch: Watch):
    silent(practice)
    set_up(practice)
    watch.set(at("2026-03-12 11:00"))  # the last hour that was missed is two hours ago
    run_nurtures()
    assert [(time, state) for time, state, _ in runs(practice)] == [
        (AT_14, "missed"),
        (AT_18, "missed"),
        *((at(f"2026-03-11 {hour}"), "missed") for hour in ("09:00", "14:00", "18:00")),
        (at("2026-03-12 09:00"), "done"),
    ]
    watch.set(at("2026-03-12 23:00"))
    run_nurtures()
    assert [state for _, state, _ in runs(practice)[-2:]] == ["missed", "missed"]
    assert practice.rows("nurture_runs")[-1].reason == "too_late"


def test_inactive_nurture_does_not_run_and_a_running_one_stops(practice: Practice, watch: Watch):
    practice.fill(120, "create_task", due_at=TUESDAY + timedelta(days=99))
    sql("UPDATE leads SET score = 3, created_at = :then WHERE clinic_id = :c", then=A_DAY_AGO, c=practice.clinic_id)
    nurture = set_up(practice, batch=50)
    watch.set(AT_14)
    for part in (plan_runs, process_run_batch):
        with transaction() as session:
            part(session)
    with transaction() as session:
        service.change_nurture(session, practice.actor(), nurture, {"is_active": False})
    run_nurtures()
    run = practice.row("nurture_runs")
    assert (run.state, run.reason, run.taken) == ("stopped", "nurture_inactive", 50)
    watch.set(AT_18)
    run_nurtures()
    assert len(runs(practice)) == 1


def test_manual_run_works_at_any_hour_and_for_an_inactive_nurture(practice: Practice):
    lead = silent(practice)
    nurture = set_up(practice, is_active=False)
    with transaction() as session:
        service.run_now(session, practice.actor(), nurture)
    run_nurtures()
    assert (runs(practice), taken(practice)) == ([(TUESDAY, "done", 1)], {lead})
    assert way(practice, lead).enrolled_by == practice.actor().user_id


def test_run_into_an_inactive_sequence_stops_at_once(practice: Practice, watch: Watch):
    silent(practice)
    set_up(practice)
    sql("UPDATE sequences SET active = false WHERE clinic_id = :c", c=practice.clinic_id)
    sql("UPDATE clinics SET rules_version = rules_version + 1 WHERE id = :c", c=practice.clinic_id)
    watch.set(AT_14)
    run_nurtures()
    run = practice.row("nurture_runs")
    assert (run.state, run.reason) == ("stopped", "sequence_inactive")


def test_refused_enrollments_are_counted_by_reason(open_practice: Callable[..., Practice], watch: Watch):
    both = [sequence(mail("one", "1 day"), name=name, exclusive=True) for name in ("welcome", "other")]
    practice = open_practice(playbook=playbook(*both))
    busy, free = silent(practice), silent(practice)
    put(practice, busy, into="other")
    set_up(practice)
    watch.set(AT_14)
    run_nurtures()
    run = practice.row("nurture_runs")
    assert (run.taken, run.refused) == (1, {"in_another": 1})
    assert way(practice, free).sequence_version == 1
