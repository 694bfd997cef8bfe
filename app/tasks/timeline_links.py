"""Links between tasks and the timeline: notes about a task, and tasks created from a timeline entry."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core.db import AnyRow
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.errors import NotFound
from app.identity.actor import Actor
from app.leads.activities.service import TIMELINE_ORDERS
from app.leads.models import Lead
from app.leads.search.lookup import require_unlocked, visible_to
from app.leads.timeline.models import IS_NOTE_ABOUT_A_TASK, Activity, ActivityType
from app.messaging.user_notices import mentions
from app.tasks.lifecycle.create import check_new_task, create_task
from app.tasks.lookup import read_task, visible_tasks
from app.tasks.models import Task

_ENTRIES: Final = select(Activity.__table__).where(text(IS_NOTE_ABOUT_A_TASK))
_FOLLOW_UPS: Final = select(Task.id, Task.related_activity_id, Task.title, Task.status, Task.due_at)


def notes_of_task(session: Session, actor: Actor, task_id: UUID, query: JsonObject) -> Page:
    """List the notes about a task, by the fields of TaskNotesQuery. Raises NotFound."""
    task = read_task(session, actor, task_id)
    notes = _ENTRIES.where(Activity.task_id == task.id, Activity.lead_id == task.lead_id)
    return page(session, notes, TIMELINE_ORDERS[query["sort"]], query)


def add_note(session: Session, actor: Actor, task_id: UUID, data: JsonObject) -> Activity:
    """Write a note about a task, of any status, on the lead's timeline (`data`: as `TaskNoteIn` reads it).

    Raises NotFound, LeadIsLocked, LeadIsRestricted, Invalid.
    """
    lead = _lock_lead_of_task(session, actor, task_id)
    return mentions.log_on_locked_lead(session, actor, lead, {**data, "type": ActivityType.NOTE, "task_id": task_id})


def check_note(session: Session, actor: Actor, data: JsonObject, /, *, task_id: UUID) -> None:
    """Check the mentioned users. Raises Invalid with every mistake, and NotFound without the task."""
    task = read_task(session, actor, task_id)
    mentions.check_mentions_of(session, session.get_one(Lead, task.lead_id), data)


def create_from_entry(session: Session, actor: Actor, data: JsonObject, /, *, lead_id: UUID, entry_id: UUID) -> Task:
    """Create a task that is linked to a timeline entry. Raises NotFound and the errors of `create_task`."""
    _require_entry(session, actor, lead_id, entry_id)
    return create_task(session, actor, lead_id, {**data, "related_activity_id": entry_id})


def check_task_from_entry(
    session: Session, actor: Actor, data: JsonObject, /, *, lead_id: UUID, entry_id: UUID
) -> None:
    """Check what the schema cannot: entry, template and assignee. Raises NotFound, and Invalid with every mistake."""
    _require_entry(session, actor, lead_id, entry_id)
    check_new_task(session, actor, data)


def with_follow_ups(session: Session, entries: Sequence[Any]) -> Sequence[Any]:
    """Add to each timeline entry the tasks that were created from it, as `follow_ups`, oldest first."""
    ids = [entry.id for entry in entries]
    wanted = _FOLLOW_UPS.where(Task.related_activity_id.in_(ids), Task.deleted_at.is_(None)).order_by(Task.id)
    found: defaultdict[UUID | None, list[AnyRow]] = defaultdict(list)
    for task in session.execute(wanted) if ids else ():
        found[task.related_activity_id].append(task)
    for entry in entries:
        entry.follow_ups = found[entry.id]
    return entries


def _require_entry(session: Session, actor: Actor, lead_id: UUID, entry_id: UUID) -> None:
    entry = select(Activity.id).join(Lead, Lead.id == Activity.lead_id)
    if session.scalar(entry.where(Activity.id == entry_id, Lead.id == lead_id, *visible_to(actor))) is None:
        raise NotFound


def _lock_lead_of_task(session: Session, actor: Actor, task_id: UUID) -> Lead:
    """Lock and return the lead of a visible task, also of a task for a lead that the actor does not see otherwise."""
    of_task = select(Lead).join(Task, Task.lead_id == Lead.id).where(Task.id == task_id, *visible_tasks(actor))
    locked = of_task.with_for_update(key_share=True, of=Lead).execution_options(populate_existing=True)
    lead = session.scalars(locked).one_or_none()
    if lead is None:
        raise NotFound
    require_unlocked(lead)
    return lead
