"""Simulations, in and out."""

from marshmallow import fields

from app.api.automation.rule_schemas import FactValue, MoveOut
from app.automation.simulation.facts import LONGEST_TEXT
from app.automation.simulation.sandbox import DAYS, MOST_DAYS
from app.automation.simulation.script import MOST_ENTRIES
from app.automation.simulation.timeline import What
from app.http.schemas.fields import Boolean, Id, Instant, Integer, Text
from app.http.schemas.model_fields import ModelField
from app.http.schemas.schema import Schema


class HappeningIn(Schema):
    """Something that happens, or a day on which the clinic is closed: the one or the other."""

    at = Text(LONGEST_TEXT, metadata={"description": "An instant, or counted from the start: `+2 days 3 hours`."})
    event = Text(100, metadata={"examples": ["lead.replied"]})
    facts = fields.Dict(
        keys=fields.String(),
        values=ModelField(FactValue),
        metadata={
            "description": "Of the event, the task it is about, or the lead from then on.",
            "examples": [{"event.outcome": "no_answer"}],
        },
    )
    holiday = Text(10, metadata={"format": "date", "examples": ["2026-03-17"]})


class SimulationIn(Schema):
    """Which lead, from when on, and what happens meanwhile."""

    lead_id = Id(metadata={"description": "One that is there; unless it is given, one that is made up."})
    is_new = Boolean(
        load_default=True,
        metadata={"description": "As if it came in at the start; false: as it is, with its tasks and planned steps."},
    )
    facts = fields.Dict(
        keys=fields.String(),
        values=ModelField(FactValue),
        load_default=dict,
        metadata={
            "description": "What the lead is like, by path, instead of what it is.",
            "examples": [{"lead.source_category": "WEB_PAID", "lead.timezone": "America/Denver"}],
        },
    )
    start = Instant(metadata={"description": "Now, unless it is given."})
    days = Integer(least=1, most=MOST_DAYS, load_default=DAYS)
    script = fields.List(
        fields.Nested(HappeningIn), load_default=list, metadata={"description": f"At most {MOST_ENTRIES} entries."}
    )


class ToComeOut(Schema):
    """A step that is to come."""

    name = fields.String(required=True, metadata={"description": "Its rule."})
    kind = fields.String(required=True)
    due_at = Instant(required=True)
    local_time = fields.String(required=True, metadata={"description": "On the clinic's wall."})
    lead_time = fields.String(required=True, metadata={"description": "Where the lead is."})
    wanted_at = Instant(
        required=True, allow_none=True, metadata={"description": "What the wait alone says, where something moved it."}
    )
    moves = fields.List(fields.Nested(MoveOut), required=True)


class TimelineEntryOut(Schema):
    """One thing that happened."""

    at = Instant(required=True)
    local_time = fields.String(required=True, metadata={"description": "On the clinic's wall."})
    lead_time = fields.String(required=True, metadata={"description": "Where the lead is."})
    what = fields.String(required=True, metadata={"enum": [what.value for what in What]})
    name = fields.String(required=True, metadata={"description": "The event, or the rule of the step."})
    kind = fields.String(required=True, allow_none=True, metadata={"description": "Of a step."})
    reason = fields.String(required=True, allow_none=True)
    details = fields.Dict(required=True)
    planned = fields.List(fields.Nested(ToComeOut), required=True, metadata={"description": "What it led to."})
    decisions = fields.List(fields.Dict(), required=True, metadata={"description": "Of each rule that listens to it."})


class SimulationOut(Schema):
    """All that would happen, in its order, and what would still be to come."""

    name = fields.String(required=True)
    start = Instant(required=True)
    until = Instant(required=True)
    timezone = fields.String(required=True)
    lead_timezone = fields.String(required=True)
    is_complete = Boolean(required=True, metadata={"description": "False: there was more to run than a call may."})
    timeline = fields.List(fields.Nested(TimelineEntryOut), required=True)
    pending = fields.List(fields.Nested(ToComeOut), required=True)
