"""`escalate`: an urgent task for an admin, and a message to all admins (lead-management.md 8.1.5)."""

from typing import ClassVar

from pydantic import Field

from app.automation.handlers.create_task import TaskTitle, asks_for_contact, details_of_task
from app.automation.handlers.support.context import StepContext
from app.automation.handlers.support.follow_up_events import task_created
from app.automation.handlers.support.messages import to_users_if_complete
from app.automation.handlers.support.task_text import task_text
from app.automation.language.params import Params, StaffChannels, TemplateSlug
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import Settings, StepKind
from app.identity.models import Role
from app.leads.assignment.rotation import next_in_rotation
from app.tasks.rows import escalation_row


class Escalate(Params):
    """Create an urgent task for an admin, and notify all admins. Skipped while an escalation of the lead is open."""

    example: ClassVar[object] = {"title": "No contact in 24 hours", "channels": ["email"], "template": "hello"}

    title: TaskTitle = Field(
        description="The title of the task, with merge fields as in task templates.",
        examples=["No contact in 24 hours"],
    )
    channels: StaffChannels
    template: TemplateSlug


def decide(context: StepContext) -> Outcome:
    """Create one urgent task for one admin, and notify all admins. A lead has at most one open escalation."""
    if context.is_escalated:
        return Skip(Reason.ALREADY_ESCALATED)
    admins = context.with_role(Role.CLINIC_ADMIN)
    assignee = next_in_rotation(context.lead.id, admins)
    if assignee is None:
        return Skip(Reason.NOBODY_TO_TELL)
    task = escalation_row(
        context.clinic,
        context.lead.id,
        at=context.now,
        title=task_text(context, context.params).title,
        assigned_to_id=assignee.id,
        asks_for_contact=asks_for_contact(context),
        step_id=context.step.id,
    )
    messages, said = to_users_if_complete(context, admins)
    effects = Effects(tasks=(task,), events=task_created(context, task), notifications=messages)
    return Done({"task_id": task["id"], **said}, effects=effects)


def _sentence(settings: Settings) -> str:
    return f"Escalate to the admins: {settings['title']} (an urgent task for one, a message to all)"


KIND = StepKind(
    name="escalate",
    decide=decide,
    params=Escalate,
    details=details_of_task,
    sentence=_sentence,
)
