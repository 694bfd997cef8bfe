"""`create_task`: a follow-up task for the lead's coordinator."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.follow_up_events import task_created
from app.automation.handlers.support.task_text import check_merge_fields, task_text
from app.automation.language.base import Maybe, Strict
from app.automation.language.docs.sentences import of_length, plain
from app.automation.language.params import Params
from app.automation.language.timing import Clock
from app.automation.language.types.containers import Items
from app.automation.language.types.primitives import Description, Duration, OneOf, Tag, Title, Whole
from app.automation.language.types.user_reference import UserIdOr
from app.core.calendar.calendar import Calendar
from app.core.type_aliases import JsonDict
from app.engine.events.events import EventName
from app.engine.events.keys import event_key, in_words
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Row, Skip
from app.engine.rules.timing import Timing, count
from app.engine.step_kind import Details, Settings, StepKind
from app.identity.users.lookup import ActiveUser
from app.leads.assignment.coordinators import coordinator_of
from app.tasks.models import TaskPriority, TaskType
from app.tasks.rows import EARLIEST_REMINDER, MOST_REMINDERS, MOST_TAGS, task_row

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

    example: ClassVar[object] = {"type": "CALL", "title": "Call back", "priority": "HIGH", "due": Due.example}

    type: Annotated[TaskType, OneOf()] = Field(description="The type of the task.", examples=["CALL"])
    title: TaskTitle = Field(
        description="The title of the task, with merge fields as in task templates.", examples=["Call back"]
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
        description=f"`{COORDINATOR}` (the default); `{ROTATION}`: the users who take leads get the tasks of different"
        " leads in turn, whoever owns the lead; or the id of a user. A user who may not work gets no task.",
        examples=[COORDINATOR],
    )
    reminder_minutes: Maybe[Annotated[list[_Minutes], Items(_REMINDERS, most=MOST_REMINDERS)]] = Field(
        default=None,
        description="Reminders in minutes before it is due; `[]`: none. As the clinic's rules say unless given.",
        examples=[[60, 15]],
    )
    due: Maybe[Due] = Field(
        default=None, description="When it is due; four opening hours after its creation unless given."
    )


class SequenceTask(CreateTask):
    """Create a task for the lead's coordinator. With `wait_for` the next step waits until the task is closed."""

    example: ClassVar[object] = {"type": "CALL", "title": "Call them", "wait_for": "completion"}

    wait_for: Maybe[Annotated[Literal["completion"], OneOf()]] = Field(
        default=None, description="What the next step waits for.", examples=["completion"]
    )


def decide(context: StepContext) -> Outcome:
    """Create the task that the rule describes."""
    assignee = _assignee(context)
    if assignee is None:
        return Skip(Reason.NOBODY_TO_TELL)
    params = context.params
    task = task_row(
        context.clinic.id,
        context.lead.id,
        at=context.now,
        **_words(context),
        type=params["type"],
        priority=params.get("priority", "NORMAL"),
        tags=params.get("tags", []),
        reminder_minutes=params.get("reminder_minutes"),
        assigned_to_id=assignee.id,
        due_at=datetime.fromisoformat(params["task_due_at"]),
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
        return coordinator_of(context.lead.id, None, context.people)
    person = context.person(UUID(named))
    return person if person is not None and person.may_work else None


def _words(context: StepContext) -> Row:
    """Return the title and description. Texts that differ by lead are searchable (`own_words`)."""
    words, template_id = task_text(context), context.step.cause.get("task_template_id")
    title, description = words
    if template_id is None:
        is_own = title != context.params["title"] or description is not None
        return {"title": title, "description": description, "own_words": is_own}
    return {"title": title, "description": description, "task_template_id": UUID(template_id)}


def step_params(settings: Settings, due_at: datetime, calendar: Calendar) -> JsonDict:
    """Replace `due` by `task_due_at`, counted from when the task is created."""
    params = {name: value for name, value in settings.items() if name != "due"}
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
    priority = task.get("priority", "NORMAL")
    urgency = "" if priority == "NORMAL" else f", {plain(priority)} priority"
    due = task.get("due", {})
    when = f", due in {of_length(due['after'], due.get('clock', 'wall'))}" if "after" in due else ""
    who = ", by rotation" if task.get("assignee") == ROTATION else ""
    held = "; continues when it is done" if "wait_for" in task else ""
    return f"Task: {task['title']} ({plain(task['type'])}{urgency}{when}{who}){held}"


KIND = StepKind(
    name="create_task",
    decide=decide,
    params=CreateTask,
    sequence_params=SequenceTask,
    step_params=step_params,
    details=details_of_task,
    sentence=_sentence,
)
