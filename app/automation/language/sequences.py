"""Sequences: steps one after the other, each counted from the end of the one before."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationInfo, create_model
from pydantic_core import CoreSchema, core_schema

from app.automation.language.actions import FromRegistry, ParamsByKind
from app.automation.language.base import Maybe, Strict
from app.automation.language.conditions import EnrolledConditions, field_at
from app.automation.language.event_keys import EventKey, events_without_values
from app.automation.language.events import EndingEvents
from app.automation.language.known_names import known_names
from app.automation.language.params import Params, TemplateSlug
from app.automation.language.rules import Lateness, On, OnlyIf, Priority, Unless, WaitAfter, WaitBefore, WhenHolds
from app.automation.language.timing import DelayOrPeriod, timing_conflicts
from app.automation.language.types.containers import ByShape, Items, is_mapping
from app.automation.language.types.errors import Line, Loc, problem
from app.automation.language.types.impossible import contradictions, impossible_for, impossible_guard, needs_no_task
from app.automation.language.types.part_names import name_of, repeated
from app.automation.language.types.primitives import (
    LONGEST_SLUG,
    Description,
    Duration,
    Form,
    OneOf,
    Slug,
    Tag,
    Truth,
    Whole,
)
from app.automation.language.vocabulary import KEY, When
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.validation_errors import not_known
from app.engine.rules.rules import DEFAULT_PRIORITY
from app.engine.sequences.sequence import DEFAULT_EXITS, END
from app.engine.step_kind import STEP_KINDS

MOST_STEPS: Final = 100
HEAVIEST: Final = 100
OWN: Final = "custom."  # prefix of the key of a custom field

StepName = Annotated[
    str,
    Form(f"must be a slug such as day-3, of at most {LONGEST_SLUG}, and not {END!r}", not_one=END),
    Field(description="The name of the step; it is unique in the sequence.", examples=["day-3"]),
]


class _StepTarget:
    """Type of a target: the name of a later step, or `end`. `Sequence.conflicts` checks it."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_SLUG}


Target = Annotated[str, _StepTarget()]


class Trigger(Strict):
    """A rule that enrolls leads into the sequence."""

    must_be: ClassVar[str] = "must be like {on: lead.created, when: [...]}"
    example: ClassVar[object] = {
        "on": "lead.created",
        "when": [{"field": "lead.source_category", "equals": "WEB_PAID"}],
    }

    on: On = Field(examples=["lead.created"])
    when: WhenHolds = Field(default=[])
    after: WaitAfter = None
    before: WaitBefore = None

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield the mistakes of its timing, and the conditions that never hold."""
        yield from timing_conflicts(given)
        yield from impossible_for(given.get("on"), given.get("when"), ("when",))
        yield from contradictions(given.get("when"), ("when",))


class Variant(Strict):
    """One of several templates of a message."""

    must_be: ClassVar[str] = "must be like {name: A, weight: 50, template: hello}"
    example: ClassVar[object] = {"name": "A", "weight": 50, "template": "hello"}

    name: Tag = Field(description="Its name in reports.", examples=["A"])
    weight: Annotated[int, Whole(1, HEAVIEST)] = Field(
        default=1, description="How often it is chosen, relative to the others.", examples=[50]
    )
    template: TemplateSlug


class StepParts(Strict):
    """A step: a name, exactly one action, and when it is due after the step before ended."""

    must_be: ClassVar[str] = "must be a mapping such as {name: hello, after: 1 day, send_message: {...}}"
    example: ClassVar[object] = {
        "name": "hello",
        "after": "1 day",
        "send_message": {"channel": "email", "template": "hello"},
    }
    actions: ClassVar[Mapping[str, type[Params]]] = {}  # the models of the step kinds that it can name

    name: StepName
    description: Maybe[Description] = Field(default=None, description="A description for people.")
    after: Maybe[DelayOrPeriod] = Field(
        default=None,
        description="The delay after the end of the step before; none unless given.",
        examples=["2 days", {"time": "1 day", "at": "09:00", "zone": "lead"}],
    )
    only_if: Annotated[EnrolledConditions, OnlyIf] = Field(default=[])
    unless: Annotated[EnrolledConditions, Unless] = Field(default=[])
    skip_when_later_than: Lateness = None
    next: Maybe[Target] = Field(
        default=None,
        description="The step that follows: a later one, or `end`; unless given: the next in the list.",
        examples=["call"],
    )

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake where not exactly one action is named, and for parts that do not fit the action."""
        yield from impossible_guard(given)
        for part in ("only_if", "unless"):
            yield from needs_no_task(given.get(part), (part,))
        named = [kind for kind in cls.actions if kind in given]
        if len(named) != 1:
            yield Line((), f"must name one action of {', '.join(cls.actions)}")
        for kind in named:
            yield from cls.actions[kind].step_conflicts(given)


def sequence_actions() -> dict[str, type[Params]]:
    """Return the parameters' models of the step kinds that sequences can name, by name.

    Raises StepKindsAreMissing.
    """
    return {name: cast("type[Params]", params) for name in STEP_KINDS if (params := STEP_KINDS[name].sequence_params)}


def _sequence_step() -> TypeAdapter[Any]:
    return _step(tuple(sequence_actions().items()))


