"""Reassign or postpone the tasks of an absent user that are due before the end of the absence, or overdue.

Processed tasks no longer match: they are reassigned, or due after the absence. So this may run any number of times.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.calendar.calendar import BusinessHours, NeverOpen
from app.core.db import insert_many, update_many
from app.core.live_events.changes import note
from app.core.live_events.entries import About, LiveKind
from app.core.type_aliases import JsonDict
from app.engine.events.events import EventName
from app.engine.service import record
from app.identity.actor import Actor
from app.identity.clinic_context import ClinicContext
from app.identity.users.lookup import users_by_id
from app.leads.assignment.assign_many import choose_by_rules
from app.leads.assignment.models import AbsentTasks, WorkingHours
from app.leads.assignment.reassignment_roster import roster_of_all_users, rules_with_default
from app.leads.assignment.rules.roster import Roster, user_calendar
from app.leads.models import Lead
from app.leads.search.open_task import IS_OPEN_TASK
from app.leads.timeline.models import Activity, ActivityType
from app.leads.timeline.rows import activity_row
from app.security.encrypted_fields import decrypt_rows
from app.tasks.facts import task_event
from app.tasks.lookup import visible_tasks
from app.tasks.models import Task, TaskStatus
from app.tasks.workload.first_calls import count_from_postponed
from app.tasks.workload.move_tasks import set_assignees
from app.tasks.workload.spreading import WishedTask, spread

AT_ONCE: Final = 1000  # tasks per run


class AbsenceRow(Protocol):
    """An `Absence`, or a row with its columns."""

    @property
    def user_id(self) -> UUID: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...
    @property
    def cover_id(self) -> UUID | None: ...
    @property
    def tasks(self) -> str: ...


class Due(NamedTuple):
    """A task and its lead, both locked rows."""

    lead: Any
    task: Any


def begin_absence(session: Session, actor: Actor, absence: AbsenceRow, at: datetime) -> None:
    """Process the first tasks at once. The sweep `cover_absences` processes the rest."""
    reassign_or_postpone_tasks(session, actor, absence, at=at)


def reassign_or_postpone_tasks(
    session: Session, actor: Actor, absence: AbsenceRow, *, at: datetime, most: int = AT_ONCE
) -> int:
    """Reassign or postpone up to `most` tasks and return how many. Call `one_by_one` first.

    Tasks without an eligible user are postponed. Locked tasks are left for the next run.
    """
    found = _lock(session, actor, absence, most=most)
    assignees = _choose_assignees(session, actor, absence, found, at=at) if absence.tasks == AbsentTasks.REROUTE else {}
    _reassign(session, actor, [due for due in found if due.task.id in assignees], assignees, at=at)
    later = [due for due in found if due.task.id not in assignees]
    if later:
        _postpone(session, actor, later, until=_next_opening(session, actor.clinic, absence), at=at)
    return len(found)


def _lock(session: Session, actor: Actor, absence: AbsenceRow, *, most: int) -> list[Due]:
    due = (
        select(Lead.id, Task.id.label("task_id"))
        .join(Task, Task.lead_id == Lead.id)
        .where(*visible_tasks(actor), Task.assigned_to_id == absence.user_id, IS_OPEN_TASK)
        .where(Task.due_at < absence.ends_at)
        .order_by(Task.due_at, Task.id)
        .limit(most)
        .with_for_update(key_share=True, of=(Lead, Task), skip_locked=True)
    )
    locked = session.execute(due).all()
    leads = _by_id(session, Lead, {row.id for row in locked})
    tasks = _by_id(session, Task, {row.task_id for row in locked})
    return [Due(leads[row.id], tasks[row.task_id]) for row in locked]


def _by_id(session: Session, model: type[Lead] | type[Task], ids: set[UUID]) -> Mapping[UUID, Any]:
    rows = session.execute(select(model.__table__).where(model.id.in_(ids))) if ids else ()
    return {row.id: row for row in decrypt_rows(model, rows)}


def _choose_assignees(
    session: Session, actor: Actor, absence: AbsenceRow, found: Sequence[Due], *, at: datetime
) -> Mapping[UUID, UUID]:
    """Return the new assignee by task id: the cover, else the lead's coordinator, else a user chosen by rules."""
    away = {absence.user_id}
    rules = rules_with_default(session, actor.clinic, at=at, without=away)
    roster = roster_of_all_users(session, actor.clinic, rules, at=at, without=away)
    near = {due.lead.id: who for due in found if (who := _nearest(due.lead, absence, roster))}
    unassigned = {due.lead.id: due.lead for due in found if due.lead.id not in near}
    decided = choose_by_rules(session, actor, list(unassigned.values()), rules=rules, roster=roster)
    new_assignees = {**near, **{lead_id: decision.user_id for lead_id, decision in decided.items()}}
    return {due.task.id: new_assignees[due.lead.id] for due in found if due.lead.id in new_assignees}


