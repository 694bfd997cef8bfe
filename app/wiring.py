"""Wiring: which package listens to which event, and which channels, step kinds and job kinds exist.

A package knows only the packages below it. Where a lower package needs a higher one, it declares a port
(`app.core.ports`), and this page connects it. Every process calls `connect()` once at its start.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from app import models as _models  # noqa: F401  (registers all tables)
from app.audit import audit_log, visible_ids
from app.automation import handlers
from app.automation.rules import backfill_job
from app.automation.sequences import event_listeners
from app.automation.sequences.enrollments import bulk as bulk_enrollment
from app.automation.sequences.enrollments.merge import merge_enrollments
from app.automation.sequences.enrollments.pause import pause_for_question, resume_after_question
from app.automation.sequences.enrollments.template_use import enrolled_by_template
from app.automation.sequences.versions import version_moves
from app.core import pagination
from app.core.telemetry import logs
from app.core.type_aliases import JsonDict, JsonObject
from app.engine import service
from app.engine.jobs import kinds as job_kinds
from app.engine.rules import lead_facts
from app.engine.step_kind import STEP_KINDS
from app.engine.steps import cancel
from app.identity import account_email_ports
from app.leads.activities import messages, replies
from app.leads.activities import service as activities
from app.leads.assignment import availability, owner_changes
from app.leads.capture import lead_validation
from app.leads.capture.imports import job as import_job
from app.leads.duplicates import merge
from app.leads.facts.condition_facts import load_facts
from app.leads.fields import HIDDEN_IN_LOGS
from app.leads.pipeline import closing, lead_state, waiting
from app.leads.privacy import service as privacy
from app.leads.privacy.legal_holds import move_hold
from app.leads.search.lookup import ids_in_scope as leads_in_scope
from app.messaging import channels
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy import opt_outs, suppression_list
from app.messaging.delivery.suppression import suppress_undelivered
from app.messaging.inbound import effects, questions
from app.messaging.user_notices import account_emails
from app.messaging.webhooks import subscriptions
from app.security.encrypted_fields import decrypt_rows
from app.tasks.bulk import create_tasks as bulk_follow_ups
from app.tasks.emergencies import plan_emergency_task
from app.tasks.lifecycle.cancel_all import cancel_open_tasks
from app.tasks.lifecycle.closing import (
    complete_answered_tasks,
    complete_request_tasks,
    complete_tasks_after_contact,
    complete_tasks_before_merge,
    reopen_answered_tasks,
)
from app.tasks.lookup import ids_in_scope as tasks_in_scope
from app.tasks.templates import service as task_templates
from app.tasks.templates.stage_tasks import plan_stage_tasks
from app.tasks.workload.absences import begin_absence
from app.tasks.workload.move_tasks import follow_owners

JOB_KINDS = (bulk_follow_ups.KIND, import_job.KIND, backfill_job.KIND, bulk_enrollment.KIND, version_moves.KIND)


def connect() -> None:
    """Connect every port. A second call changes nothing."""
    logs.hide(HIDDEN_IN_LOGS)
    pagination.decrypt_rows.connect(decrypt_rows)
    pagination.note_read.connect(audit_log.note_page_read)
    visible_ids.visible_leads.connect(leads_in_scope)
    visible_ids.visible_tasks.connect(tasks_in_scope)
    lead_facts.lead_facts.connect(load_facts)
    service.events_recorded.connect(waiting.end_waits, event_listeners.follow_events, questions.answer_by_events)
    service.events_logged.connect(subscriptions.deliver_events)
    cancel.steps_cancelled.connect(suppress_undelivered)
    cancel.all_steps_cancelled.connect(event_listeners.end_all_enrollments)
    cancel.lead_merged.connect(merge_enrollments)
    opt_outs.channel_opted_out.connect(event_listeners.exit_without_channel, questions.answer_by_channel)
    lead_state.stage_entered.connect(plan_stage_tasks)
    task_templates.enrolled_by_template.connect(enrolled_by_template)
    lead_state.contact_told.connect(complete_tasks_after_contact)
    merge.contact_merged.connect(complete_tasks_before_merge)
    merge.rows_moved.connect(move_hold)
    activities.activity_logged.connect(complete_answered_tasks, plan_emergency_task)
    messages.contact_taken_back.connect(reopen_answered_tasks, event_listeners.go_on_after_answer)
    replies.reply_taken_back.connect(event_listeners.go_on_after_reply)
    closing.lead_ended.connect(cancel_open_tasks)
    effects.author_asked.connect(pause_for_question)
    questions.author_decided.connect(resume_after_question)
    questions.request_decided.connect(complete_request_tasks)
    privacy.person_erased.connect(suppression_list.suppress_person)
    owner_changes.owners_changed.connect(follow_owners)
    availability.absence_begun.connect(begin_absence)
    account_email_ports.send_invitation.connect(account_emails.send_invitation)
    account_email_ports.send_password_reset.connect(account_emails.send_password_reset)
    lead_validation.read_new_lead.connect(_read_new_lead)
    lead_validation.read_lead_changes.connect(_read_lead_changes)
    job_kinds.connect(JOB_KINDS)
    CHANNELS.fill(_exported(channels, "CHANNEL"))
    STEP_KINDS.fill(_exported(handlers, "KIND"))


def _exported(package: ModuleType, name: str) -> Iterator[Any]:
    """Yield the object of this name from each module of the package that has one."""
    for found in iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{found.name}")
        if hasattr(module, name):
            yield getattr(module, name)


def _read_new_lead(given: JsonObject) -> JsonDict:
    values: JsonDict = _lead_schema("LeadIn").read(given)
    return values


def _read_lead_changes(given: JsonObject) -> JsonDict:
    values: JsonDict = _lead_schema("LeadChanges").read(given)
    return values


@cache
def _lead_schema(name: str) -> Any:
    """Load a schema of the API on first use, so that workers start without marshmallow."""
    return getattr(import_module("app.api.leads.schemas"), name)()
