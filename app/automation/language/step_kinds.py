"""The base of all parameters of step kinds, and the union of actions that is built from them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, create_model
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from app.automation.language.base import Maybe, Strict
from app.automation.language.errors import Handler, Line, problem
from app.automation.language.primitives import without_member
from app.core.validation.validation_errors import not_known


class Params(Strict):
    """The parameters of one step kind. The docstring of a subclass says what the step does."""

    must_be: ClassVar[str] = "must be a mapping of settings"
    kind: ClassVar[str]  # the key of the action in a definition


@dataclass(frozen=True, slots=True)
class OneAction:
    """A mapping with one key, the step kind, and its parameters: a union discriminated by that key."""

    models: Sequence[type[Params]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices: dict[Any, CoreSchema] = {
            str(model.kind): core_schema.typed_dict_schema(
                {str(model.kind): core_schema.typed_dict_field(handler.generate_schema(model), required=True)},
                extra_behavior="forbid",
            )
            for model in self.models
        }
        union = core_schema.tagged_union_schema(choices, lambda value: next(iter(value)))
        return core_schema.no_info_wrap_validator_function(self._check, union)

    def _check(self, value: object, handler: Handler) -> Any:
        if not isinstance(value, Mapping) or len(value) != 1:
            raise problem("must name one action, such as create_task: {...}")
        [kind] = value
        kinds = [str(model.kind) for model in self.models]
        if kind not in kinds:
            raise problem(not_known(kind, kinds))
        return without_member(value, handler)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        for choice in described["oneOf"]:
            [kind] = choice["required"]
            choice["title"] = kind
        return {
            **described,
            "description": "One action: the step kind and its parameters.",
            "examples": [{str(model.kind): model.example} for model in self.models[:1]],
        }


def action_of(models: Sequence[type[Params]]) -> Any:
    """Return the type of an action: the union of these step kinds, discriminated by the key."""
    return TypeAliasType("Action", Annotated[dict[str, Any], OneAction(tuple(models))])


class StepWithAction(Strict):
    """The base of a sequence's steps: each names exactly one of the step kinds beside its other parts."""

    kinds: ClassVar[Sequence[str]] = ()

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Line]:
        """Yield a mistake where not exactly one action is named."""
        if len(given.keys() & {*cls.kinds}) != 1:
            yield Line((), f"must name one action of {', '.join(cls.kinds)}")


def step_of(base: type[StepWithAction], models: Sequence[type[Params]]) -> Any:
    """Return the model of a sequence's step: the parts of `base`, and one action of these step kinds."""
    fields: dict[str, Any] = {str(model.kind): (Maybe[model], None) for model in models}  # type: ignore[misc,valid-type]
    step = create_model("SequenceStep", __base__=base, __doc__=base.__doc__, **fields)
    step.kinds = list(fields)
    step.model_config["json_schema_extra"] = {"oneOf": [{"required": [kind]} for kind in fields]}
    return step


DEEPEST_BRANCH: Final = 3
