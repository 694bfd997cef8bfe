"""Write the items of a new job with one statement."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, insert, literal, text
from sqlalchemy.orm import Session

from app.core.db import AnySelect
from app.engine.jobs.items import ItemResults, write_results
from app.engine.jobs.models import ItemReason, ItemStatus, JobItem

_LEAD_IDS: Final = text(
    "INSERT INTO job_items (job_id, position, lead_id, status)"
    " SELECT :job, n - 1, id, 'pending' FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS given(id, n)"
)


def fill_with_ids(session: Session, job_id: UUID, ids: Sequence[str]) -> tuple[int, int]:
    """Write an item for each lead id. Return the number of items, and how many of them failed as duplicates."""
    session.execute(_LEAD_IDS, {"job": job_id, "ids": ids})
    duplicates = _duplicates(ids)
    write_results(session, job_id, duplicates)
    return len(ids), len(duplicates.failed)


def fill_with_found(session: Session, job_id: UUID, leads: AnySelect) -> int:
    """Write an item for each lead of `leads`, a query for ids, in the order of the ids; return how many they are."""
    lead_id = leads.selected_columns[0]
    place = func.row_number().over(order_by=lead_id) - 1
    found = leads.with_only_columns(literal(job_id), place, lead_id, literal(ItemStatus.PENDING.value))
    table: Any = JobItem.__table__  # a table: an insert into the class does not report its row count
    into = insert(table).from_select(["job_id", "position", "lead_id", "status"], found)
    written = session.execute(into.execution_options(preserve_rowcount=True))
    return written.rowcount  # type: ignore[attr-defined, no-any-return]


def _duplicates(ids: Sequence[str]) -> ItemResults:
    """Fail repeated ids, so that each lead gets one follow-up."""
    ends, seen = ItemResults(), set[str]()
    for place, lead_id in enumerate(ids):
        if lead_id in seen:
            ends.fail(place, ItemReason.DUPLICATE)
        seen.add(lead_id)
    return ends
