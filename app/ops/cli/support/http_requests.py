"""The sample requests of `docs/relance.http`: bodies, ids of earlier answers, and an order in which all succeed."""

import re
from collections.abc import Mapping
from typing import Final

from app.core.type_aliases import JsonObject


def _of(operation: str, path: str = "id") -> str:
    """Return a reference to a value in the answer of an earlier call."""
    return f"{{{{{request_name(operation)}.response.body.$.{path}}}}}"


def request_name(operation: str) -> str:
    """Return the name of an operation's request: `leads.capture_lead` → `leads_capture_lead`."""
    return operation.replace(".", "_").replace("-", "_").removeprefix("auth_")


# The answer that has the id for a path parameter.
_IDS: Final[Mapping[str, str]] = {
    "absence_id": _of("availability.add_absence"),
    "activity_id": _of("lead-activities.create"),
    "customer_id": "5a8e6f70-1111-4222-8333-444455556666",
    "enrollment_id": _of("enrollments.list_enrollments_of_lead", "items[0].id"),
    "external_id": "crm-4711",
    "field_id": _of("custom-fields.create_field"),
    "follow_up_rule_id": _of("follow-up-rules.create_follow_up_rule"),
    "form_id": _of("web-forms.create_form"),
    "gateway_id": _of("gateways.create_gateway"),
    "import_id": _of("imports.upload"),
    "job_id": _of("jobs.follow_up_many"),
    "key": _of("web-forms.rotate_key", "key"),
    "key_id": _of("api-keys.create_api_key"),
    "lead_id": _of("leads.capture_lead"),
    "message_template_id": _of("message-templates.create_template"),
    "name": "moving_sales",
    "notification_id": _of("notifications.list_notifications", "items[0].id"),
    "nurture_id": _of("nurtures.create_nurture"),
    "opportunity_id": _of("leads.capture_lead"),
    "role_id": _of("roles.create_role"),
    "rule_id": _of("assignment-rules.create_rule"),
    "sequence_id": _of("sequences.create_sequence"),
    "source_id": _of("lead-sources.create_source"),
    "stage_id": _of("pipeline-stages.create_stage"),
    "step_id": _of("steps.list_steps", "items[0].id"),
    "task_id": _of("followups.create_task"),
    "team_id": _of("teams.create_team"),
    "template_id": _of("task-templates.create_template"),
    "user_id": _of("users.invite_user"),
    "version_id": _of("message-templates.create_template", "version_id"),
    "view_id": _of("followup-views.create_view"),
}
_BATCH: Final = "followups.carry_out"
_ID_OF: Final[Mapping[str, str]] = {
    "followups.cancel": _of(_BATCH, "results[0].task_id"),
    "followups.delete_task": _of(_BATCH, "results[1].task_id"),
    "jobs.cancel_job": _of("imports.preview", "job.id"),
    "tasks.cancel": _of(_BATCH, "results[2].task_id"),
    "lead-activities.delete": _of(_BATCH, "results[3].task_id"),
    **{
        f"tasks.{name}": _of("tasks.create_task")
        for name in ("get_task", "edit_task", "update_task", "snooze", "complete")
    },
}

_LATER: Final = "2030-01-31T09:00:00Z"
_LEAD: Final = _of("leads.capture_lead")
_ME: Final = _of("auth.who_am_i")
_TASK: Final = {"op": "create", "lead_id": _LEAD, "title": "Ask for X-rays", "type": "CALL", "due_at": _LATER}
_SOURCE: Final = {"name": "Radio", "category": "OTHER", "monthly_cost": "250.00"}
_TEMPLATE: Final = {"name": "Check", "title": "Call {{ lead.first_name }}", "type": "CALL", "due_in": "1 day"}
_TEXTS: Final = [{"subject": "Hello {{ lead.first_name }}", "body": "We look forward to seeing you."}]
_FORM: Final = {
    "name": "Contact",
    "allowed_origins": ["https://clinic.example"],
    "source_id": _of("lead-sources.create_source"),
    "fields": [{"name": "first_name"}, {"name": "phone", "required": True}],
}
_RULE: Final = {"name": "North", "strategy": "round_robin", "members": [{"user_id": _ME}]}

