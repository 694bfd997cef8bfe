"""The sample requests of `docs/relance.http`: ids of earlier answers, and an order in which all succeed."""

import re
from collections.abc import Mapping
from typing import Final

from app.api.request_bodies import BATCH, reference, request_name

# The answer that has the id for a path parameter.
_IDS: Final[Mapping[str, str]] = {
    "absence_id": reference("availability.add_absence"),
    "account_id": reference("sending-accounts.create_sending_account"),
    "activity_id": reference("lead-activities.create"),
    "customer_id": "5a8e6f70-1111-4222-8333-444455556666",
    "destination_id": reference("destinations.add_my_destination"),
    "enrollment_id": reference("enrollments.list_enrollments_of_lead", "items[0].id"),
    "entry_id": reference("activities.log_activity"),
    "external_id": "crm-4711",
    "field_id": reference("custom-fields.create_field"),
    "follow_up_rule_id": reference("follow-up-rules.create_follow_up_rule"),
    "form_id": reference("web-forms.create_form"),
    "gateway_id": reference("gateways.create_gateway"),
    "hook_id": reference("inbound-hooks.create_inbound_hook"),
    "import_id": reference("imports.upload"),
    "inbound_text_id": reference("inbound-texts.list_inbound_texts", "items[0].id"),
    "inbound_email_id": reference("inbound-emails.list_inbound_emails", "items[0].id"),
    "job_id": reference("jobs.follow_up_many"),
    "key": reference("web-forms.rotate_key", "key"),
    "key_id": reference("api-keys.create_api_key"),
    "lead_id": reference("leads.capture_lead"),
    "lead_view_id": reference("lead-views.create_view"),
    "mailbox_id": reference("mailboxes.create_mailbox"),
    "message_template_id": reference("message-templates.create_template"),
    "name": "moving_sales",
    "notification_id": reference("notifications.list_notifications", "items[0].id"),
    "nurture_id": reference("nurtures.create_nurture"),
    "opportunity_id": reference("leads.capture_lead"),
    "provider": "postmark",
    "report_name": "marketing-roi",
    "role_id": reference("roles.create_role"),
    "rule_id": reference("assignment-rules.create_rule"),
    "saved_report_id": reference("saved-reports.create_saved_report"),
    "sequence_id": reference("sequences.create_sequence"),
    "session_id": reference("sessions.list_my_sessions", "items[0].id"),
    "sha256": reference("inbound-emails.get_inbound_email", "attachments[0].sha256"),
    "source_id": reference("lead-sources.create_source"),
    "stage_id": reference("pipeline-stages.create_stage"),
    "step_id": reference("steps.list_steps", "items[0].id"),
    "task_id": reference("followups.create_task"),
    "team_id": reference("teams.create_team"),
    "template_id": reference("task-templates.create_template"),
    "user_id": reference("users.invite_user"),
    "version_id": reference("message-templates.create_template", "version_id"),
    "view_id": reference("followup-views.create_view"),
    "webhook_id": reference("webhooks.create_webhook"),
    "delivery_id": reference("webhook-deliveries.test_webhook"),
}
_ID_OF: Final[Mapping[str, str]] = {
    "followups.cancel": reference(BATCH, "results[0].task_id"),
    "followups.delete_task": reference(BATCH, "results[1].task_id"),
    **dict.fromkeys(
        ("lead-steps.snooze_step", "lead-steps.run_step_now", "lead-steps.cancel_step"),
        reference("leads.automation", "items[0].id"),
    ),
    "jobs.cancel_job": reference("imports.preview", "job.id"),
    "tasks.cancel": reference(BATCH, "results[2].task_id"),
    "lead-activities.delete": reference(BATCH, "results[3].task_id"),
    **{
        f"tasks.{name}": reference("tasks.create_task")
        for name in ("get_task", "edit_task", "update_task", "snooze", "complete")
    },
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
    "lead-steps.snooze_step",
    "lead-steps.run_step_now",
    "lead-steps.cancel_step",
    "lead-activities.complete",
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
    "duplicates.merge_leads",
    "leads.convert",
    "lead-activities.of_customer",
    "privacy.restrict_lead",
    "privacy.export_lead",
    "privacy.end_legal_hold",
    "privacy.erase_lead",
    "pipeline-stages.archive_stage",
    "pipeline-stages.restore_stage",
    "users.deactivate_user",
    "users.reactivate_user",
)
_VERY_LAST: Final = ("passwords.change_password", "sessions.end_my_session", "auth.log_out")

# Calls that need what no call of the API creates, with the reason.
NEEDS_MORE: Final[Mapping[str, str]] = {
    "browser-session.start_browser_session": "It is for pages of this server, which have an `Origin`.",
    "browser-session.refresh_browser_session": "It needs the cookie of a browser.",
    "browser-session.end_browser_session": "It needs the cookie of a browser.",
    "sessions.end_my_session": "It needs a second sign-in.",
    "passwords.choose_password": "It needs the token of an e-mail.",
    "gateway-events.take_events": "The gateway signs the call with its secret.",
    "inbound-calls.take_provider_call": "The provider signs the call.",
    "channel-events.take_channel_events": "The provider signs the call.",
    "channel-events.answer_channel_handshake": "The provider makes this call.",
    "next-actions.accept_next_action": "It needs a lead with a due task.",
    "next-actions.dismiss_next_action": "It needs a lead with a due task.",
    "inbound-texts.get_inbound_text": "It needs a text message that arrived.",
    "inbound-texts.assign_inbound_text": "It needs a text message that arrived.",
    "inbound-texts.ignore_inbound_text": "It needs a text message that arrived.",
    "inbound-emails.get_inbound_email": "It needs a mail that arrived.",
    "inbound-emails.download_attachment": "It needs a mail that arrived.",
    "inbound-emails.assign_inbound_email": "It needs a mail that arrived.",
    "inbound-texts.decide_inbound_text": "It needs a text message that asks for no more messages.",
    "inbound-emails.decide_inbound_email": "It needs a mail that may be automatic.",
    "inbound-emails.ignore_inbound_email": "It needs a mail that arrived.",
    "conversations.mark_conversation_done": "It needs a lead that wrote.",
    "conversations.reopen_conversation": "It needs a lead that wrote.",
    "steps.retry_step": "It needs a failed step.",
    "auth.log_out": "It needs a new sign-in, because a changed password ends this one.",
    "notifications.read_notification": "It needs a notification to you.",
    "notifications.retry_notification": "It needs a failed notification.",
    "live.open_stream": "It needs the part `stream`, and stays open.",
    "notifications.resolve_notification": "It needs a notification whose delivery is unknown.",
}


def path_value(operation: str, parameter: str) -> str:
    """Return what a request has for a path parameter: a value, or a reference to an earlier answer."""
    if parameter in {"task_id", "activity_id", "job_id", "step_id"} and operation in _ID_OF:
        return _ID_OF[operation]
    return _IDS[parameter]


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
