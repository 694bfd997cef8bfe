"""Playbooks: rules, sequences, nurtures and templates, with the stages and fields that they need."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BeforeValidator, Field

from app.automation.language.base import Maybe, Strict
from app.automation.language.known_names import ANY_NAME, KnownNames
from app.automation.language.nurtures import Nurture
from app.automation.language.rules import Rule
from app.automation.language.sequences import Sequence
from app.automation.language.types.containers import Items
from app.automation.language.types.errors import Line, as_error
from app.automation.language.types.part_names import repeated
from app.automation.language.types.primitives import (
    LONGEST_SLUG,
    Description,
    Duration,
    Form,
    Named,
    OneLine,
    OneOf,
    Says,
    Tag,
    Title,
    Trimmed,
    Truth,
    Whole,
    about,
)
from app.automation.language.validation import mistakes_in
from app.automation.language.vocabulary import Field as Fact
from app.automation.language.vocabulary import Type
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.validation_errors import Mistake, parts_of
from app.leads.custom_fields.models import (
    FIELD_KEY,
    LONGEST_FIELD_KEY,
    LONGEST_FIELD_LABEL,
    LONGEST_OPTION,
    MOST_OPTIONS,
    FieldType,
    options_error,
)
from app.leads.pipeline.models import (
    LONGEST_STAGE_COLOR,
    LONGEST_STAGE_DESCRIPTION,
    LONGEST_STAGE_NAME,
    LONGEST_STAGE_SLUG,
    LOST,
    MOST_DAYS_IN_STAGE,
    STAGE_COLOR,
    STAGE_SLUG,
    STARTED,
)
from app.messaging.templates.template_definitions import check_definition
from app.tasks.models import TaskPriority, TaskType
from app.tasks.rows import MOST_TAGS
from app.tasks.templates.models import LONGEST_TASK_DESCRIPTION, LONGEST_TEMPLATE_NAME
from app.tasks.templates.rendering import DASH, TaskText, template_errors


def _lines(most: int) -> Form:
    return Form(
        f"must be text of at most {most} characters, without control characters",
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
        most=most,
    )


_COLOR: Final = Form("must look like #c2502f", pattern=STAGE_COLOR, most=LONGEST_STAGE_COLOR)
MOST_RULES, MOST_TEMPLATES, MOST_SEQUENCES, MOST_PARTS = 200, 200, 50, 50
FIELD_TYPES: Final[Mapping[str, Type]] = {
    FieldType.TEXT: Type.TEXT,
    FieldType.NUMBER: Type.NUMBER,
    FieldType.BOOLEAN: Type.TRUTH,
    FieldType.DATE: Type.DATE,
    FieldType.CHOICE: Type.TEXT,
}


def _code(pattern: str, most: int) -> Form:
    return Form(
        "must be text that starts with a lower-case letter and contains only lower-case letters, digits and _,"
        f" of at most {most} characters",
        pattern=pattern,
        most=most,
    )


class PlaybookStage(Strict):
    """A pipeline stage that the playbook adds."""

    example: ClassVar[object] = {"slug": "quoted", "name": "Quoted"}

    slug: Annotated[str, _code(STAGE_SLUG, LONGEST_STAGE_SLUG), Trimmed] = Field(
        description="Its slug: small letters, digits and `_`.", examples=["quoted"]
    )
    name: Annotated[str, OneLine(LONGEST_STAGE_NAME), Trimmed] = Field(description="Its name.", examples=["Quoted"])
    description: Maybe[Annotated[str, _lines(LONGEST_STAGE_DESCRIPTION), Trimmed]] = Field(
        default=None, description="A description for people."
    )
    color: Maybe[Annotated[str, _COLOR, Trimmed]] = Field(default=None, description="Its color.", examples=["#c2502f"])
    max_days_in_stage: Maybe[Annotated[int, Whole(1, MOST_DAYS_IN_STAGE)]] = Field(
        default=None, description="A lead that stays longer is reported.", examples=[14]
    )


class PlaybookField(Strict):
    """A field of leads that the playbook adds."""

    example: ClassVar[object] = {"key": "floor", "label": "Floor", "type": "number"}

    key: Annotated[str, _code(FIELD_KEY, LONGEST_FIELD_KEY), Trimmed] = Field(
        description="Its key: small letters, digits and `_`.", examples=["floor"]
    )
    label: Annotated[str, OneLine(LONGEST_FIELD_LABEL), Trimmed] = Field(description="Its label.", examples=["Floor"])
    type: Annotated[FieldType, OneOf()] = Field(description="The type of its values.", examples=["number"])
    options: Annotated[
        list[Annotated[str, OneLine(LONGEST_OPTION), Trimmed]],
        Items(f"must be a list of at most {MOST_OPTIONS} texts", most=MOST_OPTIONS),
    ] = Field(default=[], description="The values of the type `choice`.", examples=[["A"]])

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake for options that do not fit the type."""
        options = given.get("options", [])
        is_list_of_texts = isinstance(options, list) and all(isinstance(option, str) for option in options)
        if is_list_of_texts and (mistake := options_error(given.get("type"), options)):
            yield Line(("options",), mistake)