# Bodies of requests; other bodies have the examples of the schema's required fields.
_BODIES: Final[Mapping[str, JsonObject]] = {
    "auth.log_in": {"email": "{{email}}", "password": "{{password}}"},
    "auth.refresh": {"refresh_token": _of("auth.log_in", "refresh_token")},
    "passwords.change_password": {"current_password": "{{password}}", "new_password": "seven green umbrellas"},
    "passwords.ask_for_link": {"email": "{{email}}"},
    "users.invite_user": {"email": "ina@example.org", "name": "Ina Weber", "role": "treatment_coordinator"},
    "users.update_user": {"name": "Ina Weber", "role": "manager"},
    "users.edit_user": {"team_id": _of("teams.create_team")},
    "users.deactivate_user": {"reason": "Has left"},
    "availability.add_absence": {"starts_at": _LATER, "ends_at": "2030-02-14T09:00:00Z", "note": "Holiday"},
    "availability.set_hours": {"hours": {"mon": [["09:00", "17:00"]]}},
    "teams.create_team": {"name": "North"},
    "teams.update_team": {"name": "North and west"},
    "teams.edit_team": {"name": "West"},
    "roles.create_role": {"slug": "reception", "name": "Reception", "grants": {"lead:read": "all"}},
    "roles.update_role": {"name": "Reception", "grants": {"lead:read": "all", "lead:create": "all"}},
    "roles.edit_role": {"name": "Welcome desk"},
    "lead-sources.create_source": _SOURCE,
    "lead-sources.update_source": _SOURCE,
    "lead-sources.edit_source": {"monthly_cost": "300.00"},
    "pipeline-stages.create_stage": {"name": "Insurance check", "slug": "insurance_check"},
    "pipeline-stages.update_stage": {"name": "Insurance check", "max_days_in_stage": 5},
    "pipeline-stages.edit_stage": {"color": "#c2502f"},
    "pipeline-stages.reorder_stages": {
        "slugs": [
            "new_lead",
            "contacted",
            "{{pipeline_stages_create_stage.response.body.$.slug}}",
            "consultation_scheduled",
            "consultation_completed",
            "pending_decision",
            "treatment_accepted",
            "treatment_started",
            "lost",
        ]
    },
    "pipeline-stages.archive_stage": {"moves_to": "contacted"},
    "custom-fields.create_field": {"key": "school_name", "label": "School", "type": "text"},
    "custom-fields.update_field": {"label": "School of the patient"},
    "custom-fields.edit_field": {"archived": True},
    "leads.capture_lead": {
        "first_name": "Ana",
        "last_name": "Silva",
        "email": "ana@example.org",
        "phone": "+12025550143",
        "source_id": _of("lead-sources.create_source"),
    },
    "capture.capture_call": {"phone": "+12025550143", "source_id": _of("lead-sources.create_source")},
    "capture.upsert_lead": {
        "external_source": "hubspot",
        "first_name": "Eva",
        "last_name": "Roth",
        "phone": "+12025550144",
        "source_id": _of("lead-sources.create_source"),
    },
    "capture.search_leads": {"name": "silva"},
    "capture.merge_leads": {"lead_id": _of("capture.capture_call")},
    "capture.create_touch": {"source_id": _of("lead-sources.create_source"), "utm_campaign": "spring"},
    "leads.edit_lead": {"city": "Lyon"},
    "leads.update_lead": {"tags": ["vip"]},
    "leads.change_stage": {"stage": "contacted"},
    "leads.assign": {"assigned_to_id": _ME, "reason": "Speaks Portuguese"},
    "leads.convert": {"converted_to_patient_id": "5a8e6f70-1111-4222-8333-444455556666"},
    "leads.reopen": {"reason": "Called back"},
    "assignment.reassign_leads": {"from_id": _of("users.invite_user"), "to_ids": [_ME], "reason": "Illness"},
    "activities.log_activity": {"type": "NOTE", "notes": "Prefers mornings"},
    "events.report_event": {"name": "custom.page_viewed", "lead_id": _LEAD, "data": {"page": "pricing"}},
    "privacy.record_consent": {"way": "email", "is_given": True, "wording": "I agree.", "source": "Paper form"},
    "privacy.restrict_lead": {"is_restricted": False, "reason": "They asked."},
    "suppressions.suppress": {"email": "nobody@example.org", "reason": "They asked."},
    "suppressions.check": {"email": "nobody@example.org"},
    "suppressions.lift": {"email": "nobody@example.org"},
    "tasks.create_task": {"title": "Call", "type": "CALL", "due_at": _LATER},
    "tasks.update_task": {"description": "Ask for X-rays"},
    "tasks.edit_task": {"priority": "HIGH"},
    "tasks.complete": {"outcome": "spoke"},
    "followups.create_task": {"lead_id": _LEAD, "title": "Send the quote", "type": "EMAIL", "due_at": _LATER},
    "followups.update_task": {"tags": ["quote"]},
    "followups.edit_task": {"priority": "URGENT"},
    "followups.reassign": {"assigned_to_id": _of("users.invite_user"), "reason": "Knows the family"},
    "followups.complete": {"notes": "Sent"},
    _BATCH: {"operations": [_TASK, _TASK, _TASK, _TASK]},
    "followup-views.create_view": {"name": "Mine", "filters": {"assigned_to_id": "me"}},
    "followup-views.update_view": {"name": "Mine, urgent first", "filters": {"sort": "-priority"}},
    "followup-views.edit_view": {"shared": True},
    "jobs.follow_up_many": {
        "lead_ids": [_LEAD],
        "followup": {"type": "CALL", "title": "Invite to the open day", "due_in_minutes": 60},
    },
    "lead-activities.create": {
        "opportunity_id": _LEAD,
        "activity_type": "call",
        "subject": "Call back",
        "due_date": _LATER,
    },
    "lead-activities.complete": {"outcome": "spoke"},
    "task-templates.create_template": _TEMPLATE,
    "task-templates.update_template": {**_TEMPLATE, "priority": "HIGH"},
    "task-templates.edit_template": {"due_in": "2 hours"},
    "task-templates.preview_template": {"lead_id": _LEAD},
    "assignment-rules.create_rule": _RULE,
    "assignment-rules.update_rule": {**_RULE, "is_active": False},
    "assignment-rules.edit_rule": {"name": "South"},
    "assignment-rules.reorder_rules": {"ids": [_of("assignment-rules.create_rule")]},
    "assignment-rules.try_rules": {"lead_id": _LEAD},
    "web-forms.create_form": _FORM,
    "web-forms.update_form": {**_FORM, "thank_you": "Thank you!"},
    "web-forms.edit_form": {"campaign": "Spring"},
    "public-forms.submit_form": {"first_name": "Leo", "phone": "+12025550145"},
    "message-templates.create_template": {"slug": "welcome-note", "name": "Welcome", "variants": _TEXTS},
    "message-templates.preview_texts": {"variants": _TEXTS},
    "message-templates.update_template": {"variants": [{**_TEXTS[0], "subject": "Welcome"}]},
    "message-templates.preview_template": {"lead_id": _LEAD},
    "message-templates.roll_back": {"version_id": _of("message-templates.create_template", "version_id")},
    "gateways.create_gateway": {"name": "texts", "purpose": "webhook", "url": "{{gateway}}"},
    "gateway-events.take_events": {
        "events": [
            {
                "message_id": "5a8e6f70-1111-4222-8333-444455556666",
                "status": "delivered",
                "at": "2026-01-31T09:00:00Z",
            }
        ]
    },
    "gateways.change_gateway": {"is_active": False},
    "follow-up-rules.create_follow_up_rule": {
        "name": "second-call",
        "on": ["lead.created"],
        "when": [{"field": "lead.source_category", "equals": "OTHER"}],
        "after": "1 day",
        "do": [{"create_task": {"type": "CALL", "title": "Second call"}}],
    },
    "follow-up-rules.change_follow_up_rule": {"after": "2 days", "is_draft": True},
    "follow-up-rules.roll_back_follow_up_rule": {"number": 1},
    "follow-up-rules.test_follow_up_rule": {"lead_id": _LEAD, "facts": {"lead.source_category": "WEB_PAID"}},
    "follow-up-rules.backfill_rule": {"dry_run": True},
    "sequences.create_sequence": {
        "name": "welcome-calls",
        "steps": [
            {"name": "call", "after": "1 day", "create_task": {"type": "CALL", "title": "Call"}},
            {"name": "call-again", "after": "3 days", "create_task": {"type": "CALL", "title": "Call again"}},
        ],
    },
    "sequences.change_sequence": {"description": "Two calls", "is_draft": True},
    "sequences.roll_back_sequence": {"number": 1},
    "simulations.simulate_sequence": {},
    "simulations.simulate_playbook": {},
    "enrollments.enroll_leads": {"lead_ids": [_LEAD]},
    "bulk-enrollments.enroll_many_leads": {"lead_ids": [_of("capture.upsert_lead")]},
    "sequence-moves.move_sequence": {
        "to": 3,
        "fingerprint": _of("sequence-moves.plan_sequence_move", "fingerprint"),
    },
    "nurtures.create_nurture": {
        "name": "silent-leads",
        "sequence": "{{sequences_create_sequence.response.body.$.name}}",
        "score_from": 2,
        "score_to": 6,
    },
    "nurtures.change_nurture": {"score_to": 7},
    "playbooks.import_playbook": {"yaml": "name: own\nrules: []\n"},
    "settings.set_contact_policy": {"daily_cap": 2},
    "settings.edit_contact_policy": {"weekly_cap": 5},
    "settings.set_hours": {"business_hours": {"mon": [["09:00", "17:00"]]}, "closed_dates": [], "quiet_hours": None},
    "settings.change_hours": {"closed_dates": ["2030-12-24"]},
    "notifications.retry_notifications": {},
    "notifications.resolve_notification": {"as": "sent"},
    "imports.preview": {"source_id": _of("lead-sources.create_source")},
    "imports.start": {"source_id": _of("lead-sources.create_source")},
}

