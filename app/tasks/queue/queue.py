"""The work queue: the clinic's tasks across leads, with filters and full-text search."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, literal_column, or_, select, text
from sqlalchemy.orm import Session

from app.core.database.row_security import FEW_IDS, find_few_ids
from app.core.db import AnyRow, AnySelect, is_among
from app.core.pagination import Key, Page, page_of_parts
from app.core.type_aliases import JsonDict, JsonObject
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.permissions import Permission, Scope
from app.identity.users.lookup import resolve_user_id
from app.leads.models import Lead
from app.leads.search.by_text.find import find_lead_ids, find_notes, has_keys
from app.leads.search.by_text.query import TextQuery
from app.leads.search.filters import is_not_yet_rotting, is_rotting
from app.leads.search.lookup import is_assigned_within
from app.tasks.lookup import visible_tasks
from app.tasks.models import OPEN_TASKS, SEARCH_VECTOR, Task, TaskStatus
from app.tasks.queue.completion import has_completion, statuses_of


class Sort(StrEnum):
    """Sort orders of the queue. Each one uses an index."""

    DUE = "due_at"
    DUE_LAST = "-due_at"
    OLDEST = "created_at"
    NEWEST = "-created_at"
    URGENT = "-priority"  # only open tasks: the highest priority first, then by due time


ORDERS: Final[Mapping[Sort, list[Key]]] = {
    Sort.DUE: [(Task.due_at, "asc"), (Task.id, "asc")],
    Sort.DUE_LAST: [(Task.due_at, "desc"), (Task.id, "desc")],
    Sort.OLDEST: [(Task.id, "asc")],  # ids are ordered by time
    Sort.NEWEST: [(Task.id, "desc")],
    Sort.URGENT: [(Task.priority_rank, "asc"), (Task.due_at, "asc"), (Task.id, "asc")],
}
NEWEST: Final = 300  # newest tasks: if one in thirty matches the search words, many tasks do

# Each group has an index ordered by due time. One index for all statuses would slow down every insert.
_CLINIC_GROUPS: Final = (
    (TaskStatus.PENDING, TaskStatus.IN_PROGRESS),
    (TaskStatus.OVERDUE,),
    (TaskStatus.COMPLETED,),
    (TaskStatus.CANCELLED,),
)
_USER_GROUPS: Final = (OPEN_TASKS, (TaskStatus.COMPLETED,), (TaskStatus.CANCELLED,))
_LEAD_FILTERS: Final = frozenset({"stage", "source_id", "rotting"})  # filters on the lead
_INDEXED_FILTERS: Final = frozenset({"created_by", "lead_id", "ids"})  # filters that have an index for all statuses

_ROWS: Final = select(Task.__table__, Task.priority_rank.label("priority_rank")).join(Lead, Lead.id == Task.lead_id)
_SEARCH_VECTOR: Final[ColumnElement[object]] = literal_column(
    SEARCH_VECTOR
)  # unqualified names: leads have no such columns
_IS_PINNED: Final[ColumnElement[bool]] = Task.__table__.c.pinned

# Considers every version, because a task keeps the text of the version that created it.
_IS_IN_A_RULE: Final = text(
    "SELECT EXISTS (SELECT FROM rules"
    " CROSS JOIN LATERAL jsonb_path_query(definition, '$.do[*].*.title') AS said (title) WHERE clinic_id = :clinic"
    " AND to_tsvector('simple', folded_name(said.title #>> '{}')) @@ to_tsquery('simple', :words))"
)


def list_tasks(session: Session, actor: Actor, query: JsonObject) -> Page:
    """List the tasks that match the filters in `query` (as `QueueQuery` reads it), in the requested order.

    Raises Invalid.
    """
    query = resolve_rare_filters(session, actor, query)
    return page_of_parts(session, disjoint_statements(actor, query), ORDERS[query["sort"]], query)


def resolve_rare_filters(session: Session, actor: Actor, query: JsonObject) -> JsonObject:
    """Replace the rarest filters by the ids of their tasks if there are few."""
    asked: JsonDict = dict(query)
    named: list[Sequence[UUID]] = []
    if "tag" in asked and (tagged := find_few_ids(session, "tasks_tagged", asked["tag"])) is not None:
        named.append(tagged)
        del asked["tag"]
    if "q" in asked:
        found = _find_by_words(session, actor, TextQuery(asked.pop("q"), actor.clinic.region))
        if isinstance(found, ColumnElement):
            asked["said"] = found
        else:
            named.append(found)
    return {**asked, "ids": list({*named[0]}.intersection(*named))} if named else asked


def newest_with_words(session: Session, actor: Actor, query: TextQuery, *, most: int) -> Sequence[AnyRow]:
    """Return the newest visible tasks with texts that have these words."""
    words = _as_tsquery(query)
    ids = _ids_of_rare_words(session, actor, words)
    tasks = tasks_of(actor, {"said": _matches_words(words)} if ids is None else {"ids": ids})
    return session.execute(tasks.order_by(Task.id.desc()).limit(most)).all()


def _as_tsquery(query: TextQuery) -> str:
    return " & ".join(f"'{word}':*" for word in query.words)  # letters and digits only


def _find_by_words(session: Session, actor: Actor, query: TextQuery) -> Sequence[UUID] | ColumnElement[bool]:
    """Find tasks by their texts, their leads and notes: their ids, or a condition if many match.

    A note about a task finds this task, another one all tasks of its lead.
    """
    words = _as_tsquery(query)
    notes = find_notes(session, actor, query) if actor.allows(Permission.LEAD_PRIVATE) else []
    by_note = [note.task_id for note in notes if note.task_id]
    with_note = [note.lead_id for note in notes if not note.task_id]
    by_text, leads = _ids_of_rare_words(session, actor, words), find_lead_ids(session, actor, query)
    if by_text is not None and leads is not None:
        of_leads = select(Task.id).where(
            Task.clinic_id == actor.clinic.id, is_among(Task.lead_id, [*leads, *with_note])
        )
        by_lead = session.scalars(of_leads.limit(FEW_IDS + 1)).all() if leads or with_note else []
        if len(by_lead) <= FEW_IDS:
            return [*{*by_text, *by_lead, *by_note}]
    is_of_lead = has_keys(actor, query) if leads is None else is_among(Task.lead_id, leads)
    return or_(_matches_words(words), is_of_lead, is_among(Task.lead_id, with_note), is_among(Task.id, by_note))


def _ids_of_rare_words(session: Session, actor: Actor, words: str) -> Sequence[UUID] | None:
    """Return the ids of tasks with these words (of `to_tsquery`), or None if there are many.

    Words in a rule's text occur in many tasks.
    """
    clinic_id = actor.clinic.id
    if session.scalar(_IS_IN_A_RULE, {"clinic": clinic_id, "words": words}) or _is_frequent(session, clinic_id, words):
        return None
    return find_few_ids(session, "tasks_with_words", words)


def _is_frequent(session: Session, clinic_id: UUID, words: str) -> bool:
    """Estimate from the newest tasks, because the search index covers all clinics and is slow for frequent words."""
    newest = (
        select(_SEARCH_VECTOR.label("said")).where(Task.clinic_id == clinic_id).order_by(Task.id.desc()).limit(NEWEST)
    )
    some = newest.subquery()
    wanted = func.to_tsquery(literal_column("'simple'::regconfig"), words)
    said = select(func.count()).select_from(some).where(some.c.said.op("@@", is_comparison=True)(wanted))
    return session.scalars(said).one() >= NEWEST // 30


def tasks_of(actor: Actor, query: JsonObject) -> AnySelect:
    """Return the tasks that match the filters, of any status. Raises Invalid."""
    return _ROWS.where(*visible_tasks(actor), *filter_conditions(actor, query))


def disjoint_statements(actor: Actor, query: JsonObject) -> list[AnySelect]:
    """Return the tasks that match the filters, as disjoint statements. Raises Invalid."""
    tasks = tasks_of(actor, query)
    if query["sort"] in {Sort.OLDEST, Sort.NEWEST}:
        return [tasks.where(has_status(query.get("status", TaskStatus)))]
    if query["sort"] == Sort.URGENT:
        return [tasks.where(has_status(open_statuses(query)))]
    return [tasks.where(has_status(statuses)) for statuses in status_groups(query)]


def status_groups(query: JsonObject) -> list[list[TaskStatus]]:
    """Group the requested statuses so that each group has an index ordered by due time."""
    wanted = query.get("status", tuple(TaskStatus))
    if "completion" in query:  # other statuses have no rows
        possible = statuses_of(query["completion"])
        wanted = [status for status in wanted if status in possible] or wanted
    if query.get("pinned") or query.keys() & _INDEXED_FILTERS:
        return [list(wanted)]
    groups = _USER_GROUPS if "assigned_to_id" in query else _CLINIC_GROUPS
    shared = [[status for status in group if status in wanted] for group in groups]
    return [group for group in shared if group]


def open_statuses(query: JsonObject) -> list[TaskStatus]:
    """Return the open ones of the requested statuses. Raises Invalid if there are none."""
    wanted = [status for status in query.get("status", OPEN_TASKS) if status in OPEN_TASKS]
    if not wanted:
        raise Invalid.at("/sort", "Only open tasks are sorted by priority.")
    return wanted


def filter_conditions(actor: Actor, query: JsonObject) -> list[ColumnElement[bool]]:
    """Return the conditions for the filters, except the status. Raises Invalid."""
    tests = [test(query[name]) for name, test in _FILTERS.items() if name in query]
    for name, column in (("assigned_to_id", Task.assigned_to_id), ("created_by", Task.created_by)):
        if name in query:
            tests.append(column == resolve_user_id(query[name], actor, pointer=f"/{name}"))
    if actor.scope is not Scope.ALL and query.keys() & _LEAD_FILTERS:
        tests.append(is_assigned_within(actor, Lead.assigned_to_id))
    return tests


def has_status(statuses: Iterable[TaskStatus]) -> ColumnElement[bool]:
    """Compare with literals: the indexes are partial, and the query planner cannot see parameter values."""
    return Task.status.in_(bindparam("statuses", list(statuses), expanding=True, unique=True, literal_execute=True))


def _is_tagged(tag: str) -> ColumnElement[bool]:
    return Task.tags.bool_op("@>")(bindparam(None, [tag], type_=Task.tags.type))


def _matches_words(words: str) -> ColumnElement[bool]:
    """Return the condition that these words (of `to_tsquery`) are in a task's texts."""
    wanted = func.to_tsquery(literal_column("'simple'::regconfig"), words)
    return _SEARCH_VECTOR.op("@@", is_comparison=True)(wanted)


_FILTERS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "ids": lambda ids: is_among(Task.id, ids),
    "lead_id": lambda lead_id: Task.lead_id == lead_id,
    "type": Task.type.in_,
    "priority": Task.priority.in_,
    "due_from": lambda at: Task.due_at >= at,
    "due_to": lambda at: Task.due_at < at,
    "completion": has_completion,
    "stage": lambda stage: Lead.pipeline_stage == stage,
    "source_id": lambda source_id: Lead.source_id == source_id,
    "tag": _is_tagged,
    "pinned": lambda pinned: _IS_PINNED if pinned else ~_IS_PINNED,
    "rotting": lambda wanted: is_rotting() if wanted else is_not_yet_rotting(),
    "said": lambda is_found: is_found,
}
