"""The work queue as a kanban board: one column per status."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db import AnySelect
from app.core.pagination import Key, first_pages, ordered_by
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor
from app.tasks.models import Task, TaskStatus
from app.tasks.queue.queue import ORDERS, Sort, has_status, resolve_rare_filters, tasks_of

# Closed tasks are shown latest first.
COLUMNS: Final[Mapping[TaskStatus, Sort]] = {
    TaskStatus.OVERDUE: Sort.DUE,
    TaskStatus.PENDING: Sort.DUE,
    TaskStatus.IN_PROGRESS: Sort.DUE,
    TaskStatus.COMPLETED: Sort.DUE_LAST,
    TaskStatus.CANCELLED: Sort.DUE_LAST,
}


def kanban(session: Session, actor: Actor, query: JsonObject) -> list[JsonDict]:
    """Return a column for each status, with the first `query["cards"]` tasks. Raises Invalid."""
    tasks = tasks_of(actor, resolve_rare_filters(session, actor, query))
    columns = {status: (tasks.where(has_status((status,))), ORDERS[sort]) for status, sort in COLUMNS.items()}
    pages = dict(zip(columns, first_pages(session, [*columns.values()], query["cards"]), strict=True))
    counts = _counts(session, {status: columns[status] for status, cards in pages.items() if cards.next_cursor})
    return [
        {
            "status": status,
            "count": counts.get(status, len(cards.items)),
            "cards": cards.items,
            "sort": COLUMNS[status],
            "next_cursor": cards.next_cursor,
        }
        for status, cards in pages.items()
    ]


def _counts(session: Session, columns: Mapping[TaskStatus, tuple[AnySelect, Sequence[Key]]]) -> dict[TaskStatus, int]:
    """Count in the columns' order, because otherwise the database reads every task of the status."""
    firsts = [
        tasks.with_only_columns(Task.id).order_by(*ordered_by(keys)).limit(MOST_IN_COLUMN)
        for tasks, keys in columns.values()
    ]
    counts = [select(func.count()).select_from(some.subquery()).scalar_subquery() for some in firsts]
    return dict(zip(columns, session.execute(select(*counts)).one(), strict=True)) if counts else {}


MOST_IN_COLUMN: Final = 500  # largest count of a column; a board has five columns
