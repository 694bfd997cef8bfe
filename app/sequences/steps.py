"""The steps of enrollments as rows."""

from typing import Any
from uuid import UUID

from app.automation.plan import PlannedStep
from app.automation.service import step_row


def row_of(clinic_id: UUID, lead_id: UUID, planned: PlannedStep) -> dict[str, Any]:
    """The row of a step that an enrollment comes to."""
    return step_row(
        clinic_id,
        lead_id,
        kind=planned.kind,
        name=planned.name,
        params=planned.params,
        cause=planned.cause,
        guard=planned.guard,
        stop_on=planned.stop_on,
        lateness=planned.lateness,
        due_at=planned.due_at,
    )
