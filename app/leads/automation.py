"""What the engine did, does and will do for a lead, and why."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from marshmallow import fields
from sqlalchemy import Float, case, extract, select
from sqlalchemy.orm import Session

from app.automation.models import Step, StepState
from app.http.paging import Key, Page, page
from app.identity.actor import Actor
from app.leads.lookup import read_lead
from app.steps.schemas import StepOut

BY_DUE: Final[list[Key]] = [(Step.due_at, "asc"), (Step.id, "asc")]
RAN: Final = (StepState.DONE, StepState.SKIPPED)

_STEPS: Final = select(
    Step.id,
    Step.lead_id,
    Step.kind,
    Step.name,
    Step.cause,
    Step.params,
    Step.due_at,
    Step.state,
    Step.reason,
    Step.outcome,
    Step.attempts,
    Step.error,
    Step.created_at,
    Step.finished_at,
    case((Step.state.in_(RAN), extract("epoch", Step.finished_at - Step.due_at).cast(Float))).label("lateness_seconds"),
)


class LeadStepOut(StepOut):
    """One automation step of a lead: planned, on its way, or past."""

    lateness_seconds = fields.Float(
        required=True, allow_none=True, metadata={"description": "Ran less due; null while it has not run."}
    )


def automation_of(session: Session, actor: Actor, lead_id: UUID, query: Mapping[str, Any]) -> Page:
    """A lead's steps, past and pending, as they are due. Raises NotFound."""
    read_lead(session, actor, lead_id)
    steps = _STEPS.where(Step.lead_id == lead_id, Step.clinic_id == actor.clinic.id)
    return page(session, steps, BY_DUE, query)
