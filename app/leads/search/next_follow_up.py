"""Next follow-up of a lead: its open task with the earliest due time.

It is looked up on read, with the indexes of the tasks. Stored on the lead, it would cost every new task a second write,
to a row with many indexes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, select, text, true, tuple_
from sqlalchemy.orm import Session, aliased

from app.core.database.driver_sql import driver_sql, execute_driver_sql
from app.core.db import AnySelect
from app.core.type_aliases import JsonDict, JsonObject
from app.leads.models import Lead
from app.leads.search.open_task import IS_OPEN_TASK, OpenTask

NEXT_FOLLOW_UP_FIELDS: Final = frozenset({"next_follow_up_at", "next_follow_up_source"})


class TaskOrigin(StrEnum):
    """Origin of a task."""

    AUTOMATION = "automation"  # an automation rule; its slug is known while its steps are kept
    TEMPLATE = "template"  # a task template of a stage
    USER = "user"
    PROGRAM = "program"  # an API key


class DueRange(NamedTuple):
    """Range of due times: `due_from` inclusive, `due_to` exclusive; None: unbounded."""

    due_from: datetime | None
    due_to: datetime | None

    def conditions(self, due_at: Any) -> list[ColumnElement[bool]]:
        """Return SQL conditions on a column or an expression."""
        tests = [] if self.due_from is None else [due_at >= self.due_from]
        return tests if self.due_to is None else [*tests, due_at < self.due_to]


_NEXT_OF: Final = driver_sql(
    "SELECT wanted.id, next.* FROM unnest(CAST(:ids AS uuid[])) AS wanted (id) CROSS JOIN LATERAL"
    " (SELECT t.id AS task_id, t.due_at, t.created_by, t.step_id, s.cause ->> 'rule' AS rule,"
    " s.cause ->> 'task_template_id' AS template_id FROM lead_tasks t LEFT JOIN steps s ON s.id = t.step_id"
    " WHERE t.lead_id = wanted.id AND t.status IN ('PENDING', 'IN_PROGRESS', 'OVERDUE')"
    " ORDER BY t.due_at, t.id LIMIT 1) AS next"
)
_NOTHING: Final[Mapping[str, None]] = dict.fromkeys(NEXT_FOLLOW_UP_FIELDS)

# Each group has an index ordered by due time.
_GROUPS: Final = (text("lead_tasks.status IN ('PENDING', 'IN_PROGRESS')"), text("lead_tasks.status = 'OVERDUE'"))
_WHICH: Final[Sequence[Any]] = (OpenTask.id, OpenTask.due_at, OpenTask.lead_id)
_NEXT: Final = (
    select(*_WHICH).where(OpenTask.lead_id == Lead.id, IS_OPEN_TASK).order_by(OpenTask.due_at, OpenTask.id).limit(1)
)
_EARLIER: Final = aliased(OpenTask, name="earlier")
# True if no other task is earlier. A scalar subquery, because a planner may turn NOT EXISTS into a scan of all tasks.
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


def with_next_follow_ups(session: Session, leads: Sequence[JsonDict]) -> Sequence[JsonDict]:
    """Add the fields `next_follow_up_at` and `next_follow_up_source` to these dicts (with `id`), in one query."""
    found = execute_driver_sql(session, _NEXT_OF, {"ids": [lead["id"] for lead in leads]}) if leads else ()
    by_lead: dict[UUID, JsonObject] = {task.id: _to_response(task) for task in found}
    for lead in leads:
        lead.update(by_lead.get(lead["id"], _NOTHING))
    return leads


def due_tasks(clinic_id: UUID, due: DueRange) -> list[AnySelect]:
    """Return statements for the clinic's open tasks in the due range: id, due_at, lead_id.

    The statements have no row in common.
    """
    tasks = select(*_WHICH).where(OpenTask.clinic_id == clinic_id, *due.conditions(OpenTask.due_at))
    return [tasks.where(group) for group in _GROUPS]


def first_tasks(clinic_id: UUID, due: DueRange) -> list[AnySelect]:
    """Restrict `due_tasks` to the next task of each lead."""
    return [part.where(_IS_FIRST) for part in due_tasks(clinic_id, due)]


def next_tasks(leads: Sequence[ColumnElement[bool]], due: DueRange) -> AnySelect:
    """Return a statement for the next tasks of the leads that meet the conditions. Efficient for few leads."""
    next_one = _NEXT.correlate(Lead).lateral("next")
    columns = (next_one.c.id, next_one.c.due_at, next_one.c.lead_id)
    return select(*columns).select_from(Lead).join(next_one, true()).where(*leads, *due.conditions(next_one.c.due_at))


def belongs_to_lead(leads: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the condition that a task belongs to a lead that meets the conditions. Efficient for many leads.

    Not a join: a generic plan may start with the leads and scan all tasks for each.
    """
    its_lead = select(true()).where(Lead.id == OpenTask.lead_id, *leads).correlate(OpenTask).limit(1)
    return func.coalesce(its_lead.scalar_subquery(), false())


def is_next_due(due: DueRange) -> list[ColumnElement[bool]]:
    """Return the conditions that a lead's next open task is in the due range."""
    return due.conditions(_NEXT.with_only_columns(OpenTask.due_at).correlate(Lead).scalar_subquery())


def _to_response(task: Any) -> JsonObject:
    source = {"task_id": task.task_id, "made_by": _origin(task), "rule": task.rule, "user_id": task.created_by}
    return {"next_follow_up_at": task.due_at, "next_follow_up_source": source}


def _origin(task: Any) -> TaskOrigin:
    if task.step_id is None:
        return TaskOrigin.USER if task.created_by else TaskOrigin.PROGRAM
    return TaskOrigin.TEMPLATE if task.template_id else TaskOrigin.AUTOMATION
