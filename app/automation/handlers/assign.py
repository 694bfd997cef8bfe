"""`assign`: assign the lead to a user, or by the clinic's assignment rules."""

from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from app.automation.handlers.support.changes import AssignByRules, AssignTo
from app.automation.handlers.support.context import StepContext
from app.automation.language.known_names import known_names
from app.automation.language.params import Params
from app.automation.language.types.errors import problem
from app.core.type_aliases import JsonDict
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import SMALL_BATCH, Settings, StepKind

BY_RULES: Final = "by_rules"


class _UserId:
    """Validator: `by_rules`, or the id of a user of the clinic to whom leads can be assigned."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._check)

    def _check(self, value: object, info: ValidationInfo) -> object:
        if value == BY_RULES:
            return value
        if not _is_id(value):
            raise problem(f"must be {BY_RULES} or the id of a user")
        allowed = known_names(info).users
        if allowed is not None and str(value).lower() not in allowed:
            raise problem("must be an active user of the clinic who may work on leads")
        return value

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return {"anyOf": [{"const": BY_RULES}, {"type": "string", "format": "uuid"}]}


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


class Assign(Params):
    """Assign the lead to a user, or to the user that assignment rules choose."""

    example: ClassVar[object] = {"to": BY_RULES}

    to: Annotated[str, _UserId()] = Field(
        description=f"`{BY_RULES}`, or the id of an active user who may work on leads.", examples=[BY_RULES]
    )


def decide(context: StepContext) -> Outcome:
    """Assign the lead with history, timeline and event, as a manual assignment does."""
    to = context.params["to"]
    if to == BY_RULES:
        return Done({"to": to}, effects=Effects(changes=(AssignByRules(),)))
    person = context.person(UUID(to))
    if person is None or not person.may_work:
        return Skip(Reason.NOBODY_TO_TELL)
    if context.lead.assigned_to_id == person.id:
        return Skip(Reason.ALREADY_SO)
    return Done({"to": to}, effects=Effects(changes=(AssignTo(person.id),)))


def _sentence(settings: Settings) -> str:
    by = "by the assignment rules" if settings["to"] == BY_RULES else "to a user"
    return f"Assign the lead {by}"


KIND = StepKind(
    name="assign",
    decide=decide,
    params=Assign,
    sequence_params=Assign,
    batch=SMALL_BATCH,
    sentence=_sentence,
)
