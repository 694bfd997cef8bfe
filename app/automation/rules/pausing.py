"""Pausing a rule or sequence that goes wrong: what it planned waits, and its clinic's admins are told."""

from collections.abc import Mapping
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.clock import now
from app.engine.rules.models import RuleRow
from app.engine.sequences.models import SequenceRow
from app.engine.service import add_steps
from app.engine.statistics.outcome_statistics import Series
from app.identity.clinics import bump_rules_version
from app.identity.models import Role, User
from app.messaging.channels import email, in_app
from app.messaging.compose import MessageMetadata, Recipient, compose, delivery_steps, insert_notifications
from app.messaging.rendering.render import Wording

Paused = TypeVar("Paused", RuleRow, SequenceRow)

TEMPLATE: Final = "rule-paused"
BY: Final = "sweeps.pause_failing_rules"  # what the record names as the one who did it


def pause(session: Session, series: Series, because: str) -> bool:
    """Pause what is active of that name until somebody switches it on again; False where there is nothing to pause."""
    rule = _take(session, series)
    if rule is None:
        return False
    audit_log.start_notes(session)
    rule.active, rule.paused_because = False, because
    rule.updated_at, rule.updated_by = now(), None
    rule.version += 1
    session.flush()
    audit_log.write_entries(session, audit_log.Caller(rule.clinic_id, None, None, None, None, BY))
    audit_log.stop_notes(session)
    bump_rules_version(session, rule.clinic_id)
    _tell_admins(session, rule.clinic_id, _wording(rule))
    return True


def _take(session: Session, series: Series) -> RuleRow | SequenceRow | None:
    """The active rule or sequence, locked; None also while somebody has it."""
    rule = session.scalars(_active(RuleRow, series)).one_or_none()
    return rule or session.scalars(_active(SequenceRow, series)).one_or_none()


def _active(model: type[Paused], series: Series) -> Select[Paused]:
    mine = select(model).where(model.clinic_id == series.clinic_id, model.slug == series.slug)
    return mine.where(model.active, model.deleted_at.is_(None)).with_for_update(skip_locked=True)


def _tell_admins(session: Session, clinic_id: UUID, wording: Wording) -> None:
    """In the application and by e-mail."""
    admins = select(User.id, User.email).where(
        User.clinic_id == clinic_id, User.is_active, User.role == Role.CLINIC_ADMIN
    )
    about, at = MessageMetadata(clinic_id, template=TEMPLATE), now()
    rows = [
        row
        for admin in session.execute(admins.order_by(User.id))
        for row in compose(
            wording,
            Recipient(admin.id, admin.email),
            about=about,
            channels=[in_app.CHANNEL.name, email.CHANNEL.name],
            at=at,
        )
    ]
    insert_notifications(session, rows)
    add_steps(session, delivery_steps(rows, due_at=at))


def _wording(paused: RuleRow | SequenceRow) -> Wording:
    what, path = _NAMES[type(paused)]
    return Wording(
        f"The {what} {paused.slug} is paused",
        f"{paused.paused_because}\n\nIt plans nothing more, and what it has planned waits. When you know why, switch it"
        f" on again (PATCH {path}/{paused.id}, is_active: true): what waits goes on within a quarter of an hour, and it"
        " is counted anew. What is not to go on can be called off before.",
    )


_NAMES: Final[Mapping[type, tuple[str, str]]] = {
    RuleRow: ("rule", "/api/follow-up-rules"),
    SequenceRow: ("sequence", "/api/sequences"),
}
