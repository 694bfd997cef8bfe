"""Declarations of the columns of `leads`: of the fields that users write, and of all others."""

from typing import Final

from app.leads.fields import COLUMNS, Merged
from app.leads.personal_data.columns import LEAD_IDS_SQL, Column, Erased, Rows, Table, replaced, stays

_IDENTITY: Final = "An id of the clinic's own. Nothing in the row says whose it was."
_WHEN: Final = "Says when something happened, not to whom. Figures of the clinic count it."
_CODE: Final = "One of a few codes of the clinic, which many leads have."
_STAFF: Final = "Names a user of the clinic, not the person."
_ONE_STATE: Final = "The merged lead has one state, the survivor's. The duplicate's is on the timeline."
_ORIGIN: Final = "The survivor keeps its origin. The duplicate's is one of its touches, which move to the survivor."
_REFUSED: Final = "A lead with a value cannot be merged."
_ALGORITHM: Final = "Computed again from the merged values."

LEADS: Final = Table(
    {
        **{name: Column(Erased.REPLACED, field.erased_to, merged=field.merged) for name, field in COLUMNS.items()},
        **stays("id clinic_id", because=_IDENTITY, merged=Merged.OWN, merged_because="The id of the survivor."),
        **stays("merged_into_id", because=_IDENTITY, merged=Merged.COMPUTED),
        **stays("version updated_at", because=_WHEN, merged=Merged.COMPUTED),
        **stays("updated_by", because=_STAFF, merged=Merged.COMPUTED),
        **stays("created_at", because=_WHEN, merged=Merged.OWN, merged_because=_ORIGIN),
        **stays("created_by", because=_STAFF, merged=Merged.OWN, merged_because=_ORIGIN),
        **stays("deleted_at erased_at restricted_at", because=_WHEN, merged=Merged.OWN, merged_because=_REFUSED),
        **stays("status", because=_CODE, merged=Merged.COMPUTED),
        **stays("pipeline_stage", because=_CODE, merged=Merged.OWN, merged_because=_ONE_STATE),
        **stays("stage_entered_at stage_overdue_since", because=_WHEN, merged=Merged.OWN, merged_because=_ONE_STATE),
        **stays("past_stages", because=_CODE, merged=Merged.COMPUTED),
        **stays("past_stage_seconds", because=_WHEN, merged=Merged.COMPUTED),
        **stays(
            "name_key",
            because="Computed by the database from the erased name.",
            merged=Merged.OWN,
            merged_because=_ALGORITHM,
            is_exported=False,
        ),
        **replaced("lost_notes", merged=Merged.FILLED),
        **replaced(
            "email_blind email_main_blind phone_blind phone_alt_blind",
            merged=Merged.OWN,
            merged_because="Written with the field that it indexes.",
            is_exported=False,
        ),
        **stays("source_id capture_channel", because=_CODE, merged=Merged.OWN, merged_because=_ORIGIN),
        **replaced("external_source external_id", merged=Merged.COMPUTED),
        **stays("first_touch_id last_touch_id", because=_IDENTITY, merged=Merged.COMPUTED),
        **stays("first_touch_at last_touch_at", because=_WHEN, merged=Merged.COMPUTED),
        **stays("first_touch_source_id last_touch_source_id", because=_CODE, merged=Merged.COMPUTED),
        **stays(
            "value_cents",
            because="Computed by the database from the erased value.",
            merged=Merged.OWN,
            merged_because=_ALGORITHM,
            is_exported=False,
        ),
        **replaced("captured_interest", merged=Merged.UNITED),
        **stays("assigned_to_id", because=_STAFF, merged=Merged.FILLED),
        **stays("assigned_at", because=_WHEN, merged=Merged.FILLED),
        **replaced("converted_to_patient_id", merged=Merged.OWN, merged_because=_REFUSED),
        **stays("converted_at", because=_WHEN, merged=Merged.OWN, merged_because=_REFUSED),
        **stays("lost_at", because=_WHEN, merged=Merged.OWN, merged_because=_ONE_STATE),
        **stays("lost_reason", because=_CODE, merged=Merged.OWN, merged_because=_ONE_STATE),
        **stays("lost_suggested_at", because=_WHEN, merged=Merged.FILLED),
        **stays("lost_suggested_reason", because=_CODE, merged=Merged.FILLED),
        **stays("failed_attempts", because=_WHEN, merged=Merged.COMPUTED),
        **stays("first_contact_at", because=_WHEN, merged=Merged.EARLIEST),
        **stays("contacted_at replied_at", because=_WHEN, merged=Merged.LATEST),
        **stays("conversation_done_at", because=_WHEN, merged=Merged.COMPUTED),
        **stays("opted_out_at", because=_WHEN, merged=Merged.EARLIEST),
        **stays("opted_out_channels", because=_CODE, merged=Merged.UNITED),
        **stays("last_activity_at", because=_WHEN, merged=Merged.COMPUTED),
        **stays("stale_since without_next_action_since", because=_WHEN, merged=Merged.OWN, merged_because=_ALGORITHM),
        **stays("rules_wait_since rules_wait_until", because=_WHEN, merged=Merged.OWN, merged_because=_ONE_STATE),
        **stays("rots_at", because=_WHEN, merged=Merged.COMPUTED),
        **stays("rotting_reason", because=_CODE, merged=Merged.COMPUTED),
    },
    rows=f"t.id IN ({LEAD_IDS_SQL})",
    merged=Rows.KEPT,
    merged_because="Each column says what the survivor gets.",
)
