"""Reports from rollups: the same figures as from the leads, at once after each change."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app import clock
from app.analytics import reports
from app.analytics.metrics.measures import Basis
from app.analytics.statements.rolled_up.roll_up import roll_up_next_clinic
from app.core.db import transaction
from app.identity.models import Role
from app.leads.duplicates.merge import merge
from app.leads.pipeline import reopening
from app.leads.privacy.service import erase_lead
from tests.support.lead_histories import utc
from tests.support.practice import Practice, Watch, sql
from tests.support.rolling_up import roll_up
from workers.sweeps import retention

pytest_plugins = ["tests.support.practice"]

REPORTS = {
    "summary": reports.summary_report,
    "funnel": reports.funnel_report,
    "sources": reports.source_report,
    "campaigns": reports.campaign_report,
    "coordinators": reports.coordinator_report,
    "reasons": reports.lost_reason_report,
    "conversions": reports.conversion_report,
    "attribution": reports.attribution_report,
    "pipeline": reports.pipeline_report,
    "contact": reports.first_contact_report,
    "velocity": reports.velocity_report,
    "response": reports.response_report,
}
WEEKENDS = '{"sat": [["00:00", "24:00"]], "sun": [["00:00", "24:00"]]}'
DAYS = {"from_": date(2026, 1, 15), "to": date(2026, 4, 15)}


@pytest.fixture
def leads(practice: Practice, watch: Watch) -> list[UUID]:
    """Leads of January, February and March, of two coordinators, with contacts and endings. It is April."""
    found = []
    for place, at in enumerate(f"2026-{month:02}-{day:02}T15:00" for month in (1, 2, 3) for day in (10, 16, 25)):
        watch.set(utc(at))
        role = (Role.TREATMENT_COORDINATOR, Role.MANAGER)[place % 2]
        found.append(practice.capture(assigned_to_id=practice.people[role], lead_value=100 * place))
        watch.advance(hours=2 + place, microseconds=7_654_321 * place)
        if place % 3:
            practice.log(found[-1], outcome="spoke")
            practice.move(found[-1], "consultation_scheduled")
    watch.set(utc("2026-04-05T15:00"))
    practice.convert(found[1])
    practice.lose(found[2])
    watch.set(utc("2026-04-10T15:00"))
    return found


def figures(practice: Practice, role: Role = Role.CLINIC_ADMIN, **query: Any) -> Any:
    """Return the rows of all reports, with those of the months and the weeks."""
    given = {"touch": "last", "target_minutes": 150, "mature_days": 40, "basis": Basis.COHORT, **DAYS, **query}
    with transaction() as session:
        actor = practice.actor(role)
        found = {
            (name, by): report(session, actor, {**given, "by": by})
            for name, report in REPORTS.items()
            if given["basis"] is Basis.COHORT or name not in {"velocity", "pipeline"}
            for by in ("month", "week")
        }
    return {key: (one["rows"], one["buckets"]) for key, one in found.items()}


def test_rollups_change_no_figure_and_are_read(practice: Practice, leads: list[UUID]):
    before = figures(practice), figures(practice, assigned_to_id=practice.people[Role.MANAGER])
    roll_up()
    assert (figures(practice), figures(practice, assigned_to_id=practice.people[Role.MANAGER])) == before
    assert [row.is_month for row in practice.rows("lead_rollup_spans")].count(True) == 3
    sql("UPDATE lead_rollup_counts SET leads = 2 * leads")
    sql("UPDATE lead_rollup_stays SET starts = starts || starts")
    changed = figures(practice)
    assert {name for name in REPORTS if changed[name, "month"] == before[0][name, "month"]} == {"campaigns"}


def test_times_to_contact_are_read_from_rollups(practice: Practice, leads: list[UUID]):
    before = figures(practice)
    roll_up()
    sql(
        "UPDATE lead_rollup_counts SET elapsed_seconds = float8send(60), business_seconds = float8send(60)"
        " WHERE minutes_mean_of = 1"
    )
    changed = figures(practice)
    assert {name for name in REPORTS if changed[name, "month"] != before[name, "month"]} == {"contact", "coordinators"}


SEND = (
    "INSERT INTO notifications (id, clinic_id, lead_id, channel, template, subject, body, state, attempts, sent_at,"
    " created_at) VALUES (gen_random_uuid(), :clinic, :lead, 'email', 'x', 'x', 'x', 'sent', 1, :at, :at)"
)


def test_messages_to_leads_without_a_contact_count_at_once(practice: Practice, leads: list[UUID]):
    def reached_out() -> list[int]:
        rows = figures(practice)["response", "month"][0]
        return [figure["leads"] for row in rows for figure in row["figures"]]

    [before, _, _] = reached_out()
    roll_up()
    assert reached_out()[0] == before
    for lead_id in (leads[3], leads[6], leads[7]):  # the last one had a call
        sql(SEND, clinic=practice.clinic_id, lead=lead_id, at=clock.now())
    assert practice.rows("lead_rollup_changes") == []
    live = reached_out()
    assert live[0] == before + 2
    forget_rollups()
    assert reached_out() == live
    roll_up()
    sql("UPDATE notifications SET state = 'failed' WHERE lead_id = :id", id=leads[3])
    assert reached_out()[0] == before + 1


def test_rollups_without_times_to_contact_are_not_read_for_these(practice: Practice, leads: list[UUID]):
    before = figures(practice)
    roll_up()
    sql("UPDATE lead_rollup_counts SET elapsed_seconds = NULL, business_seconds = NULL")
    assert figures(practice) == before


def test_change_of_the_opening_hours_counts_all_days_again(practice: Practice, leads: list[UUID]):
    before = figures(practice)
    roll_up()
    sql(
        "UPDATE clinics SET business_hours = CAST(:hours AS jsonb), rules_version = rules_version + 1 WHERE id = :id",
        hours=WEEKENDS,
        id=practice.clinic_id,
    )
    live = figures(practice)
    assert {name for name in REPORTS if live[name, "month"] != before[name, "month"]} == {"contact"}
    hashes = {row.opening_hash for row in practice.rows("lead_rollup_spans")}
    roll_up()
    assert hashes.isdisjoint(row.opening_hash for row in practice.rows("lead_rollup_spans"))
    assert figures(practice) == live


def test_report_of_own_leads_reads_only_these_from_rollups(practice: Practice, leads: list[UUID]):
    sql("UPDATE users SET role = 'doctor' WHERE id = :id", id=practice.people[Role.MANAGER])
    before = figures(practice, Role.MANAGER)
    roll_up()
    assert figures(practice, Role.MANAGER) == before


def test_late_changes_count_at_once_and_their_days_are_counted_again(practice: Practice, leads: list[UUID]):
    roll_up()
    seen = [figures(practice)]
    for change in CHANGES:
        change(practice, leads)
        live = figures(practice)
        assert live not in seen
        seen.append(live)
        roll_up()
        assert practice.rows("lead_rollup_changes") == []
        assert figures(practice) == live
    forget_rollups()
    assert figures(practice) == seen[-1]


def reopen(practice: Practice, leads: list[UUID]) -> None:
    with transaction() as session:
        reopening.reopen(session, practice.actor(), leads[2], {"stage": "contacted", "reason": "They called."})


def merge_leads(practice: Practice, leads: list[UUID]) -> None:
    with transaction() as session:
        merge(session, practice.actor(), leads[4], duplicate_id=leads[7])


def erase(practice: Practice, leads: list[UUID]) -> None:
    with transaction() as session:
        erase_lead(session, practice.actor(), leads[5], reason="They asked.")


CHANGES: list[Callable[[Practice, list[UUID]], None]] = [
    reopen,
    merge_leads,
    erase,
    lambda practice, leads: practice.move(leads[4], "consultation_completed"),
    lambda practice, leads: practice.log(leads[3], outcome="spoke"),
    lambda _, leads: sql("UPDATE leads SET assigned_to_id = NULL WHERE id = :id", id=leads[4]),
]


def forget_rollups() -> None:
    for name in ("spans", "counts", "groups", "stays", "entries"):
        sql(f"DELETE FROM lead_rollup_{name}")


def test_change_that_is_committed_during_the_sweep_is_not_lost(practice: Practice, leads: list[UUID]):
    roll_up()
    with transaction() as late:
        late.execute(text("UPDATE leads SET status = 'ARCHIVED' WHERE id = :id"), {"id": leads[4]})
        late.flush()
        practice.move(leads[5], "consultation_completed")  # of the same month
        roll_up()
    live = figures(practice)
    roll_up()
    forget_rollups()
    assert figures(practice) == live


def test_sweep_that_dies_leaves_all_figures_right(practice: Practice, leads: list[UUID]):
    roll_up()
    practice.move(leads[4], "consultation_completed")
    live = figures(practice)
    with suppress(ZeroDivisionError), transaction() as session:
        raise ZeroDivisionError(roll_up_next_clinic(session))
    assert figures(practice) == live
    assert len(practice.rows("lead_rollup_changes")) > 0


def test_erased_lead_leaves_the_rollups(practice: Practice, leads: list[UUID]):
    roll_up()
    groups = len(practice.rows("lead_rollup_groups"))
    with transaction() as session:
        for lead_id in (leads[1], leads[2]):  # the only ones that were converted or lost
            erase_lead(session, practice.actor(), lead_id, reason="They asked.")
    roll_up()
    assert len(practice.rows("lead_rollup_groups")) == groups - 2


def test_change_of_the_time_zone_counts_all_days_again(practice: Practice, leads: list[UUID]):
    roll_up()
    sql(
        "UPDATE clinics SET timezone = 'Asia/Tokyo', rules_version = rules_version + 1 WHERE id = :id",
        id=practice.clinic_id,
    )
    live = figures(practice)
    roll_up()
    assert {row.timezone for row in practice.rows("lead_rollup_spans")} == {"Asia/Tokyo"}
    assert figures(practice) == live
    forget_rollups()
    assert figures(practice) == live


def test_new_lead_writes_no_change(practice: Practice, watch: Watch):
    watch.set(sql("SELECT now() AS at")[0].at)
    lead_id = practice.capture()
    practice.move(lead_id, "contacted")
    assert practice.rows("lead_rollup_changes") == []


def test_today_is_read_from_the_leads(practice: Practice, leads: list[UUID]):
    practice.capture()
    roll_up()
    assert max(row.ends_at for row in practice.rows("lead_rollup_spans")) <= clock.now() - timedelta(hours=24)


def test_figures_outlive_the_retention_of_events_and_steps(practice: Practice, watch: Watch, leads: list[UUID]):
    practice.run_due()
    before = of_both_bases(practice)
    watch.advance(days=400)
    assert clean_up() > 0
    assert practice.rows("events") == []
    watch.advance(days=-400)
    assert of_both_bases(practice) == before
    roll_up()
    assert of_both_bases(practice) == before


def of_both_bases(practice: Practice) -> list[Any]:
    return [figures(practice, basis=basis) for basis in Basis]


def clean_up() -> int:
    deleted = 0
    for sweep in (retention.delete_old_events, retention.delete_old_steps, retention.delete_old_scores):
        with transaction() as session:
            deleted += sweep(session)
    return deleted
