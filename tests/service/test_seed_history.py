"""`relance seed --history`: the reports find each planted truth."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from math import fsum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from app.clock import now
from app.core.db import transaction
from app.identity.clinics import load_context
from app.ops.demo.history.clinic import UNFINISHED, create_history
from app.ops.demo.history.truths import BEST_HOUR, BEST_SOURCE, SLOW_COORDINATOR, SLUG
from tests.service.test_cli import answer, relance
from tests.support.desk import Caller, Desk, the_app
from tests.support.practice import Watch
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice", "tests.support.desk"]
pytestmark = pytest.mark.usefixtures("clean_database", "clean_broker")


def report(caller: Caller, name: str, **query: Any) -> dict[str, dict[str, float]]:
    """Return the values of a report of the whole year, by label and metric."""
    first_day = (now() - timedelta(days=364)).date().isoformat()
    query = {"from": first_day, **({} if name == "coordinators" else {"mature_days": 60}), **query}
    answer = caller.get(f"/api/leads/analytics/{name}", **query)
    assert answer.status == 200, answer.body
    return {row["label"]: {one["metric"]: one["value"] for one in row["figures"]} for row in answer.body["rows"]}


def values(statement: str) -> list[Any]:
    with transaction() as session:
        return list(session.execute(text(statement)).all())


def test_the_numbers_and_scores_find_each_planted_truth(watch: Watch, tmp_path: Path):
    """The year and the number of leads are those of the command; the day is fixed, since leads depend on it."""
    answer("seed", "--history", RELANCE_HOME=str(tmp_path))
    for name in ("learn_contact_hours", "train_scores"):
        assert sweep(name) == 1
    [clinic] = values(f"SELECT id FROM clinics WHERE slug = '{SLUG}'")
    admin = Desk(clinic.id, the_app().test_client).admin

    check_the_best_source(admin)
    check_the_slow_coordinator(admin)
    check_the_best_hour(admin)
    check_the_learned_scores(admin)
    check_that_it_is_believable(admin)
    check_the_forecast(admin)


def check_the_best_source(admin: Caller) -> None:
    rates = {label: row["conversion_rate"] for label, row in report(admin, "sources").items()}
    ordinary = [rates[name] for name in ("Web search", "Web advertising", "Social media", "Doctor referral")]
    assert rates[BEST_SOURCE] > 1.4 * max(ordinary)


def check_the_slow_coordinator(admin: Caller) -> None:
    hours = {
        user.name: report(admin, "first-contact", assigned_to_id=str(user.id))["All leads"]
        for user in values("SELECT id, name FROM users WHERE role = 'treatment_coordinator'")
    }
    slow = hours.pop(SLOW_COORDINATOR)["median_business_time_to_contact"]
    assert slow > 5 * max(one["median_business_time_to_contact"] for one in hours.values())


def check_the_best_hour(admin: Caller) -> None:
    """Of a lead that nobody has called, and that has not written."""
    [lead] = values(
        "SELECT id FROM leads l WHERE status = 'NEW' AND merged_into_id IS NULL AND NOT EXISTS"
        " (SELECT FROM lead_activities a WHERE a.lead_id = l.id AND a.type IN ('PHONE_CALL', 'EMAIL')) LIMIT 1"
    )
    found = admin.get(f"/api/leads/{lead.id}/best-time").body
    assert datetime.fromisoformat(found["next_at"]).astimezone(ZoneInfo(found["timezone"])).hour == BEST_HOUR
    [hour] = [one for one in found["hours"] if (one["part"], one["hour"]) == ("weekday", BEST_HOUR)]
    assert hour["sureness"] == "sure"


def check_the_learned_scores(admin: Caller) -> None:
    """The scores are good on leads that the training has not seen, and their parts name the best source."""
    [lead] = values(
        f"SELECT l.id FROM leads l JOIN lead_sources s ON s.id = l.source_id AND s.name = '{BEST_SOURCE}'"
        " WHERE l.status = 'ACTIVE' AND l.merged_into_id IS NULL LIMIT 1"
    )
    settings = admin.patch("/api/settings/lead-scores", {"model": "learned"})
    assert settings.status == 200, settings.body
    found = admin.get(f"/api/leads/{lead.id}/score").body
    assert found["quality"]["auc"] >= 0.75
    assert found["quality"]["calibration_error"] < 0.05
    assert found["quality"]["tested_leads"] > 500
    assert next(part["points"] for part in found["parts"] if part["words"] == f"Source: {BEST_SOURCE}") > 1
    assert fsum(part["points"] for part in found["parts"]) == pytest.approx(found["value"], abs=1e-9)


def check_that_it_is_believable(admin: Caller) -> None:
    total = report(admin, "summary")["All leads"]
    assert 0.08 < total["conversion_rate"] < 0.3
    assert total["cost_per_lead"] > 0
    assert len(report(admin, "lost-reasons")) >= 6
    [counts] = values(
        "SELECT count(*) FILTER (WHERE merged_into_id IS NOT NULL) AS merged,"
        " count(*) FILTER (WHERE capture_channel = 'IMPORT') AS imported,"
        " count(*) FILTER (WHERE status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL) AS open,"
        " count(*) FILTER (WHERE 'lost' = ANY(past_stages)) AS reopened, count(*) AS all FROM leads"
    )
    assert counts.merged > 5
    assert counts.imported > 30
    assert counts.reopened > 10
    assert 0.05 < counts.open / counts.all < 0.35
    [tasks] = values(
        "SELECT avg((completed_at > due_at)::int) AS late, count(*) FILTER (WHERE status = 'PENDING') AS pending"
        " FROM lead_tasks"
    )
    assert 0.1 < tasks.late < 0.5
    [messages] = values(
        "SELECT count(*) FILTER (WHERE direction = 'INBOUND' AND NOT is_auto_reply) AS answers,"
        " count(*) FILTER (WHERE is_auto_reply) AS automatic, max(occurred_at) AS last FROM lead_activities"
    )
    assert messages.answers > 300
    assert messages.automatic > 20
    assert messages.last < now()


def check_the_forecast(admin: Caller) -> None:
    found = admin.get("/api/leads/analytics/forecast").body
    assert found["is_possible"], found["words"]
    assert len(found["weeks"]) == 8
    assert 0.7 <= found["backtest"]["coverage"] <= 0.97
    assert found["backtest"]["error"] < 0.8 * found["backtest"]["mean"]
    assert found["total"]["low"] < found["total"]["conversions"] < found["total"]["high"]
    assert found["total"]["value_low"] < found["total"]["value"] < found["total"]["value_high"]
    [counted] = values(
        "SELECT count(*) AS conversions FROM leads WHERE converted_at < date_trunc('day',"
        f" timestamptz '{now().isoformat()}' AT TIME ZONE 'America/New_York') AT TIME ZONE 'America/New_York'"
    )
    assert found["history"]["conversions"] == counted.conversions


def test_a_second_run_changes_nothing_and_production_refuses(tmp_path: Path):
    year = answer("seed", "--history", "--leads", "100", RELANCE_HOME=str(tmp_path))
    logins = json.loads(Path(year["file"]).read_text())
    assert {user["role"] for user in logins["users"]} >= {"clinic_admin", "treatment_coordinator"}

    again = answer("seed", "--history", RELANCE_HOME=str(tmp_path))

    assert (year["new"], again["new"]) == (True, False)
    assert json.loads(Path(year["file"]).read_text()) == logins
    assert relance("seed", "--history", "--leads", "5").returncode == 2


def leads_of(number: int) -> list[Any]:
    """Create the clinic, return its leads, and leave it as an interrupted run does."""
    create_history(leads=600, seed=number, until=datetime(2026, 6, 3, 15, tzinfo=UTC))
    with transaction() as session:
        session.execute(text(f"UPDATE clinics SET slug = '{UNFINISHED}' WHERE slug = '{SLUG}'"))
    return values("SELECT id, first_name, status, pipeline_stage, created_at FROM leads ORDER BY id")


def test_run_after_an_interrupted_one_begins_again_and_the_same_number_gives_the_same_leads():
    found = [leads_of(number) for number in (7, 7, 8)]
    assert found[0] == found[1] != found[2]
    assert len(values("SELECT id FROM clinics")) == 1


def test_generated_clinic_is_like_a_real_one():
    create_history(leads=2500, seed=3, until=datetime(2026, 6, 3, 15, tzinfo=UTC))
    phones = values("SELECT phone_blind FROM leads WHERE phone_blind IS NOT NULL AND deleted_at IS NULL")
    assert len(phones) == len({bytes(row.phone_blind) for row in phones}) > 1500
    used = values("SELECT DISTINCT template FROM notifications")
    known = {row.slug for row in values("SELECT slug FROM message_templates")}
    assert used
    assert {row.template for row in used} <= known
    [clinic] = values(f"SELECT id FROM clinics WHERE slug = '{SLUG}'")
    with transaction() as session:
        calendar = load_context(session, clinic.id).calendar
    calls = values("SELECT occurred_at FROM lead_activities WHERE type = 'PHONE_CALL' AND direction = 'OUTBOUND'")
    closed = [row.occurred_at for row in calls if not calendar.is_open(row.occurred_at)]
    assert calls
    assert closed == []


WITH_A_SHORT_LIMIT = """
from app.core.database import session
session.OPTIONS = session.OPTIONS.replace("session_timeout=60000", "session_timeout=1500")
from app.ops import cli
cli.main()
"""


def test_many_leads_are_written_although_no_transaction_may_stay_idle(tmp_path: Path):
    """Drawing 6,000 leads takes longer than a transaction may be idle here, as 100,000 do with the real limit."""
    command = [sys.executable, "-c", WITH_A_SHORT_LIMIT, "seed", "--history", "--leads", "6000"]
    environment = {**os.environ, "RELANCE_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    [row] = values("SELECT count(*) AS n FROM leads WHERE deleted_at IS NULL")
    assert row.n == 6000
    assert "leads written" in done.stderr
    assert values(f"SELECT id FROM clinics WHERE slug = '{SLUG}'")
