"""What is next for a lead: its open task that is due first.

It is looked up when it is asked for, by the tasks' own indexes. Kept on the lead, it would cost each task that a step
makes another write, of a row with many indexes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, func, select, text, true, tuple_
from sqlalchemy.orm import Session, aliased

from app.leads.models import Lead
from app.leads.next_actions.open_task import TO_BE_DONE, OpenTask

SHOWN: Final = frozenset({"next_follow_up_at", "next_follow_up_source"})


class MadeBy(StrEnum):
    """Where a task comes from."""

    AUTOMATION = "automation"  # a rule, whose slug is known for as long as its steps are kept
    TEMPLATE = "template"  # a task template, when the lead entered its stage
    USER = "user"
    PROGRAM = "program"  # with an API key


class Span(NamedTuple):
    """When a follow-up may be due: from then on, and before then; None: whenever."""

    due_from: datetime | None
    due_to: datetime | None

    def holds(self, due_at: Any) -> list[ColumnElement[bool]]:
        """Tests of a column, or an expression."""
        tests = [] if self.due_from is None else [due_at >= self.due_from]
        return tests if self.due_to is None else [*tests, due_at < self.due_to]


_NEXT_OF: Final = text(
    "SELECT wanted.id, next.* FROM unnest(CAST(:ids AS uuid[])) AS wanted (id) CROSS JOIN LATERAL"
    " (SELECT t.id AS task_id, t.due_at, t.created_by, t.step_id, s.cause ->> 'rule' AS rule,"
    " s.cause ->> 'task_template_id' AS template_id FROM lead_tasks t LEFT JOIN steps s ON s.id = t.step_id"
    " WHERE t.lead_id = wanted.id AND t.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"
    " ORDER BY t.due_at, t.id LIMIT 1) AS next"
)
_NOTHING: Final[Mapping[str, None]] = dict.fromkeys(SHOWN)

# Each of these an index has in the order of their due times.
_GROUPS: Final = (text("lead_tasks.status IN ('PENDING', 'IN_PROGRESS')"), text("lead_tasks.status = 'OVERDUE'"))
_WHICH: Final[Sequence[Any]] = (OpenTask.id, OpenTask.due_at, OpenTask.lead_id)
_NEXT: Final = (
    select(*_WHICH).where(OpenTask.lead_id == Lead.id, TO_BE_DONE).order_by(OpenTask.due_at, OpenTask.id).limit(1)
)
_EARLIER: Final = aliased(OpenTask, name="earlier")
# Whether no other is earlier. Not as NOT EXISTS, for that a planner may turn into reading all tasks there are.
_IS_FIRST: Final = func.coalesce(
    select(false())
    .where(
        _EARLIER.lead_id == OpenTask.lead_id,
        text("earlier.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"),
        tuple_(_EARLIER.due_at, _EARLIER.id) < tuple_(OpenTask.due_at, OpenTask.id),
    )
    .correlate(OpenTask)
    .limit(1)
    .scalar_subquery(),
    true(),
)


def with_next_follow_ups(session: Session, leads: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The leads (with `id`), each with when its next open task is due and where that comes from; in one query."""
    found = session.execute(_NEXT_OF, {"ids": [lead["id"] for lead in leads]}) if leads else ()
    following: dict[UUID, Mapping[str, Any]] = {task.id: _shown(task) for task in found}
    return [{**lead, **following.get(lead["id"], _NOTHING)} for lead in leads]


def due_tasks(clinic_id: UUID, span: Span) -> list[Select[Any]]:
    """The open tasks of the clinic that are due then.

    Statements of id, due_at and lead_id that have no row in common.
    """
    due = select(*_WHICH).where(OpenTask.clinic_id == clinic_id, *span.holds(OpenTask.due_at))
    return [due.where(group) for group in _GROUPS]


def first_tasks(clinic_id: UUID, span: Span) -> list[Select[Any]]:
    """Those of them that are what is next for their lead."""
    return [part.where(_IS_FIRST) for part in due_tasks(clinic_id, span)]


def next_tasks(leads: Sequence[ColumnElement[bool]], span: Span) -> Select[Any]:
    """What is next for each of the leads that pass these tests, if it is due then; for few leads."""
    next_one = _NEXT.correlate(Lead).lateral("next")
    columns = (next_one.c.id, next_one.c.due_at, next_one.c.lead_id)
    return select(*columns).select_from(Lead).join(next_one, true()).where(*leads, *span.holds(next_one.c.due_at))


def is_of_lead(leads: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether a task is of one of the leads that pass these tests; for many leads.

    Not as a join: planned once for all values, that may begin with the leads, and look through all tasks for each.
    """
    its_lead = select(true()).where(Lead.id == OpenTask.lead_id, *leads).correlate(OpenTask).limit(1)
    return func.coalesce(its_lead.scalar_subquery(), false())


def is_next_due(span: Span) -> list[ColumnElement[bool]]:
    """What a lead has to be for its next open task to be due then: tests that look at each lead's own tasks."""
    return span.holds(_NEXT.with_only_columns(OpenTask.due_at).correlate(Lead).scalar_subquery())


def _shown(task: Any) -> Mapping[str, Any]:
    source = {"task_id": task.task_id, "made_by": _made_by(task), "rule": task.rule, "user_id": task.created_by}
    return {"next_follow_up_at": task.due_at, "next_follow_up_source": source}


def _made_by(task: Any) -> MadeBy:
    if task.step_id is None:
        return MadeBy.USER if task.created_by else MadeBy.PROGRAM
    return MadeBy.TEMPLATE if task.template_id else MadeBy.AUTOMATION
