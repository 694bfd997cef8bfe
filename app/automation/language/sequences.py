"""Sequences: steps one after the other, each counted from the end of the one before."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from app.automation.language.actions import (
    Assign,
    CallWebhook,
    ChangeStage,
    CompleteTasks,
    CreateTask,
    Notify,
    SendMessage,
    Template,
    UpdateLead,
)
from app.automation.language.base import Maybe, Strict
from app.automation.language.conditions import EnrolledConditions, field_at
from app.automation.language.errors import Line, Loc, problem
from app.automation.language.events import EndingEvents
from app.automation.language.known_names import known_names
from app.automation.language.primitives import (
    LONGEST_SLUG,
    ByShape,
    Description,
    Duration,
    Form,
    Items,
    OneOf,
    Slug,
    Tag,
    Truth,
    Whole,
    is_mapping,
)
from app.automation.language.rules import Lateness, On, OnlyIf, Priority, Unless, WaitAfter, WaitBefore, WhenHolds
from app.automation.language.step_kinds import Params, StepWithAction, step_of
from app.automation.language.timing import DelayOrPeriod, timing_conflicts
from app.automation.language.vocabulary import KEY, When
from app.core.validation.validation_errors import not_known
from app.engine.models import Kind
from app.engine.rules.rules import DEFAULT_PRIORITY
from app.engine.sequences.sequence import DEFAULT_EXITS, END

MOST_STEPS: Final = 100
MOST_VARIANTS: Final = 10
HEAVIEST: Final = 100
OWN: Final = "custom."  # before the key of a field of the clinic's own

StepName = Annotated[
    str,
    Form(f"must be a slug such as day-3, of at most {LONGEST_SLUG}, and not {END!r}", not_one=END),
    Field(description="The name of the step; it is unique in the sequence.", examples=["day-3"]),
]


class _StepTarget:
    """The name of a later step, or `end`. The sequence checks it, for it knows the steps."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_SLUG}


Target = Annotated[str, _StepTarget()]


class Trigger(Strict):
    """A rule that enrolls leads into the sequence."""

    must_be: ClassVar[str] = "must be like {on: lead.created, when: [...]}"
    example: ClassVar[Any] = {"on": "lead.created", "when": [{"field": "lead.source_category", "equals": "WEB_PAID"}]}

    on: On = Field(examples=["lead.created"])
    when: WhenHolds = Field(default=[])
    after: WaitAfter = None
    before: WaitBefore = None

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Line]:
        """Yield the mistakes of its timing."""
        yield from timing_conflicts(given)


class Variant(Strict):
    """One of several templates of a message."""

    must_be: ClassVar[str] = "must be like {name: A, weight: 50, template: hello}"
    example: ClassVar[Any] = {"name": "A", "weight": 50, "template": "hello"}

    name: Tag = Field(description="Its name in reports.", examples=["A"])
    weight: Annotated[int, Whole(1, HEAVIEST)] = Field(
        default=1, description="How often it is chosen, relative to the others.", examples=[50]
    )
    template: Template


class SequenceMessage(SendMessage):
    """Send a message to the lead, with one template or one of several variants."""

    example: ClassVar[Any] = {"channel": "email", "template": "hello"}

    template: Maybe[Template] = None  # type: ignore[assignment]
    variants: Maybe[
        Annotated[list[Variant], Items(f"must be a list of 2 to {MOST_VARIANTS} variants", most=MOST_VARIANTS, least=2)]
    ] = Field(
        default=None,
        description="Templates to choose from; an enrollment always gets the same one.",
        examples=[[Variant.example, {"name": "B", "template": "other"}]],
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Line]:
        """Yield a mistake where not exactly one of `template` and `variants` is given, and for repeated names."""
        yield from super().conflicts(given)
        if "variants" not in given and "template" not in given:
            yield Line(("template",), "is missing")
        if "variants" in given and "template" in given:
            yield Line(("template",), "and variants exclude each other: each variant has its own")
        yield from repeated(given.get("variants"), "variants", "variant")


class SequenceTask(CreateTask):
    """Create a task for the lead's coordinator. With `wait_for` the next step waits until the task is closed."""

    example: ClassVar[Any] = {"type": "CALL", "title": "Call them", "wait_for": "completion"}

    wait_for: Maybe[Annotated[Literal["completion"], OneOf()]] = Field(
        default=None, description="What the next step waits for.", examples=["completion"]
    )


class Wait(Params):
    """Do nothing; the next step follows when its `after` is over."""

    kind: ClassVar[str] = Kind.WAIT
    example: ClassVar[Any] = {}


