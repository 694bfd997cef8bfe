"""Publish steps that enter the horizon, and publish again those that did not run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app import clock
from app.config import get_settings
from app.core.db import AnyRow, to_json
from app.engine.service import horizon, wake_ups_of
from app.engine.statistics.metrics_store import add_counts, series_key
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.publish import after_commit
from app.messaging.delivery.backlog import message_backlog
from app.messaging.webhooks.report import count_endpoints, webhook_backlog
from workers.pipeline.turns import clinics_with_steps

BATCH = 5000

_PENDING = "kind = :kind AND state IN ('planned', 'published') AND due_at <= :horizon"
_SOONEST = (
    "SELECT id, clinic_id, row_number() OVER (PARTITION BY clinic_id ORDER BY due_at) AS turn"  # noqa: S608  (ours)
    f" FROM (SELECT id, clinic_id, due_at FROM steps WHERE {_PENDING} ORDER BY due_at LIMIT :cap) AS first"
)
_SOONEST_OF_EACH = (
    "SELECT s.id, s.clinic_id, s.turn FROM unnest(CAST(:clinics AS uuid[])) AS turn(clinic_id)"  # noqa: S608  (ours)
    " CROSS JOIN LATERAL (SELECT id, clinic_id, row_number() OVER (ORDER BY due_at, id) AS turn FROM"
    f" (SELECT id, clinic_id, due_at FROM steps WHERE {_PENDING} AND clinic_id = turn.clinic_id"
    " ORDER BY due_at, id LIMIT :share) AS first) AS s"
)
# Only the soonest steps of a kind, up to the cap, may be at the broker. Those that are not there yet, and those that
# are overdue, are published, by turns of clinics. The cap bounds the scan for any number of pending steps.
_WANTED = (
    "WITH soonest AS ({soonest}),"
    " wanted AS (SELECT s.id, s.state, soonest.turn FROM steps s JOIN soonest USING (id)"
    " WHERE {condition}"
    " (s.state = 'planned' OR (s.state = 'published' AND s.due_at < :overdue AND s.published_at < :overdue))"
    " ORDER BY soonest.turn, s.due_at LIMIT :batch FOR UPDATE OF s SKIP LOCKED)"
)
_PUBLISH = (
    "UPDATE steps AS s SET state = 'published', published_at = :now FROM wanted WHERE s.id = wanted.id"
    " RETURNING s.id, s.clinic_id, s.kind, s.name, s.due_at, wanted.state = 'published' AS again"
)
_PUBLISH_OF_EACH = text(f"{_WANTED.format(soonest=_SOONEST_OF_EACH, condition='')} {_PUBLISH}")
# One scan finds the steps, and whether they exceed the cap; then it publishes nothing.
_BELOW_CAP = "(SELECT count(*) FROM soonest) < :cap AND"
_PUBLISH_SOONEST = text(
    f"{_WANTED.format(soonest=_SOONEST, condition=_BELOW_CAP)}, published AS ({_PUBLISH})"  # noqa: S608  (ours)
    " SELECT p.*, cap.is_exceeded FROM (SELECT count(*) >= :cap AS is_exceeded FROM soonest) AS cap"
    " LEFT JOIN published p ON true"
)
_CENSUS = text(
    "SELECT kind, state, count(*) AS n, min(due_at) AS oldest FROM steps"
    " WHERE state IN ('planned', 'published') GROUP BY kind, state"
    " UNION ALL SELECT kind, state, count(*), min(due_at) FROM steps"
    " WHERE state IN ('failed', 'unknown') GROUP BY kind, state"
    " UNION ALL SELECT kind, state, count(*), min(due_at) FROM steps WHERE state = 'running' GROUP BY kind, state"
)
_IDLE = text(
    "SELECT count(*) FROM leads WHERE without_next_action_since IS NOT NULL"
    " AND status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL"
)
_KEEP_CENSUS = text(
    "INSERT INTO sweep_runs (name, started_at, runs, result) VALUES ('census', :now, 0, CAST(:result AS jsonb))"
    " ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, result = excluded.result"
)


def publish_due(session: Session) -> int:
    """Publish one batch of each kind. The messages are sent after the commit. Returns the number of steps."""
    now, settings = clock.now(), get_settings()
    given = {
        "now": now,
        "horizon": horizon(now),
        "overdue": now - timedelta(seconds=settings.republish_after_seconds),
        "cap": settings.publish_cap,
        "batch": BATCH,
    }
    found = [row for kind in STEP_KINDS for row in _publish(session, {**given, "kind": kind})]
    after_commit(session, wake_ups_of(found))
    again = Counter(series_key("republished", kind=row.kind) for row in found if row.again)
    add_counts(session, again)
    return len(found)


def _publish(session: Session, given: Mapping[str, Any]) -> Sequence[AnyRow]:
    """Publish one batch of a kind. If more steps are due than the cap allows, clinics share the cap."""
    found = session.execute(_PUBLISH_SOONEST, given).all()
    if not found[0].is_exceeded:
        return [row for row in found if row.id]
    clinics = clinics_with_steps(session, given["kind"], due_by=given["horizon"])
    share = max(given["cap"] // max(len(clinics), 1), 1)
    return session.execute(_PUBLISH_OF_EACH, {**given, "clinics": clinics, "share": share}).all()


def take_census(session: Session) -> int:
    """Count steps by state and kind, late messages, and leads without a next action, for metrics and health checks.

    The cost of counting grows with the rows, so the result is stored and shared.
    """
    rows = [dict(row._mapping) for row in session.execute(_CENSUS)]  # noqa: SLF001  (SQLAlchemy's own name)
    counted = {"steps": rows, "leads_without_next_action": session.scalar(_IDLE)}
    counted["messages"] = message_backlog(session)._asdict()
    counted["webhooks"] = {**webhook_backlog(session)._asdict(), "endpoints": count_endpoints(session)._asdict()}
    session.execute(_KEEP_CENSUS, {"now": clock.now(), "result": to_json(counted)})
    return 0
