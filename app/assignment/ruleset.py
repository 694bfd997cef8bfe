"""A clinic's active assignment rules, read once for each version of the clinic."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.assignment.models import AssignmentRule
from app.assignment.rules import Rule, read_rule
from app.automation.clinic import ClinicContext
from app.automation.versions import once_for_each_version


@once_for_each_version
def rules_of(session: Session, clinic: ClinicContext) -> tuple[Rule, ...]:
    """In their order."""
    active = select(AssignmentRule).where(AssignmentRule.clinic_id == clinic.id, AssignmentRule.is_active)
    in_order = active.order_by(AssignmentRule.position, AssignmentRule.id)
    return tuple(read_rule(row) for row in session.scalars(in_order))
