"""Request and response schemas of next actions."""

from typing import Final

from marshmallow import fields

from app.automation.lead_view.next_actions import NextAct
from app.http.schemas.fields import Choice, Day, Integer, Text
from app.http.schemas.schema import QuerySchema, Schema

LONGEST_REASON: Final = 500


class FactOut(Schema):
    """A fact behind a suggestion."""

    field = fields.String(required=True, metadata={"examples": ["lead.replied_at"]})
    value = fields.Raw(required=True, allow_none=True, metadata={"examples": ["2026-03-10T15:00:00+00:00"]})


class NextActionOut(Schema):
    """The act to do next for a lead."""

    act = Choice(NextAct, required=True)
    reason = fields.String(
        required=True,
        metadata={"examples": ["The task “Call back” is due on 10 March at 11:00."]},
    )
    facts = fields.List(fields.Nested(FactOut), required=True)


class NextActionAcceptance(Schema):
    """The act that the user will do."""

    act = Choice(NextAct, required=True)


class NextActionDismissal(NextActionAcceptance):
    """The act that the user will not do, and why."""

    reason = Text(LONGEST_REASON, least=1, required=True)


class NextActionQuery(QuerySchema):
    """Days of the report."""

    from_ = Day(data_key="from", metadata={"description": "First local day."})
    to = Day(metadata={"description": "Exclusive."})


class ActAnswersOut(Schema):
    """Answers to one act."""

    act = Choice(NextAct, required=True)
    accepted = Integer(required=True)
    dismissed = Integer(required=True)
    acceptance_rate = fields.Float(required=True)


class NextActionReportOut(Schema):
    """Answers to suggested next actions, by act."""

    from_ = Day(required=True, data_key="from")
    to = Day(required=True)
    words = fields.String(required=True, metadata={"description": "The definition of the figures."})
    acts = fields.List(fields.Nested(ActAnswersOut), required=True)
