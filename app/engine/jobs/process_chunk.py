"""Process a chunk of a job: all its items in the transaction of its step.

A crash leaves nothing half done. Only pending items are processed, so a chunk may run any number of times and
concurrently.

The chunk does not wait for locked leads. Their items stay pending, and another step for them is planned. All code that
changes a job takes locks in one order: its items by position, then leads (skipping locked ones), and last the job's
row. Every chunk needs that row, and holds it only until its commit. Before all of them, a chunk shares the cancellation
lock of the job.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.audit import audit_log
from app.core.database import savepoint
from app.core.db import to_json
from app.core.live_events.changes import note
from app.core.live_events.entries import About, LiveKind
from app.core.type_aliases import JsonObject
from app.engine.jobs.cancellation_lock import may_begin
from app.engine.jobs.items import ItemResults, cancel_pending_items, write_results
from app.engine.jobs.kinds import JobRow, ProcessSpan, kind_of
from app.engine.jobs.models import ItemReason, JobState
from app.engine.jobs.outlook import Outlook, add_outlooks
from app.engine.jobs.split import Span, plan_chunks

RETRY_DELAY: Final = timedelta(seconds=1)  # for items whose lead was locked, or while a cancellation waits
ITEM_ERRORS: Final = (DBAPIError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# Just after a job was filled, the query planner assumes an empty item table and would scan it for each item.
_BY_KEY: Final = text("SET LOCAL enable_seqscan = off")
_JOB: Final = text("SELECT id, clinic_id, spec, state, created_by FROM jobs WHERE id = :job")
_COUNT: Final = text(
    "UPDATE jobs SET done = done + :done, failed = failed + :failed, cancelled = cancelled + :cancelled,"
    " reached = greatest(reached, :reached), started_at = coalesce(started_at, :now) WHERE id = :job"
)
_FINISH: Final = text(
    "UPDATE jobs SET state = 'done', finished_at = :now"
    " WHERE id = :job AND state = 'running' AND done + failed + cancelled = total RETURNING id"
)

_OUTLOOK: Final = text("SELECT outlook FROM jobs WHERE id = :job")
_SET_OUTLOOK: Final = text("UPDATE jobs SET outlook = CAST(:outlook AS jsonb) WHERE id = :job")

log = structlog.get_logger()


def process_chunk(session: Session, chunk: JsonObject) -> None:
    """Process the pending items of a chunk.

    Keys of `chunk`: `job_id`, `first` and `last` (positions) and `clinic` (its context).
    """
    session.execute(_BY_KEY)
    begins, span = may_begin(session, chunk["job_id"]), Span(chunk["first"], chunk["last"])
    job = session.execute(_JOB, {"job": chunk["job_id"]}).one_or_none()
    if job is None:
        return
    if job.state == JobState.CANCELLED:
        _count(session, job, cancelled=cancel_pending_items(session, job.id))
        return
    if not begins:
        plan_chunks(session, job.clinic_id, job.id, [span], at=clock.now() + RETRY_DELAY)
        return
    with audit_log.noting(session, audit_log.Caller(job.clinic_id, job.created_by, None, None, None, f"jobs.{job.id}")):
        make = kind_of(job.spec).work_on(session, job, chunk["clinic"])
        ends = _process_without_bad_items(session, job.id, make, span)
    if ends.left:
        later = [Span(min(ends.left), max(ends.left))]
        plan_chunks(session, job.clinic_id, job.id, later, at=ends.retry_at or clock.now() + RETRY_DELAY)
    has_ended = _count(session, job, done=len(ends.done), failed=len(ends.failed), reached=ends.reached)
    if ends.outlook:
        _add_outlook(session, job, ends.outlook)
    if (end := kind_of(job.spec).end) and has_ended:
        end(session, job, chunk["clinic"])


def _process_without_bad_items(session: Session, job_id: UUID, make: ProcessSpan, span: Span) -> ItemResults:
    """Process the span. If an item cannot be written, process each half, down to the single bad item."""
    session.execute(savepoint.BEGIN)
    before = audit_log.notes_count(session)
    try:
        ends = make(session, span)
    except OperationalError:  # a database error, not a bad item: the step is retried
        raise
    except ITEM_ERRORS as error:
        session.execute(savepoint.UNDO)
        audit_log.discard_notes_after(session, before)
        if span.first == span.last:
            return _fail_item(session, job_id, span.first, error)
        log.warning("bulk.split", job=str(job_id), first=span.first, last=span.last, because=type(error).__name__)
        return _sum(*(_process_without_bad_items(session, job_id, make, half) for half in span.halves()))
    session.execute(savepoint.KEEP)
    return ends


def _fail_item(session: Session, job_id: UUID, place: int, error: Exception) -> ItemResults:
    log.error("bulk.item_crashed", job=str(job_id), position=place, exc_info=error)
    ends = ItemResults()
    ends.fail(place, ItemReason.CRASHED, f"It could not be written ({type(error).__name__}).")
    write_results(session, job_id, ends)
    return ends


def _sum(one: ItemResults, other: ItemResults) -> ItemResults:
    retry_at = one.retry_at or other.retry_at
    outlook = add_outlooks(one.outlook, other.outlook)
    return ItemResults(one.done + other.done, one.failed + other.failed, one.left + other.left, retry_at, outlook)


def _count(
    session: Session, job: JobRow, *, done: int = 0, failed: int = 0, cancelled: int = 0, reached: int = 0
) -> bool:
    """Update the job's counts, and return whether it has ended.

    Call it last: every chunk needs this row and locks it until its commit.
    """
    counts = {"done": done, "failed": failed, "cancelled": cancelled, "reached": reached}
    session.execute(_COUNT, {"job": job.id, "now": clock.now(), **counts})
    has_ended = session.scalar(_FINISH, {"job": job.id, "now": clock.now()}) is not None
    note(session, job.clinic_id, LiveKind.JOB_CHANGED, [(job.id, About(None, job.created_by))])
    return has_ended


def _add_outlook(session: Session, job: JobRow, outlook: Outlook) -> None:
    """Add to the job's outlook. `_count` has locked the row."""
    so_far: Outlook = session.scalar(_OUTLOOK, {"job": job.id}) or {}
    session.execute(_SET_OUTLOOK, {"job": job.id, "outlook": to_json(add_outlooks(so_far, outlook))})
