"""What is said when something is done with a lead."""

from marshmallow import fields

from app.http.schemas.fields import Choice, Id, Instant, Integer, RegisteredName, Text
from app.http.schemas.schema import Schema
from app.leads.models import LONGEST_NOTE, LostReason
from app.messaging.channels.registry import CHANNELS


class StageMove(Schema):
    """Where the lead goes: to `lost` with a `reason`; to `treatment_started` it converts, which needs lead:convert."""

    stage = Text(100, least=1, required=True, metadata={"description": "A stage's slug."})
    reason = Choice(LostReason, metadata={"description": "Why the lead is lost; only to `lost`."})
    notes = Text(LONGEST_NOTE, lines=True, allow_none=True, metadata={"description": "More on the reason."})
    scheduled_for = Instant(
        metadata={"description": "When the consultation takes place; only to `consultation_scheduled`."}
    )


class Reopening(Schema):
    """Why work with a lost lead goes on, and where: in the clinic's first stage, unless another is named."""

    reason = Text(LONGEST_NOTE, least=1, lines=True, required=True)
    stage = Text(100, least=1, metadata={"description": "The slug of a stage that is not final."})


class Assignment(Schema):
    """Who looks after the lead from now on."""

    assigned_to_id = Id(required=True)
    reason = Text(500, allow_none=True, metadata={"description": "Why; it is kept in the lead's history."})


class Conversion(Schema):
    """Which patient the lead became."""

    converted_to_patient_id = Id(allow_none=True)


class Loss(Schema):
    """Why the lead is lost."""

    reason = Choice(LostReason, required=True)
    notes = Text(LONGEST_NOTE, lines=True, allow_none=True)


class OptOut(Schema):
    """What the lead wants no more messages by: all channels, unless one is named."""

    channel = RegisteredName(CHANNELS.names_for_leads, allow_none=True, load_default=None)


class StayOut(Schema):
    """A lead's time in a stage."""

    stage = fields.String(required=True, metadata={"description": "Its slug."})
    entered_at = Instant(required=True)
    left_at = Instant(required=True, allow_none=True, metadata={"description": "Null: it is there now."})
    seconds = Integer(required=True)


class StaysOut(Schema):
    """A lead's way through the pipeline, the earliest first."""

    items = fields.List(fields.Nested(StayOut), required=True)
