"""Sweeps over unassigned leads and over tasks of absent users: reassign them, or notify the admins."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.identity.actor import Actor
from app.identity.clinics import load_contexts
from app.leads.assignment import unassigned
from app.leads.assignment.choose import lock_clinic_assignment
from app.messaging.channels import in_app
from app.messaging.rendering.render import Wording
from app.messaging.user_notices.admin_notices import notify_admins_once_a_day
from app.tasks.workload.absences import reassign_or_postpone_tasks

BATCH: Final = 500
TEMPLATE: Final = "unassigned-leads"
WORDING: Final = Wording(
    "Leads without a coordinator",
    "No coordinator can take them: all are absent or at their limit. They are listed at GET /api/leads/unassigned.",
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
            notify_admins_once_a_day(session, clinic.id, TEMPLATE, WORDING, channels=[in_app.CHANNEL.name])
        if given >= BATCH:
            break
    return given
