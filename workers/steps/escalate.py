"""`escalate`: the clinic's admins get an urgent task and are told (lead-management.md 8.1.5)."""

from dataclasses import replace
from datetime import timedelta

from app.automation.models import Reason
from app.identity.models import Role
from app.tasks.models import TaskPriority, TaskType
from app.tasks.rows import task_row
from workers.context import StepContext
from workers.follow import task_created
from workers.messages import told_besides
from workers.outcomes import Done, Outcome, Skip

TO_ACT = timedelta(hours=1)  # of business time


def decide(context: StepContext) -> Outcome:
    """One urgent task, for one admin; a message to each of them."""
    admins = context.with_role(Role.CLINIC_ADMIN)
    if not admins:
        return Skip(Reason.NOBODY_TO_TELL)
    task = task_row(
        context.clinic.id,
        context.lead.id,
        at=context.now,
        title=context.params["title"],
        type=TaskType.CALL,
        priority=TaskPriority.URGENT,
        assigned_to_id=admins[context.lead.id.int % len(admins)].id,
        due_at=context.clinic.calendar.due_after(context.now, TO_ACT),
        reminder_minutes=[],  # they are being told this very moment
        step_id=context.step.id,
        own_words=False,
    )
    told, said = told_besides(context, admins)
    effects = replace(told, tasks=(task,), events=task_created(context, task))
    return Done({"task_id": task["id"], **said}, effects=effects)
