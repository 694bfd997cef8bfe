"""Leads that nobody looks after, and the tasks of those who are away: somebody else is found, or an admin is told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.identity.actor import Actor
from app.identity.clinics import load_contexts
from app.identity.models import Role, User
from app.leads.assignment import unassigned
from app.leads.assignment.choose import lock_clinic_assignment
from app.messaging.channels import in_app
from app.messaging.compose import MessageMetadata, Recipient, compose, insert_notifications
from app.messaging.rendering.render import Wording
from app.tasks.workload.absences import reassign_or_postpone_tasks

BATCH: Final = 500
TELL_AGAIN_AFTER: Final = timedelta(days=1)
TEMPLATE: Final = "unassigned-leads"
WORDING: Final = Wording(
    "Leads without a coordinator",
    "Nobody can take them: everybody is away, or has as many as they may have."
    " They are listed at GET /api/leads/unassigned.",
)

_WAS_TOLD: Final = text(
    "SELECT EXISTS (SELECT 1 FROM notifications WHERE clinic_id = :clinic AND created_at > :since"
    " AND template = :template)"
)

_AWAY: Final = text(
    "SELECT * FROM absences a WHERE tasks <> 'leave' AND starts_at <= :now AND ends_at > :now AND EXISTS"
    " (SELECT 1 FROM lead_tasks t WHERE t.assigned_to_id = a.user_id AND t.due_at >= a.starts_at"
    " AND t.due_at < a.ends_at AND t.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')) ORDER BY clinic_id, id"
)


def cover_absences(session: Session) -> int:
    """Give away or put off the tasks of those who are away, as they said; returns how many were seen to."""
    now, done = clock.now(), 0
    away: Sequence[Any] = session.execute(_AWAY, {"now": now}).all()
    clinics = load_contexts(session, {absence.clinic_id for absence in away})
    for absence in away:
        lock_clinic_assignment(session, absence.clinic_id)
        done += reassign_or_postpone_tasks(
            session, Actor.system(clinics[absence.clinic_id]), absence, at=now, most=BATCH
        )
        if done >= BATCH:
            break
    return done


def assign_orphans(session: Session) -> int:
    """Give each open lead without an active coordinator to somebody; returns how many were given."""
    given = 0
    clinics = load_contexts(session, unassigned.clinics_with_unassigned_leads(session))
    for clinic in (clinics[clinic_id] for clinic_id in sorted(clinics)):  # the order in which all sweeps lock them
        found, left = unassigned.assign_unassigned_leads(session, Actor.system(clinic), most=BATCH)
        given += found
        if left:
            _tell_admins(session, clinic.id, at=clock.now())
        if given >= BATCH:
            break
    return given


def _tell_admins(session: Session, clinic_id: UUID, *, at: datetime) -> None:
    """Once a day, in the application: those who are away, too, for nobody else is there."""
    known = {"clinic": clinic_id, "since": at - TELL_AGAIN_AFTER, "template": TEMPLATE}
    if session.execute(_WAS_TOLD, known).scalar_one():
        return
    admins = select(User.id).where(User.clinic_id == clinic_id, User.role == Role.CLINIC_ADMIN, User.is_active)
    about = MessageMetadata(clinic_id, template=TEMPLATE)
    rows = [
        row
        for user_id in session.scalars(admins)
        for row in compose(WORDING, Recipient(user_id, None), about=about, channels=[in_app.CHANNEL.name], at=at)
    ]
    insert_notifications(session, rows)
