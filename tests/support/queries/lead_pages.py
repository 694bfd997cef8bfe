"""Queries of one page about leads, with the indexes they use."""

from datetime import timedelta
from decimal import Decimal

from app.automation.lead_view.next_action_service import next_action
from app.automation.lead_view.steps import automation_of
from app.engine.service import steps_of
from app.identity.permissions import Scope
from app.leads.activities.service import timeline
from app.leads.assignment.assignment_history import list_assignments
from app.leads.assignment.unassigned import list_unassigned
from app.leads.attribution.touches import list_touches
from app.leads.duplicates.check import check_person
from app.leads.duplicates.search import duplicates_of
from app.leads.facts.best_time.load import best_hours_of
from app.leads.facts.best_time.report import best_time
from app.leads.scoring.features import load_bins
from app.leads.scoring.service import score_history, score_lead
from app.leads.search.next_follow_up import with_next_follow_ups
from app.leads.timeline.models import ActivityType
from app.messaging.inbound.conversation.listing import list_conversations
from app.tasks import service as tasks
from tests.support.large_clinic import now
from tests.support.queries.admin_calls import audit_log
from tests.support.queries.lead_calls import all_leads, leads_within, notes_with, search_for
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
        {"ix_leads_phone", "ix_leads_email"},
    ),
    "leads by phone": (
        search_for("212-555-0143"),
        {"ix_leads_phone", "ix_leads_phone_alt", "ix_leads_merged_phone", "ix_leads_merged_phone_alt"},
    ),
    "leads by e-mail address": (search_for("MIA7@lead.example"), {"ix_leads_email", "ix_leads_merged_email"}),
    "leads by a rare part of a name": (page_of(all_leads, q="mia7 kel"), set()),
    "leads by the beginning of many names": (page_of(all_leads, q="m"), set()),
    "notes by a word": (notes_with("insurance"), set()),
    "leads by tag": (page_of(all_leads, tag="tag 7"), {"ix_leads_clinic"}),
    "open leads without an answer": (page_of(all_leads, is_open=True, has_answered=False), set()),
    "leads with messages of a rule": (
        page_of(all_leads, messaged_by="reminders"),
        {"ix_notifications_series"},
    ),
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
    "leads of a person": (
        lambda s, large: check_person(
            s,
            large.actor,
            {
                "first_name": "Mia",
                "last_name": "Keller",
                "phone": "+12125550143",
                "email": "m.ia+x@gmail.com",
            },
        ),
        {"ix_leads_phone", "ix_leads_phone_alt", "ix_leads_email", "ix_leads_email_main"},
    ),
    "leads by channel": (page_of(all_leads, channel="MANUAL"), {"ix_leads_clinic"}),
    "leads": (page_of(all_leads), {"ix_leads_clinic"}),
    "leads by status": (page_of(all_leads, status="CONVERTED"), {"ix_leads_status"}),
    "leads by stage": (page_of(all_leads, stage="pending_decision"), {"ix_leads_stage"}),
    "leads by source": (page_of(all_leads, source_id=lambda large: large.practice.source_id), {"ix_leads_source"}),
    "leads by campaign": (page_of(all_leads, source_campaign="spring"), {"ix_leads_campaign"}),
    "leads by coordinator": (page_of(all_leads, assigned_to_id="me"), {"ix_leads_assigned"}),
    "leads, oldest first": (page_of(all_leads, sort="created_at"), {"ix_leads_clinic"}),
    "leads by value, descending": (page_of(all_leads, sort="-lead_value"), {"ix_leads_value"}),
    "leads by score": (page_of(all_leads, sort="-score"), {"ix_leads_score"}),
    "leads from a score": (page_of(all_leads, sort="-score", score_from=50), {"ix_leads_score"}),
    "score of a lead": (lambda s, large: score_lead(s, large.actor, large.lead), {"pk_leads"}),
    "scores of a lead so far": (
        page_of(lambda s, large, query: score_history(s, large.actor, large.lead, query), limit=1),
        {"ix_lead_score_changes_lead"},
    ),
    "learned score of a lead": (
        lambda s, large: load_bins(s, [large.lead], at=now()),
        {"pk_leads", "ix_lead_activities_timeline"},
    ),
    "best time of a lead": (
        lambda s, large: best_time(s, large.actor, large.lead),
        {"pk_leads", "ix_lead_activities_timeline"},
    ),
    "best hours of leads of a batch": (
        lambda s, large: best_hours_of(s, [large.lead, large.other["twin"]]),
        {"pk_leads", "ix_lead_activities_timeline"},
    ),
    "conversations": (
        page_of(lambda s, large, query: list_conversations(s, large.actor, query)),
        {"ix_leads_replied", "ix_lead_activities_timeline"},
    ),
    "conversations without an answer": (
        page_of(lambda s, large, query: list_conversations(s, large.actor, query), is_answered=False, is_done=False),
        {"ix_leads_replied", "ix_lead_activities_timeline"},
    ),
    "next action of a lead": (
        lambda s, large: next_action(s, large.actor, large.lead),
        {"ix_lead_activities_timeline"},
    ),
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
