"""Availability of users: working hours and absences."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.audit.models import Act
from app.clock import now
from app.core.calendar.hours import BusinessHours
from app.core.db import new_id
from app.core.pagination import Page, page
from app.core.ports import Listeners
from app.core.type_aliases import JsonObject
from app.errors import Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.permissions import Permission
from app.identity.users.lookup import is_assignable, users_by_id
from app.leads.assignment.choose import lock_clinic_assignment
from app.leads.assignment.models import Absence, AbsentTasks, WorkingHours
from app.leads.search.lookup import visible_user_ids

# Called in the same transaction when an absence begins, to hand over or postpone the absent user's tasks.
absence_begun: Listeners[[Session, Actor, Absence, datetime]] = Listeners("absence_begun")


def list_absences(session: Session, actor: Actor, user_id: UUID, query: JsonObject) -> Page:
    """List past, current and future absences of a user, latest end first. Raises NotFound."""
    _require_user_of_clinic(session, actor, user_id)
    absences = select(Absence).where(Absence.user_id == user_id, Absence.clinic_id == actor.clinic.id)
    return page(session, absences, [(Absence.ends_at, "desc"), (Absence.id, "desc")], query)


def add_absence(session: Session, actor: Actor, user_id: UUID, data: JsonObject) -> Absence:
    """Add an absence from `data` (the fields of AbsenceIn).

    Users manage their own absences; those of others need `lead:assign` or `user:manage`. If the absence has begun, the
    first 1,000 open tasks are rerouted or shifted at once and a sweep handles the rest. Otherwise the sweep does it
    when the absence begins. Raises NotFound, Forbidden, Invalid.
    """
    _require_permission(session, actor, user_id)
    check_absence(session, actor, data, user_id=user_id)
    at = now()
    made = {"id": new_id(), "clinic_id": actor.clinic.id, "created_at": at, "created_by": actor.user_id}
    absence = Absence(**made, user_id=user_id, **data)
    session.add(absence)
    session.flush()
    if absence.starts_at <= at and absence.tasks != AbsentTasks.LEAVE:
        lock_clinic_assignment(session, actor.clinic.id)
        absence_begun(session, Actor.system(actor.clinic), absence, at)
    return absence


def check_absence(session: Session, actor: Actor, data: JsonObject, /, *, user_id: UUID) -> None:
    """Check the user who covers for this one. Raises Invalid."""
    cover = data["cover_id"]
    if cover and (cover == user_id or not is_assignable(users_by_id(session, actor.clinic.id, [cover]), cover)):
        raise Invalid.at("/cover_id", "Must be another active user of your clinic who may work on leads.")


def remove_absence(session: Session, actor: Actor, user_id: UUID, absence_id: UUID) -> None:
    """Delete an absence. Tasks that were rerouted keep their new assignee. Raises NotFound, Forbidden."""
    _require_permission(session, actor, user_id)
    statement = delete(Absence).where(
        Absence.id == absence_id, Absence.user_id == user_id, Absence.clinic_id == actor.clinic.id
    )
    if session.scalar(statement.returning(Absence.id)) is None:
        raise NotFound


def hours_of(session: Session, actor: Actor, user_id: UUID) -> JsonObject:
    """Return `{"hours": …}` of a user; None means the clinic's opening hours. Raises NotFound."""
    _require_user_of_clinic(session, actor, user_id)
    return {"hours": session.scalar(select(WorkingHours.hours).where(WorkingHours.user_id == user_id))}


def set_hours(session: Session, actor: Actor, user_id: UUID, hours: JsonObject | None) -> JsonObject:
    """Set the working hours of a user; None means the clinic's opening hours. Raises NotFound, Forbidden."""
    _require_permission(session, actor, user_id)
    if hours is None:
        session.execute(delete(WorkingHours).where(WorkingHours.user_id == user_id))
        audit_log.note_change(session, "user", [user_id], act=Act.UPDATE, after={"working_hours": None})
        return {"hours": None}
    written = {"hours": BusinessHours.from_json(hours).to_json(), "updated_at": now()}
    row = insert(WorkingHours).values(user_id=user_id, clinic_id=actor.clinic.id, **written)
    session.execute(row.on_conflict_do_update(index_elements=["user_id"], set_=written))
    audit_log.note_change(session, "user", [user_id], act=Act.UPDATE, after={"working_hours": written["hours"]})
    return written


def _require_user_of_clinic(session: Session, actor: Actor, user_id: UUID) -> None:
    if user_id not in users_by_id(session, actor.clinic.id, [user_id]):
        raise NotFound


def _require_permission(session: Session, actor: Actor, user_id: UUID) -> None:
    _require_user_of_clinic(session, actor, user_id)
    if user_id == actor.user_id or actor.allows(Permission.USER_MANAGE):
        return
    actor.require(Permission.LEAD_ASSIGN)
    visible = visible_user_ids(session, actor.within(Permission.LEAD_ASSIGN))
    if visible is not None and user_id not in visible:
        raise Forbidden(f"Your permission {Permission.LEAD_ASSIGN} does not include this user.")
