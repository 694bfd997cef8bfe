"""The parameters of each step kind that rules can name."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

from annotated_types import Len
from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from app.automation.language.base import Maybe, Strict
from app.automation.language.conditions import DueConditions, PlainValue
from app.automation.language.errors import Line, problem
from app.automation.language.known_names import KnownNames
from app.automation.language.primitives import (
    LONGEST_SLUG,
    LONGEST_TAG,
    Duration,
    Form,
    Items,
    Named,
    NotDeeper,
    OneOf,
    RegisteredName,
    Says,
    Title,
    Truth,
    Whole,
    about,
)
from app.automation.language.step_kinds import DEEPEST_BRANCH, OneAction, Params
from app.core.http_client.targets import NotAllowed, parse_target
from app.core.validation.validation_errors import not_known
from app.engine.models import Kind
from app.leads.enums import LostReason
from app.leads.models import HIGHEST_SCORE
from app.leads.pipeline.models import LOST
from app.messaging.channels.gateway_payload import MessageType
from app.messaging.channels.registry import CHANNELS
from app.tasks.models import TaskPriority, TaskType

MOST_ACTIONS: Final = 20
MOST_TAGS: Final = 20
BY_RULES: Final = "by_rules"
BY_GATEWAY: Final = ("type", "media_url", "gateway")  # the settings of messages through gateways

Template = Annotated[str, Named("templates"), Field(description="The slug of a message template.", examples=["hello"])]
StaffChannels = Annotated[
    list[Annotated[str, RegisteredName(CHANNELS.names_for_users)]],
    Items("must be a list of channels", most=20, least=1),
    Field(description="How users are told.", examples=[["in_app", "email"]]),
]
Reason = Annotated[LostReason, OneOf(), Field(description="Why the lead is lost.", examples=["NO_RESPONSE"])]
GatewaySlug = Annotated[
    str,
    Form(f"must be a gateway's slug, such as social-desk, of at most {LONGEST_SLUG}"),
    Field(description="The slug of one of the clinic's gateways.", examples=["social-desk"]),
]
SequenceSlug = Annotated[str, Named("sequences"), Field(description="The slug of a sequence.", examples=["onboarding"])]


Tags = Annotated[
    list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TAG, strict=True)]],
    Len(0, MOST_TAGS),
    Says(f"must be a list of at most {MOST_TAGS} tags, each of 1 to {LONGEST_TAG} characters", of_parts=True),
]


class Due(Strict):
    """When a task is due, counted from its creation."""

    must_be: ClassVar[str] = "must be like {after: 5 minutes, clock: business}"
    example: ClassVar[Any] = {"after": "30 minutes", "clock": "business"}

    after: Duration = Field(description="How long after its creation.", examples=["30 minutes"])
    clock: Annotated[Literal["wall", "business"], OneOf()] = Field(
        default="wall", description="`business` counts opening hours only.", examples=["business"]
    )


class CreateTask(Params):
    """Create a task for the lead's coordinator."""

    kind: ClassVar[str] = Kind.CREATE_TASK
    example: ClassVar[Any] = {"type": "CALL", "title": "Call back", "priority": "HIGH", "due": Due.example}

    type: Annotated[TaskType, OneOf()] = Field(description="The type of the task.", examples=["CALL"])
    title: Title = Field(description="The title of the task.", examples=["Call back"])
    priority: Annotated[TaskPriority, OneOf()] = Field(
        default=TaskPriority.NORMAL, description="The priority of the task.", examples=["HIGH"]
    )
    due: Maybe[Due] = Field(default=None, description="When it is due; at once unless given.")


class Remind(Params):
    """Remind the assignee of a task that it is about to be due."""

    kind: ClassVar[str] = Kind.REMIND
    example: ClassVar[Any] = {"channels": ["in_app", "email"], "template": "hello"}

    channels: StaffChannels
    template: Template


class Escalate(Params):
    """Create an urgent task for an admin, and notify all admins."""

    kind: ClassVar[str] = Kind.ESCALATE
    example: ClassVar[Any] = {"title": "No contact in 24 hours", "channels": ["email"], "template": "hello"}

    title: Title = Field(description="The title of the task.", examples=["No contact in 24 hours"])
    channels: StaffChannels
    template: Template


