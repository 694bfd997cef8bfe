"""`create_task`: a follow-up task for the lead's coordinator."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.follow_up_events import task_created
from app.automation.handlers.support.task_text import check_merge_fields, task_text
from app.automation.language.base import Maybe, Strict
from app.automation.language.docs.sentences import of_length, plain
from app.automation.language.params import Params
from app.automation.language.timing import Clock
from app.automation.language.types.containers import Items
from app.automation.language.types.errors import Line
from app.automation.language.types.primitives import Description, Duration, Named, OneOf, Tag, Title, Whole
from app.automation.language.types.user_reference import UserIdOr
from app.core.calendar.calendar import Calendar
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.events.events import EventName
from app.engine.events.keys import event_key, in_words
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Row, Skip
from app.engine.rules.timing import Timing, count
from app.engine.step_kind import Details, Settings, StepKind
from app.identity.users.lookup import ActiveUser
from app.tasks.models import TaskPriority, TaskType
from app.tasks.rows import EARLIEST_REMINDER, MOST_REMINDERS, MOST_TAGS, task_row
from app.tasks.templates.create_from_template import due_at as due_of_template
from app.tasks.templates.rendering import TaskText

TO_ACT: Final = timedelta(hours=4)  # opening hours to act on a task without `due`
COORDINATOR: Final = "coordinator"
ROTATION: Final = "rotation"
_REMINDERS: Final = f"must be a list of at most {MOST_REMINDERS} reminders"
_Minutes = Annotated[int, Whole(0, EARLIEST_REMINDER // timedelta(minutes=1))]
TaskTitle = Annotated[Title, AfterValidator(check_merge_fields)]


class Due(Strict):
    """When a task is due, counted from its creation."""

    must_be: ClassVar[str] = "must be like {after: 5 minutes, clock: business}"
    example: ClassVar[object] = {"after": "30 minutes", "clock": "business"}

    after: Duration = Field(description="How long after its creation.", examples=["30 minutes"])
    clock: Clock = "wall"


class CreateTask(Params):
    """Create a task for the lead's coordinator, or for another user."""

    # No `anyOf`, because generators of clients cannot read alternatives without properties.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"not": {"required": ["task_template"]}},
            "then": {"required": ["type", "title"]},
        }
    )
    example: ClassVar[object] = {"type": "CALL", "title": "Call back", "priority": "HIGH", "due": Due.example}

    task_template: Maybe[Annotated[str, Named("task_templates")]] = Field(
        default=None,
        description="The name of a task template. It gives the task what the action leaves out: title, description,"
        " type, priority, tags and `due`, as they are when the task is created.",
        examples=["Ask for the insurance card"],
    )
    type: Maybe[Annotated[TaskType, OneOf()]] = Field(
        default=None, description="The type of the task. Required without a task template.", examples=["CALL"]
    )
    title: Maybe[TaskTitle] = Field(
        default=None,
        description="The title of the task, with merge fields as in task templates. Required without a task template.",
        examples=["Call back"],
    )
    description: Maybe[Annotated[Description, AfterValidator(check_merge_fields)]] = Field(
        default=None,
        description="What there is to do, with merge fields as in task templates.",
        examples=["Ask {{ lead.first_name }} for X-rays"],
    )
    tags: Annotated[list[Tag], Items(f"must be a list of at most {MOST_TAGS} tags", most=MOST_TAGS)] = Field(
        default=[], description="The tags of the task.", examples=[["callback"]]
    )
    priority: Annotated[TaskPriority, OneOf()] = Field(
        default=TaskPriority.NORMAL, description="The priority of the task.", examples=["HIGH"]
    )
    assignee: Maybe[Annotated[str, UserIdOr(COORDINATOR, ROTATION)]] = Field(
        default=None,
        description=f"`{COORDINATOR}` (the default); `{ROTATION}`: the users who take leads get the tasks in turn,"
        " whoever owns the lead, without those who are absent; or the id of a user. A user who may not work gets no"
        " task.",
        examples=[COORDINATOR],
    )
    reminder_minutes: Maybe[Annotated[list[_Minutes], Items(_REMINDERS, most=MOST_REMINDERS)]] = Field(
        default=None,
        description="Reminders in minutes before it is due; `[]`: none. As the clinic's rules say unless given.",
        examples=[[60, 15]],
    )
    due: Maybe[Due] = Field(
        default=None,
        description="When it is due. Unless given: as the task template says, else four opening hours after creation.",
    )

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield a mistake for each part that only a task template could give."""
        if "task_template" not in given:
            yield from (Line((name,), "is missing") for name in ("type", "title") if name not in given)


class SequenceTask(CreateTask):
    """Create a task for the lead's coordinator. With `wait_for` the next step waits until the task is closed."""

    example: ClassVar[object] = {"type": "CALL", "title": "Call them", "wait_for": "completion"}

    wait_for: Maybe[Annotated[Literal["completion"], OneOf()]] = Field(
        default=None, description="What the next step waits for.", examples=["completion"]
    )


