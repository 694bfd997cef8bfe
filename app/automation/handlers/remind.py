"""`remind`: tell the assignee that a task is about to be due (follow-up-management.md)."""

from app.automation.handlers.context import StepContext
from app.automation.handlers.messages import made_of, to_users
from app.automation.language.docs.sentences import by_channels
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import Details, Settings, StepKind, Words
from app.tasks.lifecycle.reminders import reminder_skip_reason


def decide(context: StepContext) -> Outcome:
    """Remind, unless the task is closed, was moved, or is due by now."""
    task = context.task
    if reason := reminder_skip_reason(task, context.params, context.now):
        return Skip(reason)
    assignee = context.person(task.assigned_to_id if task else None)
    if assignee is None:
        return Skip(Reason.NOBODY_TO_TELL)
    messages = to_users(context, [assignee])
    return Done(made_of(messages), effects=Effects(notifications=messages))


def _details(context: StepContext, _: Done) -> Details:
    task = context.task
    about = {"title": task.title, "due_at": task.due_at} if task else {}
    return {**about, "template": context.params["template"]}


def _sentence(told: Settings) -> str:
    return f"Remind whoever has the task {by_channels(told['channels'])}"


KIND = StepKind(
    name="remind",
    decide=decide,
    details=_details,
    words=Words(
        _sentence,
        about="Tell whoever has the task that it is about to be due.",
        example="{channels: [in_app, email], template: hello}",
    ),
)
