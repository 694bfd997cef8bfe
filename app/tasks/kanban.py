"""The work queue as a board: a column for each status, as far as one screen shows them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.http.paging import page_of_parts
from app.identity.actor import Actor
from app.tasks.models import Task, TaskStatus
from app.tasks.overview_schemas import MOST_COUNTED
from app.tasks.queue import ORDERS, looked_up, parts_of
from app.tasks.queue_schemas import Sort

# What is over is looked at from its end: nobody wants to see the first thing that was ever done.
COLUMNS: Final[Mapping[TaskStatus, Sort]] = {
    TaskStatus.OVERDUE: Sort.DUE,
    TaskStatus.PENDING: Sort.DUE,
    TaskStatus.IN_PROGRESS: Sort.DUE,
    TaskStatus.COMPLETED: Sort.DUE_LAST,
    TaskStatus.CANCELLED: Sort.DUE_LAST,
}


def kanban(session: Session, actor: Actor, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A column for each status, with the first `query["cards"]` of its tasks. Raises Invalid."""
    query = looked_up(session, actor, query)
    return [_column(session, actor, query, status) for status in COLUMNS]


def _column(session: Session, actor: Actor, query: Mapping[str, Any], status: TaskStatus) -> dict[str, Any]:
    sort = COLUMNS[status]
    [tasks] = parts_of(actor, {**query, "status": (status,), "sort": sort})
    cards = page_of_parts(session, [tasks], ORDERS[sort], {"limit": query["cards"]})
    in_order = tasks.with_only_columns(Task.id).order_by(*(getattr(key, way)() for key, way in ORDERS[sort]))
    some = in_order.limit(MOST_COUNTED).subquery()  # in its order: else every task of the status is looked for first
    return {
        "status": status,
        "count": session.scalar(select(func.count()).select_from(some)) if cards.next_cursor else len(cards.items),
        "cards": cards.items,
        "sort": sort,
        "next_cursor": cards.next_cursor,
    }
