"""Lists, unions and nesting limits of the language's types."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from app.automation.language.types.errors import PROBLEM, Handler, problem, relocated
from app.automation.language.types.primitives import Says
from app.core.type_aliases import JsonDict, JsonObject


@dataclass(frozen=True, slots=True)
class Items:
    """A list of `least` to `most` items. `or_one`: a text stands for a list of one."""

    sentence: str
    most: int
    least: int = 0
    or_one: bool = False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        [item] = get_args(source)
        items = core_schema.list_schema(
            handler.generate_schema(item), strict=True, min_length=self.least, max_length=self.most
        )
        said = core_schema.no_info_wrap_validator_function(Says(self.sentence)._check, items)  # noqa: SLF001
        return core_schema.no_info_before_validator_function(_listed, said) if self.or_one else said

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        several = handler(schema)
        return {"anyOf": [several["items"], several]} if self.or_one else several


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, eq=False)
class ByShape:
    """A union. The shape of the value chooses the member. The path of a mistake does not name the member."""

    members: JsonObject
    choose: Callable[[object], str | None]
    sentence: str = "is not known"  # the mistake if no member is chosen
    about: str = ""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        union = core_schema.tagged_union_schema(
            {name: handler.generate_schema(member) for name, member in self.members.items()},
            self.choose,
            custom_error_type=PROBLEM,
            custom_error_message="{sentence}",
            custom_error_context={"sentence": self.sentence},
        )
        return core_schema.no_info_wrap_validator_function(without_member, union)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return handler(schema) | ({"description": self.about} if self.about else {})


def without_member(value: object, handler: Handler) -> object:
    """Validate with a union, and remove the name of its member from the paths."""
    with relocated("union", lambda loc: loc[1:]):
        return handler(value)


def is_mapping(value: object) -> str:
    """Choose between `parts` and `word`, for ByShape."""
    return "parts" if isinstance(value, dict) else "word"


@dataclass(frozen=True, slots=True)
class NotDeeper:
    """Limit the nesting of a type inside itself to `most` levels."""

    most: int
    _depth: ContextVar[int] = field(default_factory=lambda: ContextVar("depth", default=0))

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: object, handler: Handler) -> object:
        depth = self._depth.get() + 1
        if depth > self.most:
            raise problem(f"is nested deeper than {self.most}")
        token = self._depth.set(depth)
        try:
            return handler(value)
        finally:
            self._depth.reset(token)