class SequenceBranch(Params):
    """Continue with one step or the other, decided when the step is due."""

    kind: ClassVar[str] = Kind.BRANCH
    example: ClassVar[Any] = {"if": [{"field": "enrollment.last_opened", "equals": True}], "then": "call"}

    if_: EnrolledConditions = Field(alias="if", description="Conditions; all of them have to hold.")
    then: Target = Field(description="The next step if they hold: a later one, or `end`.", examples=["call"])
    else_: Maybe[Target] = Field(
        default=None,
        alias="else",
        description="The next step if they do not hold; unless given: the next in the list.",
        examples=["again"],
    )


class StepParts(StepWithAction):
    """A step: a name, exactly one action, and when it is due after the step before ended."""

    must_be: ClassVar[str] = "must be a mapping such as {name: hello, after: 1 day, send_message: {...}}"
    example: ClassVar[Any] = {"name": "hello", "after": "1 day", "send_message": SequenceMessage.example}

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
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Line]:
        """Yield the mistakes of parts that do not fit the action."""
        yield from super().conflicts(given)
        if Kind.WAIT in given and "after" not in given:
            yield Line(("after",), "is missing")
        if Kind.BRANCH in given and "next" in given:
            yield Line(("next",), "is not for a branch: it says `then` and `else`")


SEQUENCE_ACTIONS: Final[tuple[type[Params], ...]] = (
    *(SequenceMessage, SequenceTask, Notify, ChangeStage, Assign, UpdateLead, CompleteTasks, CallWebhook),
    *(Wait, SequenceBranch),
)
SequenceStep: Final = step_of(StepParts, SEQUENCE_ACTIONS)


class ReEntryAfter(Strict):
    """A lead may enter the sequence again, this long after it left."""

    example: ClassVar[Any] = {"after": "90 days"}

    after: Duration = Field(description="How long after the end of its last enrollment.", examples=["90 days"])


class _OwnField:
    """A field of the clinic's own, such as `custom.company`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._check)

    def _check(self, path: object, info: ValidationInfo) -> object:
        known = known_names(info)
        if str(path).startswith(OWN) and field_at(f"lead.{path}", When.DUE, known):
            return path
        raise problem(not_known(path, {f"{OWN}{key}" for key in known.fields or ()}))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^custom\\.{KEY}$"}


class Sequence(Strict):
    """A sequence: steps one after the other, each counted from the end of the one before."""

    example: ClassVar[Any] = {
        "name": "onboarding",
        "enroll": Trigger.example,
        "goal": ["consultation.scheduled"],
        "re_entry": {"after": "90 days"},
        "steps": [
            {"name": "hello", "send_message": {"channel": "email", "template": "hello"}},
            {"name": "call", "after": "2 days", "create_task": SequenceTask.example},
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
        list[StepParts],
        Items(f"must be a list of 1 to {MOST_STEPS} steps", most=MOST_STEPS, least=1, item=SequenceStep),
    ] = Field(description="The steps, in their order.")

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Line]:
        """Yield repeated names of steps, and targets that are not a later step."""
        yield from repeated(given.get("steps"), "steps", "step")
        steps = given["steps"] if isinstance(given.get("steps"), list) else []
        for i, step in enumerate(steps):
            if isinstance(step, Mapping):
                later = {END, *(name for name in map(_name, steps[i + 1 :]) if isinstance(name, str))}
                yield from (Line(("steps", i, *line.loc), line.problem) for line in _wrong_targets(step, later))


def _wrong_targets(step: Mapping[str, Any], later: set[str]) -> Iterator[Line]:
    """Yield the steps that may not follow: only later ones may, so that every path ends."""
    targets: dict[Loc, object] = {("next",): step["next"]} if "next" in step else {}
    branch = step.get("branch")
    if isinstance(branch, Mapping):
        targets |= {("branch", way): branch[way] for way in ("then", "else") if way in branch}
    for loc, target in targets.items():
        if not isinstance(target, str) or target not in later:
            yield Line(loc, not_known(target, later))


def repeated(parts: object, key: str, word: str) -> Iterator[Line]:
    """Yield the names of these parts that an earlier one has."""
    names = [_name(part) for part in parts] if isinstance(parts, list) else []
    twice = {name for name, times in Counter(map(str, names)).items() if times > 1}
    for i, name in enumerate(names):
        if name is not None and str(name) in twice and name in names[:i]:
            yield Line((key, i, "name"), f"{name!r} is taken by an earlier {word}")


def _name(part: object) -> object:
    return part.get("name") if isinstance(part, Mapping) else None
