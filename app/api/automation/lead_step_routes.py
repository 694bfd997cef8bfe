"""Routes for one planned automation step of a lead: cancel, run now, snooze."""

from uuid import UUID

from app.api.leads.automation_schemas import LeadStepOut
from app.api.tasks.schemas import Snooze
from app.automation.lead_view import step_changes
from app.core.type_aliases import JsonDict
from app.http.access import actor, allow, unit_of_work
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint(
    "lead-steps",
    __name__,
    url_prefix="/api/leads/<uuid:lead_id>/automation/steps/<uuid:step_id>",
    description="Planned automation steps of a lead.",
)


@blp.post("/cancel")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, LeadStepOut)
@blp.alt_response(409, "CONFLICT")
def cancel_step(lead_id: UUID, step_id: UUID) -> JsonDict:
    """Cancel a planned step.

    A message that waits for its delivery is suppressed. A step of a sequence is skipped, and the sequence continues; to
    end it, use `POST /api/enrollments/{enrollment_id}/exit`. With a step of `every`, its repetitions end. Repeating the
    call changes nothing.
    """
    with unit_of_work() as session:
        return step_changes.cancel_step(session, actor(), lead_id, step_id)


@blp.post("/run-now")
@allow(Permission.LEAD_UPDATE)
@blp.response(200, LeadStepOut)
@blp.alt_response(409, "CONFLICT")
def run_step_now(lead_id: UUID, step_id: UUID) -> JsonDict:
    """Run a planned step now.

    It becomes due at once and runs within seconds, once. Its conditions and the contact policy still hold: in quiet
    hours a message is postponed again.
    """
    with unit_of_work() as session:
        return step_changes.run_step_now(session, actor(), lead_id, step_id)


@blp.post("/snooze")
@allow(Permission.LEAD_UPDATE)
@blp.arguments(Snooze)
@blp.response(200, LeadStepOut)
@blp.alt_response(409, "CONFLICT")
def snooze_step(given: JsonDict, lead_id: UUID, step_id: UUID) -> JsonDict:
    """Postpone a planned step.

    Its conditions and the contact policy are checked at the new time.
    """
    with unit_of_work() as session:
        return step_changes.snooze_step(session, actor(), lead_id, step_id, data=given)
