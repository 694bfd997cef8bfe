"""Circuit breaker: pause a rule or sequence that fails, and notify the clinic's admins. Its planned steps wait."""

from collections.abc import Mapping
from typing import Final, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.engine.rules.models import RuleRow
from app.engine.sequences.models import SequenceRow
from app.engine.statistics.outcome_statistics import Series
from app.identity.clinics import bump_rules_version
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.admin_notices import notify_admins

Paused = TypeVar("Paused", RuleRow, SequenceRow)

TEMPLATE: Final = "rule-paused"
BY: Final = "sweeps.pause_failing_rules"  # actor in the audit log


def pause(session: Session, series: Series, because: str) -> bool:
    """Pause the active rule or sequence with this name until it is activated again. Return False if there is none."""
    rule = _lock_active(session, series)
    if rule is None:
        return False
    with audit_log.noting(session, audit_log.Caller(rule.clinic_id, None, None, None, None, BY)):
        rule.active, rule.paused_because = False, because
        rule.updated_at, rule.updated_by = now(), None
        rule.version += 1
        session.flush()
    bump_rules_version(session, rule.clinic_id)
    notify_admins(session, {rule.clinic_id: _wording(rule)}, template=TEMPLATE, at=now())
    return True


def _lock_active(session: Session, series: Series) -> RuleRow | SequenceRow | None:
    """Return the active rule or sequence, locked; None if there is none, or if another transaction has locked it."""
    rule = session.scalars(_active(RuleRow, series)).one_or_none()
    return rule or session.scalars(_active(SequenceRow, series)).one_or_none()


def _active(model: type[Paused], series: Series) -> Select[Paused]:
    found = select(model).where(model.clinic_id == series.clinic_id, model.slug == series.slug)
    return found.where(model.active, model.deleted_at.is_(None)).with_for_update(skip_locked=True)


def _wording(paused: RuleRow | SequenceRow) -> Wording:
    what, path = _NAMES[type(paused)]
    return Wording(
        f"The {what} {paused.slug} is paused",
        f"{paused.paused_because}\n\nIt plans no more steps, and its planned steps wait. When the cause is fixed,"
        f" activate it again (PATCH {path}/{paused.id}, is_active: true): waiting steps run within 15 minutes, and"
        " failures are counted from zero. Cancel steps that must not run before you activate it.",
    )


_NAMES: Final[Mapping[type, tuple[str, str]]] = {
    RuleRow: ("rule", "/api/follow-up-rules"),
    SequenceRow: ("sequence", "/api/sequences"),
}
