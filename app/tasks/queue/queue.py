"""The work queue: the clinic's tasks over all its leads, by what they are, whose they are, and what they say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, bindparam, func, literal_column, select, text
from sqlalchemy.orm import Session

from app.core.pagination import Key, Page, page_of_parts
from app.core.row_security import few
from app.identity.actor import Actor
from app.identity.permissions import Scope
from app.leads.assignment.people import who_is
from app.leads.lookup import is_assigned_within
from app.leads.models import Lead
from app.leads.pipeline.rotting import is_fresh, is_rotting
from app.tasks.lookup import known_to
from app.tasks.models import OPEN_TASKS, WORDS, Task, TaskStatus


class Sort(StrEnum):
    """The orders of the queue: each is served by an index."""

    DUE = "due_at"
    DUE_LAST = "-due_at"
    OLDEST = "created_at"
    NEWEST = "-created_at"


ORDERS: Final[Mapping[Sort, list[Key]]] = {
    Sort.DUE: [(Task.due_at, "asc"), (Task.id, "asc")],
    Sort.DUE_LAST: [(Task.due_at, "desc"), (Task.id, "desc")],
    Sort.OLDEST: [(Task.id, "asc")],  # ids tell the time
    Sort.NEWEST: [(Task.id, "desc")],
}
NEWEST: Final = 300  # of these, one in thirty that says the words tells that many do

# Each of these an index has in the order of their due times, and none has all of them: that would cost every insert.
_IN_THE_CLINIC: Final = (
    (TaskStatus.PENDING, TaskStatus.IN_PROGRESS),
    (TaskStatus.OVERDUE,),
    (TaskStatus.COMPLETED,),
    (TaskStatus.CANCELLED,),
)
_OF_A_PERSON: Final = (OPEN_TASKS, (TaskStatus.COMPLETED,), (TaskStatus.CANCELLED,))
_ASKS_THE_LEAD: Final = frozenset({"stage", "source_id", "rotting"})  # a filter tells, too: one guess at a time
_BY_THEMSELVES: Final = frozenset({"created_by", "lead_id", "ids"})  # an index has these whatever the status

_ROWS: Final = select(Task.__table__).join(Lead, Lead.id == Task.lead_id)
_SAID: Final[ColumnElement[Any]] = literal_column(WORDS)  # a lead has neither title nor description
_IS_PINNED: Final[ColumnElement[bool]] = Task.__table__.c.pinned

# Every version's: a task says what its rule said when it was made.
_A_RULE_SAYS: Final = text(
    "SELECT EXISTS (SELECT FROM rules"
    " CROSS JOIN LATERAL jsonb_path_query(definition, '$.do[*].*.title') AS said (title) WHERE clinic_id = :clinic"
    " AND to_tsvector('simple', said.title #>> '{}') @@ websearch_to_tsquery('simple', :words))"
)


def list_tasks(session: Session, actor: Actor, query: Mapping[str, Any]) -> Page:
    """The tasks that pass the filters in `query` (as `QueueQuery` reads it), in the order asked for. Raises Invalid."""
    query = looked_up(session, actor, query)
    return page_of_parts(session, parts_of(actor, query), ORDERS[query["sort"]], query)


def looked_up(session: Session, actor: Actor, query: Mapping[str, Any]) -> Mapping[str, Any]:
    """The query with the tasks that pass its rarest filters in place of these, where they are few enough to name."""
    asked: dict[str, Any] = dict(query)
    named: list[Sequence[UUID]] = []
    if "tag" in asked and (tagged := few(session, "tasks_tagged", asked["tag"])) is not None:
        named.append(tagged)
        del asked["tag"]
    if "q" in asked:
        words = asked.pop("q")
        if (saying := _few_that_say(session, actor, words)) is not None:
            named.append(saying)
        else:
            asked["said"] = words
    return {**asked, "ids": list({*named[0]}.intersection(*named))} if named else asked


def _few_that_say(session: Session, actor: Actor, words: str) -> Sequence[UUID] | None:
    """What a rule says, many say."""
    clinic_id = actor.clinic.id
    if session.scalar(_A_RULE_SAYS, {"clinic": clinic_id, "words": words}) or _is_said_often(session, clinic_id, words):
        return None
    return few(session, "tasks_saying", words)


def _is_said_often(session: Session, clinic_id: UUID, words: str) -> bool:
    """By the newest tasks: the index of the words, which is all clinics', would have to be asked for every one."""
    newest = select(_SAID.label("said")).where(Task.clinic_id == clinic_id).order_by(Task.id.desc()).limit(NEWEST)
    some = newest.subquery()
    wanted = func.websearch_to_tsquery(literal_column("'simple'::regconfig"), words)
    said = select(func.count()).select_from(some).where(some.c.said.op("@@", is_comparison=True)(wanted))
    return session.scalars(said).one() >= NEWEST // 30


