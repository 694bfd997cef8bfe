"""The field for the name of a step kind."""

from collections.abc import Sequence
from typing import Any

from marshmallow import ValidationError, fields, validate

from app.core.validation.validation_errors import listed
from app.engine.step_kind import STEP_KINDS


class _IsStepKind(validate.Validator):
    """One of the registered kinds. Schemas are made before the registry is filled, so it is asked each time."""

    @property
    def choices(self) -> Sequence[str]:
        """The enum of the API's description."""
        return list(STEP_KINDS)

    def __call__(self, value: str) -> str:
        if value not in STEP_KINDS:
            raise ValidationError(f"Must be one of: {listed(list(STEP_KINDS))}.")
        return value


class StepKindName(fields.String):
    """The name of a registered step kind."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=_IsStepKind(), **options)
