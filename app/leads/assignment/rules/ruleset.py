"""Active assignment rules of a clinic, cached per version of the clinic's configuration."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext
from app.leads.assignment.models import AssignmentRule
from app.leads.assignment.rules.rules import Rule, rule_from_row


@cache_per_version
def active_rules(session: Session, clinic: ClinicContext) -> tuple[Rule, ...]:
    """Return the active rules in their order."""
    active = select(AssignmentRule).where(AssignmentRule.clinic_id == clinic.id, AssignmentRule.is_active)
    in_order = active.order_by(AssignmentRule.position, AssignmentRule.id)
    return tuple(rule_from_row(row) for row in session.scalars(in_order))
