"""docs/analytics.md has every metric with the definition and the example that reports return.

To write the table anew: `python -m pytest tests/service/test_documented_metrics.py` shows it.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.analytics import reports
from app.analytics.metrics.measures import Basis
from app.analytics.reporting.run import run_report
from app.analytics.work.automation_effect import automation_report
from app.analytics.work.follow_ups import follow_up_report
from app.core.db import transaction
from app.leads.attribution.costs import save_cost
from app.leads.attribution.models import LeadSource
from tests.support.environment import ROOT
from tests.support.lead_histories import utc
from tests.support.practice import Practice, Watch, sql

pytest_plugins = ["tests.support.practice"]

HEADING = "## All metrics"
MARCH: dict[str, Any] = {"from_": date(2026, 3, 1), "to": date(2026, 4, 1), "mature_days": 20, "target_minutes": 60}
STAGE = "consultation_scheduled"  # the row of the reports with a row for each stage
SEND = (
    "INSERT INTO notifications (id, clinic_id, lead_id, channel, series, template, subject, body, state, attempts,"
    " sent_at, created_at)"
    " VALUES (gen_random_uuid(), :clinic, :lead, 'email', 'check-in', 'x', 'x', 'x', 'sent', 1, :at, :at)"
)


def test_every_metric_is_documented_with_its_definition_and_an_example(practice: Practice, watch: Watch):
    make_example(practice, watch)
    text = (ROOT / "docs" / "analytics.md").read_text()
    documented = [line for line in text.partition(HEADING)[2].partition("\n## ")[0].splitlines() if line[:1] == "|"]
    assert documented == table(practice), "\n".join(table(practice))


def make_example(practice: Practice, watch: Watch) -> None:
    """Make ten leads of a source that costs 1,240 a month, and their tasks and messages. It is 4 May then."""
    watch.set(utc("2026-03-01T15:00"))
    with transaction() as session:
        source = session.get_one(LeadSource, practice.source_id)
        source.monthly_cost = Decimal(1240)
        save_cost(session, source)
    leads = []
    for number in range(10):
        watch.set(utc("2026-03-02T15:00") + timedelta(days=number))
        leads.append(practice.capture(lead_value=1000))
        watch.advance(minutes=30 + 15 * number)
        if number < 8:
            practice.log(leads[-1], outcome="spoke" if number < 6 else "no_answer")
    acts = [(practice.move, STAGE), (practice.move, "consultation_completed"), (practice.move, "treatment_accepted")]
    for place, (act, reached) in enumerate(zip(acts, (6, 5, 3), strict=True)):
        watch.set(utc("2026-03-16T15:00") + timedelta(days=2 * place))
        for lead_id in leads[:reached]:
            act[0](lead_id, act[1])
    watch.set(utc("2026-03-24T15:00"))
    end(practice, leads)
    watch.set(utc("2026-05-04T15:00"))


def end(practice: Practice, leads: list[UUID]) -> None:
    for lead_id in leads[:3]:
        sql(SEND, clinic=practice.clinic_id, lead=lead_id, at=utc("2026-03-20T15:00"))
    practice.hear_from(leads[0])
    sql("DELETE FROM lead_tasks WHERE clinic_id = :clinic", clinic=practice.clinic_id)
    days = [practice.plan(lead_id, utc("2026-03-25T15:00")) for lead_id in leads[3:6]]
    practice.complete(days[0])
    practice.convert(leads[0])
    practice.convert(leads[1])
    practice.lose(leads[8])


def table(practice: Practice) -> list[str]:
    """Return the lines of the table: each metric once, with the report that has it first."""
    lines = ["| report | metric | definition | example |", "|---|---|---|---|"]
    known: set[str] = set()
    for name, report in made(practice).items():
        row = next((row for row in report["rows"] if row["key"] == STAGE), report["rows"][0])
        figures = {figure["metric"]: figure for figure in row["figures"]}
        for one in report["definitions"]:
            if (title := f"`{one['metric']}`") not in known:
                known.add(title)
                lines.append(f"| {name} | {title} | {one['words']} | {example(figures[one['metric']])} |")
    return lines


def made(practice: Practice) -> dict[str, Any]:
    by_events = {**MARCH, "basis": Basis.PERIOD}
    given = {**MARCH, "basis": Basis.COHORT}
    with transaction() as session:
        actor = practice.actor()
        return {
            "summary": reports.summary_report(session, actor, given),
            "sources": reports.source_report(session, actor, given),
            "coordinators": reports.coordinator_report(session, actor, given),
            "lost-reasons": reports.lost_reason_report(session, actor, given),
            "marketing-roi": run_report(session, actor, "marketing-roi", given),
            "funnel": reports.funnel_report(session, actor, given),
            "velocity": reports.velocity_report(session, actor, given),
            "first-contact": reports.first_contact_report(session, actor, given),
            "response": reports.response_report(session, actor, given),
            "pipeline": reports.pipeline_report(session, actor, given),
            "automation": automation_report(session, actor, given),
            "follow-ups": follow_up_report(session, actor, by_events),
        }


def example(figure: dict[str, Any]) -> str:
    value = "none" if figure["value"] is None else f"{round(figure['value'], 2):g}"
    if figure["among"]:
        return f"{figure['leads']} / {figure['among']['leads']} = {value}"
    has_unit = figure["unit"] in {"days", "minutes"} and figure["value"] is not None
    return f"{value} {figure['unit']}" if has_unit else value
