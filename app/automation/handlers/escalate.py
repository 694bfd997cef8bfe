"""`escalate`: the clinic's admins get an urgent task and are told (lead-management.md 8.1.5)."""

from dataclasses import replace

from app.engine.models import Reason
from app.engine.outcomes import Done, Outcome, Skip
from app.identity.models import Role
from app.tasks.rows import escalation_row
from workers.follow_up_events import task_created
from workers.messages import told_besides
from workers.pipeline.context import StepContext


def decide(context: StepContext) -> Outcome:
    """One urgent task, for one admin; a message to each of them."""
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
    told, said = told_besides(context, admins)
    effects = replace(told, tasks=(task,), events=task_created(context, task))
    return Done({"task_id": task["id"], **said}, effects=effects)
