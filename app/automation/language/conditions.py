"""Conditions: tests of fields, and groups of conditions. `app.engine.rules.conditions` evaluates them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, ClassVar, Final

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from app.automation.language import vocabulary
from app.automation.language.base import Maybe, Strict
from app.automation.language.condition_values import (
    MOST_VALUES,
    Days,
    Number,
    PlainValue,
    PlainValues,
    SearchText,
    wrong_value,
)
from app.automation.language.known_names import KnownNames, known_names
from app.automation.language.types.containers import ByShape, Items, NotDeeper
from app.automation.language.types.errors import Handler, Line, problem
from app.automation.language.types.impossible import contradictions
from app.automation.language.types.primitives import Truth, about
from app.automation.language.vocabulary import FIELDS, KEY, OPEN, Type, When
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.validation_errors import listed, not_known
from app.engine.rules.conditions import CHANGED

DEEPEST, MOST = 5, 50  # nesting, and conditions in one list (security.md, 15)

_moment: ContextVar[When] = ContextVar("moment", default=When.ALWAYS)  # of the conditions that are validated


def field_at(path: object, when: When, known: KnownNames) -> vocabulary.Field | None:
    """Return the field at this path; None if it is not known at that moment."""
    found = vocabulary.field_of(path, known.fields) if isinstance(path, str) else None
    return found if found and (when is When.ALWAYS or found.is_known(when)) else None


class _KnownPath:
    """Validator: a path that is known at the moment of the surrounding conditions."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._check, handler(source))

    def _check(self, path: object, info: ValidationInfo) -> object:
        known, when = known_names(info), _moment.get()
        if field_at(path, when, known) is None:
            raise problem(not_known(path, vocabulary.fields_at(when, known.fields)))
        return path

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return paths_schema(FIELDS)


def paths_schema(paths: Iterable[str]) -> JsonDict:
    """Return the JSON Schema of these paths, of custom fields and of event data."""
    own = "|".join(group.replace(".", "\\.") for group in OPEN)
    return {"anyOf": [{"type": "string", "enum": sorted(paths)}, {"type": "string", "pattern": f"^({own})\\.{KEY}$"}]}


@dataclass(frozen=True, slots=True)
class Of:
    """The types of field that a test can be applied to."""

    types: frozenset[Type]


FieldPath = TypeAliasType("FieldPath", Annotated[str, _KnownPath(), about("The path of a field.", "lead.status")])
_ValueList = Annotated[list[Any], PlainValues()]


_COMPARED: Final = Of(frozenset({Type.TEXT, Type.NUMBER, Type.TRUTH, Type.DATE, Type.ANY}))
_NUMBERS: Final = Of(frozenset({Type.NUMBER, Type.ANY}))
_TEXTS: Final = Of(frozenset({Type.TEXT, Type.LIST, Type.ANY}))
_DATES: Final = Of(frozenset({Type.INSTANT, Type.DATE, Type.ANY}))
_ALL: Final = Of(frozenset(Type))


class FieldCondition(Strict):
    """One or more tests of a field; all of them have to hold."""

    must_be: ClassVar[str] = "must be a condition such as {field: lead.status, equals: NEW}"
    example: ClassVar[object] = {"field": "lead.source_category", "in": ["WEB_ORGANIC", "WEB_PAID"]}

    model_config = ConfigDict(json_schema_extra={"minProperties": 2})  # the field, and at least one test

    field: FieldPath = Field(description="The field to test.")
    equals: Annotated[PlainValue, _COMPARED] = Field(default=None, description="is the same")
    not_equals: Annotated[PlainValue, _COMPARED] = Field(default=None, description="is not the same")
    contains: Annotated[Maybe[Annotated[str, SearchText()]], _TEXTS] = Field(
        default=None, description="has this in it, literally and in any case; of a list: as one of its items"
    )
    in_: Annotated[Maybe[_ValueList], _COMPARED] = Field(default=None, alias="in", description="is one of these")
    not_in: Annotated[Maybe[_ValueList], _COMPARED] = Field(default=None, description="is none of these")
    greater_than: Annotated[Maybe[Number], _NUMBERS] = Field(default=None, description="is more than this")
    less_than: Annotated[Maybe[Number], _NUMBERS] = Field(default=None, description="is less than this")
    exists: Annotated[Maybe[Truth], _ALL] = Field(default=None, description="is there (`true`), or is not (`false`)")
    days_since: Annotated[Maybe[Days], _DATES] = Field(
        default=None, description="is at least so many days ago; or `{greater_than: 7, less_than: 30}`"
    )
    changed: Annotated[Maybe[Truth], _ALL] = Field(
        default=None, description="was changed by the event (`true`); under `when` only"
    )

    @classmethod
    def tests(cls) -> dict[str, frozenset[Type]]:
        """Return the types of field that each test can be applied to, by the name of the test."""
        return {
            info.alias or name: of.types
            for name, info in cls.model_fields.items()
            for of in info.metadata
            if isinstance(of, Of)
        }

    @classmethod
    def misfits(cls, given: JsonObject, known: KnownNames) -> Iterator[Line]:
        """Yield the tests that do not fit the field, and values that the field cannot have."""
        if "field" not in given:
            allowed = listed(sorted(vocabulary.fields_at(_moment.get(), known.fields)))
            yield Line(("field",), f"is missing; allowed: {allowed}")
        if not given.keys() - {"field"}:
            yield Line((), f"needs one of {', '.join(cls.tests())}")
        if field := field_at(given.get("field"), _moment.get(), known):
            values = _allowed_values(field, known)
            for name in given.keys() & cls.tests().keys():
                yield from cls._misfit(field, name, given[name], values)
            yield from (Line(line.loc[1:], line.problem) for line in contradictions([given], ()))
            yield from _unknown_ids(field, given, known)

    @classmethod
    def _misfit(cls, field: vocabulary.Field, name: str, want: object, allowed: frozenset[str]) -> Iterator[Line]:
        tests = cls.tests()
        if name == CHANGED and _moment.get() is not When.PLANNING:
            yield Line((name,), "can be asked of an event only: under `when`")
        elif field.type not in tests[name]:
            fitting = ", ".join(test for test, types in tests.items() if field.type in types)
            yield Line((name,), f"cannot be asked of {_article(field.type)}; these can: {fitting}")
        elif name in {"equals", "not_equals"} or (name == "contains" and allowed):
            if mistake := wrong_value(field.type, want, allowed):
                yield Line((name,), mistake)
        elif want == [] and name in {"in", "not_in"}:
            yield Line((name,), "is empty: it needs at least one value")
        elif isinstance(want, list) and name in {"in", "not_in"}:
            wrong = [(i, mistake) for i, one in enumerate(want) if (mistake := wrong_value(field.type, one, allowed))]
            yield from (Line((name, i), mistake) for i, mistake in wrong[:MOST_VALUES])


