"""Job service: start, list, cancel and retry bulk jobs. The caller commits."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NoReturn
from uuid import UUID

from sqlalchemy import and_, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import new_id
from app.core.pagination import Key, Page, page
from app.core.type_aliases import JsonObject
from app.engine.jobs import items
from app.engine.jobs.cancellation_lock import wait_for_chunks
from app.engine.jobs.errors import ClientKeyReused, JobIsCancelled, JobIsFinished
from app.engine.jobs.kinds import kind_of
from app.engine.jobs.models import Job, JobItem, JobState, scoped_client_key
from app.engine.jobs.split import CHUNK_SIZE, chunks_of, plan_chunks
from app.errors import Conflict, FieldError, NotFound
from app.identity.actor import Actor
from app.identity.permissions import Scope

BY_POSITION: Final[list[Key]] = [(JobItem.position, "asc")]

_CANCEL: Final = text(
    "UPDATE jobs SET state = 'cancelled', cancelled = cancelled + :items, finished_at = :now WHERE id = :job"
)
_RESUME: Final = text(
    "UPDATE jobs SET state = 'running', failed = failed - :items, finished_at = NULL"
    " WHERE id = :job AND state <> 'cancelled'"
)


@dataclass(frozen=True, slots=True)
class JobPlan:
    """Definition of a job.

    `spec` returns the spec for the job's row, given the start time. `fill` writes the items of a new job and returns
    how many there are and how many failed at once. Chunks have `size` items and start `every` apart.
    """

    spec: Callable[[datetime], JsonObject]
    fill: Callable[[UUID], tuple[int, int]]
    size: int = CHUNK_SIZE
    every: timedelta = timedelta()


def start_job(session: Session, actor: Actor, data: JsonObject, plan: JobPlan) -> Job:
    """Start a job as planned, or return the job that was started with the same `client_key` and body.

    `data` is the complete request body. Raises ClientKeyReused, Conflict (when another request uses the key right now),
    and the errors of the plan.
    """
    fingerprint = _fingerprint(data) if "client_key" in data else None
    if earlier := _earlier(session, actor, data, fingerprint):
        return earlier
    at = now()
    job_id = _insert(session, actor, data.get("client_key"), fingerprint, spec=plan.spec(at), at=at)
    if job_id is None:  # a concurrent request inserted the same key
        return _earlier(session, actor, data, fingerprint) or _raise_key_in_use()
    total, failed = plan.fill(job_id)
    job = get_job(session, actor, job_id)
    job.total, job.failed = total, failed
    if not job.pending:
        job.state, job.finished_at = JobState.DONE, job.created_at
    spans = chunks_of(total, plan.size)
    plan_chunks(session, actor.clinic.id, job_id, spans, at=job.created_at, every=plan.every, once=True)
    return job


def get_job(session: Session, actor: Actor, job_id: UUID) -> Job:
    """Return the job. Raises NotFound, also for a job of another clinic.

    Users with a restricted scope see only the jobs that they started.
    """
    wanted = select(Job).where(Job.id == job_id, Job.clinic_id == actor.clinic.id)
    if actor.scope is not Scope.ALL:
        wanted = wanted.where(Job.created_by == actor.stands_for)
    job = session.scalars(wanted).one_or_none()
    if job is None:
        raise NotFound
    return job


def items_of(session: Session, actor: Actor, job_id: UUID, query: JsonObject) -> Page:
    """Return a page of a job's items in list order, optionally with one status. Raises NotFound."""
    get_job(session, actor, job_id)
    found = select(JobItem.__table__).where(JobItem.job_id == job_id)
    if "status" in query:
        found = found.where(JobItem.status == query["status"])
    return page(session, found, BY_POSITION, query)


def cancel(session: Session, actor: Actor, job_id: UUID) -> Job:
    """Cancel the pending items. Created tasks stay; planned steps of a backfill are cancelled too.

    Cancelling twice is harmless. Raises NotFound, JobIsFinished.
    """
    job = get_job(session, actor, job_id)
    if job.state != JobState.CANCELLED:
        wait_for_chunks(session, job_id)
        # Lock the items before the job is read again, as chunks do.
        cancelled = items.cancel_pending_items(session, job_id)
        session.refresh(job, with_for_update=True)
        undo = kind_of(job.spec).undo
        undone = undo(session, job_id) if undo else 0
        if job.state == JobState.DONE and not undone:
            raise JobIsFinished
        session.execute(_CANCEL, {"job": job_id, "items": cancelled, "now": now()})
        session.refresh(job)
    return job


def retry_failed(session: Session, actor: Actor, job_id: UUID) -> Job:
    """Retry every failed item except duplicates. Raises NotFound, JobIsCancelled."""
    job = get_job(session, actor, job_id)
    again, spans = items.reset_failed_items(session, job_id)
    session.refresh(job, with_for_update=True)
    if job.state == JobState.CANCELLED:
        raise JobIsCancelled
    if again:
        session.execute(_RESUME, {"job": job_id, "items": again})
        plan_chunks(session, actor.clinic.id, job_id, spans, at=now())
        session.refresh(job)
    return job


def _earlier(session: Session, actor: Actor, data: JsonObject, fingerprint: str | None) -> Job | None:
    """Return the job with the same client key and body, or None. Raises ClientKeyReused."""
    if fingerprint is None:
        return None
    of_caller = Job.scoped_key == scoped_client_key(_caller_id(actor), data["client_key"])
    older = and_(Job.scoped_key == data["client_key"], Job.created_by.is_not_distinct_from(actor.user_id))
    job = session.scalars(select(Job).where(Job.clinic_id == actor.clinic.id, or_(of_caller, older)).limit(1)).first()
    if job and job.fingerprint != fingerprint:
        raise ClientKeyReused(FieldError("/client_key", ClientKeyReused.title()))
    return job


def _caller_id(actor: Actor) -> UUID | None:
    return actor.user_id or actor.api_key_id


def _fingerprint(data: JsonObject) -> str:
    """Return a hash of the body that does not depend on spacing or key order."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def _insert(
    session: Session,
    actor: Actor,
    client_key: str | None,
    fingerprint: str | None,
    *,
    spec: JsonObject,
    at: datetime,
) -> UUID | None:
    """Insert the job and return its id. Returns None if the key is taken, also by a concurrent transaction."""
    row = {
        "id": new_id(),
        "clinic_id": actor.clinic.id,
        "scoped_key": None if client_key is None else scoped_client_key(_caller_id(actor), client_key),
        "fingerprint": fingerprint,
        "spec": spec,
        "total": 0,
        "created_by": actor.user_id,
        "created_at": at,
    }
    unless_taken = insert(Job).on_conflict_do_nothing(
        index_elements=[Job.clinic_id, Job.scoped_key], index_where=Job.scoped_key.is_not(None)
    )
    return session.scalars(unless_taken.values(row).returning(Job.id)).one_or_none()


def _raise_key_in_use() -> NoReturn:
    raise Conflict("Another request is using this client key right now. Try again.")
