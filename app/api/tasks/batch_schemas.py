"""Many small acts in one call, in and out."""

from typing import Any, Final

from marshmallow import ValidationError, fields

from app.api.tasks.schemas import TaskOut
from app.http.openapi.openapi import Problem
from app.http.schemas.fields import Id, Instant, Integer, ListOf
from app.http.schemas.schema import Schema

MOST_OPERATIONS: Final = 100


class Operations(ListOf):
    """Objects of any kind: each is read by itself, so that a mistake is its own only."""

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > MOST_OPERATIONS:
            raise ValidationError(f"At most {MOST_OPERATIONS}; a task for more leads: POST /api/followups/bulk.")
        return super()._deserialize(value, *args, **more)


class BatchIn(Schema):
    """What is to be done, in this order."""

    operations = Operations(
        fields.Dict(keys=fields.String()),
        least=1,
        most=MOST_OPERATIONS,
        required=True,
        metadata={
            "description": "Each with `op`: `create` with what `POST /api/followups` takes; or, with the `id` of a task"
            " and what the route of that name takes, `complete`, `cancel`, `start`, `snooze`, `reassign`, `pin`; or"
            " `reschedule` with `due_at`.",
            "examples": [[{"op": "complete", "id": "01890a5d-ac96-774b-bcce-b302099a8057", "outcome": "successful"}]],
        },
    )


class Reschedule(Schema):
    """When it is due instead."""

    due_at = Instant(required=True)


class ResultOut(Schema):
    """How one operation ended."""

    index = Integer(required=True, metadata={"description": "Its place in the list that was posted, from 0."})
    status = Integer(required=True, metadata={"description": "What the route of that name would have answered with."})
    task_id = Id(required=True, allow_none=True)
    task = fields.Nested(TaskOut, required=True, allow_none=True)
    problem = fields.Nested(Problem, required=True, allow_none=True)


class BatchOut(Schema):
    """How each operation ended, in the order given."""

    succeeded = Integer(required=True)
    failed = Integer(required=True)
    results = fields.List(fields.Nested(ResultOut), required=True)