def _allowed_values(field: vocabulary.Field, known: KnownNames) -> frozenset[str]:
    """Return the values that the field can have; an empty set if any value is possible."""
    return (known.stages or frozenset()) if field.is_stage else field.values


def _unknown_ids(field: vocabulary.Field, given: JsonObject, known: KnownNames) -> Iterator[Line]:
    """Yield the ids that no record of the clinic has. Such a condition would never be met."""
    if field.refers is None or known.ids is None:
        return
    allowed, mistake = known.ids[field.refers], f"must be the id of a {field.refers} of the clinic"
    for name in ("equals", "not_equals"):
        if _is_unknown(given.get(name), allowed):
            yield Line((name,), mistake)
    for name in ("in", "not_in"):
        values = given.get(name)
        listed = enumerate(values[:MOST_VALUES] if isinstance(values, list) else ())
        yield from (Line((name, i), mistake) for i, one in listed if _is_unknown(one, allowed))


def _is_unknown(value: object, allowed: Collection[str]) -> bool:
    return isinstance(value, str) and value not in allowed


def _article(type_: Type) -> str:
    return f"{'an' if type_ is Type.INSTANT else 'a'} {type_}"


class _Group(Strict):
    """A group of conditions."""

    key: ClassVar[str]

    @classmethod
    def refuses(cls, given: object) -> Iterator[Line]:
        """Yield a mistake for anything but a list of conditions that stands alone."""
        yield from super().refuses(given)
        if isinstance(given, Mapping):
            parts = given.get(cls.key)
            if len(given) > 1 or not isinstance(parts, list) or not parts:
                yield Line((cls.key,), "must stand alone and hold a list of conditions")


class AllConditions(_Group):
    """All of these conditions hold."""

    key: ClassVar[str] = "all"
    example: ClassVar[object] = {
        "all": [{"field": "lead.status", "equals": "NEW"}, {"field": "lead.score", "greater_than": 79}]
    }

    all: list["Condition"] = Field(min_length=1, description="Each a condition or a group.")

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield the tests that contradict each other."""
        yield from contradictions(given.get("all"), ("all",))


class AnyConditions(_Group):
    """At least one of these conditions holds."""

    key: ClassVar[str] = "any"
    example: ClassVar[object] = {
        "any": [{"field": "lead.tags", "contains": "vip"}, {"field": "lead.score", "greater_than": 79}]
    }

    any: list["Condition"] = Field(min_length=1, description="Each a condition or a group.")


def _group_of(value: object) -> str:
    groups = (group for group in ("all", "any") if isinstance(value, Mapping) and group in value)
    return next(groups, "field")


Condition = TypeAliasType(
    "Condition",
    Annotated[
        JsonDict,
        ByShape({"field": FieldCondition, "all": AllConditions, "any": AnyConditions}, _group_of),
        NotDeeper(DEEPEST),
    ],
)


@dataclass(frozen=True, slots=True)
class At:
    """Validator of a list of conditions: their fields must be known at this moment."""

    when: When

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: object, handler: Handler) -> object:
        if isinstance(value, list) and len(list(islice(_leaves(value, depth=0), MOST + 1))) > MOST:
            raise problem(f"has more than {MOST} conditions")
        token = _moment.set(self.when)
        try:
            return handler(value)
        finally:
            _moment.reset(token)


_List = Annotated[list[Condition], Items("must be a list of conditions", most=MOST)]
PlanningConditions = Annotated[_List, At(When.PLANNING)]
DueConditions = Annotated[_List, At(When.DUE)]
EnrolledConditions = Annotated[_List, At(When.ENROLLED)]


def _leaves(conditions: Iterable[object], *, depth: int) -> Iterator[object]:
    """Yield the conditions that are no groups. Lazy, because YAML anchors can write billions in a few lines."""
    for condition in conditions:
        parts = [part for group in ("all", "any") for part in _parts(condition, group)]
        if parts and depth < DEEPEST:
            yield from _leaves(parts, depth=depth + 1)
        else:
            yield condition


def _parts(condition: object, group: str) -> list[object]:
    parts = condition.get(group) if isinstance(condition, Mapping) else None
    return parts if isinstance(parts, list) else []