class Notify(Params):
    """Notify users: the coordinator, the managers or the admins."""

    kind: ClassVar[str] = Kind.NOTIFY
    example: ClassVar[Any] = {"to": "managers", "channels": ["in_app"], "template": "hello"}

    to: Annotated[Literal["coordinator", "managers", "admins"], OneOf()] = Field(
        default="coordinator", description="The users to notify.", examples=["managers"]
    )
    channels: StaffChannels
    template: Template


def _https(url: object) -> str:
    try:
        is_https = parse_target(str(url)).scheme == "https"
    except NotAllowed as refusal:
        raise problem(str(refusal)) from None
    if not is_https:
        raise problem("must begin with https://")
    return str(url)


class SendMessage(Params):
    """Send a message to the lead, by e-mail or through a gateway. Contact policy may delay or stop it."""

    kind: ClassVar[str] = Kind.SEND_MESSAGE
    example: ClassVar[Any] = {"channel": "email", "template": "hello"}

    channel: Annotated[str, RegisteredName(CHANNELS.names_for_leads)] = Field(
        description="A channel that reaches leads.", examples=["email"]
    )
    template: Template
    transactional: Truth = Field(default=False, description="Pass quiet hours and caps.", examples=[True])
    type: Annotated[MessageType, OneOf()] = Field(
        default=MessageType.TEXT, description="The type of message, for `http` only.", examples=["image"]
    )
    media_url: Maybe[Annotated[str, BeforeValidator(_https), about("An https address.")]] = Field(
        default=None, description="The address of the image or video.", examples=["https://clinic.example/smile.png"]
    )
    gateway: Maybe[GatewaySlug] = None

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Line]:
        """Yield the settings that do not fit the channel or the type."""
        if not CHANNELS.needs_gateway(given.get("channel")):
            allowed = [key for key in cls.parts() if key not in BY_GATEWAY]
            yield from (Line((key,), not_known(key, allowed)) for key in BY_GATEWAY if key in given)
        elif ("media_url" in given) != (given.get("type", MessageType.TEXT) != MessageType.TEXT):
            yield Line(("media_url",), "goes with an image or a video, and only with those")


class SuggestLost(Params):
    """Suggest to the coordinator to close the lead as lost."""

    kind: ClassVar[str] = Kind.SUGGEST_LOST
    example: ClassVar[Any] = {"reason": "NO_RESPONSE"}

    reason: Reason
    channels: Maybe[StaffChannels] = None
    template: Maybe[Template] = None

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Line]:
        """Yield a mistake for channels without a template, and the reverse."""
        named = given.keys() & {"channels", "template"}
        if len(named) == 1:
            [missing] = {"channels", "template"} - named
            yield Line((missing,), "is missing: `channels` and `template` go together")


class ChangeStage(Params):
    """Move the lead to a stage; to `lost` with a reason."""

    kind: ClassVar[str] = Kind.CHANGE_STAGE
    example: ClassVar[Any] = {"stage": "contacted"}

    stage: Annotated[str, Named("stages")] = Field(description="The slug of the stage.", examples=["contacted"])
    reason: Maybe[Reason] = None

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Line]:
        """Yield a mistake for a loss without a reason, and for a reason without a loss."""
        if given.get("stage") == LOST and "reason" not in given:
            yield Line(("reason",), "is missing")
        if given.get("stage") != LOST and "reason" in given:
            yield Line(("reason",), not_known("reason", ["stage"]))


