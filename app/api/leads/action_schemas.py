"""Request schemas of lead actions, and the stage history."""

from marshmallow import fields

from app.http.schemas import words
from app.http.schemas.fields import Choice, Id, Instant, Integer, ListOf, RegisteredName, Text
from app.http.schemas.schema import Aliases, Schema
from app.leads.enums import LostReason
from app.leads.fields import LONGEST_NOTE
from app.leads.pipeline.waiting import MOST_AT_ONCE
from app.messaging.channels.registry import CHANNELS


class StageMove(Aliases, Schema):
    """Target stage. `lost` needs a `reason`; `treatment_started` converts the lead and needs lead:convert."""

    aliases = words.STAGE_AND_REASON

    stage = Text(100, least=1, required=True, metadata={"description": "A stage's slug."})
    reason = Choice(LostReason, metadata={"description": "Reason of the loss; only for `lost`."})
    notes = Text(
        LONGEST_NOTE, lines=True, allow_none=True, metadata={"description": "Details of the loss; only for `lost`."}
    )
    scheduled_for = Instant(metadata={"description": "Time of the consultation; only for `consultation_scheduled`."})


class Reopening(Aliases, Schema):
    """Reason for reopening a lost lead, and its stage (default: its stage before the loss)."""

    aliases = words.STAGE

    reason = Text(LONGEST_NOTE, least=1, lines=True, required=True)
    stage = Text(100, least=1, metadata={"description": "Slug of a stage that is not terminal."})


class Assignment(Schema):
    """New assignee of the lead."""

    assigned_to_id = Id(required=True)
    reason = Text(500, allow_none=True, metadata={"description": "Reason, stored in the assignment history."})


class Conversion(Schema):
    """Patient that the lead became."""

    converted_to_patient_id = Id(allow_none=True)


class Loss(Aliases, Schema):
    """Reason of the loss."""

    aliases = words.REASON

    reason = Choice(LostReason, required=True)
    notes = Text(LONGEST_NOTE, lines=True, allow_none=True)


class OptOut(Schema):
    """Channel to opt out of; default: all channels."""

    channel = RegisteredName(CHANNELS.names_for_leads, allow_none=True, load_default=None)


class WaitingLeads(Schema):
    """Leads whose follow-ups begin."""

    lead_ids = ListOf(Id(), least=1, most=MOST_AT_ONCE, required=True)


class BegunOut(Schema):
    """Result of beginning the follow-ups of several leads."""

    begun = Integer(required=True)
    left = Integer(required=True, metadata={"description": "Unknown leads, and leads whose rules did not wait."})


class StayOut(Schema):
    """A lead's time in a stage."""

    stage = fields.String(required=True, metadata={"description": "Slug of the stage."})
    entered_at = Instant(required=True)
    left_at = Instant(required=True, allow_none=True, metadata={"description": "Null: the current stage."})
    seconds = Integer(required=True)


class StaysOut(Schema):
    """Stage history of a lead, earliest first."""

    items = fields.List(fields.Nested(StayOut), required=True)