# Calls that need others before them, beside those whose answers they use.
_AFTER: Final[Mapping[str, tuple[str, ...]]] = {
    "enrollments.list_enrollments_of_lead": ("enrollments.enroll_leads",),
    "notifications.list_notifications": ("followups.reassign",),
    "followups.reassign": ("leads.assign",),
    "users.update_user": ("users.edit_user",),  # leaves the team again
    "follow-up-rules.publish_follow_up_rule": ("follow-up-rules.change_follow_up_rule",),
    "sequences.publish_sequence": ("sequences.change_sequence",),
    "suppressions.lift": ("suppressions.check",),
}
# Calls at the end, in this order: they close, remove or lock what the calls before them use.
_LAST: Final = (
    "followups.complete",
    "tasks.complete",
    "follow-up-rules.publish_follow_up_rule",
    "follow-up-rules.roll_back_follow_up_rule",
    "sequences.publish_sequence",
    "sequences.roll_back_sequence",
    "sequence-moves.plan_sequence_move",
    "sequence-moves.move_sequence",
    "enrollments.pause_enrollment",
    "enrollments.resume_enrollment",
    "enrollments.skip_step",
    "enrollments.exit_enrollment",
    "message-templates.roll_back",
    "jobs.cancel_job",
    "imports.start",
    "followups.delete_task",
    "lead-activities.delete",
    "leads.change_stage",
    "leads.lose",
    "leads.reopen",
    "leads.opt_out",
    "capture.merge_leads",
    "leads.convert",
    "lead-activities.of_customer",
    "privacy.restrict_lead",
    "privacy.export_lead",
    "privacy.erase_lead",
    "pipeline-stages.archive_stage",
    "pipeline-stages.restore_stage",
    "users.deactivate_user",
    "users.reactivate_user",
)
_VERY_LAST: Final = ("passwords.change_password", "auth.log_out")