def decide(context: StepContext) -> Outcome:
    """Create the task that the rule describes."""
    if "task_template" in context.params and context.task_template is None:
        return Skip(Reason.NO_TEMPLATE)  # it was deleted while the step was being planned
    assignee = _assignee(context)
    if assignee is None:
        return Skip(Reason.NOBODY_TO_TELL)
    params = context.params
    task = task_row(
        context.clinic.id,
        context.lead.id,
        at=context.now,
        **_parts(context),
        reminder_minutes=params.get("reminder_minutes"),
        assigned_to_id=assignee.id,
        asks_for_contact=asks_for_contact(context),
        step_id=context.step.id,
        key=event_key(context.step.cause),
    )
    return Done({"task_id": task["id"]}, effects=Effects(tasks=(task,), events=task_created(context, task)))


def asks_for_contact(context: StepContext) -> bool:
    """Return whether a contact ends what the rule asks for: then a contact also completes its task."""
    return EventName.LEAD_CONTACTED in context.step.stop_on


def _assignee(context: StepContext) -> ActiveUser | None:
    """Return the user who gets the task; None if there is none, or if the named user may not work."""
    named = context.params.get("assignee", COORDINATOR)
    if named == COORDINATOR:
        return context.coordinator
    if named == ROTATION:
        return context.person(context.turns.take()) if context.turns else None
    person = context.person(UUID(named))
    return person if person is not None and person.may_work else None


def _parts(context: StepContext) -> Row:
    """Return the texts, type, priority, tags and due time: of the action, else of its task template."""
    params = {"priority": TaskPriority.NORMAL, "tags": [], **_of_template(context), **context.params}
    words = task_text(context, params)
    template_id = params.get("task_template_id") or context.step.cause.get("task_template_id")
    return {
        "title": words.title,
        "description": words.description,
        "own_words": template_id is not None or words != TaskText(params["title"], None),  # differ by lead: searchable
        "task_template_id": template_id and UUID(template_id),
        "type": params["type"],
        "priority": params["priority"],
        "tags": params["tags"],
        "due_at": datetime.fromisoformat(params["task_due_at"]),
    }


def _of_template(context: StepContext) -> JsonDict:
    """Return the params that the task template of the step gives."""
    template = context.task_template
    if template is None:
        return {}
    return {
        "title": template.title,
        "description": template.description,
        "type": template.type,
        "priority": template.priority,
        "tags": list(template.tags),
        "task_due_at": due_of_template(template, context.clinic, context.step.due_at).isoformat(),
        "task_template_id": str(template.id),
    }


def step_params(settings: Settings, due_at: datetime, calendar: Calendar) -> JsonDict:
    """Replace `due` by `task_due_at`, counted from when the task is created. Without both, a task template has it."""
    params = {name: value for name, value in settings.items() if name != "due"}
    if "task_template" in settings and "due" not in settings:
        return params
    return params | {"task_due_at": _task_due(settings.get("due"), due_at, calendar).isoformat()}


def _task_due(due: Mapping[str, str] | None, made_at: datetime, calendar: Calendar) -> datetime:
    if due is None:
        return calendar.due_after(made_at, TO_ACT)
    timing = Timing.read({"time": due["after"], "clock": due.get("clock", "wall")})
    return count(timing, made_at, calendar)


def details_of_task(_: StepContext, done: Done) -> Details:
    """Return the main fields of the task that a step created."""
    [task] = done.effects.tasks
    about = in_words(task["key"])
    shown = {name: task[name] for name in ("title", "type", "priority", "due_at")}
    return {**shown, "about": about} if about else shown


def _sentence(task: Settings) -> str:
    held = "; continues when it is done" if "wait_for" in task else ""
    about = f" ({', '.join(said)})" if (said := list(_said(task))) else ""
    return f"Task: {task.get('title') or _quoted_template(task)}{about}{held}"


def _said(task: Settings) -> Iterator[str]:
    """Yield what the sentence says of a task in parentheses."""
    if "type" in task:
        yield plain(task["type"])
    if task.get("priority", TaskPriority.NORMAL) != TaskPriority.NORMAL:
        yield f"{plain(task['priority'])} priority"
    if due := task.get("due"):
        yield f"due in {of_length(due['after'], due.get('clock', 'wall'))}"
    if task.get("assignee") == ROTATION:
        yield "by rotation"
    if "title" in task and "task_template" in task:
        yield f"as {_quoted_template(task)}"


def _quoted_template(task: Settings) -> str:
    return f"the task template “{task['task_template']}”"


KIND = StepKind(
    name="create_task",
    decide=decide,
    params=CreateTask,
    sequence_params=SequenceTask,
    step_params=step_params,
    details=details_of_task,
    sentence=_sentence,
)
