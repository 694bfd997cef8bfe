"""Queries of reports and retries, with the indexes they use."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.analytics.forecast.forecast import forecast
from app.analytics.metrics.measures import Basis
from app.analytics.reports import (
    attribution_report,
    conversion_report,
    first_contact_report,
    funnel_report,
    lost_reason_report,
    pipeline_report,
    response_report,
    summary_report,
    velocity_report,
)
from app.analytics.work.automation_effect import automation_report
from app.analytics.work.follow_ups import follow_up_report
from app.engine import failed_steps as steps
from app.engine.steps.lateness_report import lateness_report
from app.identity.permissions import Scope
from app.messaging.delivery import retry
from app.messaging.templates import missing_field_report
from app.tasks.templates import preview
from app.tasks.templates.models import TaskTemplate
from tests.support import large_database
from tests.support.large_clinic import LargeClinic, now
from tests.support.queries.admin_calls import process_gateway_event
from tests.support.queries.lead_calls import A_YEAR, TEXT_WITH_FIELDS, template_statistics
from tests.support.queries.query import Query


def analytics(report: Callable[..., object], **query: Any) -> Callable[[Session, LargeClinic], object]:
    """Read a report about the last week: the planner expects a small part of the leads."""
    days = {"from_": now().date() - timedelta(days=7), "to": now().date() + timedelta(days=1)}
    given = {**days, "basis": Basis.COHORT, "target_minutes": 60, **query}
    return lambda session, large: report(session, large.actor, given)


REPORTS: dict[str, Query] = {
    "key metrics": (analytics(summary_report), {"ix_leads_analytics"}),
    "key metrics by events": (analytics(summary_report, basis=Basis.PERIOD), {"ix_leads_converted"}),
    "funnel": (analytics(funnel_report), {"ix_leads_analytics"}),
    "funnel of a month": (
        analytics(funnel_report, from_=now().date() - timedelta(days=30)),
        {"ix_leads_analytics", "uq_lead_rollup_spans_time", "pk_lead_rollup_counts"},
    ),
    "times to first contact of a month": (
        analytics(first_contact_report, from_=now().date() - timedelta(days=30)),
        {"ix_leads_analytics", "uq_lead_rollup_spans_time", "pk_lead_rollup_counts"},
    ),
    "funnel by events": (analytics(funnel_report, basis=Basis.PERIOD), {"ix_lead_activities_stage_entries"}),
    "funnel of a month by events": (
        analytics(funnel_report, from_=now().date() - timedelta(days=30), basis=Basis.PERIOD),
        {"ix_lead_activities_stage_entries", "uq_lead_rollup_spans_time", "pk_lead_rollup_entries"},
    ),
    "losses by events": (analytics(lost_reason_report, basis=Basis.PERIOD), {"ix_leads_lost"}),
    "time in stages": (analytics(velocity_report), {"ix_leads_analytics"}),
    "time in stages of a month": (
        analytics(velocity_report, from_=now().date() - timedelta(days=30)),
        {"ix_leads_analytics", "uq_lead_rollup_spans_time", "pk_lead_rollup_stays"},
    ),
    "answers": (analytics(response_report), {"ix_leads_analytics", "ix_notifications_touches"}),
    "answers of a month": (
        analytics(response_report, from_=now().date() - timedelta(days=30)),
        {"ix_leads_without_contact", "uq_lead_rollup_spans_time", "pk_lead_rollup_counts"},
    ),
    "conversions": (analytics(conversion_report), {"ix_leads_analytics"}),
    "last touches": (analytics(attribution_report, touch="last"), {"ix_leads_analytics"}),
    "value of the pipeline": (analytics(pipeline_report), {"ix_leads_analytics"}),
    "completion of follow-ups": (analytics(follow_up_report), {"ix_lead_tasks_due"}),
    "completion of follow-ups of a month": (
        analytics(follow_up_report, from_=now().date() - timedelta(days=30)),
        {"ix_lead_tasks_due", "pk_task_rollup_days", "ix_task_rollup_changes_clinic"},
    ),
    "effect of automation": (
        analytics(automation_report),
        {"ix_lead_activities_timeline", "ix_notifications_series"},
    ),
    "forecast": (analytics(forecast), {"ix_leads_analytics"}),
    "lateness report": (
        lambda s, large: lateness_report(s, large.actor.clinic),
        {"ix_steps_finished", "ix_steps_due_by_clinic", "ix_steps_put_off"},
    ),
    "process a status event of a gateway": (process_gateway_event, {"pk_notifications", "pk_leads"}),
    "statistics of a message template": (
        template_statistics,
        {"ix_notifications_made_from", "ix_lead_activities_timeline", "pk_leads"},
    ),
    "statistics of a message template with leads of a team": (
        lambda s, large: template_statistics(s, large, scope=Scope.TEAM),
        {"ix_lead_activities_timeline"},
    ),
    "statistics of a task template": (
        lambda s, large: preview.statistics(s, large.actor, TaskTemplate(id=large_database.TASK_TEMPLATE), A_YEAR),
        {"ix_lead_tasks_made_from"},
    ),
    "missing fields for a template": (
        lambda s, large: missing_field_report.report_missing_fields(s, large.actor, [TEXT_WITH_FIELDS]),
        {"ix_leads_clinic"},
    ),
    "retry a notification": (
        lambda s, large: retry.retry(s, large.actor, large.other["note"]),
        {"pk_notifications"},
    ),
    "retry a step": (
        lambda s, large: steps.retry(s, large.actor.clinic.id, large.other["failed"]),
        {"pk_steps"},
    ),
    "retry steps of a kind": (
        lambda s, large: steps.retry_many(s, large.actor.clinic.id, {"kind": "escalate"}, spread=timedelta(hours=1)),
        {"ix_steps_trouble"},
    ),
}