class PlaybookTaskTemplate(Strict):
    """A task template that the playbook adds."""

    example: ClassVar[object] = {
        "name": "Insurance card",
        "title": "Ask {{ lead.first_name }} for the insurance card",
        "type": "CALL",
        "due_in": "1 day",
    }

    name: Annotated[str, OneLine(LONGEST_TEMPLATE_NAME), Trimmed] = Field(
        description="Its name, which rules and sequences use.", examples=["Insurance card"]
    )
    title: Title = Field(
        description="The title of its tasks, with merge fields.", examples=["Call {{ lead.first_name }}"]
    )
    description: Maybe[Annotated[str, _lines(LONGEST_TASK_DESCRIPTION), Trimmed]] = Field(
        default=None, description="What there is to do, with merge fields."
    )
    type: Annotated[TaskType, OneOf()] = Field(description="The type of its tasks.", examples=["CALL"])
    priority: Annotated[TaskPriority, OneOf()] = Field(default=TaskPriority.NORMAL, description="Their priority.")
    due_in: Duration = Field(description="The time from creation to the due time.", examples=["2 hours"])
    business_time: Truth = Field(default=False, description="Count only opening hours.")
    tags: Annotated[list[Tag], Items(f"must be a list of at most {MOST_TAGS} tags", most=MOST_TAGS)] = Field(
        default=[], description="Their tags.", examples=[["insurance"]]
    )
    stage: Maybe[Annotated[str, Named("stages")]] = Field(
        default=None,
        description="The slug of a stage: each lead that moves into it gets the task.",
        examples=["quoted"],
    )

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield the mistakes of merge fields, and a mistake for a final stage."""
        texts = {name: text for name in TaskText._fields if isinstance(text := given.get(name), str)}
        words = TaskText(texts.get("title", DASH), texts.get("description"))
        yield from (Line((name,), mistake) for name, mistake in template_errors(words).items())
        if given.get("stage") in {LOST, STARTED}:
            yield Line(("stage",), "must not be a final stage: its leads are over")


def _check_template(given: JsonDict) -> JsonDict:
    if mistakes := check_definition(given):
        raise as_error("template", (Line(parts_of(mistake.place), mistake.problem) for mistake in mistakes))
    return given


_Template = Annotated[
    JsonDict,
    Says("must be a mapping with subject and body"),
    AfterValidator(_check_template),
    about(
        "A message template: the text for every channel and language, and variants for some of them.",
        {"subject": "Your visit", "body": "Hello {{ lead.first_name }}"},
        properties={
            "name": {"type": "string"},
            "description": {"type": "string"},
            "subject": {"type": "string"},
            "body": {"type": "string"},
            "variants": {"type": "array", "items": {"type": "object"}},
        },
        required=["subject", "body"],
        additionalProperties=False,
    ),
]


def _list_of(word: str, most: int) -> Items:
    return Items(f"must be a list of at most {most} {word}", most=most)


class Playbook(Strict):
    """A playbook: rules, sequences, nurtures and templates, with the stages and fields that they need."""

    must_be: ClassVar[str] = "must be a mapping with name, rules and templates"
    example: ClassVar[object] = {
        "name": "ours",
        "rules": [Rule.example],
        "templates": {"hello": {"subject": "Hello", "body": "Hello {{ lead.first_name }}"}},
    }

    name: Annotated[str, OneLine(LONGEST_SLUG)] = Field(description="Its name.", examples=["ours"])
    title: Maybe[Description] = Field(default=None, description="Its title.", examples=["Our follow-up"])
    description: Maybe[Description] = Field(default=None, description="A description for people.")
    stages: Annotated[list[PlaybookStage], _list_of("mappings", MOST_PARTS)] = Field(
        default=[], description="Stages to add.", examples=[[PlaybookStage.example]]
    )
    fields: Annotated[list[PlaybookField], _list_of("mappings", MOST_PARTS)] = Field(
        default=[], description="Fields to add.", examples=[[PlaybookField.example]]
    )
    rules: Annotated[list[Rule], _list_of("rules", MOST_RULES)] = Field(description="Its rules.")
    sequences: Annotated[list[Sequence], _list_of("sequences", MOST_SEQUENCES)] = Field(
        default=[], description="Its sequences."
    )
    nurtures: Annotated[list[Nurture], _list_of("nurtures", MOST_PARTS)] = Field(
        default=[], description="Its nurtures."
    )
    templates: Annotated[
        dict[str, _Template],
        Field(max_length=MOST_TEMPLATES),
        Says(f"must map at most {MOST_TEMPLATES} slugs to their subject and body"),
        BeforeValidator(lambda given: given or {}),
    ] = Field(default={}, description="Its message templates, by slug.")

    task_templates: Annotated[list[PlaybookTaskTemplate], _list_of("task templates", MOST_TEMPLATES)] = Field(
        default=[], description="Its task templates."
    )

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake for each name that an earlier part has."""
        for key in ("rules", "sequences", "nurtures", "task_templates"):
            yield from repeated(given.get(key), key, key.removesuffix("s").replace("_", " "))


