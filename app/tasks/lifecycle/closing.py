"""End a task: complete, cancel or delete."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import AnyRow
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.type_aliases import JsonObject
from app.engine.events.events import EventName
from app.engine.events.keys import concerns
from app.engine.models import Reason, Step
from app.engine.service import record
from app.engine.steps.cancel import cancel_following
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.activities.messages import LostAnswer
from app.leads.activities.service import log_on_locked_lead
from app.leads.models import Lead
from app.leads.search.open_task import IS_OPEN_TASK
from app.leads.timeline.entries import write_entry
from app.leads.timeline.models import Activity, ActivityType
from app.messaging.inbound.effects import REQUEST_STEP
from app.messaging.inbound.questions import obey_requests
from app.tasks.lifecycle.cancellation import check_cancellation
from app.tasks.lifecycle.contact import (
    CONTACT_BY_DUPLICATE,
    CONTACT_BY_STAGE,
    Answer,
    answer_of,
    answered_tasks,
    completion_mistake,
    told_activity,
)
from app.tasks.lifecycle.task_state import set_cancelled, set_completed, set_retimed
from app.tasks.lookup import open_task, read_task
from app.tasks.models import DELETED, Task, TaskStatus


def complete(session: Session, actor: Actor, task_id: UUID, data: JsonObject | None = None) -> Task:
    """Complete the task with its outcome (`data`, as `Completion` reads it).

    Of two concurrent calls, the second one raises TaskIsClosed. An activity in `data` is logged. Its outcome becomes
    the task's outcome, unless `data` has its own. An outcome that tells of a contact is logged as an activity.
    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, Invalid.
    """
    data = data or {}
    task, lead = open_task(session, actor, task_id)
    _check_outcome(task, data)
    task.activity_id = _known_activity(session, task, data.get("activity_id"))
    for activity in filter(None, (told_activity(task.type, data), data.get("activity"))):
        task.activity_id = log_on_locked_lead(session, actor, lead, {**activity, "task_id": task.id}).id
    outcome = data.get("outcome") or (data.get("activity") or {}).get("outcome")
    _complete(session, actor, task, lead, outcome=outcome, notes=data.get("notes"))
    if actor.user_id is not None and _is_of_request(session, task):
        obey_requests(session, actor, lead)
    return task


def check_completion(session: Session, actor: Actor, data: JsonObject, /, *, task_id: UUID) -> None:
    """Check the outcome, and the existing activity if one is named. Raises Invalid, and NotFound without the task."""
    task = read_task(session, actor, task_id)
    _check_outcome(task, data)
    _known_activity(session, task, data.get("activity_id"))


def complete_answered_tasks(session: Session, actor: Actor, lead: Lead, entry: Activity) -> None:
    """Complete the open tasks that the activity answers, as `complete` does. The caller has locked the lead."""
    for task in _answered(session, actor, lead, answer_of(entry), at=entry.created_at):
        entry.task_id, task.activity_id = entry.task_id or task.id, entry.id
        _complete(session, actor, task, lead, outcome=entry.outcome)


def complete_tasks_after_contact(session: Session, actor: Actor, lead: Lead, at: datetime) -> None:
    """Complete the open tasks that a contact answers which a stage tells. The caller has locked the lead."""
    for task in _answered(session, actor, lead, CONTACT_BY_STAGE, at=at):
        _complete(session, actor, task, lead, outcome=None)


def complete_tasks_before_merge(session: Session, actor: Actor, lead: Lead, at: datetime) -> None:
    """Complete the open tasks that ask for contact: a user was in contact with the person's other lead."""
    for task in _answered(session, actor, lead, CONTACT_BY_DUPLICATE, at=at):
        _complete(session, actor, task, lead, outcome=None)


def complete_request_tasks(session: Session, actor: Actor, lead: Lead) -> None:
    """Complete the tasks about requests for no more messages: they are decided. The caller has locked the lead."""
    cancel_following(session, lead.id, lead.id, [EventName.LEAD_REPLIED], reason=Reason.BY_HAND)  # not created yet
    of_request = select(Task).join(Step, Step.id == Task.step_id).where(Step.name == REQUEST_STEP)
    still_open = of_request.where(Task.lead_id == lead.id, IS_OPEN_TASK)
    for task in session.scalars(still_open.with_for_update(of=Task, key_share=True)).all():
        _complete(session, actor, task, lead, outcome=None)


def _is_of_request(session: Session, task: Task) -> bool:
    """Return whether the task is about a request for no more messages."""
    name = select(Step.name).where(Step.id == task.step_id)
    return task.step_id is not None and session.scalar(name) == REQUEST_STEP


