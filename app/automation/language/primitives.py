"""The small types of the language: text, numbers, names, durations, hours. Each has one sentence for its mistakes."""

from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from app.automation.language.errors import PROBLEM, Handler, is_about_itself, problem, relocated
from app.automation.language.known_names import known_names
from app.core.calendar.durations import InvalidDuration, parse_duration, parse_wait
from app.core.validation.validation_errors import not_known

LONGEST_TITLE: Final = 200
LONGEST_SLUG: Final = 100
LONGEST_DESCRIPTION: Final = 1000
LONGEST_TAG: Final = 50
SLUG: Final = "^[a-z0-9]+(-[a-z0-9]+)*$"
HOUR: Final = "^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _with_sentence(schema: CoreSchema, sentence: str) -> CoreSchema:
    """Replace all mistakes of a schema, also those of its parts, by one sentence."""
    return core_schema.custom_error_schema(
        schema, PROBLEM, custom_error_message="{sentence}", custom_error_context={"sentence": sentence}
    )


@dataclass(frozen=True, slots=True)
class Says:
    """One sentence for all mistakes of a value. `of_parts`: also for those of its parts."""

    sentence: str
    of_parts: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler(source)
        if self.of_parts:
            return _with_sentence(inner, self.sentence)
        return core_schema.no_info_wrap_validator_function(self._check, inner)

    def _check(self, value: object, handler: Handler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if is_about_itself(error):
                raise problem(self.sentence) from None
            raise


@dataclass(frozen=True, slots=True)
class OneLine:
    """Text in one line of 1 to `most` characters, not only spaces."""

    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True, min_length=1, max_length=self.most)
        printable = core_schema.no_info_after_validator_function(_printable, text)
        return _with_sentence(printable, f"must be text in one line, of at most {self.most} characters")


def _printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError
    return value


@dataclass(frozen=True, slots=True)
class Form:
    """Text of a form, with an example. `not_one`: a text that has the form and is reserved."""

    sentence: str
    pattern: str = SLUG
    most: int = LONGEST_SLUG
    not_one: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True, pattern=self.pattern, max_length=self.most)
        free = core_schema.no_info_after_validator_function(self._free, text)
        return _with_sentence(free, self.sentence)

    def _free(self, value: str) -> str:
        if value == self.not_one:
            raise ValueError
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between both, which are included."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = core_schema.int_schema(strict=True, ge=self.least, le=self.most)
        return _with_sentence(number, f"must be a whole number from {self.least} to {self.most}")


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of the values of an enumeration or a Literal. The mistake names them, the closest first."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        allowed = [str(value) for value in get_args(source) or source]
        read = source if isinstance(source, type) else str  # a strict model wants the member of an enumeration

        def check(value: object, inner: Handler) -> Any:
            if not isinstance(value, str) or value not in allowed:
                raise problem(not_known(value, allowed))
            return inner(read(value))

        return core_schema.no_info_wrap_validator_function(check, handler(source))


@dataclass(frozen=True, slots=True)
class Named:
    """A name that has to be known: `kind` is a field of KnownNames."""

    kind: Literal["templates", "stages", "sequences"]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_wrap_validator_function(self._check, handler.generate_schema(Title))

    def _check(self, value: object, handler: Handler, info: ValidationInfo) -> Any:
        allowed: Collection[str] | None = getattr(known_names(info), self.kind)
        if allowed is None:
            return handler(value)
        if not isinstance(value, str) or value not in allowed:
            raise problem(not_known(value, allowed))
        return value


@dataclass(frozen=True, slots=True)
class RegisteredName:
    """A name of a registry. The names are read when a value is checked or described, not at import."""

    names: Callable[[], list[str]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: object) -> str:
        allowed = self.names()
        if not isinstance(value, str) or value not in allowed:
            raise problem(not_known(value, allowed))
        return value

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": self.names()}


@dataclass(frozen=True, slots=True)
class Items:
    """A list of `least` to `most` items. `or_one`: a value that is no list stands for a list of it."""

    sentence: str
    most: int
    least: int = 0
    or_one: bool = False
    item: Any = None  # the type of the items, where it is made at run time

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        [item] = get_args(source)
        items = core_schema.list_schema(
            handler.generate_schema(self.item or item), strict=True, min_length=self.least, max_length=self.most
        )
        said = core_schema.no_info_wrap_validator_function(Says(self.sentence)._check, items)  # noqa: SLF001
        return core_schema.no_info_before_validator_function(_listed, said) if self.or_one else said

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        several = handler(schema)
        return {"anyOf": [several["items"], several]} if self.or_one else several


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, eq=False)
class ByShape:
    """A union whose member is chosen by the shape of the value. The path of a mistake does not name the member."""

    members: Mapping[str, Any]
    choose: Callable[[Any], str | None]
    sentence: str = "is not known"  # where no member is chosen
    about: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        union = core_schema.tagged_union_schema(
            {name: handler.generate_schema(member) for name, member in self.members.items()},
            self.choose,
            custom_error_type=PROBLEM,
            custom_error_message="{sentence}",
            custom_error_context={"sentence": self.sentence},
        )
        return core_schema.no_info_wrap_validator_function(without_member, union)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | ({"description": self.about} if self.about else {})


def without_member(value: object, handler: Handler) -> Any:
    """Validate with a union, and leave its member out of the paths."""
    with relocated("union", lambda loc: loc[1:]):
        return handler(value)


def is_mapping(value: object) -> str:
    """Choose between `parts` and `word`, for ByShape."""
    return "parts" if isinstance(value, dict) else "word"


@dataclass(frozen=True, slots=True)
class NotDeeper:
    """At most `most` of these inside each other."""

    most: int
    _depth: ContextVar[int] = field(default_factory=lambda: ContextVar("depth", default=0))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: object, handler: Handler) -> Any:
        depth = self._depth.get() + 1
        if depth > self.most:
            raise problem(f"is nested deeper than {self.most}")
        token = self._depth.set(depth)
        try:
            return handler(value)
        finally:
            self._depth.reset(token)


@dataclass(frozen=True, slots=True)
class Parsed:
    """Text that a function of the engine can read; its error is the mistake."""

    parse: Callable[[str], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, core_schema.str_schema())

    def _check(self, value: object) -> str:
        try:
            self.parse(str(value))
        except InvalidDuration as error:
            raise problem(str(error)) from None
        return str(value)


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """More for the JSON Schema of a named type."""

    more: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), **self.more}


def about(description: str, *examples: Any, **more: Any) -> Schema:
    """Describe a named type."""
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