def tasks_of(actor: Actor, query: Mapping[str, Any]) -> Select[Any]:
    """The tasks that pass the filters, whatever their status. Raises Invalid."""
    return _ROWS.where(*known_to(actor), *tests_of(actor, query))


def parts_of(actor: Actor, query: Mapping[str, Any]) -> list[Select[Any]]:
    """The tasks that pass the filters, as statements that have none in common. Raises Invalid."""
    tasks = tasks_of(actor, query)
    if query["sort"] in {Sort.OLDEST, Sort.NEWEST}:
        return [tasks.where(has_status(query.get("status", TaskStatus)))]
    return [tasks.where(has_status(statuses)) for statuses in groups_of(query)]


def groups_of(query: Mapping[str, Any]) -> list[list[TaskStatus]]:
    """The statuses asked for, in groups that an index each has in the order of their due times."""
    wanted = query.get("status", tuple(TaskStatus))
    if query.get("pinned") or query.keys() & _BY_THEMSELVES:
        return [list(wanted)]
    groups = _OF_A_PERSON if "assigned_to_id" in query else _IN_THE_CLINIC
    shared = [[status for status in group if status in wanted] for group in groups]
    return [group for group in shared if group]


def tests_of(actor: Actor, query: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """What a task has to be to pass the filters, but for its status. Raises Invalid."""
    tests = [test(query[name]) for name, test in _FILTERS.items() if name in query]
    for name, column in (("assigned_to_id", Task.assigned_to_id), ("created_by", Task.created_by)):
        if name in query:
            tests.append(column == who_is(query[name], actor, pointer=f"/{name}"))
    if actor.scope is not Scope.ALL and query.keys() & _ASKS_THE_LEAD:
        tests.append(is_assigned_within(actor, Lead.assigned_to_id))
    return tests


def has_status(statuses: Iterable[TaskStatus]) -> ColumnElement[bool]:
    """Spelled out in the statement: the indexes are partial, and a plan can't see into a parameter."""
    return Task.status.in_(bindparam("statuses", list(statuses), expanding=True, unique=True, literal_execute=True))


def _is_tagged(tag: str) -> ColumnElement[bool]:
    return Task.tags.bool_op("@>")(bindparam(None, [tag], type_=Task.tags.type))


def _says(words: str) -> ColumnElement[bool]:
    """As people search: words that all have to be there, "phrases", `or`, and `-without`."""
    wanted = func.websearch_to_tsquery(literal_column("'simple'::regconfig"), words)
    return _SAID.op("@@", is_comparison=True)(wanted)


_FILTERS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "ids": lambda ids: Task.id == func.any(bindparam(None, ids, type_=ARRAY(Task.id.type))),
    "lead_id": lambda lead_id: Task.lead_id == lead_id,
    "type": Task.type.in_,
    "priority": Task.priority.in_,
    "due_from": lambda at: Task.due_at >= at,
    "due_to": lambda at: Task.due_at < at,
    "stage": lambda stage: Lead.pipeline_stage == stage,
    "source_id": lambda source_id: Lead.source_id == source_id,
    "tag": _is_tagged,
    "pinned": lambda pinned: _IS_PINNED if pinned else ~_IS_PINNED,
    "rotting": lambda wanted: is_rotting() if wanted else is_fresh(),
    "said": _says,
}
