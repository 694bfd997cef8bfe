"""Example bodies of requests, which the API description shows and `docs/relance.http` sends.

A value such as `{{leads_capture_lead.response.body.$.id}}` refers to an earlier answer, as in an .http file.
"""

from typing import Final

from app.http.openapi.examples import RequestBodies


def reference(operation: str, path: str = "id") -> str:
    """Return a reference to a value in the answer of an earlier call."""
    return f"{{{{{request_name(operation)}.response.body.$.{path}}}}}"


def request_name(operation: str) -> str:
    """Return the name of an operation's request: `leads.capture_lead` → `leads_capture_lead`."""
    return operation.replace(".", "_").replace("-", "_").removeprefix("auth_")


BATCH: Final = "followups.carry_out"
_LATER: Final = "2030-01-31T09:00:00Z"
_LEAD: Final = reference("leads.capture_lead")
_ME: Final = reference("auth.who_am_i")
_TASK: Final = {"op": "create", "lead_id": _LEAD, "title": "Ask for X-rays", "type": "CALL", "due_at": _LATER}
_SOURCE: Final = {"name": "Radio", "category": "OTHER", "monthly_cost": "250.00"}
_TEMPLATE: Final = {"name": "Check", "title": "Call {{ lead.first_name }}", "type": "CALL", "due_in": "1 day"}
_TEXTS: Final = [{"subject": "Hello {{ lead.first_name }}", "body": "We look forward to seeing you."}]
_WEIGHT: Final = {
    "name": "replied",
    "words": "Has written or called",
    "points": 25,
    "when": [{"field": "lead.replied_at", "exists": True}],
}
_FORM: Final = {
    "name": "Contact",
    "allowed_origins": ["https://clinic.example"],
    "source_id": reference("lead-sources.create_source"),
    "fields": [{"name": "first_name"}, {"name": "phone", "required": True}],
}
_RULE: Final = {"name": "North", "strategy": "round_robin", "members": [{"user_id": _ME}]}

