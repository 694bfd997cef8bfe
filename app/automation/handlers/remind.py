"""`remind`: remind the assignee of a task before it is due (follow-up-management.md)."""

from typing import ClassVar

from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.messages import notification_ids, to_users
from app.automation.language.docs.sentences import by_channels
from app.automation.language.params import Params, StaffChannels, TemplateSlug
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import Details, Settings, StepKind
from app.tasks.lifecycle.reminder_skip import reminder_skip_reason


class Remind(Params):
    """Remind the assignee of a task that it is about to be due."""

    example: ClassVar[object] = {"channels": ["in_app", "email"], "template": "hello"}

    channels: StaffChannels
    template: TemplateSlug


def decide(context: StepContext) -> Outcome:
    """Remind the assignee, unless the task is closed, was rescheduled, or is already due."""
    task = context.task
    if reason := reminder_skip_reason(task, context.params, context.now):
        return Skip(reason)
    assignee = context.person(task.assigned_to_id if task else None)
    if assignee is None:
        return Skip(Reason.NOBODY_TO_TELL)
    messages = to_users(context, [assignee])
    return Done(notification_ids(messages), effects=Effects(notifications=messages))


def _details(context: StepContext, _: Done) -> Details:
    task = context.task
    about = {"title": task.title, "due_at": task.due_at} if task else {}
    return {**about, "template": context.params["template"]}


def _sentence(settings: Settings) -> str:
    return f"Remind the assignee of the task {by_channels(settings['channels'])}"


KIND = StepKind(
    name="remind",
    decide=decide,
    params=Remind,
    details=_details,
    sentence=_sentence,
)