@lru_cache(maxsize=2)
def _step(models: ParamsByKind) -> TypeAdapter[Any]:
    """Return the model of a step: its parts, and one action of these step kinds.

    Its JSON Schema does not say that there is exactly one: generators of clients read `oneOf` as untyped.
    """
    fields: JsonDict = {kind: (Maybe[model], None) for kind, model in models}  # type: ignore[misc,valid-type]
    step = create_model("SequenceStep", __base__=StepParts, __doc__=StepParts.__doc__, **fields)
    step.actions = dict(models)
    return TypeAdapter(step)


class ReEntryAfter(Strict):
    """A lead may enter the sequence again, this long after it left."""

    example: ClassVar[object] = {"after": "90 days"}

    after: Duration = Field(description="How long after the end of its last enrollment.", examples=["90 days"])


class _OwnField:
    """Validator: a custom field, such as `custom.company`."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._check)

    def _check(self, path: object, info: ValidationInfo) -> object:
        known = known_names(info)
        if str(path).startswith(OWN) and field_at(f"lead.{path}", When.DUE, known):
            return path
        raise problem(not_known(path, {f"{OWN}{key}" for key in known.fields or ()}))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        return {"type": "string", "pattern": f"^custom\\.{KEY}$"}


class Sequence(Strict):
    """A sequence: steps one after the other, each counted from the end of the one before."""

    example: ClassVar[object] = {
        "name": "onboarding",
        "enroll": Trigger.example,
        "goal": ["consultation.scheduled"],
        "re_entry": {"after": "90 days"},
        "steps": [
            {"name": "hello", "send_message": {"channel": "email", "template": "hello"}},
            {
                "name": "call",
                "after": "2 days",
                "create_task": {"type": "CALL", "title": "Call them", "wait_for": "completion"},
            },
        ],
    }

    name: Slug = Field(description="Its name, which never changes.", examples=["onboarding"])
    description: Maybe[Description] = Field(
        default=None, description="A description for people.", examples=["From the first hello to a call."]
    )
    enroll: Maybe[Trigger] = Field(
        default=None, description="A rule that enrolls leads.", examples=[{"on": "lead.created", "after": "1 hour"}]
    )
    exit_on: EndingEvents = Field(
        default=[str(event) for event in DEFAULT_EXITS],
        description="Events that end an enrollment.",
        examples=[["lead.replied", "lead.opted_out", "message.bounced"]],
    )
    goal: EndingEvents = Field(
        default=[], description="Events that end an enrollment as a success.", examples=[["consultation.scheduled"]]
    )
    exit_on_colleague: Maybe[Annotated[str, _OwnField()]] = Field(
        default=None,
        description="A field: a reply or booking of another lead with the same value ends the enrollment, too.",
        examples=["custom.company"],
    )
    key: Maybe[Annotated[str, EventKey()]] = Field(
        default=None,
        description="A value of its custom events, such as an invoice: a lead is enrolled once for each value, and "
        "only events with the same value end that enrollment. Its tasks keep the value.",
        examples=["event.data.invoice"],
    )
    exclusive: Truth = Field(default=False, description="A lead is in one such sequence at a time.", examples=[True])
    re_entry: Annotated[
        str | ReEntryAfter,
        ByShape({"word": Annotated[Literal["never", "after_exit"], OneOf()], "parts": ReEntryAfter}, is_mapping),
    ] = Field(
        default="never",
        description="Whether a lead may enter again: `never`, `after_exit`, or after some time.",
        examples=[{"after": "90 days"}],
    )
    label: Maybe[Tag] = Field(
        default=None, description="A tag that the lead has while it is enrolled.", examples=["onboarding"]
    )
    priority: Priority = DEFAULT_PRIORITY
    steps: Annotated[
        list[Annotated[StepParts, FromRegistry(_sequence_step)]],
        Items(f"must be a list of 1 to {MOST_STEPS} steps", most=MOST_STEPS, least=1),
    ] = Field(description="The steps, in their order.")

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield repeated names of steps, and targets that are not a later step."""
        yield from repeated(given.get("steps"), "steps", "step")
        if "key" in given and isinstance(given.get("enroll"), Mapping):
            yield from events_without_values(given["enroll"].get("on"), ("enroll", "on"))
        steps = given["steps"] if isinstance(given.get("steps"), list) else []
        for i, step in enumerate(steps):
            if isinstance(step, Mapping):
                later = {END, *(name for name in map(name_of, steps[i + 1 :]) if isinstance(name, str))}
                yield from (Line(("steps", i, *line.loc), line.problem) for line in _wrong_targets(step, later))


def _wrong_targets(step: JsonObject, later: set[str]) -> Iterator[Line]:
    """Yield the targets that are not a later step or `end`. Only those are allowed, so that every path ends."""
    targets: dict[Loc, object] = {("next",): step["next"]} if "next" in step else {}
    branch = step.get("branch")
    if isinstance(branch, Mapping):
        targets |= {("branch", way): branch[way] for way in ("then", "else") if way in branch}
    for loc, target in targets.items():
        if not isinstance(target, str) or target not in later:
            yield Line(loc, not_known(target, later))
