"""Lead activities: tasks and timeline entries read as one list. Nothing is stored here."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.db import AnySelect
from app.core.pagination import Key, Page, page_of_parts
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import NotFound
from app.identity.actor import Actor
from app.identity.users.lookup import resolve_user_id
from app.leads.activities import service as activities
from app.leads.models import Lead
from app.leads.search.lookup import read_lead, visible_to
from app.leads.timeline.models import Activity
from app.security.encrypted_fields import decrypt_row, decrypt_rows
from app.tasks.lead_activities.conversion import to_activities
from app.tasks.lead_activities.vocabulary_mapping import TO_STATUS, TYPE_OF_ENTRY, TYPE_OF_TASK, Kind, State
from app.tasks.lookup import read_task, visible_tasks
from app.tasks.models import OPEN_TASKS, Task, TaskStatus
from app.tasks.queue.queue import Sort, has_status, list_tasks

NEWEST_TASKS: Final[list[Key]] = [(Task.id, "desc")]  # ids of both kinds are ordered by time
NEWEST_ENTRIES: Final[list[Key]] = [(Activity.id, "desc")]


def list_all(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the activities that match the filters in `query` (as `AllQuery` reads it), newest first. Raises Invalid."""
    leads = [query["opportunity_id"]] if "opportunity_id" in query else None
    if "customer_id" in query:
        became = _leads_of_customer(session, actor, query["customer_id"])
        leads = [lead_id for lead_id in became if leads is None or lead_id in leads]
    return _page(session, actor, query, leads)


def of_lead(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """List a lead's activities, newest first. Raises NotFound, Invalid."""
    read_lead(session, actor, lead_id)
    return _page(session, actor, query, [lead_id])


def of_customer(session: Session, actor: Actor, patient_id: UUID, query: JsonObject) -> Page:
    """List the activities of the leads that became this patient, newest first. Raises NotFound, Invalid."""
    leads = _leads_of_customer(session, actor, patient_id)
    if not leads:
        raise NotFound
    return _page(session, actor, query, leads)


def _leads_of_customer(session: Session, actor: Actor, patient_id: UUID) -> Sequence[UUID]:
    return session.scalars(select(Lead.id).where(*visible_to(actor), Lead.converted_to_patient_id == patient_id)).all()


def planned(session: Session, actor: Actor, query: JsonObject, *, overdue: bool) -> Page:
    """List the open tasks, or only the overdue ones, by due time. Raises Invalid."""
    who = (
        {"assigned_to_id": resolve_user_id(query["assigned_to"], actor, pointer="/assigned_to")}
        if "assigned_to" in query
        else {}
    )
    status = (TaskStatus.OVERDUE,) if overdue else OPEN_TASKS
    found = list_tasks(session, actor, {**query, **who, "status": status, "sort": Sort.DUE})
    return Page(to_activities(session, actor, found.items), found.next_cursor, found.total_count)


def timeline(session: Session, actor: Actor, lead_id: UUID, query: JsonObject) -> Page:
    """List the lead's timeline entries in chronological order. Raises NotFound."""
    found = activities.timeline(session, actor, lead_id, query)
    return Page(to_activities(session, actor, found.items), found.next_cursor, found.total_count)


def read_one(session: Session, actor: Actor, activity_id: UUID) -> JsonDict:
    """Return the task or timeline entry with this id. Raises NotFound."""
    try:
        row: Any = read_task(session, actor, activity_id)
    except NotFound:
        row = read_entry(session, actor, activity_id)
    return to_activities(session, actor, [row])[0]


def read_entry(session: Session, actor: Actor, entry_id: UUID) -> SimpleNamespace:
    """Return the timeline entry's row. Raises NotFound, also for an entry that the actor may not see."""
    entries = select(Activity.__table__).join(Lead, Lead.id == Activity.lead_id)
    found = session.execute(entries.where(Activity.id == entry_id, *visible_to(actor))).one_or_none()
    if found is None:
        raise NotFound
    audit_log.note_read(session, "activity", [found.id])
    return decrypt_row(Activity, found)


def _page(session: Session, actor: Actor, query: JsonObject, leads: Sequence[UUID] | None) -> Page:
    """Find the ids of both kinds together, then read the rows."""
    parts = [(_tasks(actor, query, leads), NEWEST_TASKS), (_entries(actor, query, leads), NEWEST_ENTRIES)]
    wanted = [(part, keys) for part, keys in parts if part is not None]
    if not wanted:
        return Page([], None)
    statements, keys = [part for part, _ in wanted], [keys for _, keys in wanted]
    found = page_of_parts(session, statements, NEWEST_TASKS, query, of_each=keys)
    rows = {row.id: row for model in (Task, Activity) for row in _rows(session, model, found.items)}
    items = to_activities(session, actor, [rows[item.id] for item in found.items])
    return Page(items, found.next_cursor, found.total_count)


def _tasks(actor: Actor, query: JsonObject, leads: Sequence[UUID] | None) -> AnySelect | None:
    types = [type_ for type_, name in TYPE_OF_TASK.items() if name in query.get("activity_type", (name,))]
    tests = _filters(actor, query, leads, columns=(Task.lead_id, Task.assigned_to_id, Task.due_at, Task.outcome))
    if not types:
        return None
    if "activity_type" in query:
        tests.append(Task.type.in_(types))
    if "status" in query:
        tests.append(has_status(status for state in query["status"] for status in TO_STATUS[state]))
    return (
        select(*_id_and_kind(Task, Kind.TASK)).join(Lead, Lead.id == Task.lead_id).where(*visible_tasks(actor), *tests)
    )


def _entries(actor: Actor, query: JsonObject, leads: Sequence[UUID] | None) -> AnySelect | None:
    types = [type_ for type_, name in TYPE_OF_ENTRY.items() if name in query.get("activity_type", (name,))]
    if not types or State.COMPLETED not in query.get("status", tuple(State)):
        return None
    columns = (Activity.lead_id, Activity.created_by, Activity.occurred_at, Activity.outcome)
    tests = _filters(actor, query, leads, columns=columns)
    if "activity_type" in query:
        tests.append(Activity.type.in_(types))
    known = (Activity.clinic_id == actor.clinic.id, *visible_to(actor))
    return select(*_id_and_kind(Activity, Kind.ENTRY)).join(Lead, Lead.id == Activity.lead_id).where(*known, *tests)


def _id_and_kind(model: type[Activity] | type[Task], kind: Kind) -> list[Any]:
    return [model.id, literal(kind.value).label("kind")]


def _filters(
    actor: Actor, query: JsonObject, leads: Sequence[UUID] | None, *, columns: tuple[Any, Any, Any, Any]
) -> list[ColumnElement[bool]]:
    """Return the filters on these columns: lead, person, time, outcome."""
    lead, person, at, outcome = columns
    tests = [] if leads is None else [lead.in_(leads)]
    if "date_from" in query:
        tests.append(at >= query["date_from"])
    if "date_to" in query:
        tests.append(at < query["date_to"])
    if "outcome" in query:
        tests.append(outcome.in_(query["outcome"]))
    if "assigned_to" in query:
        tests.append(person == resolve_user_id(query["assigned_to"], actor, pointer="/assigned_to"))
    return tests


def _rows(session: Session, model: type[Activity] | type[Task], items: Iterable[Any]) -> list[Any]:
    kind = Kind.TASK if model is Task else Kind.ENTRY
    ids = [item.id for item in items if item.kind == kind]
    if not ids:
        return []
    return decrypt_rows(model, session.execute(select(model.__table__).where(model.id.in_(ids))))
