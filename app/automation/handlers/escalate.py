"""`escalate`: an urgent task for an admin, and a message to all admins (lead-management.md 8.1.5)."""

from app.automation.handlers.context import StepContext
from app.automation.handlers.create_task import details_of_task
from app.automation.handlers.follow_up_events import task_created
from app.automation.handlers.messages import told_besides
from app.engine.models import Reason
from app.engine.outcomes import Done, Effects, Outcome, Skip
from app.engine.step_kind import Settings, StepKind, Words
from app.identity.models import Role
from app.tasks.rows import escalation_row


def decide(context: StepContext) -> Outcome:
    """Create one urgent task for one admin, and a message to each of them."""
    admins = context.with_role(Role.CLINIC_ADMIN)
    if not admins:
        return Skip(Reason.NOBODY_TO_TELL)
    lead_id = context.lead.id
    task = escalation_row(
        context.clinic,
        lead_id,
        at=context.now,
        title=context.params["title"],
        assigned_to_id=admins[lead_id.int % len(admins)].id,
        step_id=context.step.id,
    )
    messages, said = told_besides(context, admins)
    effects = Effects(tasks=(task,), events=task_created(context, task), notifications=messages)
    return Done({"task_id": task["id"], **said}, effects=effects)


def _sentence(alarm: Settings) -> str:
    return f"Escalate to the admins: {alarm['title']} (an urgent task, and a message to all of them)"


KIND = StepKind(
    name="escalate",
    decide=decide,
    details=details_of_task,
    words=Words(
        _sentence,
        about="An urgent task for an admin, and a message to all of them.",
        example="{title: No contact in 24 hours, channels: [email], template: hello}",
    ),
)
