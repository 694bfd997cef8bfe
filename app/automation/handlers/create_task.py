"""`create_task`: a follow-up task for the lead's coordinator."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.automation.handlers.context import StepContext
from app.automation.handlers.follow_up_events import task_created
from app.automation.handlers.messages import values_of
from app.automation.language.docs.sentences import plain
from app.core.calendar.calendar import Calendar
from app.core.calendar.durations import parse_duration
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Row, Skip
from app.engine.step_kind import Details, Settings, StepKind, Words
from app.tasks.rows import task_row
from app.tasks.templates.rendering import TaskText, fill


def decide(context: StepContext) -> Outcome:
    """Create the task that the rule describes."""
    coordinator = context.coordinator
    if coordinator is None:
        return Skip(Reason.NOBODY_TO_TELL)
    task = task_row(
        context.clinic.id,
        context.lead.id,
        at=context.now,
        **_words(context),
        type=context.params["type"],
        priority=context.params.get("priority", "NORMAL"),
        tags=context.params.get("tags", []),
        assigned_to_id=coordinator.id,
        due_at=datetime.fromisoformat(context.params["task_due_at"]),
        step_id=context.step.id,
    )
    return Done({"task_id": task["id"]}, effects=Effects(tasks=(task,), events=task_created(context, task)))


def _words(context: StepContext) -> Row:
    """As a rule has them; with merge fields filled in, where a task template planned the step."""
    template_id = context.step.cause.get("task_template_id")
    if template_id is None:
        return {"title": context.params["title"], "own_words": False}
    words = fill(TaskText(context.params["title"], context.params["description"]), values_of(context))
    return {**words._asdict(), "task_template_id": UUID(template_id)}


def step_params(settings: Settings, due_at: datetime, calendar: Calendar) -> dict[str, Any]:
    """Replace `due` by `task_due_at`, counted from when the task is created."""
    params = {name: value for name, value in settings.items() if name != "due"}
    return params | {"task_due_at": _task_due(settings.get("due", {}), due_at, calendar).isoformat()}


def _task_due(due: Mapping[str, str], made_at: datetime, calendar: Calendar) -> datetime:
    after = parse_duration(due.get("after", "0 seconds"))
    return calendar.due_after(made_at, after) if due.get("clock") == "business" else made_at + after


def details_of_task(_: StepContext, done: Done) -> Details:
    """Return what people want to know of the task that a step made."""
    [task] = done.effects.tasks
    return {name: task[name] for name in ("title", "type", "priority", "due_at")}


def _sentence(task: Settings) -> str:
    priority = task.get("priority", "NORMAL")
    urgency = "" if priority == "NORMAL" else f", {plain(priority)} priority"
    due = task.get("due", {})
    hours = " of opening hours" if due.get("clock") == "business" else ""
    when = f", due in {due['after']}{hours}" if "after" in due else ""
    held = "; goes on when it is done" if "wait_for" in task else ""
    return f"Task: {task['title']} ({plain(task['type'])}{urgency}{when}){held}"


KIND = StepKind(
    name="create_task",
    decide=decide,
    step_params=step_params,
    details=details_of_task,
    words=Words(
        _sentence,
        about="A task for the lead's coordinator, due so long after it is made.",
        example="{type: CALL, title: Call back, priority: HIGH, due: {after: 30 minutes, clock: business}}",
    ),
)
