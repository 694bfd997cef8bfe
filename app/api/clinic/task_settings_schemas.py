"""Request and response schemas for the settings of tasks."""

from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Boolean, Integer, ListOf, Text
from app.http.schemas.schema import Schema
from app.identity.task_cancellation import TaskCancellation

MOST_REASONS: Final = 50
LONGEST_REASON: Final = 100
_DEFAULTS: Final = TaskCancellation()


class TaskCancellationIn(Schema):
    """Reasons for cancelling a task. Fields that are left out get their default."""

    is_required = Boolean(
        load_default=_DEFAULTS.is_required,
        metadata={"description": "Whoever cancels a task must give a reason: users, batches and other programs."},
    )
    reasons = ListOf(
        Text(LONGEST_REASON, least=1),
        most=MOST_REASONS,
        load_default=lambda: list(_DEFAULTS.reasons),
        metadata={"description": "Reasons to choose from.", "examples": [list(_DEFAULTS.reasons)]},
    )
    only_listed = Boolean(
        load_default=_DEFAULTS.only_listed, metadata={"description": "A reason must be one of the list."}
    )

    @validates_schema
    def _can_be_chosen(self, data: JsonDict, **_: Any) -> None:
        reasons = data["reasons"]
        repeated = {at: ["Is listed twice."] for at, one in enumerate(reasons) if one in reasons[:at]}
        if repeated:
            raise ValidationError({"reasons": repeated})
        if data["only_listed"] and not reasons:
            raise ValidationError("Must have a reason if no other one is accepted.", "reasons")


class TaskCancellationOut(Schema):
    """Reasons for cancelling a task."""

    is_required = Boolean(required=True)
    reasons = fields.List(fields.String(), required=True)
    only_listed = Boolean(required=True)
    version = Integer(required=True)
