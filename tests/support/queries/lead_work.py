"""Queries that change or count leads, with the indexes they use."""

from datetime import timedelta

from app.leads.duplicates.merge import merge
from app.leads.facts.condition_facts import load_facts
from app.leads.models import Lead
from app.leads.pipeline.board import board
from app.leads.pipeline.closing import convert
from app.messaging.contact_policy.opt_outs import opt_out
from app.tasks import service as tasks
from app.tasks.lifecycle.closing import complete_all
from app.tasks.workload.handover import hand_over
from app.tasks.workload.workload import workload
from tests.support.large_clinic import now
from tests.support.queries.admin_calls import audit_log
from tests.support.queries.lead_calls import all_leads, capture_sample, leads_without_next_action, read_roster
from tests.support.queries.query import PAGE, Query, page_of

LEAD_WORK: dict[str, Query] = {
    "count open leads per user": (read_roster, {"ix_leads_open_of"}),
    "workload": (lambda s, large: workload(s, large.actor), {"ix_leads_open_of", "ix_lead_tasks_mine"}),
    "hand over leads and tasks of a user": (
        lambda s, large: hand_over(s, large.actor, large.actor.user_id, to=None, reason=None),
        {"ix_leads_open_of", "ix_lead_tasks_mine", "pk_leads", "ix_lead_tasks_lead"},
    ),
    "load the next follow-up of a lead": (
        lambda s, large: load_facts(s, [large.lead], ["next_follow_up_at"]),
        {"pk_leads", "ix_lead_tasks_lead"},
    ),
    "complete tasks of a type": (
        lambda s, large: complete_all(s, large.actor, s.get_one(Lead, large.lead), types=["CALL"]),
        {"ix_lead_tasks_lead"},
    ),
    "capture a lead": (capture_sample, {"ix_leads_phone", "ix_leads_phone_alt"}),
    "merge leads": (
        lambda s, large: merge(s, large.actor, large.lead, duplicate_id=large.other["twin"]),
        {
            "pk_leads",
            "ix_leads_merged",
            "ix_steps_lead",
            "ix_lead_tasks_lead",
            "ix_lead_activities_timeline",
            "ix_notifications_lead",
            "ix_lead_touches_lead",
        },
    ),
    "opt out a lead": (
        lambda s, large: opt_out(s, large.actor, large.lead),
        {"ix_steps_lead", "pk_leads", "ix_notifications_touches"},
    ),
    "opt out a lead of a channel": (
        lambda s, large: opt_out(s, large.actor, large.lead, channel="email"),
        {"ix_steps_lead", "ix_notifications_unsent"},  # by their state while few wait, else by the lead
    ),
    "convert a lead": (
        lambda s, large: convert(s, large.actor, large.lead),
        {"ix_steps_lead", "ix_lead_tasks_lead", "pk_leads"},
    ),
    "complete a task": (
        lambda s, large: tasks.complete(s, large.actor, large.other["task"]),
        {"ix_steps_lead", "pk_lead_tasks", "pk_leads"},
    ),
    "board": (lambda s, large: board(s, large.actor, {"cards": 20}), {"ix_leads_stage", "ix_lead_tasks_lead"}),
    "my board": (
        lambda s, large: board(s, large.actor, {"cards": 20, "assigned_to_id": "me"}),
        {"ix_leads_assigned", "ix_lead_tasks_lead"},
    ),
    "audit log of a lead": (
        lambda s, large: audit_log(s, large, {**PAGE, "subject_id": large.lead}),
        {"ix_audit_entries_clinic"},
    ),
    "leads with a follow-up within a week": (
        page_of(all_leads, next_follow_up_from=now(), next_follow_up_to=now() + timedelta(days=7)),
        {"ix_lead_tasks_falling_due", "ix_leads_clinic", "ix_lead_tasks_lead"},
    ),
    "leads with a follow-up within an hour": (
        page_of(all_leads, next_follow_up_from=now(), next_follow_up_to=now() + timedelta(hours=1)),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_lead"},
    ),
    "my leads by next follow-up": (
        page_of(all_leads, assigned_to_id="me", sort="next_follow_up_at"),
        {"ix_lead_tasks_lead"},
    ),
    "leads by next follow-up, ascending": (
        page_of(all_leads, sort="next_follow_up_at"),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status", "ix_lead_tasks_lead"},
    ),
    "leads by next follow-up, descending": (
        page_of(all_leads, sort="-next_follow_up_at"),
        {"ix_lead_tasks_falling_due", "ix_lead_tasks_by_status", "ix_lead_tasks_lead"},
    ),
    "leads without a next action": (
        page_of(leads_without_next_action),
        {"ix_leads_without_next_action", "ix_lead_tasks_lead"},
    ),
    "my leads without a next action": (
        page_of(leads_without_next_action, assigned_to_id="me"),
        {"ix_leads_without_next_action"},
    ),
}
