"""A new job's items: one statement, wherever they come from, with no object for each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, insert, literal, select, text
from sqlalchemy.orm import Session

from app.api.capture.lists import MOST_ITEMS
from app.engine.jobs.items import Ends, place_of_lead, write_ends
from app.engine.jobs.models import ItemReason, ItemStatus, JobItem
from app.errors import Invalid
from app.identity.actor import Actor
from app.leads.assignment.people import who_is
from app.leads.lookup import visible_to
from app.leads.models import OPEN_STATUSES, Lead
from app.security.encryption import seal_json

_LEAD_IDS: Final = text(
    "INSERT INTO job_items (job_id, position, lead_id, status)"
    " SELECT :job, n - 1, id, 'pending' FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS given(id, n)"
)
_NEW_LEADS: Final = text(
    "INSERT INTO job_items (job_id, position, lead_sealed, status)"
    " SELECT :job, n - 1, lead, 'pending'"
    " FROM unnest(CAST(:leads AS bytea[])) WITH ORDINALITY AS given(lead, n)"
)
_COLUMNS: Final = {"stage": Lead.pipeline_stage, "source_id": Lead.source_id}


def fill(session: Session, actor: Actor, job_id: UUID, data: Mapping[str, Any]) -> tuple[int, int]:
    """Write the items of what BulkIn read; returns how many they are, and how many of them failed at once.

    Raises Invalid when a filter finds more than a job may hold.
    """
    if "filter" in data:
        return _fill_by_filter(session, actor, job_id, data["filter"]), 0
    if "leads" in data:
        leads = data["leads"]
        sealed = [seal_json(lead, place=place_of_lead(job_id, place)) for place, lead in enumerate(leads)]
        session.execute(_NEW_LEADS, {"job": job_id, "leads": sealed})
        return len(leads), 0
    return fill_with_ids(session, job_id, data["lead_ids"])


def fill_with_ids(session: Session, job_id: UUID, ids: Sequence[str]) -> tuple[int, int]:
    """An item for each; returns how many they are, and how many of them are doubles, which failed at once."""
    session.execute(_LEAD_IDS, {"job": job_id, "ids": ids})
    doubles = _doubles(ids)
    write_ends(session, job_id, doubles)
    return len(ids), len(doubles.failed)


def fill_with_found(session: Session, job_id: UUID, leads: Select[Any]) -> int:
    """An item for each lead that the query finds, in the order of their ids; returns how many they are."""
    place = func.row_number().over(order_by=Lead.id) - 1
    found = leads.with_only_columns(literal(job_id), place, Lead.id, literal(ItemStatus.PENDING.value))
    table: Any = JobItem.__table__  # of the class, the insert would not tell how many rows it wrote
    into = insert(table).from_select(["job_id", "position", "lead_id", "status"], found)
    written = session.execute(into.execution_options(preserve_rowcount=True))
    return written.rowcount  # type: ignore[attr-defined, no-any-return]


def _fill_by_filter(session: Session, actor: Actor, job_id: UUID, tests: Mapping[str, Any]) -> int:
    found = (
        select(Lead.id)
        .where(*visible_to(actor))
        .where(Lead.status.in_([tests["status"]] if "status" in tests else OPEN_STATUSES))
        .where(*(column == tests[name] for name, column in _COLUMNS.items() if name in tests))
        .limit(MOST_ITEMS + 1)
    )
    if "assigned_to_id" in tests:
        found = found.where(Lead.assigned_to_id == who_is(tests["assigned_to_id"], actor))
    total = fill_with_found(session, job_id, found)
    if total > MOST_ITEMS:
        raise Invalid.at("/filter", f"Finds more than {MOST_ITEMS:,} leads: ask for fewer.")
    return total


def _doubles(ids: Sequence[str]) -> Ends:
    """A lead gets one follow-up, however often it is named."""
    ends, seen = Ends(), set[str]()
    for place, lead_id in enumerate(ids):
        if lead_id in seen:
            ends.fail(place, ItemReason.DUPLICATE)
        seen.add(lead_id)
    return ends
