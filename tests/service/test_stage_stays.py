"""The time in stages from rollups equals the time read from the leads, for random stays and as time passes."""

import random
from datetime import date, timedelta
from typing import Any

import pytest

from app.analytics import reports
from app.analytics.metrics.measures import Basis
from app.core.db import transaction
from tests.support.lead_histories import utc
from tests.support.practice import Practice, Watch, sql
from tests.support.rolling_up import roll_up

pytest_plugins = ["tests.support.practice"]

STAGES = ["new_lead", "contacted", "consultation_scheduled", "consultation_completed", "pending_decision"]
LATER = "treatment_accepted"
MONTHS = (date(2026, 1, 1), date(2026, 4, 1))
PERIODS = [MONTHS, (date(2026, 1, 20), date(2026, 3, 9)), (date(2026, 2, 1), date(2026, 2, 2))]
SAVE = (
    "UPDATE leads SET past_stages = :stages, past_stage_seconds = :seconds, pipeline_stage = :stage,"
    " stage_entered_at = :entered WHERE id = :id"
)


def velocity(practice: Practice, **query: Any) -> Any:
    with transaction() as session:
        given = [{"from_": first, "to": end, "basis": Basis.COHORT, **query} for first, end in PERIODS]
        return [reports.velocity_report(session, practice.actor(), one)["rows"] for one in given]


def forget_rollups() -> None:
    for name in ("spans", "counts", "groups", "stays", "entries"):
        sql(f"DELETE FROM lead_rollup_{name}")


@pytest.mark.parametrize("seed", range(3))
def test_time_in_stages_from_rollups_equals_that_of_the_leads(practice: Practice, watch: Watch, seed: int):
    chance = random.Random(seed)
    for _ in range(60):
        watch.set(utc("2026-01-05T15:00") + timedelta(hours=chance.randrange(80 * 24)))
        lead_id = practice.capture()
        past = chance.sample(STAGES, chance.randrange(1, 5))
        whole = chance.random() < 0.5  # hours, at whose end an estimate may change
        hours = [chance.randrange(900) if whole else chance.random() * 900 for _ in past]
        ago = timedelta(hours=chance.randrange(15 * 24, 40 * 24), microseconds=0 if whole else chance.randrange(10**6))
        stage, entered = chance.choice([*STAGES, LATER, LATER, LATER]), utc("2026-04-20T15:00") - ago
        seconds = [round(3600 * one, 6) for one in hours]
        sql(SAVE, id=lead_id, stages=past, seconds=seconds, stage=stage, entered=entered)
    watch.set(utc("2026-04-20T15:00"))
    for _ in range(3):
        live = velocity(practice)
        known = [figure["value"] for row in live[0] for figure in row["figures"] if figure["unit"] == "days"]
        assert sum(one is not None for one in known) >= len(STAGES)
        roll_up()
        assert velocity(practice) == live
        watch.advance(hours=chance.randrange(1, 50), microseconds=chance.randrange(2))
        rolled = velocity(practice)
        forget_rollups()
        assert velocity(practice) == rolled


def test_longer_former_stay_counts_at_once(practice: Practice, watch: Watch):
    watch.set(utc("2026-01-10T15:00"))
    lead_id = practice.capture()
    practice.move(lead_id, "contacted")
    watch.set(utc("2026-03-20T15:00"))
    roll_up()
    before = velocity(practice)
    sql("UPDATE leads SET past_stage_seconds = '{864000}' WHERE id = :id", id=lead_id)
    changed = velocity(practice)
    assert changed != before
    roll_up()
    assert velocity(practice) == changed
    sql("UPDATE leads SET stage_entered_at = stage_entered_at - interval '9 days' WHERE id = :id", id=lead_id)
    practice.move(lead_id, "consultation_scheduled")
    live = velocity(practice)
    assert live != changed
    roll_up()
    assert velocity(practice) == live


def test_report_of_some_leads_reads_the_leads(practice: Practice, watch: Watch):
    watch.set(utc("2026-01-10T15:00"))
    practice.move(practice.capture(), "contacted")
    watch.set(utc("2026-03-20T15:00"))
    before = velocity(practice, source_id=practice.source_id)
    roll_up()
    sql("UPDATE lead_rollup_stays SET starts = starts || starts, ended = ARRAY(SELECT 9 * n FROM unnest(ended) AS n)")
    assert velocity(practice, source_id=practice.source_id) == before
    assert velocity(practice) != before
