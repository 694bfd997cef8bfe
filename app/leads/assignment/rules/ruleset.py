"""A clinic's active assignment rules, read once for each version of the clinic."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.version_cache import once_for_each_version
from app.identity.clinic_context import ClinicContext
from app.leads.assignment.models import AssignmentRule
from app.leads.assignment.rules.rules import Rule, read_rule


@once_for_each_version
def rules_of(session: Session, clinic: ClinicContext) -> tuple[Rule, ...]:
    """In their order."""
    active = select(AssignmentRule).where(AssignmentRule.clinic_id == clinic.id, AssignmentRule.is_active)
    in_order = active.order_by(AssignmentRule.position, AssignmentRule.id)
    return tuple(read_rule(row) for row in session.scalars(in_order))
