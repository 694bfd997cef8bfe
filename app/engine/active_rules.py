"""A clinic's active and paused rules, and the rules that enroll leads into its sequences. Cached per version."""

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app.engine.rules.models import RuleRow
from app.engine.rules.rules import RuleSet, read_rule
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.models import SequenceRow
from app.engine.version_cache import cache_per_version
from app.identity.clinic_context import ClinicContext


@cache_per_version
def load_active_rules(session: Session, clinic: ClinicContext) -> RuleSet:
    """Return the clinic's active rules, indexed by event, and the slugs of those that are paused or inactive."""
    mine = select(RuleRow.id, RuleRow.slug, RuleRow.definition, RuleRow.published, RuleRow.active).where(
        RuleRow.clinic_id == clinic.id,
        RuleRow.deleted_at.is_(None),
        or_(RuleRow.active, RuleRow.paused_because.is_not(None)),
    )
    rows = session.execute(mine.order_by(RuleRow.id)).all()
    active = [read_rule(row.definition, id=row.id, version=row.published or 1) for row in rows if row.active]
    triggers = [one.trigger for one in sequences_of(session, clinic).active_sequences if one.trigger]
    paused = [row.slug for row in rows if not row.active]
    return RuleSet.of(
        [*active, *triggers],
        paused=frozenset([*paused, *session.scalars(_paused_sequences(clinic))]),
        inactive=frozenset(session.scalars(_inactive_rules(clinic))),
    )


def _inactive_rules(clinic: ClinicContext) -> Select[str]:
    mine = select(RuleRow.slug).where(RuleRow.clinic_id == clinic.id, RuleRow.deleted_at.is_(None))
    return mine.where(RuleRow.active.is_(False))


def _paused_sequences(clinic: ClinicContext) -> Select[str]:
    mine = select(SequenceRow.slug).where(SequenceRow.clinic_id == clinic.id, SequenceRow.deleted_at.is_(None))
    return mine.where(SequenceRow.paused_because.is_not(None))
