"""A clinic's active and paused rules, and the rules that enroll leads into its sequences. Cached per version."""

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app.engine.models import Rule
from app.engine.rules.rules import RuleSet, read_rule
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.models import Sequence
from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext


@cache_per_version
def rules_of(session: Session, clinic: ClinicContext) -> RuleSet:
    """Return the clinic's active rules, indexed by event, and the slugs of its paused rules and sequences."""
    mine = select(Rule.id, Rule.slug, Rule.definition, Rule.published, Rule.active).where(
        Rule.clinic_id == clinic.id, Rule.deleted_at.is_(None), or_(Rule.active, Rule.paused_because.is_not(None))
    )
    rows = session.execute(mine.order_by(Rule.id)).all()
    active = [read_rule(row.definition, id=row.id, version=row.published or 1) for row in rows if row.active]
    triggers = [one.trigger for one in sequences_of(session, clinic).active_sequences if one.trigger]
    paused = [row.slug for row in rows if not row.active]
    return RuleSet.of([*active, *triggers], paused=frozenset([*paused, *session.scalars(_paused_sequences(clinic))]))


def _paused_sequences(clinic: ClinicContext) -> Select[str]:
    mine = select(Sequence.slug).where(Sequence.clinic_id == clinic.id, Sequence.deleted_at.is_(None))
    return mine.where(Sequence.paused_because.is_not(None))
