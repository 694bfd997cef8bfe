"""A clinic's active assignment rules, read once for each version of the clinic."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.assignment.models import AssignmentRule
from app.assignment.rules import Rule, read_rule
from app.automation.clinic import ClinicContext

MOST_CLINICS = 1000

_cache: dict[UUID, tuple[int, tuple[Rule, ...]]] = {}


def rules_of(session: Session, clinic: ClinicContext) -> tuple[Rule, ...]:
    """In their order, as of the version that the clinic's row names; whoever changes a rule counts it up."""
    version, rules = _cache.get(clinic.id, (None, ()))
    if version != clinic.rules_version:
        rules = _load(session, clinic.id)
        if len(_cache) >= MOST_CLINICS:
            _cache.clear()
        _cache[clinic.id] = clinic.rules_version, rules
    return rules


def _load(session: Session, clinic_id: UUID) -> tuple[Rule, ...]:
    active = select(AssignmentRule).where(AssignmentRule.clinic_id == clinic_id, AssignmentRule.is_active)
    in_order = active.order_by(AssignmentRule.position, AssignmentRule.id)
    return tuple(read_rule(row) for row in session.scalars(in_order))
