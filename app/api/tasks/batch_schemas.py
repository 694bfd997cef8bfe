"""Request and response schemas for batch operations on tasks."""

from typing import Any, Final

from marshmallow import ValidationError, fields

from app.api.tasks.schemas import AssignmentWarningOut, TaskOut
from app.http.openapi.openapi import Problem
from app.http.schemas.fields import Id, Instant, Integer, ListOf
from app.http.schemas.map_of import MapOf
from app.http.schemas.schema import Schema

MOST_OPERATIONS: Final = 100


class Operations(ListOf):
    """List of objects. Each object is validated on its own, so that an invalid one does not affect the others."""

    def _deserialize(self, value: object, *args: object, **more: object) -> list[Any]:
        if isinstance(value, list) and len(value) > MOST_OPERATIONS:
            raise ValidationError(
                f"At most {MOST_OPERATIONS}. To create tasks for more leads, use POST /api/followups/bulk."
            )
        return super()._deserialize(value, *args, **more)


class BatchIn(Schema):
    """The operations, in order."""

    operations = Operations(
        MapOf(keys=fields.String()),
        least=1,
        most=MOST_OPERATIONS,
        required=True,
        metadata={
            "description": "Each operation has an `op`. `create` takes the fields of `POST /api/followups`. `complete`,"
            " `cancel`, `start`, `snooze`, `reassign` and `pin` take the `id` of a task and the fields of the route of"
            " that name. `reschedule` takes `id` and `due_at`.",
            "examples": [[{"op": "complete", "id": "01890a5d-ac96-774b-bcce-b302099a8057", "outcome": "successful"}]],
        },
    )


class Reschedule(Schema):
    """The new due time."""

    due_at = Instant(required=True)


class ResultOut(Schema):
    """The result of one operation."""

    index = Integer(required=True, metadata={"description": "Position in the request, from 0."})
    status = Integer(required=True, metadata={"description": "The HTTP status that the route of that name returns."})
    task_id = Id(required=True, allow_none=True)
    task = fields.Nested(TaskOut, required=True, allow_none=True)
    problem = fields.Nested(Problem, required=True, allow_none=True)
    warnings = fields.List(
        fields.Nested(AssignmentWarningOut),
        required=True,
        metadata={"description": "About the user to whom the batch gave the task. They stop nothing."},
    )


class BatchOut(Schema):
    """The results, in the order of the operations."""

    succeeded = Integer(required=True)
    failed = Integer(required=True)
    results = fields.List(fields.Nested(ResultOut), required=True)
