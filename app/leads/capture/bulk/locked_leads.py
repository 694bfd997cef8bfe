"""Row locks on the existing leads of a job chunk, held until its commit. Leads locked elsewhere are skipped."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.type_aliases import JsonDict
from app.engine.jobs.items import Position, lock_pending
from app.engine.jobs.split import Span

_WANTED: Final = (
    "FROM job_items i JOIN leads l ON l.id = i.lead_id"
    " WHERE i.job_id = :job AND i.position BETWEEN :first AND :last AND i.status = 'pending'"
    " AND l.clinic_id = :clinic AND l.deleted_at IS NULL"
    " AND (CAST(:owners AS uuid[]) IS NULL OR l.assigned_to_id = ANY(CAST(:owners AS uuid[])))"
)
_TAKE: Final = text(f"SELECT i.position, l.id {_WANTED} FOR NO KEY UPDATE OF l SKIP LOCKED")
_WHICH_EXIST: Final = text(f"SELECT i.position {_WANTED}")


class LockedLeads(NamedTuple):
    """Locked leads of a span by item position; positions of leads locked elsewhere, and of unknown leads."""

    leads: Mapping[Position, UUID]
    busy: set[Position]
    unknown: set[Position]


def lock_leads(
    session: Session, job_id: UUID, span: Span, *, clinic_id: UUID, owner_ids: Sequence[str] | None = None
) -> LockedLeads:
    """Lock the span's pending items and their leads. `owner_ids` limits the leads to these owners; None: all leads."""
    pending = {item.position for item in lock_pending(session, job_id, span)}
    scope: JsonDict = {"clinic": clinic_id, "owners": owner_ids}
    wanted = {"job": job_id, "first": span.first, "last": span.last, **scope}
    leads = {row.position: row.id for row in session.execute(_TAKE, wanted)}
    missing = pending - leads.keys()
    busy = missing & set(session.scalars(_WHICH_EXIST, wanted)) if missing else set()
    return LockedLeads(leads, busy, missing - busy)
