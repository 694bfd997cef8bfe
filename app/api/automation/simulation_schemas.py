"""Request and response schemas for simulations."""

from marshmallow import fields

from app.api.automation.rule_schemas import FactValue, MoveOut
from app.automation.simulation.facts import LONGEST_TEXT
from app.automation.simulation.sandbox import DAYS, MOST_DAYS
from app.automation.simulation.script import MOST_ENTRIES
from app.automation.simulation.timeline import EntryKind
from app.http.schemas.fields import Boolean, Id, Instant, Integer, Text
from app.http.schemas.map_of import MapOf
from app.http.schemas.model_fields import ModelField
from app.http.schemas.schema import Schema


class HappeningIn(Schema):
    """An event (`at`, `event`, `facts`), or a `holiday` on which the clinic is closed. Not both."""

    at = Text(LONGEST_TEXT, metadata={"description": "An instant, or counted from the start: `+2 days 3 hours`."})
    event = Text(100, metadata={"examples": ["lead.replied"]})
    facts = MapOf(
        keys=fields.String(),
        values=ModelField(FactValue),
        metadata={
            "description": "Facts of the event, of its task, or of the lead from then on, by path.",
            "examples": [{"event.outcome": "no_answer"}],
        },
    )
    holiday = Text(10, metadata={"format": "date", "examples": ["2026-03-17"]})


class SimulationIn(Schema):
    """The lead, the period, and the script of events."""

    lead_id = Id(metadata={"description": "An existing lead. Without it, a sample lead is used."})
    is_new = Boolean(
        load_default=True,
        metadata={
            "description": "True: the lead is created at the start."
            " False: it continues as it is, with its tasks and planned steps."
        },
    )
    facts = MapOf(
        keys=fields.String(),
        values=ModelField(FactValue),
        load_default=dict,
        metadata={
            "description": "Facts of the lead, by path, that replace its own.",
            "examples": [{"lead.source_category": "WEB_PAID", "lead.timezone": "America/Denver"}],
        },
    )
    start = Instant(metadata={"description": "Start of the simulation. Default: now."})
    days = Integer(least=1, most=MOST_DAYS, load_default=DAYS)
    script = fields.List(
        fields.Nested(HappeningIn), load_default=list, metadata={"description": f"At most {MOST_ENTRIES} entries."}
    )


class ToComeOut(Schema):
    """A pending step."""

    name = fields.String(required=True, metadata={"description": "The step's rule."})
    kind = fields.String(required=True)
    due_at = Instant(required=True)
    local_time = fields.String(required=True, metadata={"description": "In the clinic's time zone."})
    lead_time = fields.String(required=True, metadata={"description": "In the lead's time zone."})
    wanted_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "The due time by the rule's wait alone, if something moved it."},
    )
    moves = fields.List(fields.Nested(MoveOut), required=True)


class TimelineEntryOut(Schema):
    """One entry of the timeline."""

    at = Instant(required=True)
    local_time = fields.String(required=True, metadata={"description": "In the clinic's time zone."})
    lead_time = fields.String(required=True, metadata={"description": "In the lead's time zone."})
    what = fields.String(required=True, metadata={"enum": [what.value for what in EntryKind]})
    name = fields.String(required=True, metadata={"description": "The event, or the rule of the step."})
    kind = fields.String(
        required=True, allow_none=True, metadata={"description": "The step's kind, for entries about a step."}
    )
    reason = fields.String(required=True, allow_none=True)
    details = fields.Dict(required=True)
    planned = fields.List(
        fields.Nested(ToComeOut), required=True, metadata={"description": "The steps that it led to."}
    )
    decisions = fields.List(
        fields.Dict(), required=True, metadata={"description": "The decision of each rule that listens to the event."}
    )


class SimulationOut(Schema):
    """The timeline in order of time, and the steps that are still pending at the end."""

    name = fields.String(required=True)
    start = Instant(required=True)
    until = Instant(required=True)
    timezone = fields.String(required=True)
    lead_timezone = fields.String(required=True)
    is_complete = Boolean(
        required=True, metadata={"description": "False: the simulation reached its limit of steps or decisions."}
    )
    timeline = fields.List(fields.Nested(TimelineEntryOut), required=True)
    pending = fields.List(fields.Nested(ToComeOut), required=True)
