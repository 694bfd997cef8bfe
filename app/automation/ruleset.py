"""A clinic's active rules, read once for each version of them."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.clinic import ClinicContext
from app.automation.models import Rule
from app.automation.rules import RuleSet, read_rule

MOST_CLINICS = 1000

_cache: dict[UUID, tuple[int, RuleSet]] = {}


def rules_of(session: Session, clinic: ClinicContext) -> RuleSet:
    """The rules of the version that the clinic's row names: no other process can leave this one behind."""
    version, rules = _cache.get(clinic.id, (None, RuleSet()))
    if version != clinic.rules_version:
        rules = _load(session, clinic.id)
        if len(_cache) >= MOST_CLINICS:
            _cache.clear()
        _cache[clinic.id] = clinic.rules_version, rules
    return rules


def _load(session: Session, clinic_id: UUID) -> RuleSet:
    columns = (Rule.id, Rule.definition, Rule.published)
    rows = session.execute(select(*columns).where(Rule.clinic_id == clinic_id, Rule.active).order_by(Rule.id))
    return RuleSet.of([read_rule(row.definition, id=row.id, version=row.published or 1) for row in rows])