def mistakes_in_playbook(document: object, known: KnownNames | None = None) -> list[Mistake]:
    """Return the mistakes of a playbook. `known`: the names of the clinic that installs it; None: no clinic.

    Its parts may refer to stages, fields, sequences and task templates of the clinic and of the playbook, and to
    its own message templates.
    """
    found = mistakes_in(Playbook, document, _with_own_names(document, known))
    return [_of_the_whole(mistake, document) for mistake in found]


def _of_the_whole(mistake: Mistake, document: object) -> Mistake:
    """Prefix the path with `playbook` for a value that is no mapping, and for its own missing or unknown keys."""
    is_given = isinstance(document, Mapping) and mistake.place in document
    if mistake.place and (mistake.place in Playbook.parts()) == is_given:
        return mistake
    return Mistake(f"playbook.{mistake.place}".removesuffix("."), mistake.problem)


def _with_own_names(document: object, known: KnownNames | None) -> KnownNames:
    if not isinstance(document, Mapping):
        return ANY_NAME
    templates = document.get("templates")
    own = frozenset(map(str, templates)) if isinstance(templates, Mapping) else frozenset[str]()
    if known is None:
        return KnownNames(templates=own)
    fields = {
        key: Fact(FIELD_TYPES.get(str(one.get("type")), Type.ANY), "") for key, one in _named(document, "fields", "key")
    }
    return KnownNames(
        templates=own,
        fields={**fields, **(known.fields or {})},
        stages=(known.stages or frozenset()) | {slug for slug, _ in _named(document, "stages", "slug")},
        sequences=(known.sequences or frozenset()) | {name for name, _ in _named(document, "sequences", "name")},
        users=known.users,
        task_templates=(known.task_templates or frozenset())
        | {name.strip() for name, _ in _named(document, "task_templates", "name")},
    )


def _named(document: JsonObject, part: str, key: str) -> Iterator[tuple[str, JsonObject]]:
    """Yield the entries of a part that have a name under this key, even if they have other mistakes."""
    entries = document.get(part)
    for one in entries if isinstance(entries, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get(key), str):
            yield one[key], one
