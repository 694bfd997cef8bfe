"""Base class of all models, and optional parts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema

from app.automation.language.known_names import KnownNames, known_names
from app.automation.language.types.errors import Line, as_error, lines_of, paths_of
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.validation_errors import not_known

T = TypeVar("T")


class Strict(BaseModel):
    """A mapping with known keys. Every mistake in it is reported at once."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True, populate_by_name=False)

    must_be: ClassVar[str] = "must be a mapping"  # the mistake of a value that is no mapping
    example: ClassVar[object] = None  # a definition without mistakes, for the JSON Schema and the reference pages

    @classmethod
    def refuses(cls, given: object) -> Iterator[Line]:
        """Yield the mistakes of the whole value. If there are any, its parts are not validated."""
        if not isinstance(given, Mapping):
            yield Line((), cls.must_be)

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:  # noqa: ARG003
        """Yield the mistakes that concern several parts; `given` may have mistakes in its parts."""
        yield from ()

    @classmethod
    def misfits(cls, given: JsonObject, known: KnownNames) -> Iterator[Line]:  # noqa: ARG003
        """Yield the mistakes that depend on the known names; otherwise like `conflicts`."""
        yield from ()

    @classmethod
    def parts(cls) -> list[str]:
        """Return the keys of the mapping, as in definitions."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @model_validator(mode="wrap")
    @classmethod
    def _with_sentences(cls, given: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if lines := list(cls.refuses(given)):
            raise as_error(cls.__name__, lines)
        lines = [*cls.conflicts(given), *cls.misfits(given, known_names(info))]
        try:
            read = handler(given)
        except ValidationError as error:
            raise as_error(cls.__name__, cls._in_order(error, lines)) from None
        if lines:
            raise as_error(cls.__name__, lines)
        return read

    @classmethod
    def _in_order(cls, error: ValidationError, conflicts: Iterable[Line]) -> Iterator[Line]:
        """Yield the mistakes of parts first, then conflicts, then unknown and missing parts."""
        unknown, missing = paths_of(error, "extra_forbidden"), paths_of(error, "missing")
        yield from (line for line in lines_of(error) if line.loc not in unknown | missing)
        yield from conflicts
        yield from (Line(loc, not_known(loc[-1], cls.parts())) for loc in unknown)
        yield from (Line(loc, "is missing") for loc in missing)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        schema = handler(core_schema)
        described: JsonDict = handler.resolve_ref_schema(schema)
        if cls.example is not None:
            described["examples"] = [cls.example]
        return schema


class _LeftOutOrGiven:
    """Validator: a part that may be omitted, but must not be null."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if schema["type"] != "nullable":
            raise TypeError(f"{source} has no None to leave out")
        inner: CoreSchema = schema["schema"]
        return inner


Maybe = Annotated[T | None, _LeftOutOrGiven()]
