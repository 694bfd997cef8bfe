"""Queries of backfills, sequences and nurtures, with the indexes they use."""

from app.automation.nurtures import service as nurtures
from app.automation.rules.backfill import preview_backfill, start_backfill
from app.automation.sequences.enrollments.pause import resume_waiting_enrollments
from app.engine.statistics.outcome_statistics import runs_of
from app.identity.permissions import Scope
from tests.support.large_clinic import now
from tests.support.queries.automation_calls import (
    cancel_backfill,
    create_nurture,
    nurture_dashboard,
    rule_for_new_leads,
)
from tests.support.queries.enrollment_calls import (
    enroll_500_leads,
    enroll_by_job,
    move_enrollments,
    process_reply,
    sequence_performance,
)
from tests.support.queries.query import Query

AUTOMATION_WORK: dict[str, Query] = {
    "runs of rules": (
        lambda s, large: runs_of(s, large.actor.clinic.id, [f"series-{n}" for n in range(50)]),
        {"pk_series_hours"},
    ),
    "start a backfill": (
        lambda s, large: start_backfill(s, large.actor, rule_for_new_leads(s, large), per_hour=200),
        {"ix_leads_clinic"},
    ),
    "preview a backfill": (
        lambda s, large: preview_backfill(s, large.actor, rule_for_new_leads(s, large), per_hour=200),
        {"ix_leads_clinic", "ix_steps_lead"},
    ),
    "cancel a backfill": (cancel_backfill, {"ix_steps_lead"}),
    "preview a nurture run": (
        lambda s, large: nurtures.preview(s, large.actor, create_nurture(s, large)),
        {"ix_leads_scored"},
    ),
    "dashboard of nurtures": (
        lambda s, large: nurture_dashboard(s, large, days=7),
        {"ix_enrollment_steps_written", "pk_notifications"},
    ),
    "enroll leads": (enroll_500_leads, {"pk_leads", "ix_enrollments_lead"}),
    "end enrollments by a reply": (process_reply, {"uq_enrollments_live_key", "ix_enrollments_colleagues"}),
    "activate a sequence": (
        lambda s, large: resume_waiting_enrollments(
            s, large.actor.clinic, large.other["enrolled"].sequence_id, at=now()
        ),
        {"ix_enrollments_state", "pk_enrollments"},
    ),
    "move a few enrollments to another version": (
        lambda s, large: move_enrollments(s, large, leads=300),
        {"ix_enrollments_state", "uq_enrollments_live_key", "pk_steps", "pk_leads"},
    ),
    "move many enrollments to another version": (
        lambda s, large: move_enrollments(s, large, leads=600),
        {"ix_enrollments_state"},
    ),
    "enroll leads by a job": (enroll_by_job, {"pk_job_items", "ix_leads_clinic", "ix_enrollments_lead"}),
    "performance of a sequence": (
        sequence_performance,
        {"ix_enrollments_enrolled", "pk_notifications", "ix_lead_activities_timeline", "pk_leads"},
    ),
    "performance of a sequence with leads of a team": (
        lambda s, large: sequence_performance(s, large, scope=Scope.TEAM),
        {"ix_lead_activities_timeline"},
    ),
}
