"""Declarations of tables about the work with a lead: tasks, timeline, steps, sequences, scores."""

from collections.abc import Mapping
from typing import Final

from app.leads.personal_data.columns import LEAD_IDS_SQL, OF_LEAD, Rows, Table, replaced, stays, with_row

IDENTITY: Final = "An id of the clinic's own. Nothing in the row says whose it was."
WHEN: Final = "Says when something happened, not to whom. Figures of the clinic count it."
CODE: Final = "A code, a number or a name from the clinic's settings, which many leads have."
# Ids and codes of the rule and the event, which reports count by, without values of the event.
_CAUSE: Final = "cause - ARRAY['key', 'keys']"
_OF_ONE_LEAD: Final = "A score is computed from the facts of one lead. The survivor's is computed again."
STAFF: Final = "Names a user of the clinic, not the person."

_OF_ENROLLMENT: Final = f"t.enrollment_id IN (SELECT e.id FROM enrollments e WHERE e.lead_id IN ({LEAD_IDS_SQL}))"  # noqa: S608

WORK: Final[Mapping[str, Table]] = {
    "lead_tasks": Table(
        {
            **stays("id clinic_id lead_id activity_id step_id task_template_id related_activity_id", because=IDENTITY),
            **replaced("title", by="'Erased'"),
            **replaced("description cancelled_reason completion_notes key"),
            **replaced("tags", by="'{}'"),
            **stays(
                "type priority status outcome reminder_minutes pinned own_words asks_for_contact version", because=CODE
            ),
            **stays("assigned_to_id completed_by created_by", because=STAFF),
            **stays("due_at completed_at snoozed_until created_at updated_at deleted_at", because=WHEN),
        },
        rows=OF_LEAD,
        merged=Rows.MOVED,
    ),
    "lead_activities": Table(
        {
            **stays("id clinic_id lead_id task_id step_id", because=IDENTITY),
            **stays("type channel direction outcome counts_as is_auto_reply", because=CODE),
            **stays("previous_stage new_stage", because=CODE),
            **replaced("sentiment notes sentiment_words"),
            **replaced("notes_blind", is_exported=False),
            **stays("duration_minutes scheduled_for occurred_at created_at", because=WHEN),
            **stays("created_by", because=STAFF),
        },
        rows=OF_LEAD,
        merged=Rows.MOVED,
    ),
    "assignment_history": Table(
        {
            **stays("id clinic_id lead_id", because=IDENTITY),
            **stays("from_id to_id by_id", because=STAFF),
            **stays("why rule_id rule_name", because=CODE),
            **replaced("reason"),
            **stays("at", because=WHEN),
        },
        rows=OF_LEAD,
        merged=Rows.MOVED,
    ),
    "lead_touches": Table(
        {
            **stays("id clinic_id lead_id", because=IDENTITY),
            **stays("source_id channel form_id", because=CODE),
            **replaced("campaign detail medium utm_source utm_medium utm_campaign utm_term utm_content"),
            **replaced("referrer landing_page consent_text"),
            **stays("consent_at occurred_at created_at", because=WHEN),
            **stays("created_by", because=STAFF),
        },
        rows=OF_LEAD,
        merged=Rows.MOVED,
    ),
    "steps": Table(
        {
            **stays("id clinic_id lead_id", because=IDENTITY),
            **stays("kind name stop_on lateness state reason waits_for attempts", because=CODE),
            **replaced("cause", by=_CAUSE),
            **replaced("params", by="'{}'"),
            **replaced("guard moves outcome error"),
            **replaced("dedupe_key", is_exported=True),
            **stays("due_at published_at lease_until created_at finished_at", because=WHEN),
        },
        rows=OF_LEAD,
        merged=Rows.MOVED_BY_CODE,
    ),
    "events": Table(
        {
            **stays("id clinic_id lead_id subject_id", because=IDENTITY),
            **stays("name", because=CODE),
            **replaced("key", by="''"),
            **stays("occurred_at", because=WHEN),
            **replaced("facts", by="'{}'"),
            **stays("chain", because="Ids and names of the rules that led to the event."),
            **replaced("decisions", by="'[]'"),
        },
        rows=OF_LEAD,
        merged=Rows.MOVED,
    ),
    "enrollments": Table(
        {
            **stays("id clinic_id lead_id sequence_id step_id waits_for_task_id", because=IDENTITY),
            **stays("sequence_version state reason step is_exclusive exit_on goal label colleague_key", because=CODE),
            **replaced("key", by="''"),
            **replaced("cause", by=_CAUSE),
            **stays("seconds_left enrolled_at changed_at ended_at", because=WHEN),
            **stays("enrolled_by", because=STAFF),
        },
        rows=OF_LEAD,
        merged=Rows.MOVED_BY_CODE,
    ),
    "enrollment_steps": Table(
        {
            **stays("id clinic_id enrollment_id sequence_id step_id notification_id task_id", because=IDENTITY),
            **stays("sequence_version step kind variant outcome reason", because=CODE),
            **stays("at", because=WHEN),
        },
        rows=_OF_ENROLLMENT,
        merged=Rows.WITH_PARENT,
    ),
    "lead_scores": Table(
        with_row("lead_id clinic_id score adjustment basis since parts"),
        rows=OF_LEAD,
        is_deleted=True,
        merged=Rows.KEPT,
        merged_because=_OF_ONE_LEAD,
    ),
    "lead_search": Table(
        with_row("id clinic_id keys has_notes", is_exported=False),
        rows=f"t.id IN ({LEAD_IDS_SQL})",
        is_deleted=True,
        merged=Rows.KEPT,
        merged_because=_OF_ONE_LEAD,
    ),
    "lead_score_changes": Table(
        with_row("id clinic_id lead_id occurred_at score previous_score model parts"),
        rows=OF_LEAD,
        is_deleted=True,
        merged=Rows.KEPT,
        merged_because=_OF_ONE_LEAD,
    ),
    "legal_holds": Table(
        with_row("id clinic_id lead_id reason placed_by_id placed_at"),  # ended before the lead is erased
        rows=OF_LEAD,
        is_deleted=True,
        merged=Rows.MOVED_BY_CODE,
    ),
    "next_action_answers": Table(
        with_row("id clinic_id lead_id act facts_key is_accepted reason answered_at answered_by"),
        rows=OF_LEAD,
        is_deleted=True,
        merged=Rows.MOVED,
    ),
}
