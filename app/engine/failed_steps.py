"""Failed steps: list and retry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, select, text
from sqlalchemy.orm import Session

from app import clock
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.core.pagination import Page, page
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.models import Kind, Reason, Step, StepState
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.publish import after_commit, horizon, wake_ups_of
from app.errors import Conflict, NotFound

MAX_RETRIED = 10_000  # per call; repeat the call for the rest


class CannotRetryStep(Conflict):
    """Only failed steps can be retried, and webhook calls with an unknown result."""


class RetryTheNotification(Conflict):
    """To retry a delivery, retry its notification: POST /api/notifications/{id}/retry."""


@dataclass(frozen=True, slots=True)
class Retried:
    """How many steps were planned again, and how many matching steps are left."""

    retried: int
    left: int
    dry_run: bool = False


def list_steps(session: Session, clinic_id: UUID, query: JsonObject) -> Page:
    """Return a page of the clinic's failed or unknown steps, newest first.

    `query` may hold `state`, `kind`, `name` and `since`, besides the paging parameters.
    """
    found = select(Step).where(*_matching(clinic_id, query))
    return page(session, found, [(Step.id, "desc")], query)


def retry(session: Session, clinic_id: UUID, step_id: UUID) -> Step:
    """Plan a failed or unknown step again with all its attempts.

    Raises NotFound, CannotRetryStep, RetryTheNotification (for a delivery).
    """
    mine = select(Step).where(Step.id == step_id, Step.clinic_id == clinic_id)
    step = session.scalars(mine.with_for_update()).one_or_none()
    if step is None:
        raise NotFound
    if step.kind in Kind.DELIVERIES:
        raise RetryTheNotification
    in_doubt = step.kind == Kind.CALL_WEBHOOK and step.state == StepState.UNKNOWN  # a user may repeat the call
    if step.state != StepState.FAILED and not in_doubt:
        raise CannotRetryStep(f"It is {step.state}. {CannotRetryStep.title()}")
    _plan_again(session, [step.id], timedelta())
    session.refresh(step)
    return step


def retry_many(
    session: Session, clinic_id: UUID, query: JsonObject, *, spread: timedelta, dry_run: bool = False
) -> Retried:
    """Plan the clinic's matching failed steps again, oldest first, spread evenly over `spread`.

    `query` may hold `kind`, `name` and `since`. Deliveries are excluded: they are retried through their notifications.
    `dry_run`: count only.
    """
    failed = [*_matching(clinic_id, {**query, "state": StepState.FAILED}), Step.kind.not_in(Kind.DELIVERIES)]
    if dry_run:
        matching = _count(session, failed)
        return Retried(min(matching, MAX_RETRIED), max(0, matching - MAX_RETRIED), dry_run=True)
    chosen = select(Step.id).where(*failed).order_by(Step.id).limit(MAX_RETRIED).with_for_update(skip_locked=True)
    ids = list(session.scalars(chosen))
    _plan_again(session, ids, spread)
    return Retried(len(ids), _count(session, failed))


def _count(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    return session.scalar(select(func.count()).select_from(select(Step.id).where(*conditions).subquery())) or 0


class Unfinished(NamedTuple):
    """Steps that only a person can finish: failed ones, those of the last day, and those with an unknown result."""

    failed: int
    failed_today: int
    unknown: int


def unfinished_steps(session: Session) -> Unfinished:
    """Return the number of steps over all clinics that only a person can finish."""
    return Unfinished(*session.execute(_UNFINISHED, {"since": clock.now() - timedelta(days=1)}).one())


def step_counts(session: Session) -> list[JsonDict]:
    """Return the number of steps per kind and state over all clinics, with the oldest due time.

    Keys: `kind`, `state`, `steps`, `oldest_due_at`.
    """
    rows = session.execute(
        select(Step.kind, Step.state, func.count().label("steps"), func.min(Step.due_at).label("oldest_due_at"))
        .group_by(Step.kind, Step.state)
        .order_by(Step.kind, Step.state)
    )
    return [dict(row._mapping) for row in rows]  # noqa: SLF001  (SQLAlchemy's own name for it)


def step_counts_of(session: Session, clinic_id: UUID) -> list[JsonDict]:
    """Return the number of a clinic's steps that have not ended well, per kind and state: `kind`, `state`, `count`."""
    rows = session.execute(_OPEN_OF_CLINIC, {"clinic": clinic_id, "kinds": list(STEP_KINDS)})
    return [dict(row._mapping) for row in rows]  # noqa: SLF001  (SQLAlchemy's own name for it)


# Each part has an index of its own. Steps that ended are many, and not counted.
_OPEN_OF_CLINIC = text(
    "SELECT state, kind, count(*) AS count FROM ("
    " SELECT state, kind FROM steps"
    " WHERE kind = ANY(:kinds) AND clinic_id = :clinic AND state IN ('planned', 'published')"
    " UNION ALL SELECT state, kind FROM steps WHERE state = 'running' AND clinic_id = :clinic"
    " UNION ALL SELECT state, kind FROM steps WHERE clinic_id = :clinic AND state IN ('failed', 'unknown')"
    ") AS open GROUP BY state, kind ORDER BY kind, state"
)
_UNFINISHED = text(
    "SELECT count(*) FILTER (WHERE state = 'failed') AS failed,"
    " count(*) FILTER (WHERE state = 'failed' AND finished_at > :since) AS failed_today,"
    " count(*) FILTER (WHERE state = 'unknown') AS unknown FROM steps WHERE state IN ('failed', 'unknown')"
)
_AGAIN = text(
    "UPDATE steps AS s SET state = CASE WHEN r.due_at <= :soon THEN 'published' ELSE 'planned' END,"
    " published_at = CASE WHEN r.due_at <= :soon THEN CAST(:now AS timestamptz) END,"
    " due_at = r.due_at, attempts = 0, finished_at = NULL, reason = :reason"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:due AS timestamptz[])) AS r(id, due_at) WHERE s.id = r.id"
    " RETURNING s.id, s.clinic_id, s.lead_id, s.kind, s.name, s.due_at"
)


def _plan_again(session: Session, ids: list[UUID], spread: timedelta) -> None:
    if not ids:
        return
    now = clock.now()
    due: list[datetime] = [now + spread * i / len(ids) for i in range(len(ids))]
    given = {"ids": ids, "due": due, "now": now, "soon": horizon(now), "reason": Reason.BY_HAND}
    rows = session.execute(_AGAIN, given).all()
    for row in rows:
        note_leads(session, row.clinic_id, LiveKind.STEP_CHANGED, [row.lead_id])
    after_commit(session, wake_ups_of([row for row in rows if row.due_at <= given["soon"]]))


def _matching(clinic_id: UUID, query: JsonObject) -> list[ColumnElement[bool]]:
    # The state is a literal, because a prepared plan can use a partial index only for a known value.
    state: Any = bindparam(None, query.get("state") or StepState.FAILED, literal_execute=True)
    conditions = [Step.clinic_id == clinic_id, Step.state == state]
    if kind := query.get("kind"):
        conditions.append(Step.kind == kind)
    if name := query.get("name"):
        conditions.append(Step.name == name)
    if since := query.get("since"):
        conditions.append(Step.finished_at >= since)
    return conditions