# Calls that need what no call of the API creates, with the reason.
NEEDS_MORE: Final[Mapping[str, str]] = {
    "passwords.choose_password": "It needs the token of an e-mail.",
    "gateway-events.take_events": "The gateway signs the call with its secret.",
    "steps.retry_step": "It needs a failed step.",
    "auth.log_out": "It needs a new sign-in, because a changed password ends this one.",
    "notifications.read_notification": "It needs a notification to you.",
    "notifications.retry_notification": "It needs a failed notification.",
    "notifications.resolve_notification": "It needs a notification whose delivery is unknown.",
}


def path_value(operation: str, parameter: str) -> str:
    """Return what a request has for a path parameter: a value, or a reference to an earlier answer."""
    if parameter in {"task_id", "activity_id", "job_id"} and operation in _ID_OF:
        return _ID_OF[operation]
    return _IDS[parameter]


def body_of(operation: str) -> JsonObject | None:
    """Return the body of a request; None: the examples of its schema will do."""
    return _BODIES.get(operation)


def in_order(requests: Mapping[str, str]) -> list[str]:
    """Return the operations in the order of their requests (texts by operation): each after those that it refers to."""
    known = {request_name(operation): operation for operation in requests}
    done: dict[str, None] = {}

    def add(operation: str) -> None:
        if operation in done:
            return
        referred = [known[name] for name in _REFERENCE.findall(requests[operation])]
        for earlier in (*_AFTER.get(operation, ()), *referred):
            add(earlier)
        done[operation] = None

    for operation in sorted(requests, key=lambda one: _rank(one, requests[one])):  # stable
        add(operation)
    return list(done)


def _rank(operation: str, request: str) -> tuple[int, int]:
    """Sort key: first sign in, then the calls that keep everything, then those that close and delete."""
    if operation in _VERY_LAST:
        return 4, _VERY_LAST.index(operation)
    if operation in _LAST:
        return 2, _LAST.index(operation)
    return (3 if "\nDELETE " in request else int(operation != "auth.log_in")), 0


_REFERENCE: Final = re.compile(r"\{\{(\w+)\.response\.")
