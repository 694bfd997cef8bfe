"""Tasks and entries of the timeline as one list: nothing is kept here."""

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, literal, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.pagination import Key, Page, page_of_parts
from app.errors import NotFound
from app.identity.actor import Actor
from app.leads.assignment.people import who_is
from app.leads.lookup import read_lead, visible_to
from app.leads.models import Lead
from app.leads.timeline import service as activities
from app.leads.timeline.models import Activity
from app.security.encrypted_fields import open_rows, opened
from app.tasks.lead_activities.shape import shown
from app.tasks.lead_activities.vocabulary_mapping import OF_ENTRY, OF_TASK, TO_STATUS, Kind, State
from app.tasks.lookup import known_to, read_task
from app.tasks.models import OPEN_TASKS, Task, TaskStatus
from app.tasks.queue.queue import Sort, has_status, list_tasks

NEWEST_TASKS: Final[list[Key]] = [(Task.id, "desc")]  # ids tell the time, of both kinds alike
NEWEST_ENTRIES: Final[list[Key]] = [(Activity.id, "desc")]


def list_all(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """What passes the filters in `query` (as `AllQuery` reads it), the newest first. Raises Invalid."""
    leads = [query["opportunity_id"]] if "opportunity_id" in query else None
    return _page(session, actor, query, leads)


def of_lead(session: Session, actor: Actor, lead_id: UUID, query: Mapping[str, Any]) -> Page:
    """A lead's, the newest first. Raises NotFound, Invalid."""
    read_lead(session, actor, lead_id)
    return _page(session, actor, query, [lead_id])


def of_customer(session: Session, actor: Actor, patient_id: UUID, query: Mapping[str, Any]) -> Page:
    """Those of the leads that became this patient, the newest first. Raises NotFound, Invalid."""
    became = select(Lead.id).where(*visible_to(actor), Lead.converted_to_patient_id == patient_id)
    leads = session.scalars(became).all()
    if not leads:
        raise NotFound
    return _page(session, actor, query, leads)


def planned(session: Session, actor: Actor, query: Mapping[str, Any], *, overdue: bool) -> Page:
    """What is still to be done, or only what is late, as it is due. Raises Invalid."""
    who = (
        {"assigned_to_id": who_is(query["assigned_to"], actor, pointer="/assigned_to")}
        if "assigned_to" in query
        else {}
    )
    status = (TaskStatus.OVERDUE,) if overdue else OPEN_TASKS
    found = list_tasks(session, actor, {**query, **who, "status": status, "sort": Sort.DUE})
    return Page(shown(session, actor, found.items), found.next_cursor, found.total_count)


def timeline(session: Session, actor: Actor, lead_id: UUID, query: Mapping[str, Any]) -> Page:
    """What happened with the lead, in the order it happened. Raises NotFound."""
    found = activities.timeline(session, actor, lead_id, query)
    return Page(shown(session, actor, found.items), found.next_cursor, found.total_count)


def read_one(session: Session, actor: Actor, activity_id: UUID) -> dict[str, Any]:
    """The task, or the entry, of this id. Raises NotFound."""
    try:
        row: Any = read_task(session, actor, activity_id)
    except NotFound:
        row = read_entry(session, actor, activity_id)
    return shown(session, actor, [row])[0]


def read_entry(session: Session, actor: Actor, entry_id: UUID) -> SimpleNamespace:
    """The entry's row, to look at. Raises NotFound, also for one that the actor does not know of."""
    entries = select(Activity.__table__).join(Lead, Lead.id == Activity.lead_id)
    found = session.execute(entries.where(Activity.id == entry_id, *visible_to(actor))).one_or_none()
    if found is None:
        raise NotFound
    audit_log.saw(session, "activity", [found.id])
    return opened(Activity, found)


def _page(session: Session, actor: Actor, query: Mapping[str, Any], leads: Sequence[UUID] | None) -> Page:
    """First which ones, of both kinds together; then what they are."""
    parts = [(_tasks(actor, query, leads), NEWEST_TASKS), (_entries(actor, query, leads), NEWEST_ENTRIES)]
    wanted = [(part, keys) for part, keys in parts if part is not None]
    if not wanted:
        return Page([], None)
    statements, keys = [part for part, _ in wanted], [keys for _, keys in wanted]
    found = page_of_parts(session, statements, NEWEST_TASKS, query, of_each=keys)
    rows = {row.id: row for model in (Task, Activity) for row in _rows(session, model, found.items)}
    items = shown(session, actor, [rows[item.id] for item in found.items])
    return Page(items, found.next_cursor, found.total_count)


def _tasks(actor: Actor, query: Mapping[str, Any], leads: Sequence[UUID] | None) -> Select[Any] | None:
    types = [of for of, name in OF_TASK.items() if name in query.get("activity_type", (name,))]
    tests = _tests(actor, query, leads, lead=Task.lead_id, person=Task.assigned_to_id)
    if not types:
        return None
    if "activity_type" in query:
        tests.append(Task.type.in_(types))
    if "status" in query:
        tests.append(has_status(status for state in query["status"] for status in TO_STATUS[state]))
    return select(*_which(Task, Kind.TASK)).join(Lead, Lead.id == Task.lead_id).where(*known_to(actor), *tests)


def _entries(actor: Actor, query: Mapping[str, Any], leads: Sequence[UUID] | None) -> Select[Any] | None:
    types = [of for of, name in OF_ENTRY.items() if name in query.get("activity_type", (name,))]
    if not types or State.COMPLETED not in query.get("status", tuple(State)):
        return None
    tests = _tests(actor, query, leads, lead=Activity.lead_id, person=Activity.created_by)
    if "activity_type" in query:
        tests.append(Activity.type.in_(types))
    known = (Activity.clinic_id == actor.clinic.id, *visible_to(actor))
    return select(*_which(Activity, Kind.ENTRY)).join(Lead, Lead.id == Activity.lead_id).where(*known, *tests)


def _which(model: Any, kind: Kind) -> list[Any]:
    return [model.id, literal(kind.value).label("kind")]


def _tests(
    actor: Actor, query: Mapping[str, Any], leads: Sequence[UUID] | None, *, lead: Any, person: Any
) -> list[ColumnElement[bool]]:
    """Of the column that names the lead, and of the one that names whose it is."""
    tests = [] if leads is None else [lead.in_(leads)]
    if "assigned_to" in query:
        tests.append(person == who_is(query["assigned_to"], actor, pointer="/assigned_to"))
    return tests


def _rows(session: Session, model: Any, items: Iterable[Any]) -> list[Any]:
    kind = Kind.TASK if model is Task else Kind.ENTRY
    ids = [item.id for item in items if item.kind == kind]
    if not ids:
        return []
    return open_rows(model, session.execute(select(model.__table__).where(model.id.in_(ids))))
