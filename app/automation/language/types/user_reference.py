"""Type of a reference to a user in a definition."""

from dataclasses import dataclass
from uuid import UUID

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from app.automation.language.known_names import known_names
from app.automation.language.types.errors import problem
from app.core.type_aliases import JsonDict


@dataclass(frozen=True, slots=True)
class UserIdOr:
    """Validator: the id of a user of the clinic who can get leads, or one of these words."""

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        object.__setattr__(self, "words", words)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._check)

    def _check(self, value: object, info: ValidationInfo) -> object:
        if value in self.words:
            return value
        if not _is_id(value):
            raise problem(f"must be {', '.join(self.words)} or the id of a user")
        allowed = known_names(info).users
        if allowed is not None and str(value).lower() not in allowed:
            raise problem("must be an active user of the clinic who may work on leads")
        return value

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return {"anyOf": [{"enum": [*self.words], "type": "string"}, {"type": "string", "format": "uuid"}]}


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False
