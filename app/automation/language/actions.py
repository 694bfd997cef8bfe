"""Actions of rules: one step kind and its parameters. The registered step kinds define which actions exist."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationInfo
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from app.automation.language.params import Params
from app.automation.language.types.containers import Items, NotDeeper, without_member
from app.automation.language.types.errors import Handler, problem
from app.core.type_aliases import JsonDict
from app.core.validation.validation_errors import not_known
from app.engine.step_kind import STEP_KINDS

MOST_ACTIONS: Final = 20
DEEPEST_BRANCH: Final = 3

ParamsByKind = tuple[tuple[str, type[Params]], ...]


def rule_actions() -> dict[str, type[Params]]:
    """Return the parameters' models of the step kinds that rules can name, by name. Raises StepKindsAreMissing."""
    return {name: cast("type[Params]", params) for name in STEP_KINDS if (params := STEP_KINDS[name].params)}


@dataclass(frozen=True, slots=True)
class FromRegistry:
    """A type that depends on the registered step kinds. It is read when a value is validated or described."""

    adapter: Callable[[], TypeAdapter[Any]]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._check)

    def _check(self, value: object, info: ValidationInfo) -> object:
        return self.adapter().validate_python(value, context=info.context)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        current = self.adapter().core_schema
        return handler(core_schema.definitions_schema(current, []))  # so that pydantic refers to a model by its name


@dataclass(frozen=True, slots=True)
class OneAction:
    """A mapping with one key, the step kind, and its parameters: a union discriminated by that key."""

    models: ParamsByKind

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices: dict[object, CoreSchema] = {
            kind: core_schema.typed_dict_schema(
                {kind: core_schema.typed_dict_field(handler.generate_schema(model), required=True)},
                extra_behavior="forbid",
            )
            for kind, model in self.models
        }
        union = core_schema.tagged_union_schema(choices, lambda value: next(iter(value)))
        return core_schema.no_info_wrap_validator_function(self._check, union)

    def _check(self, value: object, handler: Handler) -> object:
        if not isinstance(value, Mapping) or len(value) != 1:
            raise problem("must name one action, such as create_task: {...}")
        [kind] = value
        kinds = [name for name, _ in self.models]
        if kind not in kinds:
            raise problem(not_known(kind, kinds))
        return without_member(value, handler)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        """Describe an object with one of these properties: generators of clients cannot read recursive unions."""
        choices = handler(schema)["oneOf"]
        return {
            "type": "object",
            "properties": {kind: part for choice in choices for kind, part in choice["properties"].items()},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "description": "One action: the step kind and its parameters.",
            "examples": [{kind: model.example} for kind, model in self.models[:1]],
        }


def _rule_action() -> TypeAdapter[Any]:
    return _action(tuple(rule_actions().items()))


@lru_cache(maxsize=2)
def _action(models: ParamsByKind) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[JsonDict, OneAction(models)])


Action = TypeAliasType("Action", Annotated[JsonDict, FromRegistry(_rule_action)])
Actions = Annotated[list[Action], Items(f"must be a list of 1 to {MOST_ACTIONS} actions", most=MOST_ACTIONS, least=1)]
Nested = Annotated[Actions, NotDeeper(DEEPEST_BRANCH)]