def _nearest(lead: Any, absence: AbsenceRow, roster: Roster) -> UUID | None:
    return next((who for who in (absence.cover_id, lead.assigned_to_id) if who and roster.is_available(who)), None)


def _reassign(
    session: Session, actor: Actor, going: Sequence[Due], assignees: Mapping[UUID, UUID], *, at: datetime
) -> None:
    """Reassign like a manual reassignment. Reminders go to the user who has the task when they are due."""
    names = users_by_id(session, actor.clinic.id, [*assignees.values(), *(due.task.assigned_to_id for due in going)])
    _note_live(session, actor, going)
    set_assignees(session, {due.task.id: assignees[due.task.id] for due in going}, at=at)
    notes = [
        _reassignment_note(due, names[due.task.assigned_to_id].name, names[assignees[due.task.id]].name, at=at)
        for due in going
    ]
    insert_many(session, Activity, notes)


def _note_live(session: Session, actor: Actor, changed: Sequence[Due]) -> None:
    note(session, actor.clinic.id, LiveKind.TASK_CHANGED, [(due.task.id, About(due.task.lead_id)) for due in changed])


def _postpone(session: Session, actor: Actor, later: Sequence[Due], *, until: datetime, at: datetime) -> None:
    """Move the due times like a manual change. Reminders move with them, and steps that wait for a contact."""
    _note_live(session, actor, later)
    times = spread(session, actor.clinic, [WishedTask(due.task.assigned_to_id, until) for due in later])
    changes = [
        {"id": due.task.id, "due_at": due_at, "updated_at": at, "status": _reopened_status(due.task)}
        for due, due_at in zip(later, times, strict=True)
    ]
    due_times = {due.task.id: due_at for due, due_at in zip(later, times, strict=True)}
    count_from_postponed(session, actor.clinic, due_times, now=at)
    update_many(session, Task, changes, ("due_at", "updated_at", "status"), also="version = t.version + 1")
    insert_many(
        session,
        Activity,
        [_note(due, f"{due.task.title}: postponed while its assignee is away.", at=at) for due in later],
    )
    moved = (
        SimpleNamespace(**{**due.task._mapping, **change, "version": due.task.version + 1})  # noqa: SLF001  (SQLAlchemy's own name)
        for due, change in zip(later, changes, strict=True)
    )
    events = (task_event(EventName.TASK_RETIMED, task, due.lead, at) for task, due in zip(moved, later, strict=True))
    record(session, actor.clinic, *events)


def _reopened_status(task: Any) -> str:
    status: str = task.status
    return TaskStatus.PENDING if status == TaskStatus.OVERDUE else status


def _next_opening(session: Session, clinic: ClinicContext, absence: AbsenceRow) -> datetime:
    """Return when the user's hours, else the clinic's hours, next begin after the absence. Without hours: its end."""
    hours = session.scalar(select(WorkingHours.hours).where(WorkingHours.user_id == absence.user_id))
    calendar = user_calendar(clinic.calendar, BusinessHours.from_json(hours) if hours else None)
    try:
        return calendar.next_open(absence.ends_at)
    except NeverOpen:
        return absence.ends_at


def _reassignment_note(due: Due, before: str, after: str, *, at: datetime) -> JsonDict:
    return _note(due, f"{due.task.title}: {before} is away, {after} does it.", at=at)


def _note(due: Due, words: str, *, at: datetime) -> JsonDict:
    about = {"type": ActivityType.NOTE, "task_id": due.task.id, "notes": words}
    return activity_row(due.lead.clinic_id, due.lead.id, at=at, **about)
