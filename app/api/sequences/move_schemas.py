"""What is said of a move to another version, before and after."""

from typing import Final

from marshmallow import fields, validate

from app.api.capture.bulk_schemas import JobOut
from app.automation.sequences.versions.move_plan import SAMPLES
from app.automation.sequences.versions.version_mapping import EXIT, Landing, Obstacle
from app.http.schemas.fields import Choice, Id, Integer, Text
from app.http.schemas.schema import QuerySchema, Schema

LONGEST_NAME: Final = 100
MOST_STEPS: Final = 100


class MoveQuery(QuerySchema):
    """To which version."""

    to = Integer(least=1, metadata={"description": "One that was published; by default the one in force."})


class LandingsOut(Schema):
    """How many leads end up how."""

    stay = Integer(required=True, metadata={"description": "At the step of the same name."})
    jump = Integer(required=True, metadata={"description": "Their step is gone: to a later one."})
    exit = Integer(required=True, metadata={"description": "Out of the sequence."})
    cannot = Integer(required=True, metadata={"description": "They go on through their own version."})


class MoveGroupOut(Schema):
    """Leads that are at one step, and what becomes of them."""

    version = Integer(required=True)
    step = fields.String(required=True)
    waits_for_task = fields.Boolean(
        required=True, metadata={"description": "They are past the step, and go on when its task is done."}
    )
    lands = Choice(Landing, required=True)
    to_step = fields.String(required=True, allow_none=True)
    why = Choice(Obstacle, required=True, allow_none=True, metadata={"description": "Why they cannot be moved."})
    leads = Integer(required=True)
    lead_ids = fields.List(Id(), required=True, metadata={"description": f"{SAMPLES} of them, at most."})


class MovePlanOut(LandingsOut):
    """What would become of all who are in the sequence, and not in that version."""

    to = Integer(required=True)
    total = Integer(required=True)
    fingerprint = fields.String(required=True, metadata={"description": "Names this plan, to carry it out."})
    groups = fields.List(fields.Nested(MoveGroupOut), required=True)


class MoveIn(Schema):
    """The plan that was seen, and where those go that cannot be moved otherwise."""

    to = Integer(least=1, required=True)
    fingerprint = Text(LONGEST_NAME, least=1, required=True)
    steps = fields.Dict(
        keys=Text(LONGEST_NAME, least=1),
        values=Text(LONGEST_NAME, least=1),
        load_default=dict,
        validate=validate.Length(max=MOST_STEPS),
        metadata={
            "description": f"From a step that is gone to one of the new text, or to `{EXIT}`. Who is at one that is not"
            " named here, and cannot be moved, goes on through their own version.",
            "examples": [{"old-hello": "hello", "survey": EXIT}],
        },
    )


class VersionMovedOut(LandingsOut):
    """What became of them; many are moved by a job, and counted there."""

    job = fields.Nested(JobOut, required=True, allow_none=True)
