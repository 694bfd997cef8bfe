"""Request and response schemas for moves to another version."""

from typing import Final

from marshmallow import fields, validate

from app.api.tasks.bulk_schemas import JobOut
from app.automation.sequences.versions.move_plan import SAMPLES
from app.automation.sequences.versions.version_mapping import EXIT, MoveKind, Obstacle
from app.http.schemas.fields import Choice, Id, Instant, Integer, Text
from app.http.schemas.map_of import MapOf
from app.http.schemas.schema import QuerySchema, Schema

LONGEST_NAME: Final = 100
MOST_STEPS: Final = 100


class MoveQuery(QuerySchema):
    """The target version."""

    to = Integer(least=1, metadata={"description": "A version that was published. Default: the version published now."})


class LandingsOut(Schema):
    """Number of leads by result."""

    stay = Integer(required=True, metadata={"description": "Leads that stay at the step of the same name."})
    jump = Integer(required=True, metadata={"description": "Leads at a removed step: they move to a later one."})
    exit = Integer(required=True, metadata={"description": "Leads that leave the sequence."})
    cannot = Integer(required=True, metadata={"description": "Leads that stay in their version."})


class MoveGroupOut(Schema):
    """Leads at the same step of the same version, and where they move."""

    version = Integer(required=True)
    step = fields.String(required=True)
    waits_for_task = fields.Boolean(
        required=True, metadata={"description": "The step is done; they continue when its task is closed."}
    )
    lands = Choice(MoveKind, required=True)
    to_step = fields.String(required=True, allow_none=True)
    why = Choice(Obstacle, required=True, allow_none=True, metadata={"description": "Why they cannot be moved."})
    leads = Integer(required=True)
    first_due_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "When the first of their planned steps is due. Moves keep the times. Null: none is."},
    )
    last_due_at = Instant(
        required=True, allow_none=True, metadata={"description": "When the last of their planned steps is due."}
    )
    lead_ids = fields.List(Id(), required=True, metadata={"description": f"At most {SAMPLES} sample leads."})


class MovePlanOut(LandingsOut):
    """Plan of the move of all enrollments that are not in the target version."""

    to = Integer(required=True)
    total = Integer(required=True)
    fingerprint = fields.String(required=True, metadata={"description": "Identifies this plan for the move."})
    groups = fields.List(fields.Nested(MoveGroupOut), required=True)


class MoveIn(Schema):
    """The plan to carry out, and steps for leads that cannot be moved otherwise."""

    to = Integer(least=1, required=True)
    fingerprint = Text(LONGEST_NAME, least=1, required=True)
    steps = MapOf(
        keys=Text(LONGEST_NAME, least=1),
        values=Text(LONGEST_NAME, least=1),
        load_default=dict,
        validate=validate.Length(max=MOST_STEPS),
        metadata={
            "description": f"From a removed step to a step of the new version, or to `{EXIT}`. Leads that cannot be"
            " moved stay in their version if their step is not given here.",
            "examples": [{"old-hello": "hello", "survey": EXIT}],
        },
    )


class VersionMovedOut(LandingsOut):
    """Number of leads moved. More than 500 leads are moved and counted by a job."""

    job = fields.Nested(JobOut, required=True, allow_none=True)
