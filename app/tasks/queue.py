"""The work queue: the clinic's tasks over all its leads, by what they are, whose they are, and what they say."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal_column, or_, select
from sqlalchemy.orm import Session

from app.http.paging import Key, Page, page_of_parts
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.people import who_is
from app.tasks.lookup import known_to
from app.tasks.models import OPEN_TASKS, WORDS, Task, TaskStatus
from app.tasks.queue_schemas import Sort

ORDERS: Final[Mapping[Sort, list[Key]]] = {
    Sort.DUE: [(Task.due_at, "asc"), (Task.id, "asc")],
    Sort.DUE_LAST: [(Task.due_at, "desc"), (Task.id, "desc")],
    Sort.OLDEST: [(Task.id, "asc")],  # ids tell the time
    Sort.NEWEST: [(Task.id, "desc")],
}
# Each of these an index has in the order of their due times, and none has all of them: that would cost every insert.
_IN_THE_CLINIC: Final = (
    (TaskStatus.PENDING, TaskStatus.IN_PROGRESS),
    (TaskStatus.OVERDUE,),
    (TaskStatus.COMPLETED,),
    (TaskStatus.CANCELLED,),
)
_OF_A_PERSON: Final = (OPEN_TASKS, (TaskStatus.COMPLETED,), (TaskStatus.CANCELLED,))
_BY_THEMSELVES: Final = frozenset({"created_by", "pinned", "lead_id"})  # an index has these whatever the status

_ROWS: Final = select(Task.__table__).join(Lead, Lead.id == Task.lead_id)
_SAID: Final[ColumnElement[Any]] = literal_column(WORDS)  # a lead has neither title nor description
_IS_PINNED: Final[ColumnElement[bool]] = Task.__table__.c.pinned


def list_tasks(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The tasks that pass the filters in `query` (as `QueueQuery` reads it), in the order asked for. Raises Invalid."""
    return page_of_parts(session, parts_of(actor, query), ORDERS[query["sort"]], query)


def parts_of(actor: Actor, query: Mapping[str, Any]) -> list[Select[Any]]:
    """The tasks that pass the filters, as statements that have none in common. Raises Invalid."""
    tasks = _ROWS.where(*known_to(actor), *tests_of(actor, query))
    wanted: Collection[TaskStatus] = query.get("status", tuple(TaskStatus))
    if query["sort"] in {Sort.OLDEST, Sort.NEWEST} or query.keys() & _BY_THEMSELVES:
        return [tasks.where(has_status(wanted))]
    groups = _OF_A_PERSON if "assigned_to_id" in query else _IN_THE_CLINIC
    shared = [[status for status in group if status in wanted] for group in groups]
    return [tasks.where(has_status(statuses)) for statuses in shared if statuses]


def tests_of(actor: Actor, query: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """What a task has to be to pass the filters, but for its status. Raises Invalid."""
    tests = [test(query[name]) for name, test in _FILTERS.items() if name in query]
    for name, column in (("assigned_to_id", Task.assigned_to_id), ("created_by", Task.created_by)):
        if name in query:
            tests.append(column == who_is(query[name], actor, pointer=f"/{name}"))
    return tests


def has_status(statuses: Iterable[TaskStatus]) -> ColumnElement[bool]:
    """Spelled out in the statement: the indexes are partial, and a plan can't see into a parameter."""
    return Task.status.in_(bindparam("statuses", list(statuses), expanding=True, unique=True, literal_execute=True))


def _is_tagged(tag: str) -> ColumnElement[bool]:
    has_it = Task.tags.bool_op("@>")(bindparam(None, [tag], type_=Task.tags.type))
    return and_(has_it, literal_column("tags <> '{}'"))  # the second is what the index says of its rows


def _is_rotting(wanted: bool) -> ColumnElement[bool]:
    rots = or_(Lead.stale_since.is_not(None), Lead.stage_overdue_since.is_not(None))
    return rots if wanted else ~rots


def _says(words: str) -> ColumnElement[bool]:
    """As people search: words that all have to be there, "phrases", `or`, and `-without`."""
    return _SAID.op("@@", is_comparison=True)(func.websearch_to_tsquery(literal_column("'simple'::regconfig"), words))


_FILTERS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "lead_id": lambda lead_id: Task.lead_id == lead_id,
    "type": Task.type.in_,
    "priority": Task.priority.in_,
    "due_from": lambda at: Task.due_at >= at,
    "due_to": lambda at: Task.due_at < at,
    "stage": lambda stage: Lead.pipeline_stage == stage,
    "source_id": lambda source_id: Lead.source_id == source_id,
    "tag": _is_tagged,
    "pinned": lambda pinned: _IS_PINNED if pinned else ~_IS_PINNED,
    "rotting": _is_rotting,
    "q": _says,
}
