"""Entries into stages from rollups equal those read from the timeline, for random histories and after late changes."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.analytics import reports
from app.analytics.metrics.measures import Basis
from app.core.db import transaction
from app.leads.duplicates.merge import merge
from app.leads.pipeline import reopening
from app.leads.privacy.service import erase_lead
from tests.support.lead_histories import utc
from tests.support.practice import Practice, Watch, sql
from tests.support.rolling_up import roll_up

pytest_plugins = ["tests.support.practice"]

STAGES = ["contacted", "consultation_scheduled", "consultation_completed", "pending_decision"]
PERIODS = [
    (date(2026, 1, 1), date(2026, 4, 1)),
    (date(2026, 1, 20), date(2026, 3, 9)),
    (date(2026, 2, 3), date(2026, 2, 4)),
]
ADD_ENTRY = (
    "INSERT INTO lead_activities (id, clinic_id, lead_id, type, previous_stage, new_stage, occurred_at, created_at,"
    " is_auto_reply) VALUES (gen_random_uuid(), :clinic, :lead, 'STAGE_CHANGE', 'new_lead', :stage, :at, :at, false)"
)


def by_events(practice: Practice, **query: Any) -> list[Any]:
    """Return the figures by events of all periods, of the whole period and by month and week."""
    with transaction() as session:
        given = {"basis": Basis.PERIOD, "mature_days": 0, **query}
        found = [
            report(session, practice.actor(), {**given, "from_": first, "to": end, "by": by})
            for report in (reports.funnel_report, reports.summary_report)
            for first, end in PERIODS
            for by in ("month", "week")
        ]
    return [(one["rows"], one["buckets"]) for one in found]


def read_live(practice: Practice) -> list[Any]:
    """Return the figures without rollups, which are counted again at the next sweep."""
    for name in ("spans", "counts", "groups", "stays", "entries"):
        sql(f"DELETE FROM lead_rollup_{name}")
    return by_events(practice)


def reopen(practice: Practice, lead_id: UUID, stage: str) -> None:
    with transaction() as session:
        reopening.reopen(session, practice.actor(), lead_id, {"stage": stage, "reason": "They called."})


@pytest.fixture
def leads(practice: Practice, watch: Watch) -> list[UUID]:
    """Two leads of January. The first was contacted twice: in January, and after its loss in February again."""
    watch.set(utc("2026-01-10T15:00"))
    first, second = practice.capture(), practice.capture()
    watch.set(utc("2026-01-25T15:00"))
    practice.move(first, "contacted")
    watch.set(utc("2026-02-12T15:00"))
    practice.lose(first)
    practice.move(second, "contacted")
    watch.set(utc("2026-02-20T15:00"))
    reopen(practice, first, "contacted")
    watch.set(utc("2026-04-20T15:00"))
    return [first, second]


@pytest.mark.parametrize("seed", range(3))
def test_entries_from_rollups_equal_those_of_the_timeline(practice: Practice, watch: Watch, seed: int):
    chance = random.Random(seed)
    watch.set(utc("2026-01-02T15:00"))
    known: dict[UUID, str] = {}
    for _ in range(120):
        watch.advance(hours=chance.randrange(1, 34))
        lead_id = chance.choice([*known, None])
        if lead_id is None:
            known[practice.capture()] = "new_lead"
        elif known[lead_id] == "lost":
            known[lead_id] = chance.choice(STAGES)
            reopen(practice, lead_id, known[lead_id])
        elif later := STAGES[STAGES.index(known[lead_id]) + 1 :] if known[lead_id] in STAGES else STAGES:
            known[lead_id] = chance.choice([*later, "lost"])
            practice.lose(lead_id) if known[lead_id] == "lost" else practice.move(lead_id, known[lead_id])
        else:
            known[lead_id] = "lost"
            practice.lose(lead_id)
        if chance.random() < 0.05:
            roll_up()
    assert sql(
        "SELECT 1 FROM lead_activities WHERE type = 'STAGE_CHANGE' GROUP BY lead_id, new_stage HAVING count(*) > 1"
    )
    rolled = by_events(practice)
    roll_up()
    assert by_events(practice) == rolled
    assert read_live(practice) == rolled


def test_reports_of_all_leads_read_the_rollups(practice: Practice, leads: list[UUID]):
    before, of_source = by_events(practice), by_events(practice, source_id=practice.source_id)
    roll_up()
    assert by_events(practice) == before
    sql("UPDATE lead_rollup_entries SET firsts = firsts + 1")
    assert by_events(practice) != before
    assert by_events(practice, source_id=practice.source_id) == of_source


def test_lead_that_enters_a_stage_twice_counts_once_in_each_month_and_in_the_period(
    practice: Practice, leads: list[UUID]
):
    roll_up()
    rows, months = by_events(practice)[0]
    of_stage = [
        next(row["figures"][0]["leads"] for row in one if row["key"] == "contacted")
        for one in (rows, *(month["rows"] for month in months))
    ]
    assert of_stage == [2, 1, 2, 0]


Change = Callable[[Practice, list[UUID]], None]


def merge_into_the_second(practice: Practice, leads: list[UUID]) -> None:
    with transaction() as session:
        merge(session, practice.actor(), leads[1], duplicate_id=leads[0])


def erase_the_first(practice: Practice, leads: list[UUID]) -> None:
    with transaction() as session:
        erase_lead(session, practice.actor(), leads[0], reason="They asked.")


CHANGES: dict[str, Change] = {
    "merge": merge_into_the_second,
    "erasure": erase_the_first,
    "entry that is added late": lambda practice, leads: sql(
        ADD_ENTRY, clinic=practice.clinic_id, lead=leads[1], stage="contacted", at=utc("2026-01-13T15:00")
    ),
    "entry that moves to another day": lambda _, leads: sql(
        "UPDATE lead_activities SET occurred_at = occurred_at + interval '30 days' WHERE lead_id = :id"
        " AND new_stage = 'contacted' AND occurred_at < '2026-02-01'",
        id=leads[0],
    ),
    "another first stage": lambda _, leads: sql(
        "UPDATE leads SET past_stages = ARRAY['contacted', 'new_lead'], past_stage_seconds = '{1, 1}' WHERE id = :id",
        id=leads[1],
    ),
    "another time of creation": lambda _, leads: sql(
        "UPDATE leads SET created_at = created_at + interval '300 milliseconds', past_stages = ARRAY['contacted'],"
        " past_stage_seconds = '{1}' WHERE id = :id",
        id=leads[1],
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_late_change_counts_at_once(practice: Practice, leads: list[UUID], change: Change):
    roll_up()
    before = by_events(practice)
    change(practice, leads)
    changed = by_events(practice)
    assert changed != before
    roll_up()
    assert practice.rows("lead_rollup_changes") == []
    assert by_events(practice) == changed
    assert read_live(practice) == changed


def test_entry_of_today_writes_no_change(practice: Practice, watch: Watch):
    watch.set(sql("SELECT now() AS at")[0].at - timedelta(hours=1))
    practice.move(practice.capture(), "contacted")
    assert practice.rows("lead_rollup_changes") == []