# Bodies by operationId; other bodies have the examples of the schema's required fields.
REQUEST_BODIES: Final[RequestBodies] = {
    "auth.log_in": {"email": "{{email}}", "password": "{{password}}"},
    "browser-session.start_browser_session": {"email": "{{email}}", "password": "{{password}}"},
    "auth.refresh": {"refresh_token": reference("auth.log_in", "refresh_token")},
    "passwords.change_password": {"current_password": "{{password}}", "new_password": "seven green umbrellas"},
    "passwords.ask_for_link": {"email": "{{email}}"},
    "users.invite_user": {"email": "ina@example.org", "name": "Ina Weber", "role": "treatment_coordinator"},
    "users.update_user": {"name": "Ina Weber", "role": "manager"},
    "users.edit_user": {"team_id": reference("teams.create_team")},
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
        "source_id": reference("lead-sources.create_source"),
    },
    "capture.capture_call": {"phone": "+12025550143", "source_id": reference("lead-sources.create_source")},
    "capture.upsert_lead": {
        "external_source": "hubspot",
        "first_name": "Eva",
        "last_name": "Roth",
        "phone": "+12025550144",
        "source_id": reference("lead-sources.create_source"),
    },
    "duplicates.check": {"first_name": "Ana", "last_name": "Silva", "phone": "+12025550143"},
    "search.search_everything": {"q": "silva"},
    "duplicates.merge_leads": {"lead_id": reference("capture.capture_call")},
    "touches.create_touch": {"source_id": reference("lead-sources.create_source"), "utm_campaign": "spring"},
    "leads.edit_lead": {"city": "Lyon"},
    "leads.update_lead": {"tags": ["vip"]},
    "leads.change_stage": {"stage": "contacted"},
    "leads.assign": {"assigned_to_id": _ME, "reason": "Speaks Portuguese"},
    "leads.convert": {"converted_to_patient_id": "5a8e6f70-1111-4222-8333-444455556666"},
    "leads.reopen": {"reason": "Called back"},
    "assignment.reassign_leads": {"from_id": reference("users.invite_user"), "to_ids": [_ME], "reason": "Illness"},
    "activities.log_activity": {"type": "NOTE", "notes": "Prefers mornings"},
    "events.report_event": {"name": "custom.page_viewed", "lead_id": _LEAD, "data": {"page": "pricing"}},
    "privacy.record_consent": {"way": "email", "is_given": True, "wording": "I agree.", "source": "Paper form"},
    "privacy.place_legal_hold": {"reason": "Claim 2026/114: keep everything"},
    "privacy.restrict_lead": {"is_restricted": False, "reason": "They asked."},
    "suppressions.suppress": {"email": "nobody@example.org", "reason": "They asked."},
    "suppressions.check": {"email": "nobody@example.org"},
    "suppressions.lift": {"email": "nobody@example.org"},
    "task-links.add_note": {"notes": "The clinic asked for the X-rays"},
    "task-links.create_task_from_entry": {"title": "Call in the morning", "type": "CALL", "due_at": _LATER},
    "tasks.create_task": {"title": "Call", "type": "CALL", "due_at": _LATER},
    "tasks.update_task": {"description": "Ask for X-rays"},
    "tasks.edit_task": {"priority": "HIGH"},
    "tasks.complete": {"outcome": "spoke"},
    "followups.create_task": {"lead_id": _LEAD, "title": "Send the quote", "type": "EMAIL", "due_at": _LATER},
    "followups.update_task": {"tags": ["quote"]},
    "followups.edit_task": {"priority": "URGENT"},
    "followups.reassign": {
        "assigned_to_id": reference("users.invite_user"),
        "reason": "Knows the family",
    },
    "followups.complete": {"notes": "Sent"},
    BATCH: {"operations": [_TASK, _TASK, _TASK, _TASK]},
    "lead-views.create_view": {"name": "Mine", "filters": {"assigned_to_id": "me"}},
    "lead-views.update_view": {"name": "Mine, most valuable first", "filters": {"sort": "-lead_value"}},
    "lead-views.edit_view": {"shared": True},
    "lead-steps.snooze_step": {"until": _LATER},
    "followups.snooze": {"by": "1 day"},
    "tasks.snooze": {"until": _LATER},
    "followup-views.create_view": {"name": "Mine", "filters": {"assigned_to_id": "me"}},
    "followup-views.update_view": {"name": "Mine, urgent first", "filters": {"sort": "-priority"}},
    "followup-views.edit_view": {"shared": True},
    "saved-reports.create_saved_report": {
        "name": "Marketing of last month",
        "report": "marketing-roi",
        "parameters": {"period": "last_month", "compare": "previous_period"},
        "shared": True,
    },
    "saved-reports.update_saved_report": {
        "name": "Sources of the quarter",
        "report": "source-comparison",
        "parameters": {"period": "this_quarter", "by": "week"},
    },
    "saved-reports.edit_saved_report": {
        "schedule": {"every": "month", "day": 1, "at": "07:30", "recipients": [_ME], "attach": "csv"}
    },
    "jobs.follow_up_many": {
        "lead_ids": [_LEAD],
        "followup": {"type": "CALL", "title": "Invite to the open day", "due_in_minutes": 60},
    },
    "jobs.preview_follow_up_of_many": {
        "filter": {"stage": "contacted"},
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
    "assignment-rules.reorder_rules": {"ids": [reference("assignment-rules.create_rule")]},
    "assignment-rules.try_rules": {"lead_id": _LEAD},
    "web-forms.create_form": _FORM,
    "web-forms.update_form": {**_FORM, "thank_you": "Thank you!"},
    "web-forms.edit_form": {"campaign": "Spring"},
    "public-forms.submit_form": {"first_name": "Leo", "phone": "+12025550145"},
    "message-templates.create_template": {"slug": "welcome-note", "name": "Welcome", "variants": _TEXTS},
    "message-templates.preview_texts": {"variants": _TEXTS},
    "message-templates.update_template": {"variants": [{**_TEXTS[0], "subject": "Welcome"}]},
    "message-templates.preview_template": {"lead_id": _LEAD},
    "message-templates.roll_back": {"version_id": reference("message-templates.create_template", "version_id")},
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
    "webhooks.create_webhook": {"url": "{{gateway}}", "events": ["lead.created", "lead.converted"]},
    "webhooks.change_webhook": {"description": "CRM"},
    "webhook-deliveries.replay_webhook_deliveries": {"since": "2026-01-31T09:00:00Z", "dry_run": True},
    "lead-messages.write_lead_message": {
        "channel": "email",
        "subject": "Your first visit",
        "body": "Hello Ana,\n\nFriday at ten is free. Shall we book it?",
    },
    "inbound-emails.assign_inbound_email": {"lead_id": _LEAD},
    "leads.begin_follow_ups_of_many": {"lead_ids": [_LEAD]},
    "inbound-emails.decide_inbound_email": {"answer": "person"},
    "inbound-texts.decide_inbound_text": {"answer": "opt_out"},
    "inbound-settings.set_inbound_settings": {"address": "hello@clinic.example"},
    "inbound-settings.edit_inbound_settings": {"match_days": 14},
    "tracking-settings.set_tracking_settings": {"opens": False, "clicks": True},
    "tracking-settings.edit_tracking_settings": {"opens": True},
    "next-actions.accept_next_action": {"act": "do_task"},
    "next-actions.dismiss_next_action": {"act": "do_task", "reason": "They are on holiday."},
    "sentiment-settings.set_sentiment": {"is_on": True},
    "sentiment-settings.edit_sentiment": {"is_on": False},
    "score-settings.set_score_settings": {"model": "rules", "base": 20, "weights": [_WEIGHT]},
    "score-settings.edit_score_settings": {"model": "learned"},
    "score-settings.preview_score": {"lead_id": _LEAD, "base": 30, "weights": [_WEIGHT]},
    "inbound-hooks.create_inbound_hook": {
        "name": "postmark",
        "provider": "postmark",
        "secret": "seven green umbrellas",
    },
    "inbound-hooks.change_inbound_hook": {"is_active": False},
    "inbound-calls.take_provider_call": {
        "From": "ana@example.org",
        "OriginalRecipient": "hello@clinic.example",
        "Headers": [{"Name": "Message-ID", "Value": "<1@example.org>"}],
        "Subject": "Re: Hello",
        "TextBody": "Yes, please.",
    },
    "mailboxes.create_mailbox": {
        "name": "Front desk",
        "host": "8.8.8.8",
        "username": "hello@example.com",
        "password": "an app password",
        "is_active": False,
    },
    "destinations.add_my_destination": {
        "channel": "web_push",
        "name": "My phone",
        "endpoint": "https://8.8.8.8/push/8f3a",
        "keys": {
            "p256dh": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
            "auth": "MTIzNDU2Nzg5MDEyMzQ1Ng",
        },
    },
    "destinations.change_my_destination": {"name": "My new phone"},
    "notice-preferences.change_my_notice_preferences": {
        "digest_at": "07:30",
        "notices": {"mention": {"email": "digest"}},
    },
    "mailboxes.change_mailbox": {"mark_seen": True},
    "sending-accounts.create_sending_account": {
        "name": "newsletter",
        "kind": "smtp",
        "settings": {"host": "8.8.8.8", "username": "hello@example.com", "sender_address": "hello@example.com"},
        "credentials": {"password": "an app password"},
        "is_active": False,
    },
    "sending-accounts.change_sending_account": {"per_hour": 100},
    "sending-accounts.test_sending_account": {"channel": "email"},
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
    "simulations.simulate_rule": {},
    "definitions.read_definition_text": {
        "kind": "rule",
        "text": "name: call-new-leads\non: lead.created\ndo:\n- create_task: {type: CALL, title: Call the lead}\n",
    },
    "enrollments.enroll_leads": {"lead_ids": [_LEAD]},
    "bulk-enrollments.enroll_many_leads": {"lead_ids": [reference("capture.upsert_lead")]},
    "sequence-moves.move_sequence": {
        "to": 3,
        "fingerprint": reference("sequence-moves.plan_sequence_move", "fingerprint"),
    },
    "nurtures.create_nurture": {
        "name": "silent-leads",
        "sequence": "{{sequences_create_sequence.response.body.$.name}}",
        "score_from": 2,
        "score_to": 6,
    },
    "nurtures.change_nurture": {"score_to": 7},
    "playbooks.import_playbook": {"yaml": "name: own\nrules: []\n"},
    "conversations.mark_conversation_done": {},
    "settings.set_contact_policy": {"daily_cap": 2},
    "settings.edit_contact_policy": {"weekly_cap": 5},
    "settings.set_hours": {"business_hours": {"mon": [["09:00", "17:00"]]}, "closed_dates": [], "quiet_hours": None},
    "settings.change_clinic_profile": {"name": "Smile Orthodontics"},
    "settings.change_hours": {"closed_dates": ["2030-12-24"]},
    "settings.set_follow_up_settings": {
        "stale_after_days": 21,
        "spread_tasks_per_hour": 4,
        "keep_history_days": 1825,
    },
    "settings.change_follow_up_settings": {"stale_after_days": 14},
    "settings.set_sender": {"sender_name": "Smile Ortho", "postal_address": "1 Main Street, Springfield, IL 62701"},
    "settings.change_sender": {"sender_name": "Smile Orthodontics"},
    "notifications.read_all_my_notifications": {},
    "notifications.retry_notifications": {},
    "notifications.resolve_notification": {"as": "sent"},
    "imports.upload": "First name,Last name,Phone\nMia,Keller,+12025550146",
    "imports.preview": {"source_id": reference("lead-sources.create_source")},
    "imports.start": {"source_id": reference("lead-sources.create_source")},
}
