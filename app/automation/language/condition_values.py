"""Values that conditions compare with: plain values, lists of them, days."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Annotated, ClassVar, Final

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from app.automation.language.base import Maybe, Strict
from app.automation.language.types.containers import ByShape, is_mapping
from app.automation.language.types.errors import Line, problem
from app.automation.language.types.primitives import Says, about
from app.automation.language.vocabulary import Type
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.validation_errors import not_known

MOST_VALUES = 200
_MUST_BE: Final[Mapping[Type, str]] = {
    Type.TEXT: "a text",
    Type.NUMBER: "a number",
    Type.TRUTH: "true or false",
    Type.DATE: "a date such as 2026-03-01, in quotes",
}

LONGEST_VALUE = 500


def wrong_value(type_: Type, value: object, allowed: Collection[str]) -> str | None:
    """Return why a field of this type cannot equal the value; None if it can. Null stands for no value.

    `allowed` holds the possible values of the field; if it is empty, any value of the type is possible.
    """
    if value is None or type_ not in _MUST_BE:
        return None
    if allowed:
        return None if isinstance(value, str) and value in allowed else not_known(value, allowed)
    return None if _is_of_type(type_, value) else f"must be {_MUST_BE[type_]}"


def _is_of_type(type_: Type, value: object) -> bool:
    match type_:
        case Type.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Type.TRUTH:
            return isinstance(value, bool)
        case Type.DATE:
            return isinstance(value, str) and _is_date(value)
        case _:
            return isinstance(value, str)


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


class _PlainValue:
    """Validator: text, a number, true, false or null."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: object) -> object:
        if isinstance(value, str) and len(value) > LONGEST_VALUE:
            raise problem(f"has more than {LONGEST_VALUE} characters")
        if value is not None and not isinstance(value, str | int | float | bool):
            raise problem("must be a text, a number, or true or false")
        return value

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return {"type": ["string", "number", "boolean", "null"], "maxLength": LONGEST_VALUE}


class SearchText:
    """Validator: text to search for."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(min_length=1, max_length=LONGEST_VALUE)
        return core_schema.no_info_before_validator_function(self._check, text)

    def _check(self, value: object) -> object:
        if not isinstance(value, str) or not value:
            raise problem("must be a text")
        if len(value) > LONGEST_VALUE:
            raise problem(f"has more than {LONGEST_VALUE} characters")
        return value


class PlainValues:
    """Validator: a list of plain values."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        values = core_schema.list_schema(handler.generate_schema(PlainValue), max_length=MOST_VALUES)
        return core_schema.no_info_before_validator_function(self._check, values)

    def _check(self, value: object) -> object:
        if not isinstance(value, list):
            raise problem("must be a list")
        if len(value) > MOST_VALUES:
            raise problem(f"has more than {MOST_VALUES} values")
        return value


PlainValue = TypeAliasType(
    "PlainValue",
    Annotated[str | float | bool | None, _PlainValue(), about("A text, a number, true, false or null.", "NEW")],
)


Number = Annotated[float, Says("must be a number")]


class DayRange(Strict):
    """A range of days ago."""

    example: ClassVar[object] = {"greater_than": 7, "less_than": 30}

    greater_than: Maybe[Number] = Field(default=None, description="More days than this.")
    less_than: Maybe[Number] = Field(default=None, description="Fewer days than this.")

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake for an empty range."""
        if not given:
            yield Line((), "is empty")


Days = Annotated[
    float | DayRange,
    ByShape(
        {
            "word": Annotated[float, Says("must be a number of days, or {greater_than: 7, less_than: 30}")],
            "parts": Annotated[
                DayRange, Says("may hold greater_than and less_than, each a number of days", of_parts=True)
            ],
        },
        is_mapping,
    ),
]
