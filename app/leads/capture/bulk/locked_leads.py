"""The leads of a chunk that are there already, held until its commit; nobody waits for one that is being changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.engine.jobs.items import Place, lock_pending
from app.engine.jobs.planning import Span

_WANTED: Final = (
    "FROM job_items i JOIN leads l ON l.id = i.lead_id"
    " WHERE i.job_id = :job AND i.position BETWEEN :first AND :last AND i.status = 'pending'"
    " AND l.clinic_id = :clinic AND l.deleted_at IS NULL"
    " AND (CAST(:whose AS uuid[]) IS NULL OR l.assigned_to_id = ANY(CAST(:whose AS uuid[])))"
)
_TAKE: Final = text(f"SELECT i.position, l.id {_WANTED} FOR NO KEY UPDATE OF l SKIP LOCKED")
_WHICH_EXIST: Final = text(f"SELECT i.position {_WANTED}")


class Held(NamedTuple):
    """The leads of a span's pending items by their places; which of them are busy, and which are not there."""

    leads: Mapping[Place, UUID]
    busy: set[Place]
    unknown: set[Place]


def hold_leads(
    session: Session, job_id: UUID, span: Span, *, clinic_id: UUID, whose: Sequence[str] | None = None
) -> Held:
    """Lock the span's pending items, and their leads: those of the users `whose`; None: everybody's."""
    pending = {item.position for item in lock_pending(session, job_id, span)}
    given: dict[str, Any] = {"job": job_id, "first": span.first, "last": span.last, "clinic": clinic_id, "whose": whose}
    leads = {row.position: row.id for row in session.execute(_TAKE, given)}
    missing = pending - leads.keys()
    busy = missing & set(session.scalars(_WHICH_EXIST, given)) if missing else set()
    return Held(leads, busy, missing - busy)
