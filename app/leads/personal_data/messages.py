"""Declarations of tables about messages to and from a lead, and about calls that report a lead."""

from collections.abc import Mapping
from typing import Final

from app.leads.personal_data.columns import (
    LEAD_IDS_SQL,
    OF_LEAD,
    OF_MESSAGE,
    Rows,
    Table,
    if_named,
    replaced,
    stays,
    with_row,
)
from app.leads.personal_data.work import CODE, IDENTITY, STAFF, WHEN

_AGAIN: Final = "The sender's number of the message. It recognizes the same message when it arrives again."
_REPLAY: Final = "Recognizes the repeated request, which would create the person again. Deleted after 24 hours."
_UNCHANGED: Final = "What was given to a job or sent by a webhook stays as it was. Exports and erasures find it."
_OF_IMPORTED_ROW: Final = (
    "(t.import_id, t.position) IN (SELECT CAST(j.spec ->> 'import_id' AS uuid), i.position"  # noqa: S608  (constants)
    f" FROM job_items i JOIN jobs j ON j.id = i.job_id WHERE i.lead_id IN ({LEAD_IDS_SQL}))"
)

MESSAGES: Final[Mapping[str, Table]] = {
    "notifications": Table(
        {
            **stays("id clinic_id lead_id task_id step_id activity_id template_version_id", because=IDENTITY),
            **stays("gateway_id account_id destination_id", because=IDENTITY),
            **stays("user_id written_by", because=STAFF),
            **stays("channel template variant series account_name message_type state reason attempts", because=CODE),
            **replaced("address html attachment error headers media_url provider_template"),
            **replaced("subject body", by="'Erased'"),
            **replaced("subject_blind", by="'{}'", is_exported=False),
            **stays("message_id", because="A number of the clinic's own. It recognizes late reports and answers."),
            **stays("created_at handed_over_at sent_at delivered_at opened_at clicked_at read_at", because=WHEN),
        },
        merged=Rows.MOVED,
        rows=OF_LEAD,
    ),
    "deliveries": Table(
        {
            **stays("id clinic_id notification_id", because=IDENTITY),
            **stays("attempt outcome", because=CODE),
            **replaced("response"),
            **stays("started_at finished_at", because=WHEN),
        },
        merged=Rows.WITH_PARENT,
        rows=OF_MESSAGE,
    ),
    "tracked_messages": Table(
        {
            **stays("id clinic_id", because=IDENTITY),
            **stays("opens clicks person_opens machine_opens unsure_opens", because=CODE),
            **stays("person_clicks machine_clicks unsure_clicks", because=CODE),
        },
        merged=Rows.WITH_PARENT,
        rows=f"t.id IN (SELECT n.id FROM notifications n WHERE n.lead_id IN ({LEAD_IDS_SQL}))",  # noqa: S608
    ),
    "tracked_links": Table(
        with_row("id clinic_id notification_id position target"),
        rows=OF_MESSAGE,
        is_deleted=True,
        merged=Rows.WITH_PARENT,
    ),
    "tracking_hits": Table(
        {
            **with_row("id clinic_id notification_id link_id kind verdict reason signals occurred_at settle_at"),
            **with_row("network", is_exported=False),
        },
        merged=Rows.WITH_PARENT,
        rows=OF_MESSAGE,
        is_deleted=True,
    ),
    "consents": Table(
        with_row("id clinic_id lead_id way is_given wording source given_at created_at created_by"),
        merged=Rows.MOVED,
        rows=OF_LEAD,
        is_deleted=True,
    ),
    "inbound_emails": Table(
        {
            **stays("id clinic_id lead_id notification_id activity_id", because=IDENTITY),
            **stays("message_id", because=_AGAIN),
            **stays("via classification matched_by", because=CODE),
            **replaced("reason sender sender_name recipients subject body attachments authentication thread_ids"),
            **replaced("subject_blind", is_exported=False),
            **stays("received_at created_at ignored_at decide_by", because=WHEN),
            **stays("question", because=CODE),
            **stays("handled_by", because=STAFF),
        },
        merged=Rows.MOVED,
        rows=OF_LEAD,
    ),
    "inbound_raw_emails": Table(
        with_row("id clinic_id content received_at"),
        merged=Rows.WITH_PARENT,
        rows=f"t.id IN (SELECT i.id FROM inbound_emails i WHERE i.lead_id IN ({LEAD_IDS_SQL}))",  # noqa: S608
        is_deleted=True,
    ),
    "inbound_texts": Table(
        {
            **stays("id clinic_id lead_id notification_id activity_id account_id", because=IDENTITY),
            **stays("provider_id", because=_AGAIN),
            **stays("channel", because=CODE),
            **replaced("sender sender_name body media"),
            **stays("received_at created_at ignored_at decide_by", because=WHEN),
            **stays("question", because=CODE),
            **stays("handled_by", because=STAFF),
        },
        merged=Rows.MOVED,
        rows=OF_LEAD,
    ),
    "webhook_deliveries": Table(
        {
            **with_row("id clinic_id endpoint_id event_id lead_id type state attempts next_attempt_at created_at"),
            **with_row("attempted_at duration_ms response_status response error"),
        },
        merged=Rows.KEPT,
        merged_because=_UNCHANGED,
        rows=OF_LEAD,
        is_deleted=True,
    ),
    "job_items": Table(
        {
            **stays("job_id position lead_id task_id matched_lead_id matched_position", because=IDENTITY),
            **stays("status reason", because=CODE),
            **replaced("lead_sealed", is_exported=False),  # empty as soon as the lead exists
            **replaced("error"),
        },
        merged=Rows.KEPT,
        merged_because=_UNCHANGED,
        rows=OF_LEAD,
    ),
    "import_rows": Table(
        {
            **stays("import_id position number", because=IDENTITY),
            **replaced("cells_sealed"),
        },
        merged=Rows.KEPT,
        merged_because=_UNCHANGED,
        rows=_OF_IMPORTED_ROW,
    ),
    "import_row_keys": Table(
        with_row("import_id blind_index position", is_exported=False),
        rows=_OF_IMPORTED_ROW,
        is_deleted=True,
        merged=Rows.KEPT,
        merged_because=_UNCHANGED,
    ),
    "jobs": Table(
        {
            **stays("id clinic_id", because=IDENTITY),
            **stays("client_key fingerprint", because="Recognizes the repeated request. Deleted with the job."),
            **if_named("spec"),
            **stays("outlook", because="Numbers of tasks and messages by rule, without names."),
            **stays("state total done failed cancelled reached", because=CODE),
            **stays("next_at created_at started_at finished_at", because=WHEN),
            **stays("created_by", because=STAFF),
        }
    ),
    "imports": Table(
        {
            **stays("id clinic_id job_id", because=IDENTITY),
            **if_named("name"),
            **stays("kind encoding columns rows", because="The form of the file, not its content."),
            **stays("created_by", because=STAFF),
            **stays("created_at", because=WHEN),
        }
    ),
    "kept_answers": Table(
        {
            **stays("clinic_id caller_id", because=IDENTITY),
            **stays("path key fingerprint status created_at", because=_REPLAY),
            **replaced("headers shown", by="'{}'", is_exported=False),
            **replaced("allowed", by="''", is_exported=False),
            **replaced("body", is_exported=False),
        }
    ),
    "suppressions": Table(
        {
            **stays("clinic_id way created_at", because=CODE),
            **stays(
                "address_hash",
                because="A keyed hash. It stays so that no message is sent, should the address come back.",
            ),
            **if_named("reason"),
        }
    ),
    "audit_entries": Table(
        {
            **stays("number clinic_id ids", because=IDENTITY),
            **stays("at", because=WHEN),
            **stays("user_id api_key_id address request_id", because="Says who of the clinic called, and from where."),
            **stays("operation act subject fields", because="Says what was done, without the values."),
            **stays("digest", because="A hash of the erased values. The hash chain of the audit log covers it."),
        }
    ),
    "audit_changes": Table(with_row("entry clinic_id sealed", is_exported=False)),
}
