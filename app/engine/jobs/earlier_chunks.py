"""Order of the chunks of a job whose items depend on earlier ones: find earlier chunks that are not finished.

A chunk is finished when its step has ended, also as a failed step. So a chunk that fails for good stops no other.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app import clock
from app.core.database import savepoint
from app.engine.jobs.items import ItemResults
from app.engine.jobs.process_chunk import RETRY_DELAY
from app.engine.jobs.split import CHUNK_SIZE, IN_ORDER, Span

_PER_CHUNK: Final = timedelta(milliseconds=100)  # about the time of a chunk, so that chunks come back in their order
_LONGEST_DELAY: Final = timedelta(minutes=1)

_UNFINISHED: Final = (
    "SELECT (params ->> 'first')::int AS first, due_at, attempts FROM steps"
    " WHERE kind = 'import_chunk' AND clinic_id = :clinic"
    " AND state IN ('planned', 'published') AND params ->> 'job_id' = CAST(:job AS text)"
    " AND (params ->> 'first')::int < :first ORDER BY first LIMIT 1"
)
_EARLIEST: Final = text(_UNFINISHED)
_EARLIEST_WAITING: Final = text(f"{_UNFINISHED} FOR SHARE SKIP LOCKED")  # a worker locks the step that it runs
_PENDING: Final = text(
    "SELECT min(position) AS first, max(position) AS last FROM job_items"
    " WHERE job_id = :job AND position BETWEEN :first AND :last AND status = 'pending'"
)


class EarlierChunk(NamedTuple):
    """An earlier chunk that is not finished."""

    first: int  # position
    due_at: datetime
    attempts: int


def unfinished_chunk(session: Session, clinic_id: UUID, job_id: UUID, before: int) -> EarlierChunk | None:
    """Return the earliest unfinished chunk of the job that begins before this position."""
    return _find(session, _EARLIEST, clinic=clinic_id, job=job_id, first=before)


def waiting_chunk(session: Session, clinic_id: UUID, job_id: UUID, before: int) -> EarlierChunk | None:
    """Return the earliest chunk of the job that begins before this position and that no worker runs."""
    session.execute(savepoint.BEGIN)
    found = _find(session, _EARLIEST_WAITING, clinic=clinic_id, job=job_id, first=before)
    session.execute(savepoint.UNDO)  # the lock must not keep other workers from the step that was found
    session.execute(savepoint.KEEP)
    return found


def _find(session: Session, query: TextClause, **given: UUID | int) -> EarlierChunk | None:
    found = session.execute(query, given).one_or_none()
    return EarlierChunk(*found) if found else None


def hand_back(session: Session, job_id: UUID, span: Span, earlier: EarlierChunk) -> ItemResults:
    """Leave the pending items of the span for a later step.

    It is due just after the earlier chunk, so that a worker takes that one first. If that one has failed or is due
    later, it is due at least a second later.
    """
    given = {"job": job_id, "first": span.first, "last": span.last}
    pending = session.execute(_PENDING, given).one()
    if pending.first is None:
        return ItemResults()
    return ItemResults(left=[pending.first, pending.last], retry_at=_retry_at(span, earlier, clock.now()))


def _retry_at(span: Span, earlier: EarlierChunk, now: datetime) -> datetime:
    distance = (span.first - earlier.first) // CHUNK_SIZE
    if earlier.due_at <= now and not earlier.attempts:
        return earlier.due_at + distance * IN_ORDER
    soonest = min(max(now + RETRY_DELAY, earlier.due_at), now + _LONGEST_DELAY)
    return soonest + distance * _PER_CHUNK
