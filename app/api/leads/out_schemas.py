"""Response schemas of leads."""

from marshmallow import fields

from app.api.leads.fields import response_fields
from app.api.leads.rotting_schemas import RottingOut
from app.http.schemas.fields import Choice, Id, Instant, Integer
from app.http.schemas.schema import Schema
from app.leads.enums import (
    CaptureChannel,
    LeadStatus,
    LostReason,
)
from app.leads.search.next_follow_up import TaskOrigin


class PersonRef(Schema):
    """Id and name of a user."""

    id = Id(required=True)
    name = fields.String(required=True)


class SourceRef(Schema):
    """Id, name and category of a source."""

    id = Id(required=True)
    name = fields.String(required=True)
    category = fields.String(required=True)


class FollowUpSourceOut(Schema):
    """Next follow-up task and its origin."""

    task_id = Id(required=True)
    made_by = Choice(TaskOrigin, required=True)
    rule = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Slug of the rule that created it, while its steps are kept."},
    )
    user_id = Id(required=True, allow_none=True, metadata={"description": "User who created it, if any."})


class LegalHoldOut(Schema):
    """A legal hold: nothing of the lead is deleted."""

    reason = fields.String(required=True)
    placed_at = Instant(required=True)
    placed_by_id = Id(required=True, allow_none=True, metadata={"description": "User who placed it, if any."})


class LeadOut(RottingOut):
    """A lead."""

    class Meta(RottingOut.Meta):
        include = response_fields()

    next_follow_up_at = Instant(
        required=True, allow_none=True, metadata={"description": "Due time of the next open task."}
    )
    next_follow_up_source = fields.Nested(FollowUpSourceOut, required=True, allow_none=True)

    assigned_to = fields.Nested(PersonRef, allow_none=True, metadata={"description": "With `expand=assigned_to`."})
    source = fields.Nested(SourceRef, allow_none=True, metadata={"description": "With `expand=source`."})

    id = Id(required=True)
    status = Choice(LeadStatus, required=True)
    pipeline_stage = fields.String(required=True, metadata={"description": "A stage's slug."})
    stage_entered_at = Instant(required=True)
    stage_overdue_since = Instant(required=True, allow_none=True)

    capture_channel = Choice(CaptureChannel, required=True)
    external_source = fields.String(required=True, allow_none=True)
    external_id = fields.String(required=True, allow_none=True)
    first_touch_id = Id(required=True, allow_none=True)
    first_touch_at = Instant(required=True, allow_none=True)
    first_touch_source_id = Id(required=True, allow_none=True)
    last_touch_id = Id(required=True, allow_none=True)
    last_touch_at = Instant(required=True, allow_none=True)
    last_touch_source_id = Id(required=True, allow_none=True)

    assigned_to_id = Id(required=True, allow_none=True)
    assigned_at = Instant(required=True, allow_none=True)
    converted_to_patient_id = Id(required=True, allow_none=True)
    converted_at = Instant(required=True, allow_none=True)
    lost_at = Instant(required=True, allow_none=True)
    lost_reason = Choice(LostReason, required=True, allow_none=True)
    lost_notes = fields.String(required=True, allow_none=True)
    lost_suggested_at = Instant(required=True, allow_none=True)
    lost_suggested_reason = Choice(LostReason, required=True, allow_none=True)

    failed_attempts = Integer(
        required=True,
        metadata={"description": "Consecutive unanswered attempts by call, e-mail and SMS since the last contact."},
    )
    contacted_at = Instant(required=True, allow_none=True)
    replied_at = Instant(required=True, allow_none=True)
    conversation_done_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "The `replied_at` up to which a user marked the conversation as done."},
    )
    opted_out_at = Instant(
        required=True, allow_none=True, metadata={"description": "Time of the opt-out from all channels."}
    )
    opted_out_channels = fields.List(
        fields.String(), required=True, metadata={"description": "Channels that the lead opted out of."}
    )
    restricted_at = Instant(
        required=True, allow_none=True, metadata={"description": "Time of the restriction (GDPR, article 18)."}
    )
    legal_hold = fields.Nested(LegalHoldOut, required=True, allow_none=True)
    last_activity_at = Instant(required=True)
    stale_since = Instant(required=True, allow_none=True)

    rules_wait_since = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "Time of the import without follow-ups. No rule plans any until something happens."},
    )
    rules_wait_until = Instant(
        required=True, allow_none=True, metadata={"description": "When the rules begin by themselves, if ever."}
    )

    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)
    updated_at = Instant(required=True)
    updated_by = Id(required=True, allow_none=True)
    version = Integer(required=True)


class IdleLeadOut(LeadOut):
    """An open lead that has no next action."""

    without_next_action_since = Instant(
        required=True, metadata={"description": "Time since when it is known to have neither an open task nor a step."}
    )
