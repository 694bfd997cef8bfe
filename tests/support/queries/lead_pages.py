"""Queries of one page about leads, with the indexes they use."""

from datetime import timedelta
from decimal import Decimal

from app.automation.lead_view.steps import automation_of
from app.engine.service import steps_of
from app.identity.permissions import Scope
from app.leads.activities.service import timeline
from app.leads.assignment.assignment_history import list_assignments
from app.leads.assignment.unassigned import list_unassigned
from app.leads.attribution.touches import list_touches
from app.leads.duplicates.search import duplicates_of
from app.leads.search.next_follow_up import with_next_follow_ups
from app.leads.timeline.models import ActivityType
from app.tasks import service as tasks
from tests.support.large_clinic import now
from tests.support.queries.admin_calls import audit_log
from tests.support.queries.lead_calls import all_leads, leads_within, search_for
from tests.support.queries.query import PAGE, Query, page_of

LEAD_PAGES: dict[str, Query] = {
    "steps of a lead": (lambda s, large: steps_of(s, large.actor.clinic.id, large.lead), {"ix_steps_lead"}),
    "automation of a lead": (
        page_of(lambda s, large, query: automation_of(s, large.actor, large.lead, query), limit=3),
        {"ix_steps_lead"},
    ),
    "timeline of a lead": (
        page_of(lambda s, large, query: timeline(s, large.actor, large.lead, query), limit=1),
        {"ix_lead_activities_timeline"},
    ),
    "tasks of a lead": (
        page_of(lambda s, large, query: tasks.tasks_of_lead(s, large.actor, large.lead, query), limit=1),
        {"ix_lead_tasks_lead"},
    ),
    "timeline of a lead, newest first, by type": (
        page_of(
            lambda s, large, query: timeline(s, large.actor, large.lead, query),
            limit=1,
            type=list(ActivityType),
            sort="-occurred_at",
        ),
        {"ix_lead_activities_timeline"},
    ),
    "touches of a lead": (
        page_of(lambda s, large, query: list_touches(s, large.actor, large.lead, query), limit=1),
        {"ix_lead_touches_lead"},
    ),
    "duplicates of a lead": (
        lambda s, large: duplicates_of(s, large.actor, large.lead),
        {"ix_leads_phone", "ix_leads_email", "ix_leads_name"},
    ),
    "leads by phone": (search_for(phone="212-555-0143"), {"ix_leads_phone", "ix_leads_phone_alt"}),
    "leads by e-mail address": (search_for(email="MIA7@lead.example"), {"ix_leads_email"}),
    "leads by name": (search_for(name="mia keller"), {"ix_leads_name"}),
    "leads by the beginning of a name": (page_of(all_leads, q="mia kel"), set()),
    "leads by the beginning of many names": (page_of(all_leads, q="m"), set()),
    "leads by tag": (page_of(all_leads, tag="tag 7"), {"ix_leads_clinic"}),
    "leads that entered a stage": (
        page_of(all_leads, entered_stage="new_lead", entered_from=lambda _: now() - timedelta(days=7)),
        {"ix_lead_activities_stage_entries"},
    ),
    "leads by conversion": (
        page_of(all_leads, converted_from=lambda _: now() - timedelta(days=7)),
        set(),
    ),
    "leads that reached a stage": (page_of(all_leads, reached_stage=("contacted", "lost")), {"ix_leads_clinic"}),
    "leads by external id": (
        page_of(all_leads, external_id=lambda large: large.other["external"]),
        {"uq_leads_external"},
    ),
    "leads by language": (page_of(all_leads, language="fr"), {"ix_leads_language"}),
    "leads from a value": (page_of(all_leads, value_from=Decimal(8990)), set()),
    "leads by channel": (page_of(all_leads, channel="MANUAL"), {"ix_leads_clinic"}),
    "leads": (page_of(all_leads), {"ix_leads_clinic"}),
    "leads by status": (page_of(all_leads, status="CONVERTED"), {"ix_leads_status"}),
    "leads by stage": (page_of(all_leads, stage="pending_decision"), {"ix_leads_stage"}),
    "leads by source": (page_of(all_leads, source_id=lambda large: large.practice.source_id), {"ix_leads_source"}),
    "leads by coordinator": (page_of(all_leads, assigned_to_id="me"), {"ix_leads_assigned"}),
    "leads, oldest first": (page_of(all_leads, sort="created_at"), {"ix_leads_clinic"}),
    "leads by value, descending": (page_of(all_leads, sort="-lead_value"), {"ix_leads_value"}),
    "leads by rotting time, ascending": (page_of(all_leads, sort="rots_at"), {"ix_leads_rotting"}),
    "leads by rotting time, descending": (page_of(all_leads, sort="-rots_at"), {"ix_leads_rotting"}),
    "rotting leads": (page_of(all_leads, sort="rots_at", rotting=True), {"ix_leads_rotting"}),
    "leads that do not rot yet": (page_of(all_leads, sort="rots_at", rotting=False), {"ix_leads_rotting"}),
    "next follow-ups of a lead": (
        lambda s, large: with_next_follow_ups(s, [{"id": large.lead}]),
        {"ix_lead_tasks_lead", "pk_steps"},
    ),
    "leads in the scope of assigned leads": (page_of(leads_within(Scope.ASSIGNED)), {"ix_leads_assigned"}),
    "leads in the scope of a team": (page_of(leads_within(Scope.TEAM)), set()),
    "audit log": (page_of(audit_log), {"ix_audit_entries_clinic"}),
    "leads of a period": (
        page_of(all_leads, created_from=now() - timedelta(days=200), created_to=now() - timedelta(days=190)),
        {"ix_leads_clinic"},
    ),
    "leads by status, stage and time": (
        page_of(all_leads, status="ACTIVE", stage="contacted", created_to=now() - timedelta(days=100)),
        set(),
    ),
    "unassigned leads": (lambda s, large: list_unassigned(s, large.actor, PAGE), {"ix_leads_open_of"}),
    "assignments of a lead": (lambda s, large: list_assignments(s, large.actor, large.lead, PAGE), set()),
}
