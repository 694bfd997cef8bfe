"""Plan tasks when a lead enters a stage (follow-up-management.md: stage-specific task templates).

A step creates the task, not the request that moved the lead. The task goes to the lead's coordinator at that time, and
the lead's automation shows its origin. The step's params hold the template's text, no personal data.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.engine.events.events import EventName
from app.engine.models import BegunBy, Kind
from app.engine.service import add_steps, step_row
from app.identity.clinic_context import ClinicContext
from app.leads.models import Lead
from app.tasks.templates.create_from_template import due_at
from app.tasks.templates.models import TaskTemplate

STOP_ON = (EventName.LEAD_CONVERTED, EventName.LEAD_LOST)


def plan_stage_tasks(session: Session, clinic: ClinicContext, lead: Lead, at: datetime) -> None:
    """Plan the tasks of the stage that the lead has just entered. Planning twice creates each task once."""
    entered = select(TaskTemplate).where(TaskTemplate.clinic_id == clinic.id, TaskTemplate.stage == lead.pipeline_stage)
    if rows := [_step(template, clinic, lead, at) for template in session.scalars(entered)]:
        add_steps(session, rows)


def _step(template: TaskTemplate, clinic: ClinicContext, lead: Lead, at: datetime) -> JsonDict:
    return step_row(
        clinic.id,
        lead.id,
        kind=Kind.CREATE_TASK,
        name="stage-task",
        params={
            "title": template.title,
            "description": template.description,
            "type": template.type,
            "priority": template.priority,
            "tags": list(template.tags),
            "task_due_at": due_at(template, clinic, at).isoformat(),
        },
        cause={
            "task_template_id": str(template.id),
            "event": EventName.LEAD_STAGE_CHANGED,
            "subject_id": str(lead.id),
            "occurred_at": at.isoformat(),
        },
        guard={"only_if": [{"field": "lead.pipeline_stage", "equals": lead.pipeline_stage}]},
        begun_by=BegunBy.STAGE,
        stop_on=STOP_ON,
        due_at=at,
        dedupe_key=f"stage-task:{template.id}:{lead.id}:{at.isoformat()}",
    )