def reopen_answered_tasks(session: Session, actor: Actor, lead: Lead, lost: LostAnswer) -> None:
    """Open the tasks again that an answer completed by itself: it did not reach the lead. Their reminders follow."""
    completed = select(Task).where(
        Task.lead_id == lead.id,
        Task.activity_id == lost.entry.id,
        Task.status == TaskStatus.COMPLETED,
        Task.completed_by.is_(None),
    )
    for task in session.scalars(completed.with_for_update(key_share=True)).all():
        at = now()
        task.status, task.completed_at, task.outcome, task.activity_id = TaskStatus.PENDING, None, None, None
        retimed = set_retimed(task, lead, at=at)
        notes = "Open again: the message did not reach the lead."
        write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, task_id=task.id, notes=notes)
        record(session, actor.clinic, retimed)


def _answered(session: Session, actor: Actor, lead: Lead, answer: Answer, *, at: datetime) -> list[Task]:
    if answer.call is None and not answer.is_contact:
        return []
    may_be = or_(Task.type == answer.call, Task.asks_for_contact) if answer.is_contact else Task.type == answer.call
    still_open = select(Task).where(Task.lead_id == lead.id, may_be, IS_OPEN_TASK)
    locked = still_open.with_for_update(key_share=True).execution_options(populate_existing=True)
    return answered_tasks(answer, session.scalars(locked).all(), actor.clinic.calendar, at=at)


def _complete(
    session: Session, actor: Actor, task: Task, lead: Lead, /, *, outcome: str | None, notes: str | None = None
) -> None:
    at = now()
    completed = set_completed(task, lead, at=at, outcome=outcome)
    task.completed_by, task.completion_notes = actor.user_id, notes
    note = _completion_note(task)
    write_entry(session, actor, lead, type=ActivityType.TASK_COMPLETED, at=at, task_id=task.id, notes=note)
    record(session, actor.clinic, completed)


def complete_all(
    session: Session,
    actor: Actor,
    lead: Lead,
    *,
    types: Collection[str],
    keys: Collection[str] | None = None,
    only_keyed: bool = False,
) -> None:
    """Complete the lead's open tasks of these types, because their purpose was fulfilled. The caller locks the lead.

    `keys` and `only_keyed` as in `is_meant`.
    """
    still_open = select(Task).where(Task.lead_id == lead.id, Task.type.in_(types), IS_OPEN_TASK)
    for task in session.scalars(still_open.order_by(Task.due_at, Task.id)).all():
        if is_meant(task.key, keys, only_keyed=only_keyed):
            complete(session, actor, task.id)


def is_meant(key: str | None, keys: Collection[str] | None, *, only_keyed: bool) -> bool:
    """Return whether an event about these keys (None: about the whole lead) is about a task with this key.

    A task without a key is meant unless `only_keyed`.
    """
    return concerns(keys, key) and (not only_keyed or key is not None)


def cancel(session: Session, actor: Actor, task_id: UUID, data: JsonObject) -> Task:
    """Cancel the task, with the `reason` in `data`. The timeline has a note.

    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, Invalid.
    """
    task, lead = open_task(session, actor, task_id)
    check_cancellation(session, actor, data)
    reason: str | None = data.get("reason") or None
    notes = f"Task cancelled: {task.title}: {reason}" if reason else f"Task cancelled: {task.title}"
    _cancel(session, actor, task, lead, reason=reason or Reason.BY_HAND, at=now(), notes=notes)
    return task


def delete(session: Session, actor: Actor, task_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete a task: cancel and hide it. The timeline keeps a note.

    Completed and cancelled tasks cannot be deleted.
    Raises NotFound, LeadIsLocked, LeadIsClosed, TaskIsClosed, ChangedMeanwhile.
    """
    task, lead = open_task(session, actor, task_id)
    require_version(task, seen)
    task.deleted_at = at = now()
    _cancel(session, actor, task, lead, reason=DELETED, at=at, notes=f"Task deleted: {task.title}")


def _cancel(
    session: Session, actor: Actor, task: Task, lead: Lead, /, *, reason: str, at: datetime, notes: str
) -> None:
    cancelled = set_cancelled(task, lead, at=at, reason=reason)
    write_entry(session, actor, lead, type=ActivityType.NOTE, at=at, task_id=task.id, notes=notes)
    record(session, actor.clinic, cancelled)


def _check_outcome(task: Task | AnyRow, data: JsonObject) -> None:
    if mistake := completion_mistake(task.type, data):
        raise Invalid.at("/outcome", mistake)


def _known_activity(session: Session, task: Task | AnyRow, activity_id: UUID | None) -> UUID | None:
    if activity_id is not None:
        known = select(Activity.id).where(Activity.id == activity_id, Activity.lead_id == task.lead_id)
        if session.scalar(known) is None:
            raise Invalid.at("/activity_id", "Must be an entry of this lead's timeline.")
    return activity_id


def _completion_note(task: Task) -> str:
    words = task.completion_notes or (task.outcome and task.outcome.replace("_", " "))
    return f"{task.title}: {words}" if words else task.title
