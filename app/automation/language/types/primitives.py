"""Basic types of the language: text, numbers, names, durations, hours. Each has one sentence for its mistakes."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from app.automation.language.known_names import known_names
from app.automation.language.types.errors import PROBLEM, Handler, is_about_itself, problem
from app.core.calendar.durations import InvalidDuration, parse_duration, parse_wait
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.validation_errors import not_known
from app.leads.fields import LONGEST_TAG

LONGEST_TITLE: Final = 200
LONGEST_SLUG: Final = 100
LONGEST_DESCRIPTION: Final = 1000
SLUG: Final = "^[a-z0-9]+(-[a-z0-9]+)*$"
HOUR: Final = "^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _with_sentence(schema: CoreSchema, sentence: str) -> CoreSchema:
    """Replace all mistakes of a schema, also those of its parts, by one sentence."""
    return core_schema.custom_error_schema(
        schema, PROBLEM, custom_error_message="{sentence}", custom_error_context={"sentence": sentence}
    )


@dataclass(frozen=True, slots=True)
class Says:
    """Report one sentence for all mistakes of a value. `of_parts`: also for mistakes of its parts."""

    sentence: str
    of_parts: bool = False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler(source)
        if self.of_parts:
            return _with_sentence(inner, self.sentence)
        return core_schema.no_info_wrap_validator_function(self._check, inner)

    def _check(self, value: object, handler: Handler) -> object:
        try:
            return handler(value)
        except ValidationError as error:
            if is_about_itself(error):
                raise problem(self.sentence) from None
            raise


@dataclass(frozen=True, slots=True)
class OneLine:
    """Text in one line, of 1 to `most` characters that are not all spaces."""

    most: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True, min_length=1, max_length=self.most)
        printable = core_schema.no_info_after_validator_function(_printable, text)
        return _with_sentence(printable, f"must be text in one line, of at most {self.most} characters")


def _printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError
    return value


@dataclass(frozen=True, slots=True)
class Form:
    """Text that matches `pattern`. `sentence`: the mistake of other text. `not_one`: a reserved text."""

    sentence: str
    pattern: str = SLUG
    most: int = LONGEST_SLUG
    not_one: str | None = None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True, pattern=self.pattern, max_length=self.most)
        free = core_schema.no_info_after_validator_function(self._free, text)
        return _with_sentence(free, self.sentence)

    def _free(self, value: str) -> str:
        if value == self.not_one:
            raise ValueError
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to `most`, both included."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = core_schema.int_schema(strict=True, ge=self.least, le=self.most)
        return _with_sentence(number, f"must be a whole number from {self.least} to {self.most}")


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of the values of an enumeration or a Literal. The mistake names them, the closest first."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        allowed = [str(value) for value in get_args(source) or source]
        read = source if isinstance(source, type) else str  # a strict model accepts only members of an enumeration

        def check(value: object, inner: Handler) -> object:
            if not isinstance(value, str) or value not in allowed:
                raise problem(not_known(value, allowed))
            return inner(read(value))

        return core_schema.no_info_wrap_validator_function(check, handler(source))


@dataclass(frozen=True, slots=True)
class Named:
    """A name that must be known. `kind`: the field of KnownNames with the allowed names."""

    kind: Literal["templates", "stages", "sequences", "task_templates"]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_wrap_validator_function(self._check, handler.generate_schema(Title))

    def _check(self, value: object, handler: Handler, info: ValidationInfo) -> object:
        allowed: Collection[str] | None = getattr(known_names(info), self.kind)
        if allowed is None:
            return handler(value)
        if not isinstance(value, str) or value not in allowed:
            raise problem(not_known(value, allowed))
        return value


@dataclass(frozen=True, slots=True)
class RegisteredName:
    """A name in a registry. The names are read when a value is validated or described, not at import."""

    names: Callable[[], list[str]]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: object) -> str:
        allowed = self.names()
        if not isinstance(value, str) or value not in allowed:
            raise problem(not_known(value, allowed))
        return value

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return {"type": "string", "enum": self.names()}


@dataclass(frozen=True, slots=True)
class Parsed:
    """Text that a function of the engine can parse. Its InvalidDuration is the mistake."""

    parse: Callable[[str], object]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, core_schema.str_schema())

    def _check(self, value: object) -> str:
        try:
            self.parse(str(value))
        except InvalidDuration as error:
            raise problem(str(error)) from None
        return str(value)


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """Additional keys for the JSON Schema of a named type."""

    more: JsonObject

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return {**handler(schema), **self.more}


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Trimmed: Final = BeforeValidator(_trimmed)  # surrounding spaces are removed


def about(description: str, *examples: object, **more: object) -> Schema:
    """Return the description and examples of a named type, for its JSON Schema."""
    return Schema({"description": description, **({"examples": list(examples)} if examples else {}), **more})


Title = Annotated[str, OneLine(LONGEST_TITLE)]
Description = Annotated[str, OneLine(LONGEST_DESCRIPTION)]
Tag = Annotated[str, OneLine(LONGEST_TAG)]
Truth = Annotated[bool, Says("must be true or false")]
Slug = TypeAliasType(
    "Slug",
    Annotated[
        str,
        Form(f"must be a slug such as speed-to-lead, of at most {LONGEST_SLUG}"),
        about("Small letters, digits and hyphens.", "speed-to-lead"),
    ],
)
Duration = TypeAliasType(
    "Duration",
    Annotated[
        str,
        Parsed(parse_duration),
        about("Whole numbers with units: weeks, days, hours, minutes, seconds. At most ten years.", "1 day 4 hours"),
    ],
)
Period = TypeAliasType(
    "Period",
    Annotated[
        str,
        Parsed(parse_wait),
        about("A duration, or calendar months and a duration after them.", "3 days", "1 month"),
    ],
)


Hour = TypeAliasType(
    "Hour",
    Annotated[
        str,
        Form('must be an hour of the day in quotes, such as "09:00"', pattern=HOUR, most=5),
        about("An hour of the day.", "09:00"),
    ],
)
