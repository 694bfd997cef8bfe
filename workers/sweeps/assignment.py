"""Sweeps over unassigned leads and over tasks of absent users: reassign them, or notify the admins."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.identity.actor import Actor
from app.identity.clinics import load_contexts
from app.identity.users.lookup import active_users
from app.leads.assignment import unassigned
from app.leads.assignment.choose import lock_clinic_assignment
from app.leads.assignment.coordinators import users_in_group
from app.messaging.channels import in_app
from app.messaging.compose import MessageMetadata, Recipient, compose, insert_notifications
from app.messaging.rendering.render import Wording
from app.tasks.workload.absences import reassign_or_postpone_tasks

BATCH: Final = 500
NOTIFY_AGAIN_AFTER: Final = timedelta(days=1)
TEMPLATE: Final = "unassigned-leads"
WORDING: Final = Wording(
    "Leads without a coordinator",
    "No coordinator can take them: all are absent or at their limit. They are listed at GET /api/leads/unassigned.",
)

_WAS_NOTIFIED: Final = text(
    "SELECT EXISTS (SELECT 1 FROM notifications WHERE clinic_id = :clinic AND created_at > :since"
    " AND template = :template)"
)

_AWAY: Final = text(
    "SELECT * FROM absences a WHERE tasks <> 'leave' AND starts_at <= :now AND ends_at > :now AND EXISTS"
    " (SELECT 1 FROM lead_tasks t WHERE t.assigned_to_id = a.user_id"
    " AND t.due_at < a.ends_at AND t.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')) ORDER BY clinic_id, id"
)


def cover_absences(session: Session) -> int:
    """Reassign or postpone the tasks of absent users, as each absence says. Returns the number of tasks changed."""
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


def assign_unassigned_leads(session: Session) -> int:
    """Assign each open lead that has no active coordinator. Returns the number of leads assigned."""
    given = 0
    clinics = load_contexts(session, unassigned.clinics_with_unassigned_leads(session))
    for clinic in (clinics[clinic_id] for clinic_id in sorted(clinics)):  # all sweeps lock clinics in this order
        found, left = unassigned.assign_unassigned_leads(session, Actor.system(clinic), most=BATCH)
        given += found
        if left:
            _notify_admins(session, clinic.id, at=clock.now())
        if given >= BATCH:
            break
    return given


def _notify_admins(session: Session, clinic_id: UUID, *, at: datetime) -> None:
    """Notify the admins in the application, at most once a day. Absent admins are included."""
    known = {"clinic": clinic_id, "since": at - NOTIFY_AGAIN_AFTER, "template": TEMPLATE}
    if session.execute(_WAS_NOTIFIED, known).scalar_one():
        return
    admins = users_in_group("admins", None, active_users(session, clinic_id))
    metadata = MessageMetadata(clinic_id, template=TEMPLATE)
    rows = [
        row
        for admin in admins
        for row in compose(WORDING, Recipient(admin.id, None), metadata=metadata, channels=[in_app.CHANNEL.name], at=at)
    ]
    insert_notifications(session, rows)