class _UserId:
    """The id of a user, or that assignment rules decide."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: object) -> object:
        if value == BY_RULES or _is_id(value):
            return value
        raise problem(f"must be {BY_RULES} or the id of a user")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"const": BY_RULES}, {"type": "string", "format": "uuid"}]}


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


class Assign(Params):
    """Assign the lead to a user, or to the user that assignment rules choose."""

    kind: ClassVar[str] = Kind.ASSIGN
    example: ClassVar[Any] = {"to": BY_RULES}

    to: Annotated[str, _UserId()] = Field(description=f"`{BY_RULES}`, or the id of a user.", examples=[BY_RULES])


class UpdateLead(Params):
    """Change the lead's tags, score and custom fields."""

    kind: ClassVar[str] = Kind.UPDATE_LEAD
    example: ClassVar[Any] = {
        "add_tags": ["hot"],
        "remove_tags": ["cold"],
        "add_score": 10,
        "custom": {"visited": True},
    }

    add_tags: Maybe[Tags] = Field(default=None, description="Tags to add.", examples=[["hot"]])
    remove_tags: Maybe[Tags] = Field(default=None, description="Tags to remove.", examples=[["cold"]])
    score: Maybe[Annotated[int, Whole(0, HIGHEST_SCORE)]] = Field(
        default=None, description="The new score.", examples=[50]
    )
    add_score: Maybe[Annotated[int, Whole(-HIGHEST_SCORE, HIGHEST_SCORE)]] = Field(
        default=None, description="What to add to the score.", examples=[10]
    )
    custom: Maybe[Annotated[dict[str, PlainValue], Says("must map the clinic's own fields to their values")]] = Field(
        default=None, description="Values of the clinic's own fields, by key.", examples=[{"visited": True}]
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Line]:
        """Yield a mistake where nothing is changed."""
        if not given:
            yield Line((), "must change something: add_tags, remove_tags, score, add_score or custom")

    @classmethod
    def misfits(cls, given: Mapping[str, Any], known: KnownNames) -> Iterator[Line]:
        """Yield the fields that the clinic does not have."""
        custom = given.get("custom")
        if isinstance(custom, Mapping) and known.fields is not None:
            yield from (Line(("custom", key), not_known(key, known.fields)) for key in custom.keys() - known.fields)


class CompleteTasks(Params):
    """Complete the lead's open tasks of these types."""

    kind: ClassVar[str] = Kind.COMPLETE_TASKS
    example: ClassVar[Any] = {"types": ["PAYMENT"]}

    types: Annotated[
        list[Annotated[TaskType, OneOf()]], Items("must be a list of task types", most=len(TaskType), least=1)
    ] = Field(description="The types of task.", examples=[["PAYMENT"]])


class CallWebhook(Params):
    """Call a gateway of the clinic with ids and codes; the call is signed."""

    kind: ClassVar[str] = Kind.CALL_WEBHOOK
    example: ClassVar[Any] = {"gateway": "crm"}

    gateway: GatewaySlug


class Enroll(Params):
    """Enroll the lead into a sequence, if the sequence allows it."""

    kind: ClassVar[str] = Kind.ENROLL
    example: ClassVar[Any] = {"sequence": "onboarding"}

    sequence: SequenceSlug


class Unenroll(Params):
    """Take the lead out of a sequence."""

    kind: ClassVar[str] = Kind.UNENROLL
    example: ClassVar[Any] = {"sequence": "onboarding"}

    sequence: SequenceSlug


class Branch(Params):
    """Do one list of actions or the other, decided when the step is due."""

    kind: ClassVar[str] = Kind.BRANCH
    example: ClassVar[Any] = {
        "if": [{"field": "lead.replied_at", "exists": True}],
        "then": [{"assign": Assign.example}],
    }

    if_: DueConditions = Field(alias="if", description="Conditions; all of them have to hold.")
    then: "Nested" = Field(description="The actions if they hold.")
    else_: "Maybe[Nested]" = Field(default=None, alias="else", description="The actions if they do not hold.")


RULE_ACTIONS: Final[tuple[type[Params], ...]] = (
    *(CreateTask, Remind, Escalate, Notify, SendMessage, SuggestLost, ChangeStage, Assign, UpdateLead),
    *(CompleteTasks, CallWebhook, Enroll, Unenroll, Branch),
)
Action = TypeAliasType("Action", Annotated[dict[str, Any], OneAction(RULE_ACTIONS)])
Actions = Annotated[list[Action], Items(f"must be a list of 1 to {MOST_ACTIONS} actions", most=MOST_ACTIONS, least=1)]
Nested = Annotated[Actions, NotDeeper(DEEPEST_BRANCH)]
